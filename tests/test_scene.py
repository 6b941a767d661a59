"""Who and what was there; which sources recorded anything for whom (ruling 35)."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from crm_audit.domain import BUYER_ACTS, SOURCES, Event, Record
from crm_audit.scene import Scene, moments
from tests.builders import NOW, ago, around, ask, at, but, clean, deal, event, known, link, said

HEARD = {"evidence": {"buyer_acts": True, "within": 30}}
ATTESTED = {"evidence": {"kinds": ["attestation"], "within": 30}}
CALLED = {"evidence": {"kinds": ["call_connected"], "within": 30}}
LIVE = 30
"""Days in which a source must have recorded something for the owner."""


def quiet(*more: Record, owner: str | None = "olga") -> list[Record]:
    """A deal of whose buyer nothing was heard, beside other deals."""
    return [*around(), deal(owner=owner), link("lee", "champion"), deal("d2", owner="olga"), *more]


def logged(days: int, *, on: str = "d2", **changes: object) -> Event:
    """A mail that was logged so many days ago, on another deal of Olga's."""
    return event("email_out", days, "noa", on=on, **changes)


SILENT: dict[str, tuple[list[Record], tuple[str, str | None]]] = {
    "nobody ever logged anything": (quiet(), ("unknown", "no_source")),
    "a mail on another deal of the owner": (quiet(logged(3)), ("fails", "none")),
    "thirty days ago": (quiet(logged(30)), ("fails", "none")),
    "thirty-one days ago": (quiet(logged(31)), ("unknown", "no_source")),
    "a mail on somebody else's deal": (
        quiet(deal("d3", owner="otto"), logged(3, on="d3")),
        ("unknown", "no_source"),
    ),
    "recorded by the owner on somebody else's deal": (
        quiet(deal("d3", owner="otto"), logged(3, on="d3", by="olga")),
        ("fails", "none"),
    ),
    "recorded by the owner on no deal": (quiet(event("email_out", 3, "noa", on=(), by="olga")), ("fails", "none")),
    "recorded by nobody on no deal": (quiet(event("email_out", 3, "noa", on=())), ("unknown", "no_source")),
    "recorded by our own user": (quiet(logged(3, by="robot")), ("unknown", "no_source")),
    "long ago, but recorded lately": (quiet(logged(90, recorded_at=at(3))), ("fails", "none")),
    "lately, but recorded tomorrow": (quiet(logged(3, recorded_at=at(-1))), ("unknown", "no_source")),
    "planned, and recorded lately": (
        quiet(event("meeting_held", -9, "noa", on="d2", recorded_at=at(3))),
        ("fails", "none"),
    ),
    "a deal of nobody, and somebody logs": (quiet(logged(3), owner=None), ("fails", "none")),
    "a deal of nobody, and a mail on another deal of nobody": (
        quiet(deal("d3", owner=None), logged(3, on="d3"), owner=None),
        ("fails", "none"),
    ),
    "a deal of nobody, and nobody logs": (quiet(owner=None), ("unknown", "no_source")),
    "a deal of nobody, long ago": (quiet(logged(31), owner=None), ("unknown", "no_source")),
}


@pytest.mark.parametrize(("records", "outcome"), SILENT.values(), ids=SILENT)
def test_silence_counts_only_where_a_source_lives(records: list[Record], outcome: tuple[str, str | None]) -> None:
    assert ask(records, HEARD, source_days=LIVE) == outcome


def test_a_source_speaks_for_its_own_kinds_only() -> None:
    records = quiet(logged(3))
    assert ask(records, CALLED, source_days=LIVE) == ("unknown", "no_source")
    assert ask(quiet(event("call_connected", 9, "noa", on="d2")), CALLED, source_days=LIVE) == ("fails", "none")


def test_a_mailbox_that_logs_outgoing_mail_also_logs_replies() -> None:
    asked = {"evidence": {"kinds": ["email_in"], "within": 30}}
    assert ask(quiet(logged(3)), asked, source_days=LIVE) == ("fails", "none")


def test_attestations_live_once_there_is_a_place_for_them() -> None:
    assert ask(quiet(), ATTESTED, source_days=LIVE) == ("fails", "none")
    assert ask(quiet(), ATTESTED, source_days=LIVE, unconnected=frozenset({"attestation"})) == ("unknown", "no_source")


def test_what_cannot_be_read_does_not_live_whatever_was_recorded() -> None:
    dead = frozenset({"email_in", "email_out"})
    assert ask(quiet(logged(3)), HEARD, source_days=LIVE, unconnected=dead) == ("unknown", "no_source")


def test_what_was_seen_counts_also_where_its_source_has_died() -> None:
    records = quiet(event("email_in", 29, "lee", recorded_at=at(29)))
    assert ask(records, HEARD, source_days=10) == ("holds", None)
    old = quiet(event("email_in", 40, "lee"))
    assert ask(old, HEARD, source_days=10) == ("unknown", "no_source")


def test_the_window_of_a_source_can_be_set() -> None:
    assert ask(quiet(logged(8)), HEARD, source_days=7) == ("unknown", "no_source")
    assert ask(quiet(logged(7)), HEARD, source_days=7) == ("fails", "none")


def test_the_window_turns_at_the_organisations_midnight() -> None:
    late = logged(0, at=datetime(2026, 2, 14, 4, 59, 59, tzinfo=UTC))  # 13 February in New York: 31 days
    assert ask(quiet(late), HEARD, source_days=LIVE) == ("unknown", "no_source")
    assert ask(quiet(late), HEARD, source_days=LIVE, zone="UTC") == ("fails", "none")


def test_an_owner_who_logs_nothing_is_never_accused() -> None:
    records = but(clean(), Event)
    seen = said(records, source_days=LIVE, unconnected=frozenset({"attestation"}))
    assert seen.why == {}
    assert set(seen.unsure.values()) == {"no_source"}
    assert seen.verdict == "unverifiable"
    assert seen.action == "annotate"


def test_where_an_owner_can_attest_a_price_that_nobody_saw_is_missing() -> None:
    seen = said(but(clean(), Event), source_days=LIVE)
    assert seen.why == {"CQ-OPP-PRICED": "none", "CQ-STK-PRICE": "none"}


def test_two_owners_are_judged_each_by_their_own_sources() -> None:
    records = [
        *around(),
        *[each for name, owner in (("d1", "olga"), ("d2", "otto")) for each in (deal(name, 1, owner=owner),)],
        deal("d3", 0, owner="otto"),
        event("email_out", 3, "noa", on="d3"),
    ]
    assert said(records, "d1", source_days=LIVE).unsure == {"CQ-STK-CONTACT": "no_source"}
    assert "CQ-STK-CONTACT" in said(records, "d2", source_days=LIVE).why


# --- moments ---------------------------------------------------------------------------------------------------------


def test_moments_are_numbered_once_each_with_their_day() -> None:
    facts = known([*around(), deal("a"), deal("b")])
    late = datetime(2026, 3, 17, 3, 59, tzinfo=UTC)
    table = moments(facts, [(1, NOW), (0, late), (1, NOW), (1, late)])
    assert table["m"].to_list() == [0, 1, 2]
    assert table["deal"].to_list() == [1, 0, 1]
    assert table["today"].to_list() == [ago(0)] * 3
    assert moments(facts, []).is_empty()


def test_people_of_one_deal_are_not_seen_on_another() -> None:
    facts = known([*around(), deal("a"), deal("b"), link("dana", "authority", "a"), link("lee", "user", "b")])
    scene = Scene(facts, moments(facts, [(0, NOW), (1, NOW)]))
    assert scene.eligible.sort("m")["role"].to_list() == ["authority", "user"]
    assert scene.of(scene.moments[1:]).eligible["role"].to_list() == ["user"]


def test_an_act_of_two_people_is_one_act_of_each() -> None:
    facts = known([*around(), deal(), event("meeting_held", 3, "dana", "lee", declined=("lee",))])
    acts = Scene(facts, moments(facts, [(0, NOW)])).acts
    assert acts.height == 1
    assert acts["age"].to_list() == [3]


def test_every_source_has_a_flag_for_every_moment() -> None:
    facts = known(quiet(logged(3)), source_days=LIVE)
    scene = Scene(facts, moments(facts, [(0, NOW), (1, NOW)]))
    assert scene.connected.columns == ["m", *SOURCES]
    assert scene.connected["mail"].to_list() == [True, True]
    assert scene.connected.null_count().sum_horizontal().item() == 0
    assert scene.has_source(BUYER_ACTS)["connected"].to_list() == [True, True]
    assert scene.has_source(()).select(pl.col("connected").any()).item() is False


def test_who_was_removed_and_who_changed_roles() -> None:
    gone = link("dana", "authority", valid_to=ago(0))
    facts = known([*around(), deal(), gone, link("lee", "champion", valid_to=ago(1)), link("lee", "user")])
    former = Scene(facts, moments(facts, [(0, NOW)])).former
    assert set(former.select("role", "why").iter_rows()) == {
        ("authority", "contact_removed"),
        ("champion", "role_changed"),
    }
