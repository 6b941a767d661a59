"""Cases: every shipped one comes out as it says, a difference is told, and a slip in the file is one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from crm_audit import cases, evaluate, packs, shipped
from crm_audit.cases.reading import merged
from crm_audit.cases.rows import Calendar
from crm_audit.cases.trying import gathered, judged_together
from crm_audit.domain import Change, Deal, Event, Link, Person
from crm_audit.errors import BadPack
from crm_audit.policy import Pack
from crm_audit.worlds import Row, World

CORE = packs.load("core")
FOLDER = shipped.rules() / "core"
SHIPPED = cases.read(FOLDER / "cases.yaml", CORE)


def named(case: cases.Case) -> str:
    return case.name if case.rule is None else f"{case.rule}: {case.name}"


@cache
def tried() -> dict[str, cases.Outcome]:
    return {outcome.name: outcome for outcome in cases.try_file(FOLDER / "cases.yaml", CORE)}


@cache
def spoken() -> dict[str, Row]:
    said = judged_together([case.world for case in SHIPPED], CORE)
    return {named(case): answer["deal"] for case, answer in zip(SHIPPED, said, strict=True)}


def one_by_one(world: World, pack: Pack) -> Mapping[str, Row]:
    return cases.spoken(evaluate.audit(world.facts(), pack, world.as_of))


# --- the cases of the core pack ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [named(case) for case in SHIPPED])
def test_a_shipped_case_comes_out_as_it_says(name: str) -> None:
    assert tried()[name].differences == ()


def test_every_rule_is_broken_and_left_in_peace() -> None:
    assert cases.gaps(SHIPPED, CORE) == []
    assert cases.uncovered(FOLDER, CORE) == []


def test_every_message_is_heard() -> None:
    # whoever was never heard of breaks CQ-STK-CONTACT, which says it first; the message serves where that is in shadow
    assert cases.unheard(SHIPPED, CORE) == ["CQ-MOM-SILENT: no case with the reason 'none'"]


def test_most_cases_are_about_keeping_quiet() -> None:
    quiet = sum(case.reason is None for case in SHIPPED)
    breaking = sum(case.reason is not None and not case.unverifiable for case in SHIPPED)
    assert quiet > breaking
    assert len(SHIPPED) - breaking > len(SHIPPED) / 2


@pytest.mark.parametrize("rule", [rule.id for rule in CORE.rules])
def test_a_rule_that_can_be_blind_has_a_case_of_it(rule: str) -> None:
    behind_another = {"CQ-ORG-FIT-FRESH"}  # what hides its date hides the fit itself
    assert any(case.unverifiable for case in SHIPPED if case.rule == rule) != (rule in behind_another)


def test_every_sentence_is_whole() -> None:
    """A name nobody filled in stays visible in brackets; a reason without a message is told by its rule's title."""
    titles = tuple(f"{rule.title}: " for rule in CORE.rules)
    for name, answer in spoken().items():
        for finding in answer["findings"]:
            assert not re.search(r"\(\w*\)", finding["says"]), f"{name}: {finding['says']}"
            assert not finding["says"].startswith(titles), f"{name}: {finding['says']}"
            assert "  " not in finding["says"], f"{name}: {finding['says']}"


def test_judged_one_by_one_they_get_the_same_answers() -> None:
    sample = SHIPPED[::17]
    alone = [one_by_one(case.world, CORE) for case in sample]
    assert alone == judged_together([case.world for case in sample], CORE)


def test_worlds_that_are_gathered_share_no_id() -> None:
    first, second = SHIPPED[1].world, SHIPPED[2].world
    whole = gathered([first, second])
    people = [record.id for record in whole.records if isinstance(record, Person)]
    assert people == ["0/Dana", "0/Lee", "0/Sam", "1/Dana", "1/Lee", "1/Sam"]
    assert {record.person[0] + record.deal[0] for record in whole.records if isinstance(record, Link)} == {"00", "11"}
    events = [record for record in whole.records if isinstance(record, Event)]
    assert all(event.id[0] == event.people[0][0] == event.deals[0][0] for event in events)


def test_a_pack_without_a_gate_at_some_rung_is_judged() -> None:
    alone = CORE.without(frozenset(rule.id for rule in CORE.rules) - {"CQ-STK-PRICE", "CQ-OPP-NEED"})
    clean = SHIPPED[0].world
    two = gathered([clean, clean])
    verdicts = evaluate.audit(two.facts(), alone, two.as_of).verdicts
    assert verdicts["supported_max"].to_list() == [5, 5]


def test_a_folder_is_tried_with_all_that_lies_beside_the_pack(tmp_path: Path) -> None:
    names = {outcome.name for outcome in cases.try_file(FOLDER, CORE)}
    assert {"the clean deal", "E01", "E20"} <= names
    with pytest.raises(BadPack, match=r"neither cases\.yaml nor worlds\.yaml is there"):
        cases.try_file(tmp_path, CORE)


def test_a_pack_without_cases_has_nothing_tried(tmp_path: Path) -> None:
    assert len(cases.uncovered(tmp_path, CORE)) == 2 * len(CORE.rules)


# --- what a case file says --------------------------------------------------------------------------------------------

SMALL = """\
now: 2026-03-16T15:00:00Z
zone: America/New_York
clean:
  rung: 5
  deal: {amount: 100000, budget: 100000, closes: in 45 days, created: 300 days ago, entered: 10 days ago, need: Less}
  company: {name: Acme Freight, fit: A, assessed: 60 days ago}
  people:
    Dana: {role: authority, title: VP Operations}
    Lee: {role: champion}
    Sam: {role: technical}
  events:
    demo: {kind: meeting_held, when: 11 days ago, who: [Lee, Sam], topics: demo}
    pricing: {kind: meeting_held, when: 6 days ago, who: [Dana, Lee], topics: pricing}
    mail: {kind: email_in, when: 4 days ago, who: Lee}
  rechecks:
    basics: {when: 5 days ago}
cases:
  CQ-STK-PRICE:
    - case: too long ago
      events: {pricing: {when: 91 days ago}}
      breaks: stale
      about: Dana
      action: block
      says: Dana saw the pricing on 15 Dec 2025
    - case: just in time
      events: {pricing: {when: 90 days ago}}
      breaks: false
  CQ-OPP-BASICS:
    - {case: never, rechecks: {basics: ~}, breaks: none, supported: 2, verdict: overstated}
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert not old or SMALL.count(old) == 1, f"{old!r} has to stand once"
    path = folder / "cases.yaml"
    path.write_text(SMALL.replace(old, new) if old else SMALL, "utf-8")
    return path


def records(folder: Path, case: str) -> World:
    """The world of a case that is added to the file."""
    path = written(folder, "  CQ-OPP-BASICS:\n", f"    - {{case: added, breaks: false, {case}}}\n  CQ-OPP-BASICS:\n")
    return next(found.world for found in cases.read(path, CORE) if found.name == "added")


def test_a_small_file_agrees_with_itself(tmp_path: Path) -> None:
    outcomes = cases.try_file(written(tmp_path), CORE)
    assert [(outcome.name, outcome.ok) for outcome in outcomes] == [
        ("the clean deal", True),
        ("CQ-STK-PRICE: too long ago", True),
        ("CQ-STK-PRICE: just in time", True),
        ("CQ-OPP-BASICS: never", True),
    ]
    assert [outcome.place.removeprefix(f"{tmp_path}/") for outcome in outcomes] == [
        "cases.yaml:3", "cases.yaml:19", "cases.yaml:25", "cases.yaml:29",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("breaks: stale", "breaks: only_sent", "finding CQ-STK-PRICE: expected only_sent, got stale"),
        ("about: Dana", "about: Lee", "finding CQ-STK-PRICE: about: expected Lee, got Dana"),
        ("action: block", "action: annotate", "finding CQ-STK-PRICE: action: expected annotate, got block"),
        (
            "says: Dana saw",
            "says: Lee saw",
            "finding CQ-STK-PRICE: expected to say 'Lee saw the pricing on 15 Dec 2025', got",
        ),
        ("91 days ago}", "89 days ago}", "missing finding CQ-STK-PRICE: stale"),
        (
            "90 days ago}}\n      breaks: false",
            "95 days ago}}\n      breaks: false",
            "additional finding CQ-STK-PRICE: stale",
        ),
        (
            "90 days ago}}\n      breaks: false",
            "90 days ago}}\n      unknown: no_source",
            "missing finding CQ-STK-PRICE: no_source",
        ),
        ("breaks: stale", "unknown: stale", "finding CQ-STK-PRICE: status: expected unverifiable, got open"),
        ("supported: 2", "supported: [2, 3]", "supported: expected [2, 3], got [2, 2]"),
        ("verdict: overstated", "verdict: supported", "verdict: expected supported, got overstated"),
    ],
)
def test_a_difference_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    outcomes = cases.try_file(written(tmp_path, old, new), CORE)
    (difference,) = [line for outcome in outcomes for line in outcome.differences]
    assert difference.startswith(told)


def test_a_clean_deal_that_is_not_clean_is_a_difference(tmp_path: Path) -> None:
    outcomes = cases.try_file(written(tmp_path, "need: Less}", "need: ~}"), CORE)
    assert outcomes[0].differences == (
        "supported: expected [5, 5], got [1, 1]",
        "verdict: expected supported, got overstated",
        "action: expected none, got annotate",
        "additional finding CQ-OPP-NEED: missing (open)",
    )


def test_a_judge_is_asked_about_every_case_by_itself(tmp_path: Path) -> None:
    asked: list[str] = []

    def judge(world: World, pack: Pack) -> Mapping[str, Row]:
        asked.append(world.title)
        return one_by_one(world, pack)

    outcomes = cases.try_file(written(tmp_path), CORE, judge)
    assert asked == [outcome.name for outcome in outcomes]
    assert all(outcome.ok for outcome in outcomes)


def test_a_judge_without_words_does_not_pass_for_one_that_says_them(tmp_path: Path) -> None:
    def silent(world: World, pack: Pack) -> Mapping[str, Row]:
        said = one_by_one(world, pack)
        return {
            deal: {**row, "findings": [{k: v for k, v in found.items() if k != "says"} for found in row["findings"]]}
            for deal, row in said.items()
        }

    outcomes = cases.try_file(written(tmp_path), CORE, silent)
    assert [outcome.differences for outcome in outcomes if not outcome.ok] == [
        ("finding CQ-STK-PRICE: expected to say 'Dana saw the pricing on 15 Dec 2025', got 'nothing'",)
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("clean:\n", "claen:\n", 1, "a case file has no 'clean'"),
        ("zone: America/New_York", "zone: Atlantis", 2, "a case file.zone: 'Atlantis' is not an IANA time zone"),
        ("now: 2026-03-16T15:00:00Z", "now: today", 1, "a case file.now: 'today' is no instant"),
        ("zone: Am", "zoen: Am", 2, "a case file has no key 'zoen' (did you mean 'zone'?)"),
        ("  company: {", "  compny: {", 6, "the clean deal has no key 'compny' (did you mean 'company'?)"),
        ("closes: in 45 days", "closes: in 45 dayz", 5, "deal.closes: 'in 45 dayz' is no day: write `6 days ago`"),
        ("amount: 100000,", "amount: 100000 dollars,", 5, "deal.amount: '100000 dollars' is no money: write 100000"),
        ("amount: 100000,", "amount: much,", 5, "deal.amount: 'much' is no number"),
        ("created: 300 days ago, ", "", 3, "the clean deal: the deal has no 'created'; `~` is a day"),
        ("role: champion", "role: champoin", 9, "people.Lee.role: unknown role 'champoin' (did you mean 'champion'?)"),
        (
            "kind: email_in",
            "kind: mail_in",
            14,
            "events.mail.kind: unknown kind of event 'mail_in' (did you mean 'email_in'?)",
        ),
        (
            "who: [Dana, Lee]",
            "who: [Dana, Leo]",
            3,
            "the clean deal: events.pricing.who: nobody is called 'Leo' (did you mean 'Lee'?)",
        ),
        (
            "  CQ-STK-PRICE:\n",
            "  CQ-STK-PRIZE:\n",
            18,
            "pack core: cases has no key 'CQ-STK-PRIZE' (did you mean 'CQ-STK-PRICE'?)",
        ),
        ("    - case: too long ago\n      events", "    - events", 19, "CQ-STK-PRICE: a case: there is no 'case'"),
        ("case: just in time", "case: too long ago", 25, "CQ-STK-PRICE: the case 'too long ago' stands twice"),
        (
            "      breaks: stale\n",
            "",
            19,
            "CQ-STK-PRICE: a case: say what is expected: `breaks: REASON`, `breaks: false` or",
        ),
        ("breaks: stale", "breaks: true", 21, "CQ-STK-PRICE: a case.breaks: name the reason: `breaks: stale`; or"),
        ("breaks: stale", "breaks: stael", 21, "CQ-STK-PRICE has no reason 'stael' (did you mean 'stale'?)"),
        ("breaks: stale", "unknown: unmaped", 21, "CQ-STK-PRICE has no reason 'unmaped' (did you mean 'unmapped'?)"),
        (
            "breaks: stale",
            "breaks: stale\n      unknown: unmapped",
            19,
            "CQ-STK-PRICE: a case: a rule either breaks or is unknown",
        ),
        (
            "breaks: stale",
            "breaks: false",
            19,
            "CQ-STK-PRICE: a case: a rule that keeps quiet says nothing: take about, action, says",
        ),
        ("action: block", "action: warn", 23, "CQ-STK-PRICE: a case.action: Input should be 'annotate' or 'block'"),
        ("says: Dana", "say: Dana", 24, "CQ-STK-PRICE: a case has no key 'say' (did you mean 'says'?)"),
        (
            "pricing: {when: 91",
            "pricng: {when: 91",
            19,
            "CQ-STK-PRICE: too long ago: events.pricng has no 'kind', neither here",
        ),
        ("pricing: {when: 91", "pricing: {wen: 91", 20, "events.pricing has no key 'wen' (did you mean 'when'?)"),
        ("when: 91 days ago", "when: 91 days", 20, "events.pricing.when: '91 days' is no day: write `6 days ago`"),
        ("about: Dana", "rung: 6", 22, "CQ-STK-PRICE: too long ago.rung: Input should be"),
        (
            "about: Dana",
            "unmapped: fitt",
            22,
            "CQ-STK-PRICE: too long ago.unmapped: unknown field 'fitt' (did you mean 'fit'?)",
        ),
        (
            "about: Dana",
            "changes: [{field: amount, when: today, from: 1}]",
            22,
            "CQ-STK-PRICE: too long ago.changes: there is no 'to'",
        ),
        (
            "about: Dana",
            "changes: [{field: close_date, when: today, from: ~, to: soon}]",
            22,
            "CQ-STK-PRICE: too long ago.changes: 'soon' is",
        ),
        ("about: Dana", "people: {Sam: {was: user}}", 19, "CQ-STK-PRICE: too long ago: people.Sam has no 'until'"),
        (
            "about: Dana",
            "people: {Sam: {merged_into: Sma}}",
            19,
            "CQ-STK-PRICE: too long ago: people.Sam.merged_into: nobody is",
        ),
        ("about: Dana", "people: {Lee: ~}", 19, "CQ-STK-PRICE: too long ago: events.demo.who: nobody is called 'Lee'"),
    ],
)
def test_a_slip_is_one_line_with_its_place_and_the_fix(
    tmp_path: Path, old: str, new: str, line: int, told: str
) -> None:
    path = written(tmp_path, old, new)
    with pytest.raises(BadPack) as refused:
        cases.read(path, CORE)
    assert str(refused.value).startswith(f"{path}:{line}: {told}")
    assert "\n" not in str(refused.value)


def test_a_case_changes_only_what_it_names(tmp_path: Path) -> None:
    world = records(tmp_path, "people: {Sam: {title: IT Lead}, Noa: {role: user}}, deal: {need: ~}")
    people = [record for record in world.records if isinstance(record, Person)]
    assert [(person.id, person.title) for person in people] == [
        ("Dana", "VP Operations"), ("Lee", None), ("Sam", "IT Lead"), ("Noa", None),
    ]  # fmt: skip
    (deal,) = [record for record in world.records if isinstance(record, Deal)]
    assert (deal.need, str(deal.amount), deal.stage) == (None, "100000", "committed")


def test_what_is_null_is_taken_away(tmp_path: Path) -> None:
    world = records(tmp_path, "events: {demo: ~, mail: ~}, company: ~")
    assert [record.people for record in world.records if isinstance(record, Event)] == [("Dana", "Lee")]
    assert [record.company for record in world.records if isinstance(record, Deal)] == [None]


def test_the_rung_is_a_stage_and_its_entry_a_change(tmp_path: Path) -> None:
    world = records(tmp_path, "rung: 3, changes: [{field: stage, when: 40 days ago, from: 1, to: 2}]")
    assert [record.stage for record in world.records if isinstance(record, Deal)] == ["evaluating"]
    changes = [record for record in world.records if isinstance(record, Change)]
    assert [(change.old, change.new) for change in changes] == [("qualified", "evaluating"), ("engaged", "qualified")]
    assert [change.at for change in changes] == [
        datetime(2026, 3, 6, 14, tzinfo=UTC), datetime(2026, 2, 4, 14, tzinfo=UTC),
    ]  # fmt: skip


def test_merging_goes_key_by_key() -> None:
    clean = {"a": {"x": 1, "y": {"z": 2}}, "b": [1], "c": {"d": 1}}
    assert merged(clean, {"a": {"y": {"w": 3}}, "b": [2], "c": None}) == {
        "a": {"x": 1, "y": {"z": 2, "w": 3}}, "b": [2], "c": None,
    }  # fmt: skip
    assert clean == {"a": {"x": 1, "y": {"z": 2}}, "b": [1], "c": {"d": 1}}


@pytest.mark.parametrize(
    ("told", "day", "instant"),
    [
        ("today", "2026-03-16", "2026-03-16T13:00:00+00:00"),
        ("yesterday", "2026-03-15", "2026-03-15T13:00:00+00:00"),
        ("tomorrow", "2026-03-17", "2026-03-17T13:00:00+00:00"),
        ("1 day ago", "2026-03-15", "2026-03-15T13:00:00+00:00"),
        ("9 days ago", "2026-03-07", "2026-03-07T14:00:00+00:00"),  # before daylight saving
        ("in 1 day", "2026-03-17", "2026-03-17T13:00:00+00:00"),
        ("in 30 days", "2026-04-15", "2026-04-15T13:00:00+00:00"),
        ("2026-01-31", "2026-01-31", "2026-01-31T14:00:00+00:00"),
        ("2026-01-31T02:00:00Z", "2026-01-30", "2026-01-31T02:00:00+00:00"),
        ("2026-01-31T22:00:00-05:00", "2026-01-31", "2026-02-01T03:00:00+00:00"),
    ],
)
def test_days_are_told_as_people_tell_them(told: str, day: str, instant: str) -> None:
    calendar = Calendar(datetime(2026, 3, 17, 2, tzinfo=UTC), "America/New_York")  # still the 16th there
    assert (calendar.day(told), calendar.instant(told)) == (day, instant)
