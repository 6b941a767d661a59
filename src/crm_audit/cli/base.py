"""The application: what every command shares."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit import __version__

if TYPE_CHECKING:
    from crm_audit.config import Settings
    from crm_audit.connectors.base import Connector
    from crm_audit.pipeline import Job
    from crm_audit.store import Store

app = typer.Typer(
    name="crm-audit",
    help="Which stage does the evidence support? Audits the open deals of Salesforce and HubSpot.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

SETTINGS = Path("crm-audit.toml")


@dataclass(slots=True)
class Given:
    """The options that stand before the command."""

    config: Path = SETTINGS
    quiet: bool = False


GIVEN = Given()

As = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Name = Annotated[str | None, typer.Argument(help="A connection of crm-audit.toml; all of them where none is named.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Judge what was known by then: YYYY-MM-DD, or an instant with its zone.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crm-audit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[Path, typer.Option("--config", "-c", help="The settings file.")] = SETTINGS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no hints.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Which stage does the evidence support?"""
    GIVEN.config, GIVEN.quiet = config, quiet


def settings() -> Settings:
    """The settings of the file that was named."""
    from crm_audit.config import load

    return load(GIVEN.config)


def jobs(name: str | None, loaded: Settings) -> list[Job]:
    """The connection of that name, or all; FixConfig where there is none, or a rule it names is not in its pack."""
    from crm_audit.errors import FixConfig
    from crm_audit.near import aside
    from crm_audit.packs import load
    from crm_audit.pipeline import Job

    if not loaded.connections:
        raise FixConfig(f"{GIVEN.config}: no connection yet; add a [connections.NAME] table")
    if name is not None and name not in loaded.connections:
        raise FixConfig(f"{GIVEN.config} has no connection {name!r}; it has {', '.join(loaded.connections)}")
    chosen = loaded.connections if name is None else {name: loaded.connections[name]}
    found = [Job(each, connection, load(_pack(connection.pack))) for each, connection in chosen.items()]
    for job in found:
        known = [rule.id for rule in job.pack.rules]
        for rule in job.connection.rule_ladders:
            if rule not in known:  # a slip of the pen would show in the CRM what was to stay in shadow
                where = f"{GIVEN.config}: connections.{job.name}.rule_ladders.{rule}"
                raise FixConfig(f"{where}: the pack {job.pack.name} has no such rule{aside(rule, known)}")
    return found


def _pack(name: str) -> str:
    """A folder is seen from the settings file, as every path there is; anything else is the name of a built-in pack."""
    beside = GIVEN.config.resolve().parent / name
    return str(beside) if beside.is_dir() else name


def connector(job: Job) -> Connector:
    """The connector of a job; paths in its settings are seen from the settings file."""
    from crm_audit.connectors import connect
    from crm_audit.errors import CrmAuditError

    try:
        return connect(job.connection, root=GIVEN.config.resolve().parent)
    except CrmAuditError as error:
        raise type(error)(f"{GIVEN.config}: connections.{job.name}: {error}") from None


@contextmanager
def opened(loaded: Settings) -> Iterator[Store]:
    """The store that the settings name."""
    from crm_audit.store import Store

    with Store.open(_seen_from_settings(loaded.store), by=account()) as store:
        yield store


def _seen_from_settings(url: str) -> str:
    """A relative SQLite file lies beside the settings file, wherever the command was started."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.startswith(f"{prefix}/") or ":memory:" in url:
        return url
    return f"{prefix}{GIVEN.config.resolve().parent / url.removeprefix(prefix)}"


def account() -> str:
    """Whose process this is, as the operating system knows it and not as the environment says."""
    try:
        import pwd  # not everywhere

        return pwd.getpwuid(os.getuid()).pw_name
    except ImportError:
        return getpass.getuser()
    except KeyError:  # a container may run under a number that has no name
        return f"uid {os.getuid()}"


@contextmanager
def until_stopped() -> Iterator[None]:
    """A block that has no end of its own: Ctrl-C and SIGTERM are the proper one."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for each, former in before.items():
            signal.signal(each, former)


def now() -> datetime:
    """The present instant: the command line is one of the places that may look at the clock."""
    return datetime.now(UTC)


def moment(text: str | None) -> datetime:
    """What `--as-of` means: the end of that day in UTC, an instant, or now."""
    if text is None:
        return now()
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a date nor an instant, such as 2026-03-16", param_hint="--as-of"
        ) from None
    if len(text) == len("2026-03-16"):
        return value.replace(hour=23, minute=59, second=59, tzinfo=UTC)
    if value.tzinfo is None:
        raise typer.BadParameter(f"{text!r} needs its zone, such as 2026-03-16T15:00:00Z", param_hint="--as-of")
    return value.astimezone(UTC)


def logged(error: Exception | None = None) -> str:
    """Keep the traceback of the present error and say where; the file holds no settings."""
    with tempfile.NamedTemporaryFile("w", prefix="crm-audit-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(f"crm-audit {__version__}, Python {sys.version.split()[0]}, {now():%Y-%m-%dT%H:%M:%SZ}\n\n")
        file.write(traceback.format_exc())
    return f"this is a mistake in crm-audit itself; details, which may quote a record, are in {file.name}"
