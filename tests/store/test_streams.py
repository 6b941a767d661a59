"""Streams and their passes: where they go on, and what they may find gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from crm_audit.connectors.base import Calls, Page, Reading, Stand, Sweep
from crm_audit.domain import Deal, Event, Link, Record, Stage
from crm_audit.store import Asked, Count, Run, Start, Store
from tests.store.records import DEAL, EVENT, LINK, RECORDS, begin, finish, named, night, query, save, synced

OPEN = Stage(id="p/open", pipeline="p", stage="open", label="Open", position=1)
WON = Stage(id="p/won", pipeline="p", stage="won", label="Won", position=2, closed="won")


def deal(id_: str, stage: str = "open") -> Deal:
    return Deal(id=id_, name=id_, pipeline="p", stage=stage, created=None)


def link(id_: str, deal: str = "d1", person: str = "p1") -> Link:
    return Link(id=id_, deal=deal, person=person, role="user")


def shown(store: Store, run: Run, *rows: Record, stream: str = "links", cursor: str = "") -> None:
    """A page in the middle of a pass."""
    kind = stream.partition("/")[0]
    store.save(run, Page(kind=kind, stream=stream, rows=rows, cursor=cursor))


def ended(store: Store, run: Run, *rows: Record, stream: str = "links", sweep: Sweep = "all") -> None:
    """The last page of a pass."""
    kind = stream.partition("/")[0]
    store.save(run, Page(kind=kind, stream=stream, rows=rows, cursor="end", ended=True, sweep=sweep))


def broken(store: Store, run: Run) -> None:
    """The end of a run in the middle."""
    store.fail(run, at=run.started, reason="cut", calls=Calls())


def current(url: str, kind: str = "links") -> list[str]:
    """Ids of the rows that are current."""
    return [id_ for (id_,) in query(url, f"SELECT id FROM {kind} WHERE closed_run IS NULL ORDER BY id")]


# Where a stream stands.


def test_a_stream_that_was_never_read_stands_nowhere(store: Store) -> None:
    assert store.reading(begin(store)).stands == {}


def test_a_stream_stands_at_the_cursor_of_its_last_page(store: Store) -> None:
    run = begin(store)
    shown(store, run, DEAL, stream="deals/A", cursor="one")
    shown(store, run, stream="links/B", cursor="x")  # a heartbeat
    shown(store, run, named(DEAL, "Second"), stream="deals/A", cursor="two")
    assert store.reading(run).stands == {
        "deals/A": Stand("two", ended=False, whole=None),
        "links/B": Stand("x", ended=False, whole=None),
    }


def test_a_whole_pass_is_as_old_as_the_run_in_which_it_began(store: Store) -> None:
    run = begin(store, 1)
    shown(store, run, LINK)
    broken(store, run)
    run = begin(store, 2)
    ended(store, run, LINK)
    ended(store, run, LINK, sweep="none")  # an increment after it
    assert store.reading(run).stands == {"links": Stand("end", ended=True, whole=night(1))}
    finish(store, run)
    assert store.reading(begin(store, 3)).stands == {"links": Stand("end", ended=True, whole=night(1))}


def test_under_other_settings_every_stream_counts_as_never_read(store: Store) -> None:
    synced(store, 1, LINK)
    run = store.begin(Start(connection="orchard", started=night(2), config="other"))
    assert store.reading(run).stands == {}
    shown(store, run, LINK, cursor="other")
    assert store.reading(run).stands == {"links": Stand("other", ended=False, whole=None)}


def test_each_connection_stands_for_itself(store: Store) -> None:
    synced(store, 1, LINK)
    assert store.reading(begin(store, 1, connection="meadow")).stands == {}


def test_what_is_read_anew_stands_nowhere_also_in_the_next_run(store: Store) -> None:
    run = synced(store, 1, LINK, DEAL)
    run = begin(store, 2)
    asked = Asked(anew=frozenset({"links"}), since=night(1))
    reading = store.reading(run, asked=asked, whole_before=night(1))
    assert (reading.started, reading.anew, reading.since, reading.whole_before) == (
        night(2), frozenset({"links"}), night(1), night(1),
    )  # fmt: skip
    assert {"links", "deals"} & reading.stands.keys() == {"deals"}
    broken(store, run)
    assert "links" not in store.reading(begin(store, 3)).stands


# What a pass finds gone.


def test_a_whole_pass_closes_what_its_own_stream_did_not_show(store: Store, store_url: str) -> None:
    run = begin(store, 1)
    ended(store, run, link("a1"), link("a2"), stream="links/A")
    ended(store, run, link("b1"), stream="links/B")
    finish(store, run)
    run = begin(store, 2)
    shown(store, run, link("a1"), stream="links/A")
    ended(store, run, stream="links/A")
    assert current(store_url) == ["a1", "b1"]
    assert store.counts(run) == {"links": Count(1, 1)}


def test_an_increment_closes_nothing(store: Store, store_url: str) -> None:
    finish(store, begin_with(store, 1, link("a1"), link("a2")))
    ended(store, begin(store, 2), link("a1"), sweep="none")
    assert current(store_url) == ["a1", "a2"]


def begin_with(store: Store, number: int, *links: Record) -> Run:
    """A run that read these links whole, deals d1 (open) and d2 (won) with their stages before."""
    run = begin(store, number)
    ended(store, run, OPEN, WON, stream="stages")
    ended(store, run, deal("d1"), deal("d2", "won"), stream="deals")
    ended(store, run, *links)
    return run


def test_a_pass_over_two_runs_keeps_what_either_showed(store: Store, store_url: str) -> None:
    synced(store, 1, link("old"), link("first"), link("second"))
    run = begin(store, 2)
    shown(store, run, link("first"), cursor="half")
    broken(store, run)
    ended(store, begin(store, 3), link("second"))
    assert current(store_url) == ["first", "second"]


def test_a_pass_that_ended_in_between_is_another_pass(store: Store, store_url: str) -> None:
    """How a connector begins a pass anew whose cursor is of no use any more."""
    run = begin(store, 1)
    shown(store, run, link("gone since"), cursor="half")
    broken(store, run)
    run = begin(store, 2)
    ended(store, run, sweep="none")
    ended(store, run, link("there"))
    assert current(store_url) == ["there"]


def test_a_row_moves_with_the_stream_that_showed_it_last(store: Store, store_url: str) -> None:
    run = begin(store, 1)
    ended(store, run, link("a1"), stream="links/A")
    ended(store, run, link("a1"), stream="links/B")
    finish(store, run)
    ended(store, begin(store, 2), stream="links/A")
    assert current(store_url) == ["a1"]


def test_a_pass_over_open_deals_closes_only_rows_of_open_deals(store: Store, store_url: str) -> None:
    finish(store, begin_with(store, 1, link("a1"), link("a2"), link("closed", deal="d2"), link("lost", deal="d9")))
    run = begin(store, 2)
    ended(store, run, link("a1"), sweep="open")
    assert current(store_url) == ["a1", "closed", "lost"]
    assert store.counts(run) == {"links": Count(1, 1)}


def test_a_stage_nobody_defines_any_more_is_no_closed_one(store: Store, store_url: str) -> None:
    run = begin_with(store, 1, link("a1", deal="d3"))
    shown(store, run, deal("d3", "deleted stage"), stream="deals")
    assert [list(batch) for batch in store.reading(run).known.open_deals()] == [["d1", "d3"]]
    finish(store, run)
    ended(store, begin(store, 2), sweep="open")
    assert current(store_url) == []


def test_a_deal_that_opened_while_a_pass_was_cut_loses_nothing_by_it(store: Store, store_url: str) -> None:
    """The pass went by it when it was closed."""
    finish(store, begin_with(store, 1, link("a1"), link("a2"), link("reopened", deal="d2")))
    run = begin(store, 2)
    shown(store, run, cursor="past d2")
    broken(store, run)
    run = begin(store, 3)
    ended(store, run, deal("d2"), stream="deals", sweep="none")
    ended(store, run, link("a1"), sweep="open")
    assert current(store_url) == ["a1", "reopened"]
    finish(store, run)
    ended(store, begin(store, 4), link("a1"), sweep="open")
    assert current(store_url) == ["a1"]


def test_what_is_named_as_gone_is_gone_whichever_stream_showed_it(store: Store, store_url: str) -> None:
    first = finish(store, begin_with(store, 1, link("a1"), link("a2")))
    run = begin(store, 2)
    store.save(run, Page(kind="links", stream="links/deleted", gone=("a1", "never known"), ended=True))
    assert current(store_url) == ["a2"]
    assert store.counts(run) == {"links": Count(0, 1)}
    assert store.frames(first)["links"]["id"].sort().to_list() == ["a1", "a2"]


def test_what_comes_and_goes_within_a_run_was_never_there(store: Store, store_url: str) -> None:
    finish(store, begin_with(store, 1, link("a1")))
    run = begin(store, 2)
    shown(store, run, link("a1", person="p2"), link("brief"))
    store.save(run, Page(kind="links", stream="links", gone=("a1", "brief")))
    assert query(store_url, "SELECT id, opened_run, closed_run, person FROM links") == [("a1", 1, 2, "p1")]
    shown(store, run, link("a1"), link("brief"))
    assert current(store_url) == ["a1", "brief"]
    known = store.frames(finish(store, run))["links"]
    assert known.filter(known["valid_to"].is_null())["id"].sort().to_list() == ["a1", "brief"]


def test_all_that_a_stream_has_of_a_deal_is_what_the_page_shows(store: Store, store_url: str) -> None:
    finish(store, begin_with(store, 1, link("a1"), link("a2"), link("b1", deal="d2"), link("c1", deal="d3")))
    run = begin(store, 2)
    ended(store, run, link("x1"), link("x2", deal="d2"), stream="links/other", sweep="none")
    store.save(run, Page(kind="links", stream="links", rows=(link("a2"), link("a3")), deals=("d1", "d2", "d4")))
    assert current(store_url) == ["a2", "a3", "c1", "x1", "x2"]
    assert store.counts(run) == {"links": Count(4, 2)}


@pytest.mark.parametrize("page", [
    Page(kind="history", stream="history", gone=("h1",)),
    Page(kind="history", stream="history", deals=("d1",)),
    Page(kind="history", stream="history", ended=True, sweep="all"),
    Page(kind="history", stream="history", ended=True, sweep="open"),
])  # fmt: skip
def test_history_is_kept_whatever_is_gone(store: Store, store_url: str, page: Page) -> None:
    synced(store, 1, *RECORDS["history"], *RECORDS["deals"])
    store.save(begin(store, 2), page)
    assert current(store_url, "history") == ["h1", "h2"]


def test_events_have_several_deals_so_none_of_them_can_say_what_is_gone(store: Store) -> None:
    run = begin(store)
    for page in (
        Page(kind="events", stream="e", deals=("d1",)),
        Page(kind="events", stream="e", ended=True, sweep="open"),
    ):
        with pytest.raises(ValueError, match="events have no one deal"):
            store.save(run, page)


# What a connector may ask while it reads.


def test_current_records_come_back_as_they_went_in(store: Store) -> None:
    run = begin(store)
    for kind, records in RECORDS.items():
        shown(store, run, *records, stream=kind)
        known = store.reading(run).known.records(kind, [*(record.id for record in records), "unknown"])
        assert known == {record.id: record for record in records}


def test_what_is_gone_is_no_current_record(store: Store) -> None:
    synced(store, 1, DEAL, EVENT)
    reading = known_at(store, 2)
    assert reading.known.records("deals", ["d1"]) == {"d1": DEAL}
    ended(store, store.runs("orchard")[0], stream="deals")
    assert reading.known.records("deals", ["d1"]) == {}
    assert reading.known.records("events", ["e1"]) == {"e1": EVENT}


def known_at(store: Store, number: int, connection: str = "orchard") -> Reading:
    return store.reading(begin(store, number, connection=connection))


def test_more_ids_than_fit_into_one_question_are_asked_for(store: Store) -> None:
    many = [deal(f"d{number:05}") for number in range(1_201)]
    synced(store, 1, *many)
    assert known_at(store, 2).known.records("deals", (each.id for each in many)) == {each.id: each for each in many}


def test_open_deals_come_in_batches_between_which_pages_are_saved(store: Store) -> None:
    many = [deal(f"d{number:05}") for number in range(2_001)]
    synced(store, 1, OPEN, WON, *many, deal("won", "won"))
    run, found = begin(store, 2), list[Sequence[str]]()
    for batch in store.reading(run).known.open_deals():
        found.append(batch)
        save(store, run, *(deal(each, "won") for each in batch))
    assert [len(batch) for batch in found] == [1_000, 1_000, 1]
    assert [each for batch in found for each in batch] == [each.id for each in many]
    assert list(store.reading(run).known.open_deals()) == []


def test_deals_of_people_are_those_of_their_current_links(store: Store) -> None:
    synced(store, 1, link("l1", "d1", "p1"), link("l2", "d2", "p1"), link("l3", "d3", "p2"), link("l4", "d4", "p3"))
    synced(store, 2, link("l1", "d1", "p1"), link("l3", "d3", "p2"), link("l4", "d4", "p3"))
    assert known_at(store, 3).known.deals_of(["p1", "p2", "nobody"]) == ["d1", "d3"]


def test_nothing_is_known_of_another_connection(store: Store) -> None:
    synced(store, 1, OPEN, deal("d1"), link("l1"))
    known = known_at(store, 1, "meadow").known
    assert (known.records("deals", ["d1"]), list(known.open_deals()), known.deals_of(["p1"])) == ({}, [], [])


def test_a_hash_is_the_same_for_ever_within_a_store_and_another_elsewhere(store_url: str) -> None:
    with Store.open(store_url) as store:
        hashed = known_at(store, 1).known.hashed("dana@acme.example")
    with Store.open(store_url) as store, Store.open("sqlite://") as other:
        assert known_at(store, 2, "meadow").known.hashed("dana@acme.example") == hashed
        assert known_at(other, 1).known.hashed("dana@acme.example") != hashed
        assert known_at(other, 2, "meadow").known.hashed("lee@acme.example") != hashed
    assert len(hashed) == 16
    assert int(hashed, 16) >= 0


def test_an_event_keeps_its_day_or_its_instant(store: Store) -> None:
    day = Event(id="e9", kind="email_in", at=night(1).date(), people=())
    synced(store, 1, day, replace(day, id="e8", at=night(1)))
    assert known_at(store, 2).known.records("events", ["e8", "e9"]) == {
        "e9": day,
        "e8": replace(day, id="e8", at=night(1)),
    }
