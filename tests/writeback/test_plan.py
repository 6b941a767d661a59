"""The smallest set of writes."""

from __future__ import annotations

from collections.abc import Mapping

from crm_audit.connectors.base import Fields, Write
from crm_audit.writeback.plan import Places, Plan, plan

WANTED: Mapping[str, Places] = {
    "d1": {"verdict": {"status": "supported", "gap": 0}, "deal": {"link": "v1"}},
    "d2": {"verdict": {"status": "overstated", "gap": 3, "top": "Dana has not seen the price."}},
}
SHOWN: Mapping[str, Places] = {
    "d1": {"verdict": {"status": "supported", "gap": 0}, "deal": {"link": "v1"}},
    "d2": {"verdict": {"status": "overstated", "gap": 3, "top": "Dana has not seen the price."}},
}


def with_shown(deal: str, place: str, fields: Fields | None) -> Mapping[str, Places]:
    """What is shown, with one place changed, or gone."""
    places = {name: value for name, value in SHOWN[deal].items() if name != place}
    return {**SHOWN, deal: {**places, **({} if fields is None else {place: fields})}}


def test_nothing_is_written_when_nothing_changed() -> None:
    assert plan(WANTED, SHOWN) == Plan((), 2)


def test_nothing_is_written_where_nothing_is_wanted() -> None:
    assert plan({}, SHOWN) == Plan((), 0)
    assert plan({"d1": {}}, SHOWN) == Plan((), 1)


def test_a_place_that_is_not_there_is_made_whole() -> None:
    made = plan(WANTED, with_shown("d2", "verdict", None))
    assert made == Plan((Write("d2", "verdict", None, WANTED["d2"]["verdict"]),), 1)
    assert plan(WANTED, {}).unchanged == 0
    assert [(w.deal, w.place) for w in plan(WANTED, {}).writes] == [
        ("d1", "verdict"),
        ("d1", "deal"),
        ("d2", "verdict"),
    ]


def test_only_the_fields_that_differ_are_written() -> None:
    shown = with_shown("d2", "verdict", {"status": "overstated", "gap": 2, "top": "Dana has not seen the price."})
    assert plan(WANTED, shown).writes == (Write("d2", "verdict", {"gap": 2}, {"gap": 3}),)


def test_a_field_that_is_not_shown_counts_as_empty() -> None:
    shown = with_shown("d2", "verdict", {"status": "overstated", "gap": 3})
    (write,) = plan(WANTED, shown).writes
    assert (write.before, write.after) == ({"top": None}, {"top": "Dana has not seen the price."})
    empty = plan({"d1": {"verdict": {"top": None}}}, {"d1": {"verdict": {}}})
    assert empty == Plan((), 1)


def test_a_field_is_emptied_where_there_is_nothing_to_say() -> None:
    made = plan({"d1": {"verdict": {"top": None}}}, {"d1": {"verdict": {"top": "old"}}})
    assert made.writes == (Write("d1", "verdict", {"top": "old"}, {"top": None}),)


def test_fields_of_others_are_never_touched() -> None:
    shown = with_shown("d2", "verdict", {**SHOWN["d2"]["verdict"], "gap": 1, "stage": "Won", "amount": 7})
    (write,) = plan(WANTED, shown).writes
    assert set(write.after) == set(write.before or {}) == {"gap"}


def test_a_number_and_its_text_are_not_the_same() -> None:
    (write,) = plan(WANTED, with_shown("d2", "verdict", {**SHOWN["d2"]["verdict"], "gap": "3"})).writes
    assert write.after == {"gap": 3}


def test_what_is_shown_of_other_deals_does_not_matter() -> None:
    assert plan(WANTED, {**SHOWN, "d9": {"verdict": {"status": "overstated"}}}) == Plan((), 2)


# --- settled deals ---------------------------------------------------------------------------------------------------

CLOSED: Mapping[str, Places] = {"d1": {"verdict": {"status": "not_applicable", "gap": None}, "deal": {"link": "v1"}}}


def test_a_settled_deal_that_shows_something_is_corrected() -> None:
    made = plan(CLOSED, {"d1": {"verdict": {"status": "overstated", "gap": 3}}}, settled={"d1"})
    assert made.writes[0] == Write(
        "d1", "verdict", {"status": "overstated", "gap": 3}, {"status": "not_applicable", "gap": None}
    )


def test_a_settled_deal_that_shows_nothing_is_left_alone() -> None:
    nothing: list[Mapping[str, Places]] = [{}, {"d1": {}}, {"d1": {"verdict": {"status": None, "gap": None}}}]
    for shown in nothing:
        assert plan(CLOSED, shown, settled={"d1"}) == Plan((), 0)


def test_an_open_deal_that_shows_nothing_is_begun() -> None:
    assert len(plan(CLOSED, {}, settled={"d2"}).writes) == 2


# --- the name of a plan ----------------------------------------------------------------------------------------------


def test_the_same_writes_have_the_same_name() -> None:
    turned = {deal: {place: dict(reversed(list(f.items()))) for place, f in p.items()} for deal, p in WANTED.items()}
    assert plan(WANTED, {}).digest == plan(turned, {}).digest
    assert plan(WANTED, {}).digest == plan(WANTED, {"d9": {}}).digest


def test_a_name_is_short_and_stable() -> None:
    assert plan(WANTED, {}).digest == plan(WANTED, {}).digest
    assert len(plan(WANTED, {}).digest) == 12
    assert Plan((), 5).digest == Plan((), 0).digest


def test_any_other_writes_have_another_name() -> None:
    names = {
        plan(WANTED, {}).digest,
        plan(WANTED, SHOWN).digest,
        plan(WANTED, with_shown("d2", "verdict", None)).digest,
        plan(WANTED, with_shown("d1", "deal", None)).digest,
        plan(WANTED, with_shown("d2", "verdict", {**SHOWN["d2"]["verdict"], "gap": 2})).digest,
        plan(WANTED, with_shown("d2", "verdict", {**SHOWN["d2"]["verdict"], "gap": 1})).digest,
        plan(WANTED, with_shown("d2", "verdict", {**SHOWN["d2"]["verdict"], "gap": "3"})).digest,
        plan(WANTED, with_shown("d2", "verdict", {**SHOWN["d2"]["verdict"], "gap": None})).digest,
    }
    assert len(names) == 8
