"""What is alike in the settings of every vendor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from crm_audit.config import SET_UP_WITH, SIGNED_WITH, Connection
from crm_audit.connectors import files, hubspot, salesforce
from crm_audit.connectors.files import mapping
from crm_audit.connectors.hubspot.deliveries import SIGNED_BEFORE
from crm_audit.connectors.hubspot.options import options as hubspot_options
from crm_audit.connectors.options import Frozen, checked, topics_named, way
from crm_audit.connectors.salesforce.options import options as salesforce_options
from crm_audit.domain import BASICS
from crm_audit.errors import FixConfig

CHECKS: Mapping[str, Callable[[Connection], Frozen]] = {
    "files": mapping.options,
    "hubspot": hubspot_options,
    "salesforce": salesforce_options,
}
GOOD: Mapping[str, Mapping[str, object]] = {
    "files": {"folder": ".", "tables": {"deals": {"file": "d.csv", "id": "id", "columns": {"stage": "s"},
                                                  "constants": {"pipeline": "p"}}}},
    "hubspot": {},
    "salesforce": {"domain": "acme.my"},
}  # fmt: skip


def connection(vendor: str, **options: object) -> Connection:
    return Connection.model_validate({"vendor": vendor, "options": {**GOOD[vendor], **options}})


@pytest.mark.parametrize("vendor", CHECKS)
def test_right_options_pass(vendor: str) -> None:
    assert CHECKS[vendor](connection(vendor)) is not None


@pytest.mark.parametrize(
    ("vendor", "wrong", "says"),
    [
        ("files", {"delimitre": ";"}, r"^options\.delimitre: is not a setting \(did you mean 'delimiter'\?\)$"),
        ("hubspot", {"attestation": {}}, r"^options\.attestation: is not a setting \(did you mean 'attestations'\?\)$"),
        ("hubspot", {"colour": "red"}, r"^options\.colour: is not a setting$"),
        ("hubspot", {"titles": {"demo": "("}}, r"^options\.titles\.demo: '\(' is not a regular expression"),
        ("salesforce", {"domian": "x"}, r"^options\.domian: is not a setting \(did you mean 'domain'\?\)$"),
        ("salesforce", {"quotes": {"stats": "S"}}, r"^options\.quotes\.stats: .*did you mean 'status'"),
        ("salesforce", {"quotes": {"total": "a b"}}, r"^options\.quotes\.total: 'a b' is not the API name"),
        ("salesforce", {"mail_in": ["ok", "["]}, r"^options\.mail_in\.1: '\[' is not a regular expression"),
    ],
)
def test_a_wrong_option_is_named_with_the_key_that_was_meant(vendor: str, wrong: dict[str, object], says: str) -> None:
    with pytest.raises(FixConfig, match=says):
        CHECKS[vendor](connection(vendor, **wrong))


@pytest.mark.parametrize("package", [files, hubspot, salesforce], ids=lambda package: package.__name__)
def test_every_connector_shows_the_options_it_reads(package: object) -> None:
    assert issubclass(vars(package)["Options"], Frozen)


class Lamp(Frozen):
    watts: int = 60


class Room(Frozen):
    lamps: tuple[Lamp, ...] = ()


def test_keys_of_the_parts_are_offered_as_well() -> None:
    wrong = Connection(vendor="any", options={"lamps": [{}, {"wats": 5}]})
    with pytest.raises(FixConfig, match=r"^options\.lamps\.1\.wats: is not a setting$"):
        checked(wrong, Room)
    with pytest.raises(FixConfig, match=r"^options\.lamps\.1\.wats: is not a setting \(did you mean 'watts'\?\)$"):
        checked(wrong, Room, parts=(Lamp,))


@pytest.mark.parametrize(
    ("loc", "raw", "written"),
    [
        (("tables", "deals", 0, "file"), {"tables": {"deals": {}}}, "options.tables.deals.file"),
        (("tables", "deals", 1, "file"), {"tables": {"deals": [{}, {}]}}, "options.tables.deals.1.file"),
        (("tables", "dael", "[key]"), {"tables": {"dael": {}}}, "options.tables.dael"),
        (("a", 7, "b"), {"a": [1]}, "options.a.7.b"),
        ((), {}, "options"),
    ],
)
def test_a_mistake_is_placed_where_the_user_wrote_it(loc: tuple[str | int, ...], raw: object, written: str) -> None:
    assert way(loc, raw) == written


@pytest.mark.parametrize(
    ("named", "topics"),
    [
        (("all",), BASICS),
        (("budget",), ("price_vs_budget",)),
        (("budget", "price_vs_budget", "timing"), ("price_vs_budget", "purchase_date")),
        (("pilot",), ("pilot",)),
        ((), ()),
    ],
)
def test_topics_have_one_name_each(named: tuple[str, ...], topics: tuple[str, ...]) -> None:
    assert topics_named(named) == topics


@pytest.mark.parametrize("package", [files, hubspot, salesforce], ids=lambda package: package.__name__)
def test_every_secret_that_a_connector_asks_for_is_listed(package: ModuleType) -> None:
    folder = Path(package.__file__ or "").parent
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    asked = set(re.findall(r'secret\(connection, "(\w+)"', code))
    beside = {SET_UP_WITH, SIGNED_WITH, SIGNED_BEFORE} if package is hubspot else set()
    assert asked | beside == set(vars(package).get("LOGIN", {}))
