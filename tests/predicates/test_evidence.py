"""Who did what, how recently, how strongly, about what, and at which price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm_audit.domain import BUYER_ACTS, STRENGTH, Event, Person, Rate, Record
from tests.builders import DANA, NOW, ago, around, ask, at, but, change, deal, event, link, proof

HEARD = {"evidence": {"buyer_acts": True, "within": 30}}
SEEN_PRICE = {"evidence": {"by": {"role": "authority"}, "topic": "pricing", "min_strength": 2, "within": 90}}
PRICE_NOW = {"evidence": {**SEEN_PRICE["evidence"], "amount_tolerance": 0.10}}
PRICING: Mapping[str, Any] = {"topics": ("pricing",)}


def scene(*more: Record, amount: int | None = 100_000, currency: str = "USD") -> list[Record]:
    """A deal on which Dana decides and Lee is champion."""
    money = None if amount is None else Decimal(amount)
    return [
        *around(),
        deal(amount=money, currency=currency),
        link("dana", "authority"),
        link("lee", "champion"),
        *more,
    ]


def meeting(days: int, *people: str, on: str | tuple[str, ...] = "d1", **changes: object) -> Event:
    return event("meeting_held", days, *people, on=on, **changes)


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "status"), [(0, "holds"), (30, "holds"), (31, "fails")])
def test_the_last_day_of_a_window_is_inside(days: int, status: str) -> None:
    assert ask(scene(meeting(days, "lee")), HEARD)[0] == status


@pytest.mark.parametrize(
    ("local", "status"),
    [
        (datetime(2026, 2, 14, 4, 59, 59, tzinfo=UTC), "fails"),  # 13 February, 23:59:59 in New York: 31 days
        (datetime(2026, 2, 14, 5, 0, tzinfo=UTC), "holds"),  # midnight of the 14th: 30 days
    ],
)
def test_a_window_begins_at_the_organisations_midnight_across_a_change_of_clocks(local: datetime, status: str) -> None:
    assert ask(scene(meeting(0, "lee", at=local)), HEARD)[0] == status


def test_no_answer_changes_within_a_local_day() -> None:
    told = scene(meeting(0, "lee", at=datetime(2026, 2, 14, 12, tzinfo=UTC)))
    for clock in (datetime(2026, 3, 16, 4, 0, tzinfo=UTC), datetime(2026, 3, 17, 3, 59, 59, tzinfo=UTC)):
        assert ask(told, HEARD, as_of=clock) == ("holds", None)
    assert ask(told, HEARD, as_of=datetime(2026, 3, 17, 4, 0, tzinfo=UTC)) == ("fails", "stale")


@pytest.mark.parametrize(("rung", "status"), [(0, "holds"), (2, "holds"), (3, "holds"), (4, "fails"), (5, "fails")])
def test_a_window_may_differ_by_rung(rung: int, status: str) -> None:
    asked = {"evidence": {"buyer_acts": True, "within": {2: 45, 4: 21}}}
    assert ask(scene(meeting(30, "lee")), asked, rung)[0] == status


def test_a_day_without_a_time_counts_on_that_day() -> None:
    assert ask(scene(meeting(0, "lee", at=ago(0))), HEARD) == ("holds", None)
    assert ask(scene(meeting(0, "lee", at=ago(30))), HEARD) == ("holds", None)
    assert ask(scene(meeting(0, "lee", at=ago(31))), HEARD) == ("fails", "stale")
    assert ask(scene(meeting(0, "lee", at=ago(-1))), HEARD) == ("fails", "none")


# --- what does not count ---------------------------------------------------------------------------------------------

NOTHING: dict[str, list[Record]] = {
    "nothing at all": [],
    "a meeting tomorrow": [meeting(-1, "lee")],
    "a meeting in a minute": [meeting(0, "lee", at=NOW + timedelta(minutes=1))],
    "a meeting that still goes on": [meeting(0, "lee", at=NOW - timedelta(hours=1), ends_at=NOW + timedelta(hours=1))],
    "a no-show": [meeting(3, "lee", outcome="NO_SHOW")],
    "a no-show in other letters": [meeting(3, "lee", outcome="No_Show")],
    "a cancelled meeting": [meeting(3, "lee", outcome="CANCELED")],
    "a meeting put off": [meeting(3, "lee", outcome="RESCHEDULED")],
    "a declined meeting": [meeting(3, "lee", declined=("lee",))],
    "an automatic answer": [event("email_in", 3, "lee", automatic=True)],
    "what we wrote ourselves": [event("email_in", 3, "lee", by="robot")],
    "a mail we sent": [event("email_out", 3, "lee")],
    "an open": [event("email_open", 3, "lee")],
    "a click": [event("link_click", 3, "lee")],
    "what somebody reported": [event("attestation", 3, "lee")],
    "a seller's word on a quote": [event("quote_reported", 3, "lee")],
    "a task to do": [event("task_open", 3, "lee")],
    "somebody who is not on the deal": [meeting(3, "sam")],
    "nobody who is known": [meeting(3, "stranger")],
    "nobody named": [meeting(3)],
    "another deal": [deal("d2"), link("lee", "champion", "d2"), meeting(3, "lee", on="d2")],
    "a deal that is not known": [meeting(3, "lee", on="d9")],
}


@pytest.mark.parametrize("more", NOTHING.values(), ids=NOTHING)
def test_it_is_no_sign_from_the_buyer(more: list[Record]) -> None:
    assert ask(scene(*more), HEARD) == ("fails", "none")


COUNTS: dict[str, list[Record]] = {
    "a meeting without an outcome": [meeting(3, "lee")],
    "a meeting that was completed": [meeting(3, "lee", outcome="COMPLETED")],
    "a meeting still called scheduled": [meeting(3, "lee", outcome="SCHEDULED")],
    "a meeting that has just ended": [meeting(0, "lee", at=NOW - timedelta(hours=1), ends_at=NOW)],
    "a mail this second": [event("email_in", 0, "lee", at=NOW)],
    "one of several who came": [meeting(3, "dana", "lee", declined=("dana",))],
    "several deals at once": [deal("d2"), meeting(3, "lee", on=("d1", "d2"))],
    "the same deal twice": [meeting(3, "lee", on=("d1", "d1"))],
    "the same person twice": [meeting(3, "lee", "lee")],
    "somebody without a role": [link("noa", "unassigned"), meeting(3, "noa")],
}


@pytest.mark.parametrize("more", COUNTS.values(), ids=COUNTS)
def test_it_is_a_sign_from_the_buyer(more: list[Record]) -> None:
    assert ask(scene(*more), HEARD) == ("holds", None)


@pytest.mark.parametrize("kind", sorted(set(STRENGTH) - {"task_open"}))
def test_exactly_the_buyer_acts_are_signs(kind: str) -> None:
    assert ask(scene(event(kind, 3, "lee")), HEARD)[0] == ("holds" if kind in BUYER_ACTS else "fails")


def test_strict_meetings_must_be_completed() -> None:
    for outcome, status in ((None, "fails"), ("SCHEDULED", "fails"), ("completed", "holds")):
        assert ask(scene(meeting(3, "lee", outcome=outcome)), HEARD, strict_meetings=True)[0] == status
    assert ask(scene(event("email_in", 3, "lee")), HEARD, strict_meetings=True)[0] == "holds"


# --- whose deal ------------------------------------------------------------------------------------------------------

LOOSE = event("call_connected", 3, "lee", on=())
SECOND: list[Record] = [deal("d2"), link("lee", "user", "d2")]
ADOPTED: dict[str, tuple[list[Record], str]] = {
    "on this one open deal only": ([], "holds"),
    "on a second open deal": (SECOND, "fails"),
    "on a second deal that is closed": ([deal("d2", stage="Lost"), link("lee", "user", "d2")], "holds"),
    "on a second deal whose stage is not mapped": ([deal("d2", stage="Odd"), link("lee", "user", "d2")], "fails"),
    "on a second deal until yesterday": ([deal("d2"), link("lee", "user", "d2", valid_to=ago(1))], "holds"),
    "on a second deal until tomorrow": ([deal("d2"), link("lee", "user", "d2", valid_to=ago(-1))], "fails"),
    "in two roles on this deal": ([link("lee", "user")], "holds"),
}


@pytest.mark.parametrize(("more", "status"), ADOPTED.values(), ids=ADOPTED)
def test_an_event_on_no_deal_counts_for_people_with_one_deal(more: list[Record], status: str) -> None:
    assert ask(scene(LOOSE, *more), HEARD)[0] == status


@pytest.mark.parametrize(("days", "status"), [(10, "holds"), (11, "fails")])
def test_an_event_on_no_deal_counts_from_the_day_of_creation(days: int, status: str) -> None:
    records = but(scene(event("call_connected", days, "lee", on=())), "d1", add=[deal(created=at(10))])
    assert ask(records, HEARD)[0] == status


# --- whose act -------------------------------------------------------------------------------------------------------


def test_evidence_follows_the_person_and_the_requirement_the_role() -> None:
    records = but(scene(meeting(20, "dana", **PRICING)), "d1-dana-authority")
    before = [*records, link("dana", "authority", valid_from=ago(2))]
    assert ask(before, SEEN_PRICE) == ("holds", None)


FORMERS: dict[str, tuple[list[Record], str]] = {
    "left": ([replace(DANA, left_on=ago(1)), link("dana", "authority")], "contact_left"),
    "deleted": ([replace(DANA, deleted=True), link("dana", "authority")], "contact_deleted"),
    "removed": ([DANA, link("dana", "authority", valid_to=ago(1))], "contact_removed"),
    "role changed": ([DANA, link("dana", "authority", valid_to=ago(1)), link("dana", "user")], "role_changed"),
    "never decided": ([DANA, link("dana", "user")], "none"),
}


@pytest.mark.parametrize(("more", "reason"), FORMERS.values(), ids=FORMERS)
def test_what_people_saw_who_no_longer_decide_does_not_count(more: list[Record], reason: str) -> None:
    told = [*more, link("noa", "authority"), meeting(20, "dana", **PRICING)]
    records = but(scene(*told), "dana", "d1-dana-authority", add=told)
    assert ask(records, SEEN_PRICE) == ("fails", reason)


@pytest.mark.parametrize(("days", "reason"), [(90, "contact_removed"), (91, "none")])
def test_a_former_decider_is_named_inside_the_window_only(days: int, reason: str) -> None:
    gone = link("dana", "authority", valid_to=ago(1))
    records = but(scene(meeting(days, "dana", **PRICING)), "d1-dana-authority", add=[gone, link("noa", "authority")])
    assert ask(records, SEEN_PRICE) == ("fails", reason)


def test_one_of_ours_is_no_buyer() -> None:
    olaf = Person(id="olaf", name="Olaf Own", domain="seller.example")
    assert ask(scene(olaf, link("olaf", "champion"), meeting(3, "olaf")), HEARD) == ("fails", "none")


def test_a_partner_is_no_buyer() -> None:
    assert ask(scene(link("noa", "partner"), meeting(3, "noa")), HEARD) == ("fails", "none")


def test_several_roles_may_be_asked() -> None:
    asked = {"evidence": {"by": {"role": ["user", "champion"]}, "buyer_acts": True, "within": 30}}
    assert ask(scene(meeting(3, "lee")), asked) == ("holds", None)
    assert ask(scene(meeting(3, "dana")), asked) == ("fails", "none")


@pytest.mark.parametrize(
    ("people", "outcome"),
    [
        (["lee", "dana"], ("holds", None)),
        (["lee"], ("fails", "count")),
        (["lee", "lee2"], ("fails", "count")),  # a record merged into Lee
        ([], ("fails", "count")),
    ],
)
def test_so_many_different_people(people: list[str], outcome: tuple[str, str | None]) -> None:
    double = Person(id="lee2", name="Lee Park", merged_into="lee")
    asked = {"evidence": {"buyer_acts": True, "within": 30, "min_people": 2}}
    records = scene(double, link("lee2", "user"), *[meeting(3 + n, who) for n, who in enumerate(people)])
    assert ask(records, asked) == outcome


def test_the_second_freshest_person_decides() -> None:
    asked = {"evidence": {"buyer_acts": True, "within": {4: 30, 5: 29}, "min_people": 2}}
    records = scene(meeting(1, "lee"), meeting(30, "dana"), meeting(3, "lee"))
    assert ask(records, asked, 4) == ("holds", None)
    assert ask(records, asked, 5) == ("fails", "count")
    assert dict(proof(records, asked, 5).steps[0].observed)["n"] == 1


# --- strength and topic ----------------------------------------------------------------------------------------------

SENT: dict[str, tuple[list[Record], tuple[str, str | None]]] = {
    "in a meeting": ([meeting(9, "dana", **PRICING)], ("holds", None)),
    "reported": ([event("attestation", 9, "dana", **PRICING)], ("holds", None)),
    "sent only": ([event("quote_sent", 9, "dana", **PRICING)], ("fails", "only_sent")),
    "opened only": ([event("email_open", 9, "dana", **PRICING)], ("fails", "only_sent")),
    "clicked only": ([event("link_click", 9, "dana", **PRICING)], ("fails", "only_sent")),
    "sent to another": ([event("quote_sent", 9, "lee", **PRICING)], ("fails", "none")),
    "another topic": ([meeting(9, "dana", topics=("demo",))], ("fails", "none")),
    "no topic": ([meeting(9, "dana")], ("fails", "none")),
    "two topics": ([meeting(9, "dana", topics=("demo", "pricing"))], ("holds", None)),
    "long ago": ([meeting(91, "dana", **PRICING)], ("fails", "stale")),
    "long ago, sent since": (
        [meeting(91, "dana", **PRICING), event("quote_sent", 3, "dana", **PRICING)],
        ("fails", "stale"),
    ),
    "tomorrow": ([meeting(-1, "dana", **PRICING)], ("fails", "none")),
}


@pytest.mark.parametrize(("more", "outcome"), SENT.values(), ids=SENT)
def test_what_counts_as_having_seen_the_price(more: list[Record], outcome: tuple[str, str | None]) -> None:
    assert ask(scene(*more), SEEN_PRICE) == outcome


def test_a_topic_of_which_nobody_ever_heard_is_no_evidence() -> None:
    asked = {"evidence": {"topics": ["business_case", "pilot"], "within": 90}}
    assert ask(scene(meeting(9, "dana", **PRICING)), asked) == ("fails", "none")
    assert ask(scene(meeting(9, "dana", topics=("pilot",))), asked) == ("holds", None)


def test_a_topic_that_is_asked_twice_is_no_other_topic() -> None:
    acts = [meeting(99, "dana", topics=("demo",)), meeting(9, "dana", topics=("evaluation",))]
    assert ask(scene(*acts), {"evidence": {"topics": ["demo", "demo"], "within": 90}}) == ("fails", "stale")


TWO_DEALS: list[Record] = [deal("d2"), link("dana", "authority", "d2"), meeting(9, "dana", on=("d1", "d2"), **PRICING)]


def test_topics_of_several_deals_count_for_each_only_where_the_crm_links_by_hand() -> None:
    assert ask(scene(*TWO_DEALS), SEEN_PRICE, shared_topics=True) == ("holds", None)
    assert ask(scene(*TWO_DEALS), SEEN_PRICE, shared_topics=False) == ("fails", "none")
    assert ask(scene(*TWO_DEALS), HEARD, shared_topics=False) == ("holds", None)  # as an act it counts for each


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"named": ("d1",)}, ("holds", None)),
        ({"named": ("d2",)}, ("fails", "none")),
        ({"named": ("d1", "d2")}, ("holds", None)),
    ],
)
def test_topics_count_for_the_deal_that_is_named(
    changes: Mapping[str, object], outcome: tuple[str, str | None]
) -> None:
    several = [*TWO_DEALS[:2], meeting(9, "dana", on=("d1", "d2"), **PRICING, **changes)]
    assert ask(scene(*several), SEEN_PRICE, shared_topics=False) == outcome


def test_topics_count_where_the_other_deal_is_closed() -> None:
    closed = [deal("d2", stage="Won"), *TWO_DEALS[1:]]
    assert ask(scene(*closed), SEEN_PRICE, shared_topics=False) == ("holds", None)


# --- the price as it is now ------------------------------------------------------------------------------------------

ROSE = {  # amount at the meeting -> outcome at 100,000 today
    "90909.10": ("holds", None),  # just under 10 % more
    "90909.09": ("fails", "superseded_amount"),
    "100000": ("holds", None),
    "200000": ("holds", None),  # cheaper now
    "0": ("fails", "superseded_amount"),
}


@pytest.mark.parametrize(("then", "outcome"), ROSE.items())
def test_the_amount_may_rise_by_ten_per_cent(then: str, outcome: tuple[str, str | None]) -> None:
    records = scene(meeting(20, "dana", **PRICING), change("amount", 5, then, "100000"))
    assert ask(records, PRICE_NOW) == outcome


@pytest.mark.parametrize(("quote", "outcome"), [("91000", ("holds", None)), ("90909", ("fails", "superseded_amount"))])
def test_a_quoted_total_stands_before_the_amount_of_the_day(quote: str, outcome: tuple[str, str | None]) -> None:
    quoted = meeting(20, "dana", **PRICING, quoted_amount=Decimal(quote), quoted_currency="USD")
    assert ask(scene(quoted, change("amount", 5, "1", "100000")), PRICE_NOW) == outcome


def test_exactly_ten_per_cent_is_fine() -> None:
    records = but(scene(meeting(20, "dana", **PRICING), change("amount", 5, "100000", "110000")), "d1")
    assert ask([*records, deal(amount=Decimal(110_000))], PRICE_NOW) == ("holds", None)
    assert ask([*records, deal(amount=Decimal("110000.01"))], PRICE_NOW) == ("fails", "superseded_amount")


def test_one_act_at_the_present_price_is_enough() -> None:
    records = scene(
        meeting(20, "dana", **PRICING), meeting(3, "dana", **PRICING), change("amount", 5, "50000", "100000")
    )
    assert ask(records, PRICE_NOW) == ("holds", None)


def test_an_act_after_the_window_does_not_count_at_any_price() -> None:
    records = scene(meeting(91, "dana", **PRICING), change("amount", 95, "50000", "100000"))
    assert ask(records, PRICE_NOW) == ("fails", "stale")
    newer = [*records, meeting(20, "dana", **PRICING), change("amount", 5, "100000", "100001")]
    assert ask(newer, PRICE_NOW) == ("holds", None)


def test_a_deal_without_an_amount_is_not_tested() -> None:
    records = scene(meeting(20, "dana", **PRICING), change("amount", 5, "50000", None), amount=None)
    assert ask(records, PRICE_NOW) == ("holds", None)


def test_before_the_first_change_the_amount_was_its_old_value() -> None:
    rows: list[Record] = [change("amount", 10, "95000", "98000"), change("amount", 5, "98000", "100000")]
    assert ask(scene(meeting(20, "dana", **PRICING), *rows), PRICE_NOW) == ("holds", None)
    rows = [change("amount", 10, "50000", "98000"), change("amount", 5, "98000", "100000")]
    assert ask(scene(meeting(20, "dana", **PRICING), *rows), PRICE_NOW) == ("fails", "superseded_amount")


def test_an_act_on_a_day_saw_the_amount_at_the_end_of_that_day() -> None:
    seen = meeting(5, "dana", **PRICING, at=ago(5))
    assert ask(scene(seen, change("amount", 5, "50000", "100000")), PRICE_NOW) == ("holds", None)
    assert ask(scene(seen, change("amount", 4, "50000", "100000")), PRICE_NOW) == ("fails", "superseded_amount")


def euros(quote: str) -> list[Record]:
    quoted = meeting(20, "dana", **PRICING, quoted_amount=Decimal(quote), quoted_currency="EUR")
    return scene(quoted)


def test_a_quote_in_another_currency_is_converted_at_todays_rate() -> None:
    rates = [
        Rate(id="old", currency="EUR", units=Decimal(2), valid_from=date(2020, 1, 1)),
        Rate(id="now", currency="EUR", units=Decimal("1.25"), valid_from=ago(0)),
        Rate(id="then", currency="EUR", units=Decimal(9), valid_from=ago(-1)),
    ]
    assert ask([*euros("80000"), *rates], PRICE_NOW) == ("holds", None)
    assert ask([*euros("72728"), *rates], PRICE_NOW) == ("holds", None)
    assert ask([*euros("72727"), *rates], PRICE_NOW) == ("fails", "superseded_amount")


def test_without_a_rate_nobody_can_tell() -> None:
    assert ask(euros("80000"), PRICE_NOW) == ("unknown", "no_rate")
    assert ask([*euros("80000"), meeting(5, "dana", **PRICING)], PRICE_NOW) == ("holds", None)
    worthless = Rate(id="r", currency="EUR", units=Decimal(0))
    assert ask([*euros("80000"), worthless], PRICE_NOW) == ("unknown", "no_rate")


@pytest.mark.parametrize(("hour", "status"), [(15, "holds"), (23, "holds"), (24, "fails"), (25, "fails")])
def test_that_day_ends_where_the_organisation_is(hour: int, status: str) -> None:
    midnight = datetime(2026, 3, 2, 5, tzinfo=UTC)  # in New York
    rose = replace(change("amount", 5, "100000", "200000"), at=midnight + timedelta(hours=hour))
    seen = event("quote_reported", 0, "dana", at=date(2026, 3, 2), **PRICING)
    assert ask(scene(seen, rose, amount=200_000), PRICE_NOW)[0] == status


@pytest.mark.parametrize("hidden", ["amount", "history"])
def test_a_price_that_cannot_be_compared_is_unknown(hidden: str) -> None:
    records = scene(meeting(20, "dana", **PRICING), change("amount", 5, "50000", "100000"))
    assert ask(records, PRICE_NOW, unmapped=frozenset({hidden})) == ("unknown", "unmapped")


# --- what cannot be known --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ["contacts", "roles"])
def test_without_roles_nobody_knows_what_the_decider_did(hidden: str) -> None:
    for more in ([], [meeting(9, "dana", **PRICING)]):
        assert ask(scene(*more), SEEN_PRICE, unmapped=frozenset({hidden})) == ("unknown", "unmapped")


def test_without_roles_any_buyer_is_still_a_buyer() -> None:
    assert ask(scene(meeting(9, "dana")), HEARD, unmapped=frozenset({"roles"})) == ("holds", None)
    assert ask(scene(meeting(9, "dana")), HEARD, unmapped=frozenset({"contacts"})) == ("unknown", "unmapped")


def test_where_no_source_could_show_it_nothing_failed() -> None:
    dead = frozenset(BUYER_ACTS)
    assert ask(scene(), HEARD, unconnected=dead) == ("unknown", "no_source")
    assert ask(scene(meeting(40, "lee")), HEARD, unconnected=dead) == ("unknown", "no_source")
    assert ask(scene(meeting(3, "lee")), HEARD, unconnected=dead) == ("holds", None)


@pytest.mark.parametrize("alive", ["meeting_held", "email_in", "esign_viewed"])
def test_one_source_is_enough_to_say_that_nothing_was_there(alive: str) -> None:
    dead = frozenset(STRENGTH) - {alive}
    assert ask(scene(), HEARD, unconnected=dead) == ("fails", "none")
    asked = {"evidence": {"kinds": ["call_connected"], "within": 30}}
    assert ask(scene(), asked, unconnected=dead) == ("unknown", "no_source")
