"""What the CRM's records become: survivors, days, rungs and sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from crm_audit import facts
from crm_audit.domain import WON, Link, Person, Record, Rung
from crm_audit.errors import FixConfig
from crm_audit.facts import OPEN, UNMAPPED
from tests.builders import LADDER, around, change, clean, company, deal, event, known, link, stages, terms


def day_of(text: str, zone: str) -> date | None:
    frame = pl.DataFrame({"text": [text]}).select(facts.calendar_day(pl.col("text"), zone))
    value: Any = frame.item()
    return value if value is None else date.fromisoformat(str(value))


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2026-03-16", "Pacific/Kiritimati", date(2026, 3, 16)),
        ("2026-03-16T00:00:00Z", "America/New_York", date(2026, 3, 16)),
        ("2026-03-16T00:00:00.000Z", "America/New_York", date(2026, 3, 16)),
        ("2026-03-16T00:00:00.001Z", "America/New_York", date(2026, 3, 15)),
        ("2026-04-01T01:09:00Z", "America/Phoenix", date(2026, 3, 31)),
        ("2026-03-29T00:59:59Z", "Europe/Berlin", date(2026, 3, 29)),
        ("2026-03-28T23:00:00Z", "Europe/Berlin", date(2026, 3, 29)),  # the day on which clocks go forward
        ("2026-03-29T21:59:59Z", "Europe/Berlin", date(2026, 3, 29)),
        ("2026-03-29T22:00:00Z", "Europe/Berlin", date(2026, 3, 30)),
        ("soon", "UTC", None),
        ("2026-02-30", "UTC", None),
        ("", "UTC", None),
    ],
)
def test_the_day_a_close_date_stands_for(text: str, zone: str, day: date | None) -> None:
    assert day_of(text, zone) == day


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-03-16T03:59:59", "America/New_York", date(2026, 3, 15)),
        ("2026-03-16T04:00:00", "America/New_York", date(2026, 3, 16)),
        ("2026-01-16T04:59:59", "America/New_York", date(2026, 1, 15)),
        ("2026-01-16T05:00:00", "America/New_York", date(2026, 1, 16)),
        ("2026-03-15T10:00:00", "Pacific/Kiritimati", date(2026, 3, 16)),
        ("2026-03-16T10:59:59", "Pacific/Pago_Pago", date(2026, 3, 15)),
    ],
)
def test_today_is_the_organisations(instant: str, zone: str, day: date) -> None:
    assert facts.today(datetime.fromisoformat(instant).replace(tzinfo=UTC), zone) == day


RUNGS: dict[str, tuple[str, str, str | None, Rung | None]] = {
    "on the ladder": ("new", "Evaluate", None, 3),
    "closed on the ladder": ("new", "Won", None, "won"),
    "on no ladder": ("new", "Odd", None, None),
    "on no ladder, closed in the CRM": ("new", "Odd", "lost", "lost"),
    "open on the ladder although the CRM closes it": ("new", "Evaluate", "won", 3),
    "another pipeline": ("else", "Evaluate", None, None),
    "rung zero is a rung": ("new", "Prospect", None, 0),
}


@pytest.mark.parametrize(("pipeline", "stage", "closed", "rung"), RUNGS.values(), ids=RUNGS)
def test_the_rung_of_a_stage(pipeline: str, stage: str, closed: str | None, rung: Rung | None) -> None:
    assert facts.rung_of(terms(), pipeline, stage, closed) == rung


def test_a_ladder_for_any_pipeline_serves_those_without_their_own() -> None:
    general = terms(ladders={"*": {"Evaluate": 2}, "new": LADDER})
    assert facts.rung_of(general, "else", "Evaluate") == 2
    assert facts.rung_of(general, "new", "Evaluate") == 3
    assert facts.rung_of(general, "else", "Propose") is None


def test_a_stage_that_the_crm_no_longer_has_still_has_its_rung() -> None:
    gone = [each for each in around() if each.id != "new/Evaluate"]
    row = known([*gone, deal(rung=3)]).deals.row(0, named=True)
    assert (row["state"], row["rung"]) == (OPEN, 3)


@pytest.mark.parametrize(("stage", "state"), [("Won", WON), ("Odd", UNMAPPED), ("Prospect", OPEN)])
def test_the_state_of_a_deal(stage: str, state: str) -> None:
    assert known([*around(), deal(stage=stage)]).deals["state"].to_list() == [state]


def test_rows_that_refer_to_nothing_are_left_out_and_break_nothing() -> None:
    stray: list[Record] = [
        link("nobody", "authority"),
        link("dana", "authority", "nowhere"),
        event("email_in", 3, "nobody"),
        event("email_in", 3, "dana", on="nowhere"),
        change("amount", 3, "1", "2", "nowhere"),
    ]
    plain, more = known(clean()), known([*clean(), *stray])
    assert more.links.height == plain.links.height
    assert more.acts.height == plain.acts.height
    assert more.history.height == plain.history.height
    assert known([*around(), deal(company="nowhere")]).deals["company"].to_list() == [None]


def chain(*ids: str) -> list[Record]:
    """People of whom each was merged into the next."""
    pairs = zip(ids, [*ids[1:], None], strict=True)
    return [Person(id=one, name=one, merged_into=two) for one, two in pairs]


def survivor(people: list[Record], who: str) -> str:
    built = known([*stages(), *people, deal(), Link(id="l", deal="d1", person=who, role="user")])
    return str(built.people["id"][built.links["person"][0]])


def test_a_chain_of_merges_ends_at_the_last() -> None:
    people = chain(*"abcdefghij")
    assert {survivor(people, who) for who in "abcdefghij"} == {"j"}


def test_merges_in_a_ring_still_end_somewhere() -> None:
    ring: list[Record] = [Person(id=a, name=a, merged_into=b) for a, b in ("ab", "bc", "ca")]
    assert survivor(ring, "a") in {"a", "b", "c"}


def test_a_merge_into_somebody_unknown_is_no_merge() -> None:
    assert survivor([Person(id="a", name="a", merged_into="zz")], "a") == "a"


def test_roles_of_merged_people_meet() -> None:
    people: list[Record] = [Person(id="a", name="A", merged_into="b"), Person(id="b", name="B")]
    links = [link("a", "authority"), link("b", "champion")]
    built = known([*stages(), *people, deal(), *links])
    assert built.links["person"].n_unique() == 1
    assert set(built.links["role"]) == {"authority", "champion"}


def test_a_company_and_its_survivor_are_one() -> None:
    merged = [company(merged_into="group"), company(id="group", name="Acme Group")]
    built = known([*stages(), *merged, deal()])
    assert built.companies.row(built.deals["company"][0], named=True)["name"] == "Acme Group"


NAMES = ['q"uote', "back\\slash", 'both\\"', 'comma","', "Zoë", "[x]", "\u2028", "x\ty"]


@pytest.mark.parametrize("name", NAMES)
def test_ids_may_hold_anything(name: str) -> None:
    people: list[Record] = [Person(id=name, name="P"), Person(id="plain", name="Q")]
    records = [*stages(), *people, deal(name), event("email_in", 3, "plain", name, on=name, topics=(name, "demo"))]
    built = known(records)
    assert built.acts.height == 2
    assert set(built.topics) == {name, "demo"}


def test_an_event_on_no_known_deal_is_not_an_event_on_no_deal() -> None:
    built = known([*clean(), event("email_in", 3, "lee", on="nowhere"), event("email_out", 3, "lee", on=())])
    assert built.acts.filter(pl.col("deal").is_null())["kind"].to_list() == ["email_out"]


def test_history_is_put_in_order_and_freed_of_what_is_none() -> None:
    rows = [
        change("stage", 5, "Propose", "Negotiate"),
        change("stage", 9, "Evaluate", "Propose"),
        change("stage", 7, "Propose", "Propose"),
        change("stage", 6, "Propose", "Evaluate", by="robot"),
    ]
    built = known([*around(), deal(), *rows])
    assert built.history["old"].to_list() == ["Evaluate", "Propose"]


def test_without_a_user_of_ours_nothing_is_ours() -> None:
    row = replace(change("stage", 9, "Evaluate", "Propose"), by=None)
    assert known([*around(), deal(), row], user=None).history.height == 1
    assert known([*around(), deal(), row]).history.height == 1


def test_cases_are_all_deals_or_those_that_were_named() -> None:
    built = known([*around(), deal("a"), deal("b", 3), deal("c", stage="Won")])
    assert facts.cases(built)["id"].to_list() == ["a", "b", "c"]
    assert facts.cases(built, ["c", "zz", "a"])["id"].to_list() == ["a", "c"]
    assert facts.cases(built, []).is_empty()


def test_an_organisation_without_anything_is_one_too() -> None:
    built = known([])
    assert (built.deals.height, built.acts.height, built.recorded.height) == (0, 0, 0)


def test_more_topics_than_can_be_told_apart_are_refused_in_one_line() -> None:
    many = [event("meeting_held", 3, "noa", topics=(f"topic{n}",)) for n in range(facts.MOST_TOPICS + 1)]
    numbered = [replace(each, id=f"e{n}") for n, each in enumerate(many)]
    assert len(known([*clean(), *numbered[: facts.MOST_TOPICS - 3]]).topics) <= facts.MOST_TOPICS
    with pytest.raises(FixConfig, match="map fewer under `topics`"):
        known([*clean(), *numbered])
