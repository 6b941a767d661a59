"""Worlds: every worked deal comes out as it must, every difference is told, and a slip in a file is one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crm_audit import cases, packs, shipped, worlds, yamls
from crm_audit.domain import Change, Deal, Event, Link, Person, Recheck
from crm_audit.errors import BadPack
from crm_audit.policy import Pack
from crm_audit.worlds import Row, World

from .shared import shared

OWN = shipped.rules() / "core" / "worlds.yaml"
CORE = packs.load("core")
WORLDS = worlds.read(OWN)
DEALS = [(world.id, deal) for world in WORLDS for deal in world.expect]


def judge(world: World, pack: Pack) -> Mapping[str, Row]:
    return worlds.verdicts(world.facts(), pack, world.as_of)


@cache
def tried() -> dict[tuple[str, str], cases.Outcome]:
    return {(outcome.name, outcome.deal): outcome for outcome in cases.try_file(OWN, CORE)}


@pytest.mark.parametrize(("world", "deal"), DEALS)
def test_a_worked_deal_comes_out_as_it_must(world: str, deal: str) -> None:
    assert tried()[world, deal].differences == ()


def test_26_deals_of_20_worlds_are_tried() -> None:
    assert [world.id for world in WORLDS] == [f"E{number:02}" for number in range(1, 21)]
    assert sorted(tried()) == sorted(DEALS)
    assert len(DEALS) == 26


def test_the_worlds_shipped_are_those_that_were_handed_over() -> None:
    assert worlds.read(shared("spec", "worlds.json")) == WORLDS


def test_worlds_judged_one_by_one_get_the_same_answers() -> None:
    outcomes = cases.try_file(OWN, CORE, judge)
    assert [(outcome.name, outcome.deal) for outcome in outcomes] == DEALS
    assert [outcome for outcome in outcomes if not outcome.ok] == []


# --- what a world file says ------------------------------------------------------------------------------------------

FILE: dict[str, Any] = {
    "ladders": {"new": {"Talk": 3, "Sign": 5, "Won": "won"}},
    "worlds": [
        {
            "id": "W1",
            "crm": "files",
            "as_of": "2026-03-16T15:00:00Z",
            "org_tz": "Europe/Berlin",
            "corporate_currency": "EUR",
            "rates": {"USD": "0.90"},
            "internal_domains": ["seller.example"],
            "unmapped": ["fit"],
            "unconnected": ["link_click"],
            "companies": [{"id": "co", "name": "Acme", "fit_score": 70}],
            "contacts": [{"id": "ann", "name": "Ann Moss", "email": "ann@acme.example", "left_at": "2026-03-01"}],
            "deals": [
                {
                    "id": "d1", "pipeline": "new", "stage": "Sign", "amount": "0.10", "currency": "USD",
                    "company": "co", "created": "2025-12-01T08:00:00Z", "close_date": "2026-04-01T22:30:00Z",
                }
            ],
            "links": [{"deal": "d1", "contact": "ann", "role": "authority", "from": "2026-01-01", "to": "2026-02-01"}],
            "events": [
                {"at": "2026-03-10", "kind": "quote_sent", "contacts": ["ann"], "deals": ["d1"], "auto": True},
                {"at": "2026-03-11T10:00:00+01:00", "kind": "email_in", "contacts": ["ann"], "deal": None},
            ],
            "history": [{"deal": "d1", "at": "2026-02-01T09:00:00Z", "field": "amount", "old": None, "new": 12}],
            "assessments": [{"deal": "d1", "at": "2026-03-01", "topics": ["budget"], "by": "auditor"}],
            "expect": {
                "d1": {"claimed": 5, "supported": [0, 1], "verdict": "overstated", "action": "none", "findings": []}
            },
            "why": "to be read",
        }
    ],
}  # fmt: skip


def written(folder: Path, file: object) -> Path:
    path = folder / "worlds.json"
    path.write_text(json.dumps(file), "utf-8")
    return path


def changed(way: str, value: object) -> dict[str, Any]:
    """The file with another value at a place such as `worlds.0.events.1.kind`; `...` takes the key away."""
    file: dict[str, Any] = json.loads(json.dumps(FILE))
    *above, last = [int(step) if step.isdigit() else step for step in way.split(".")]
    inner: Any = file
    for step in above:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return file


def test_a_world_becomes_records(tmp_path: Path) -> None:
    (world,) = worlds.read(written(tmp_path, FILE))
    by_kind = {type(record): record for record in world.records}
    assert by_kind[Person] == Person(id="ann", name="Ann Moss", domain="acme.example", left_on=date(2026, 3, 1))
    assert by_kind[Link] == Link(
        id="l0", deal="d1", person="ann", role="authority", valid_from=date(2026, 1, 1), valid_to=date(2026, 2, 1)
    )
    deal = by_kind[Deal]
    assert isinstance(deal, Deal)
    assert (deal.name, deal.amount, deal.budget) == ("d1", Decimal("0.10"), None)
    assert deal.close_date == datetime(2026, 4, 1, 22, 30, tzinfo=UTC)
    events = [record for record in world.records if isinstance(record, Event)]
    assert [(event.at, event.deals, event.automatic) for event in events] == [
        (date(2026, 3, 10), ("d1",), True),
        (datetime(2026, 3, 11, 9, tzinfo=UTC), (), False),
    ]
    change, recheck = by_kind[Change], by_kind[Recheck]
    assert isinstance(change, Change)
    assert (change.old, change.new) == (None, "12")
    assert isinstance(recheck, Recheck)
    assert (recheck.topics, recheck.by) == (("budget",), worlds.AUDITOR)
    assert world.terms.unmapped == {"fit"}
    assert world.terms.unconnected == {"link_click"}


def test_an_expectation_keeps_only_what_is_written(tmp_path: Path) -> None:
    finding = {"rule": "X", "reason": "none", "action": "block"}
    (world,) = worlds.read(written(tmp_path, changed("worlds.0.expect.d1.findings", [finding])))
    assert world.expect["d1"]["findings"] == [finding]
    assert world.expect["d1"]["supported"] == [0, 1]


@pytest.mark.parametrize(
    ("way", "value", "told"),
    [
        ("world", [], ": world: a world file has no key 'world' (did you mean 'worlds'?)"),
        ("ladders", ..., ": a world file has no 'ladders'"),
        ("ladders.new.Talk", 6, ": ladders.new.Talk: 6 is no rung: write 0 to 5, or won, or lost"),
        ("ladders.new.Talk", True, ": ladders.new.Talk: True is no rung: write 0 to 5, or won, or lost"),
        ("ladders.new.Talk", "gone", ": ladders.new.Talk: 'gone' is no rung"),
        ("worlds.0.contcts", [], ": worlds[0].contcts: a world has no key 'contcts' (did you mean 'contacts'?)"),
        ("worlds.0.crm", "sap", ": worlds[0].crm: unknown CRM 'sap'; known are "),
        ("worlds.0.as_of", ..., ": worlds[0]: a world: there is no 'as_of'"),
        (
            "worlds.0.as_of",
            "2026-03-16",
            ": worlds[0].as_of: a world.as_of: '2026-03-16' is no instant; write it as 2026",
        ),
        (
            "worlds.0.org_tz",
            "Mars/Base",
            ": worlds[0].org_tz: a world.org_tz: 'Mars/Base' is not an IANA time zone, such as",
        ),
        ("worlds.0.org_tz", "../secret", ": worlds[0].org_tz: a world.org_tz: '../secret' is not an IANA time zone"),
        ("worlds.0.rates.USD", "much", ": worlds[0].rates.USD: a world.rates.USD: 'much' is no number"),
        ("worlds.0.rates.USD", "NaN", ": worlds[0].rates.USD: a world.rates.USD: 'NaN' is no number"),
        (
            "worlds.0.unmapped.0",
            "fitt",
            ": worlds[0].unmapped[0]: a world.unmapped: unknown field 'fitt' (did you mean 'fit'?)",
        ),
        (
            "worlds.0.unconnected.0",
            "click",
            ": worlds[0].unconnected[0]: a world.unconnected: unknown kind of event 'click'",
        ),
        ("worlds.0.deals", ..., ": worlds[0]: world W1 has no 'deals'"),
        ("worlds.0.deals", "d1", ": worlds[0].deals: deals must be a list, not 'd1'"),
        ("worlds.0.deals.0.stge", "x", ": worlds[0].deals[0].stge: deals[0] has no key 'stge' (did you mean 'stage'?)"),
        ("worlds.0.deals.0.stage", ..., ": worlds[0].deals[0]: deals[0]: there is no 'stage'"),
        ("worlds.0.deals.0.amount", "a lot", ": worlds[0].deals[0].amount: deals[0].amount: 'a lot' is no number"),
        (
            "worlds.0.deals.0.close_date",
            "soon",
            ": worlds[0].deals[0].close_date: deals[0].close_date: 'soon' is no day",
        ),
        ("worlds.0.deals.0.currency", "euro", ": worlds[0].deals[0].currency: deals[0].currency: String should match"),
        (
            "worlds.0.deals.0.company",
            "co2",
            ": worlds[0].deals[0].company: deals[0].company: the world has no 'co2'; it has co",
        ),
        ("worlds.0.links.0.role", "boss", ": worlds[0].links[0].role: links[0].role: unknown role 'boss'; known are "),
        (
            "worlds.0.links.0.role",
            "champ",
            ": worlds[0].links[0].role: links[0].role: unknown role 'champ' (did you mean 'champion'?)",
        ),
        ("worlds.0.links.0.from", "2026-13-01", ": worlds[0].links[0].from: links[0].from: '2026-13-01' is no day"),
        (
            "worlds.0.events.1.kind",
            "mail_in",
            ": worlds[0].events[1].kind: events[1].kind: unknown kind of event 'mail_in' (did you mean 'email_in'?)",
        ),
        (
            "worlds.0.events.1.contacts",
            ["anne"],
            ": worlds[0].events[1].contacts: events[1].contacts: the world has no 'anne'; it has ann",
        ),
        (
            "worlds.0.events.0.deals",
            ["d2"],
            ": worlds[0].events[0].deals: events[0].deals: the world has no 'd2'; it has d1",
        ),
        ("worlds.0.history.0.field", "price", ": worlds[0].history[0].field: history[0].field: unknown field 'price'"),
        ("worlds.0.assessments.0.at", ..., ": worlds[0].assessments[0]: assessments[0]: there is no 'at'"),
        ("worlds.0.contacts", [{"id": "a", "name": "A"}] * 2, ": worlds[0].contacts[1]: the id 'a' stands twice"),
        ("worlds", FILE["worlds"] * 2, ": worlds[1]: the id 'W1' stands twice"),
        ("worlds.0.expect.d2", {}, ": worlds[0].expect.d2: expect: the world has no deal 'd2'; it has d1"),
        ("worlds.0.expect.d1.action", ..., ": worlds[0].expect.d1: expect.d1: there is no 'action'"),
        (
            "worlds.0.expect.d1.verdict",
            "fine",
            ": worlds[0].expect.d1.verdict: expect.d1.verdict: Input should be 'supported'",
        ),
        ("worlds.0.expect.d1.supported", [1], ": worlds[0].expect.d1.supported: expect.d1.supported: there is no '1'"),
        (
            "worlds.0.expect.d1.findings",
            [{"rule": "X"}],
            ": worlds[0].expect.d1.findings[0]: expect.d1.findings: there is no ",
        ),
    ],
)
def test_a_slip_is_one_line_with_the_way_to_it(tmp_path: Path, way: str, value: object, told: str) -> None:
    path = written(tmp_path, changed(way, value))
    with pytest.raises(BadPack) as refused:
        worlds.read(path)
    assert str(refused.value).startswith(f"{path}{told}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        (
            "kind: quote_viewed",
            "kind: quote_viewd",
            "kind: quote_viewd",
            "unknown kind of event 'quote_viewd' (did you mean",
        ),
        ("role: user}", "rol: user}", "rol: user}", "has no key 'rol' (did you mean 'role'?)"),
        ("at: 2026-03-17T", "at: 2026-03-77T", "2026-03-77T", "is no instant"),
    ],
)
def test_in_yaml_a_slip_has_a_line(tmp_path: Path, old: str, new: str, line: str, told: str) -> None:
    text = OWN.read_text("utf-8")
    assert text.count(old) == 1
    path = tmp_path / "worlds.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    number = next(n for n, row in enumerate(path.read_text("utf-8").splitlines(), 1) if line in row)
    with pytest.raises(BadPack) as refused:
        worlds.read(path)
    assert str(refused.value).startswith(f"{path}:{number}: ")
    assert told in str(refused.value)


# --- what is told where a deal comes out otherwise -------------------------------------------------------------------


PRICE = "finding CQ-STK-PRICE"


def planted(folder: Path, world: str, old: str, new: str) -> list[str]:
    """The differences of one world whose expectation was changed."""
    whole = OWN.read_text("utf-8")
    start = whole.index(f"  - id: {world}\n")
    end = whole.find("\n  - id: ", start) + 1 or len(whole)
    mine = whole[start:end]
    head = whole[: whole.index("worlds:\n")] + "worlds:\n"
    assert mine.count(old) == 1, f"{old!r} has to stand once in {world}"
    path = folder / "worlds.yaml"
    path.write_text(head + mine.replace(old, new), "utf-8")
    return [line for outcome in cases.try_file(path, CORE) for line in outcome.differences]


@pytest.mark.parametrize(
    ("world", "old", "new", "told"),
    [
        ("E01", "supported: [5, 5]", "supported: [4, 5]", ["supported: expected [4, 5], got [5, 5]"]),
        ("E01", "claimed: 5", "claimed: 4", ["claimed: expected 4, got 5"]),
        ("E01", "verdict: supported", "verdict: overstated", ["verdict: expected overstated, got supported"]),
        ("E01", "action: none", "action: block", ["action: expected block, got none"]),
        ("E02", "reason: none", "reason: stale", [f"{PRICE}: expected stale, got none"]),
        ("E02", "action: block, ", "action: annotate, ", [f"{PRICE}: action: expected annotate, got block"]),
        ("E02", "about: [Dana Ruiz]", "about: [Lee Park]", [f"{PRICE}: about: expected Lee Park, got Dana Ruiz"]),
        ("E02", ", about: [Dana Ruiz]", "", [f"{PRICE}: about: expected nobody, got Dana Ruiz"]),
        (
            "E02",
            "reason: none",
            "status: unverifiable, reason: none",
            [f"{PRICE}: status: expected unverifiable, got open"],
        ),
        (
            "E02",
            "rule: CQ-STK-PRICE",
            "rule: CQ-STK-AUTH",
            [
                "missing finding CQ-STK-AUTH: none",
                f"additional {PRICE}: none (open)",
            ],
        ),
        ("E04", "n: 2", "n: 3", ["finding CQ-STK-THREADS-L: n: expected 3, got 2"]),
        ("E04", ", n: 2", "", []),
        ("E06", "days: 55", "days: 54", ["finding CQ-MOM-AGE: days: expected 54, got 55"]),
    ],
)
def test_a_difference_is_told(tmp_path: Path, world: str, old: str, new: str, told: list[str]) -> None:
    assert planted(tmp_path, world, old, new) == told


def test_topics_are_compared_whatever_their_order(tmp_path: Path) -> None:
    all_three = "missing: [price_vs_budget, final_decision_maker, purchase_date]"
    turned = "missing: [purchase_date, price_vs_budget, final_decision_maker]"
    assert planted(tmp_path, "E11", all_three, turned) == []
    (told,) = planted(tmp_path, "E11", all_three, "missing: [purchase_date]")
    assert told.startswith("finding CQ-OPP-BASICS: missing: expected purchase_date, got price_vs_budget")


def test_a_deal_of_which_nothing_is_expected_is_a_difference(tmp_path: Path) -> None:
    path = written(tmp_path, changed("worlds.0.expect", {}))
    (outcome,) = cases.try_file(path, CORE)
    assert outcome.differences == ("nothing is expected of this deal; write down what it must be: verdict overstated",)


def test_a_deal_that_was_not_judged_is_a_difference(tmp_path: Path) -> None:
    (outcome,) = cases.try_file(written(tmp_path, FILE), CORE, lambda world, pack: {})
    assert (outcome.name, outcome.deal, outcome.differences) == ("W1", "d1", ("the deal was not judged",))


def test_a_world_as_written_can_be_judged_at_once() -> None:
    world, place = WORLDS[1], yamls.read(OWN).at("worlds").at(1)
    plain = yamls.plain(place.value)
    assert isinstance(plain, dict)
    said = worlds.judge(plain, world.terms.ladders, CORE)
    assert said["d1"]["findings"] == [{"status": "open", **world.expect["d1"]["findings"][0]}]
