"""settings.md: every key of crm-audit.toml, and the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from crm_audit.reference.markdown import block, code, codes, page, table, told
from crm_audit.reference.models import Named, arguments, comments, parts

EXAMPLE = """\
store = "sqlite:///crm-audit.db"

[connections.exports]
vendor = "files"
zone = "America/New_York"
currency = "USD"

[connections.exports.ladders.Sales]
Prospecting = 0
Negotiation = 5
"Closed Won" = "won"

[connections.exports.options]
folder = "exports"
tables.deals = { file = "deals.csv", columns = { id = "Id", pipeline = "Type", stage = "Stage" } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """What a connector takes besides the settings that all have."""

    name: str
    options: type[BaseModel]
    fields: Mapping[str, str] = field(default_factory=dict)  # our name -> where it lies
    login: Mapping[str, str] = field(default_factory=dict)  # name -> what it is


def settings(top: type[BaseModel], vendors: Sequence[Vendor], *, prefix: str, named: Named) -> str:
    """The page on the settings; `prefix` begins the names of environment variables."""
    connection, *others = parts(top)
    return page(
        "Settings",
        "Everything that can be set stands in `crm-audit.toml`, beside the store; `--config` names another file. A key "
        "that nobody reads is a mistake, and the nearest right one is told.",
        block(EXAMPLE, "toml"),
        "## The file",
        arguments(top, named),
        "## Connection",
        f"{told(connection)} It is a table `[connections.NAME]`.",
        arguments(connection, named),
        *(part for other in others for part in (f"## {other.__name__}", told(other), arguments(other, named))),
        *(part for vendor in vendors for part in _vendor(vendor, named)),
        "## Environment",
        *_environment(top, vendors, prefix),
    )


def _vendor(vendor: Vendor, named: Named) -> Iterator[str]:
    yield f"## Options: {vendor.name}"
    yield f'`[connections.NAME.options]` where `vendor = "{vendor.name}"`.'
    yield arguments(vendor.options, named)
    for part in dict.fromkeys(parts(vendor.options)):
        yield f"### {part.__name__}"
        yield told(part)
        yield arguments(part, named)
    if vendor.fields:
        yield "What `fields` may map, and on which record the field lies; `recheck_<topic>`, or `recheck_all`, besides:"
        yield table(("name", "lies on"), [(code(name), where) for name, where in vendor.fields.items()])
    if vendor.login:
        yield "What `login` takes; each names an environment variable that holds the secret:"
        yield table(("name", "is"), [(code(name), words) for name, words in vendor.login.items()])


def _environment(top: type[BaseModel], vendors: Sequence[Vendor], prefix: str) -> Iterator[str]:
    meanings, simple = comments(top), [name for name in top.model_fields if name not in ("connections", "receiver")]
    yield "Variables stand above the file."
    yield table(("variable", "is"), [(code(f"{prefix}{name.upper()}"), meanings[name]) for name in simple])
    secrets = ", ".join(f"{vendor.name} ({codes(vendor.login)})" for vendor in vendors if vendor.login)
    yield f"Secrets never stand in the file: `login` names the variables that hold them, for {secrets}."
