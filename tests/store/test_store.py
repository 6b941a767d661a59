from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crm_audit import __version__, frames
from crm_audit.connectors.base import Calls, Page, Stand
from crm_audit.domain import KINDS, Deal, Link, Stage, Survey
from crm_audit.errors import Incomplete
from crm_audit.store import Count, Start, Store
from tests.store.records import (
    ACCOUNT,
    DEAL,
    EVENT,
    LINK,
    RECORDS,
    STAGE,
    begin,
    end,
    finish,
    named,
    night,
    query,
    save,
    synced,
)

EVERYTHING = [record for records in RECORDS.values() for record in records]
OTHER = Deal(id="d9", name="Other", pipeline="p", stage="s", created=None)
TOO_LARGE = Stage(id="x", pipeline="p", stage="s", label="X", position=2**70)
"""A record that no database takes: its position does not fit into eight bytes."""


def names(store: Store, *, number: int, connection: str = "orchard") -> list[str]:
    """The names of the deals as known at the n-th run of the connection."""
    run = store.runs(connection, 100)[-number]
    return sorted(store.frames(run)["deals"]["name"])


# What goes in comes out.


def test_every_kind_comes_back_as_its_frame(store: Store) -> None:
    known = store.frames(synced(store, 1, *EVERYTHING))
    expected = frames.frames(EVERYTHING)
    assert list(known) == list(KINDS)
    for kind in KINDS:
        assert_frame_equal(known[kind], expected[kind], check_row_order=False)


def test_frames_of_nothing_have_their_schema(store: Store) -> None:
    known = store.frames(synced(store, 1))
    assert {kind: dict(frame.schema) for kind, frame in known.items()} == {
        kind: dict(schema) for kind, schema in frames.SCHEMAS.items()
    }
    assert all(frame.is_empty() for frame in known.values())


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "-0.01", "100.10", "1E+3", "1E-30", "12345678901234567890123456789.123456789012345678", "NaN"],
)
def test_money_is_exact(store: Store, amount: str) -> None:
    known = store.frames(synced(store, 1, replace(DEAL, amount=Decimal(amount))))
    assert known["deals"]["amount"].to_list() == [format(Decimal(amount), "f")]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Zoë 😀 שלום e\u0301", "Zoë 😀 שלום e\u0301"),
        ("", ""),
        ("0", "0"),
        ("a\0b", "ab"),
        ("a\ud83db", "ab"),
        ("a\\u0000b", "a\\u0000b"),
        ("'; DROP TABLE deals; --", "'; DROP TABLE deals; --"),
    ],
)
def test_text_comes_back_as_far_as_a_database_can_hold_it(store: Store, written: str, kept: str) -> None:
    event = replace(EVENT, outcome=written, topics=(written, "x"))
    known = store.frames(synced(store, 1, replace(DEAL, need=written), event))
    assert known["deals"]["need"].to_list() == [kept]
    assert known["events"]["outcome"].to_list() == [kept]
    assert known["events"]["topics"].str.json_decode(pl.List(pl.String())).to_list() == [[kept, "x"]]


def test_a_kind_is_read_when_it_is_asked_for_and_all_in_one_moment(store: Store) -> None:
    run = synced(store, 1, *EVERYTHING)
    with store.known(run) as known:
        before = known["deals"]
        synced(store, 2)
        assert list(known) == list(KINDS)
        assert len(known) == len(KINDS)
        assert_frame_equal(known["deals"], before)
        assert_frame_equal(known["events"], frames.frames(EVERYTHING)["events"], check_row_order=False)


def test_a_page_of_any_length_is_saved(store: Store) -> None:
    many = [replace(OTHER, id=f"d{number:05}") for number in range(2_500)]
    synced(store, 1, *many)
    known = store.frames(synced(store, 2, *many, DEAL))
    assert sorted(known["deals"]["id"]) == sorted(deal.id for deal in [*many, DEAL])


def test_more_rows_than_one_batch_are_read(store: Store) -> None:
    many = [replace(OTHER, id=f"d{number:05}", name=str(number)) for number in range(5_001)]
    known = store.frames(synced(store, 1, *many))["deals"]
    assert dict(known.select("id", "name").iter_rows()) == {deal.id: deal.name for deal in many}


# Versions.


def test_what_did_not_change_keeps_its_row(store: Store, store_url: str) -> None:
    for number in (1, 2, 3):
        synced(store, number, DEAL)
    assert query(store_url, "SELECT opened_run, closed_run, seen_run FROM deals") == [(1, None, 3)]


def test_a_change_closes_one_row_and_opens_another(store: Store, store_url: str) -> None:
    synced(store, 1, DEAL)
    synced(store, 2, named(DEAL, "Pruning robots, phase 2"))
    rows = query(store_url, "SELECT opened_run, closed_run, seen_run, name FROM deals ORDER BY opened_run")
    assert rows == [(1, 2, 1, "Pruning robots"), (2, None, 2, "Pruning robots, phase 2")]


def test_every_run_keeps_what_it_knew(store: Store) -> None:
    synced(store, 1, DEAL)
    synced(store, 2, named(DEAL, "Second"), OTHER)
    synced(store, 3, OTHER)
    synced(store, 4, named(DEAL, "Fourth"), OTHER)
    known = [names(store, number=number) for number in (1, 2, 3, 4)]
    assert known == [["Pruning robots"], ["Other", "Second"], ["Other"], ["Fourth", "Other"]]


def test_a_change_back_is_a_change(store: Store) -> None:
    for number, name in enumerate(["A", "B", "A"], start=1):
        synced(store, number, named(DEAL, name))
    assert [names(store, number=number) for number in (1, 2, 3)] == [["A"], ["B"], ["A"]]


def test_reading_a_page_again_changes_nothing(store: Store, store_url: str) -> None:
    synced(store, 1, DEAL)
    run = begin(store, 2)
    for _ in range(3):
        save(store, run, named(DEAL, "Second"), OTHER)
    finish(store, run)
    assert query(store_url, "SELECT id, opened_run, closed_run FROM deals ORDER BY id, opened_run") == [
        ("d1", 1, 2),
        ("d1", 2, None),
        ("d9", 2, None),
    ]


def test_of_two_readings_in_one_run_the_last_stands(store: Store) -> None:
    synced(store, 1, DEAL)
    run = begin(store, 2)
    save(store, run, named(DEAL, "While paging"))
    save(store, run, named(DEAL, "After paging"))
    finish(store, run)
    assert [names(store, number=number) for number in (1, 2)] == [["Pruning robots"], ["After paging"]]


def test_of_a_record_twice_on_one_page_the_last_stands(store: Store) -> None:
    run = begin(store)
    store.save(run, Page(kind="deals", stream="deals", rows=(named(DEAL, "First"), named(DEAL, "Last"))))
    finish(store, run)
    assert names(store, number=1) == ["Last"]


def test_a_removed_record_that_returns_is_itself_again(store: Store) -> None:
    synced(store, 1, DEAL)
    synced(store, 2)
    synced(store, 3, DEAL)
    assert [names(store, number=number) for number in (1, 2, 3)] == [["Pruning robots"], [], ["Pruning robots"]]


def test_history_stays_when_the_crm_forgets_it(store: Store) -> None:
    synced(store, 1, *RECORDS["history"], DEAL)
    known = store.frames(synced(store, 2))
    assert sorted(known["history"]["id"]) == ["h1", "h2"]
    assert known["deals"].is_empty()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("history", "links")])
def test_every_other_kind_loses_what_is_gone(store: Store, kind: str) -> None:
    first, second = RECORDS[kind]
    synced(store, 1, first, second)
    assert store.frames(synced(store, 2, second))[kind]["id"].to_list() == [second.id]


# Roles that were.


def roles(store: Store, *, number: int) -> list[tuple[str, date | None, date | None]]:
    run = store.runs("orchard", 100)[-number]
    links = store.frames(run)["links"].select("role", "valid_from", "valid_to")
    return sorted(links.iter_rows(), key=str)


def test_a_removed_role_ends_on_the_local_day_of_the_run_that_missed_it(store: Store) -> None:
    synced(store, 1, LINK)
    synced(store, 2)
    synced(store, 3)
    removed = ("authority", date(2026, 1, 5), date(2026, 3, 2))  # 3 March 04:30 UTC is still the 2nd in New York
    assert [roles(store, number=number) for number in (1, 2, 3)] == [
        [("authority", date(2026, 1, 5), None)],
        [removed],
        [removed],
    ]


def test_a_changed_role_is_remembered_beside_the_new_one(store: Store) -> None:
    synced(store, 1, LINK)
    synced(store, 2, replace(LINK, role="user"))
    assert roles(store, number=2) == [
        ("authority", date(2026, 1, 5), date(2026, 3, 2)),
        ("user", date(2026, 1, 5), None),
    ]


@pytest.mark.parametrize(("own", "ends"), [(date(2026, 2, 1), date(2026, 2, 1)), (date(2026, 9, 1), date(2026, 3, 2))])
def test_the_earlier_end_of_a_role_counts(store: Store, own: date, ends: date) -> None:
    synced(store, 1, replace(LINK, valid_to=own))
    synced(store, 2)
    assert roles(store, number=2) == [("authority", date(2026, 1, 5), ends)]


def test_a_role_that_ended_later_is_not_ended_before(store: Store) -> None:
    synced(store, 1, LINK)
    synced(store, 2, LINK)
    synced(store, 3)
    assert roles(store, number=2) == [("authority", date(2026, 1, 5), None)]


# Runs that did not come to a good end.


def test_a_failed_run_is_invisible_until_a_later_one_takes_it_over(store: Store) -> None:
    first = synced(store, 1, DEAL, LINK)
    run = begin(store, 2)
    save(store, run, named(DEAL, "Second"), OTHER)
    store.fail(run, at=night(2), reason="the line was cut", calls=Calls(3, 0))
    assert store.latest("orchard") == first
    assert sorted(store.frames(first)["deals"]["name"]) == ["Pruning robots"]
    third = begin(store, 3)
    save(store, third, named(DEAL, "Second"))
    end(store, third)
    assert sorted(store.frames(finish(store, third))["deals"]["name"]) == ["Other", "Second"]
    assert sorted(store.frames(first)["deals"]["name"]) == ["Pruning robots"]


def test_a_running_run_is_invisible(store: Store) -> None:
    first = synced(store, 1, DEAL)
    save(store, begin(store, 2), named(DEAL, "Second"), OTHER)
    assert store.latest("orchard") == first
    assert names(store, number=1) == ["Pruning robots"]


@pytest.mark.parametrize("status", ["running", "failed"])
def test_an_unfinished_run_gives_no_facts(store: Store, status: str) -> None:
    run = begin(store)
    if status == "failed":
        run = store.fail(run, at=night(1), reason="no", calls=Calls())
    with pytest.raises(ValueError, match=f"run {run.id} is {status}"):
        store.frames(run)


def test_a_missing_kind_is_not_taken_for_gone(store: Store) -> None:
    synced(store, 1, DEAL, OTHER, LINK)
    run = begin(store, 2)
    save(store, run, named(DEAL, "Second"))
    end(store, run, "links")
    run = finish(store, run, missing={"deals": "page 2 was refused"})
    assert (run.status, run.missing) == ("partial", {"deals": "page 2 was refused"})
    known = store.frames(run)
    assert sorted(known["deals"]["name"]) == ["Other", "Second"]
    assert known["links"]["valid_to"].to_list() == [date(2026, 3, 2)]


def test_a_stream_left_in_the_middle_makes_a_run_partial_whoever_forgot_to_say_so(store: Store) -> None:
    run = begin(store)
    save(store, run, DEAL)
    run = finish(store, run)
    assert (run.status, run.missing) == ("partial", {"deals": "deals was not read to its end"})


def test_a_finished_run_stays_as_it_ended(store: Store) -> None:
    run = synced(store, 1, DEAL)
    assert store.fail(run, at=night(2), reason="too late", calls=Calls(99, 99)) == run
    with pytest.raises(Incomplete, match="is complete"):
        save(store, run, OTHER)


# A page and its cursor are one.


def stages(*rows: Stage, cursor: str) -> Page:
    return Page(kind="stages", stream="stages", rows=rows, cursor=cursor)


def test_a_page_that_fails_in_the_middle_leaves_neither_rows_nor_cursor(store: Store, store_url: str) -> None:
    run = begin(store)
    store.save(run, stages(STAGE, cursor="one"))
    changed = replace(STAGE, label="Changed")
    with pytest.raises(Exception, match=r"(?i)too large|out of range"):
        store.save(run, stages(changed, TOO_LARGE, cursor="two"))
    assert store.reading(run).stands == {"stages": Stand("one", ended=False, whole=None)}
    assert store.counts(run) == {"stages": Count(1, 0)}
    assert query(store_url, "SELECT id, label FROM stages") == [(STAGE.id, "Contract sent")]
    store.save(run, stages(changed, cursor="two"))
    assert store.frames(finish(store, run))["stages"]["label"].to_list() == ["Changed"]


def test_a_page_that_closes_and_fails_leaves_the_old_version_open(store: Store, store_url: str) -> None:
    synced(store, 1, STAGE)
    with pytest.raises(Exception, match=r"(?i)too large|out of range"):
        save(store, begin(store, 2), replace(STAGE, label="Changed"), TOO_LARGE)
    assert query(store_url, "SELECT opened_run, closed_run FROM stages") == [(1, None)]


# Partitions and the ledger.


def test_two_connections_share_ids_and_nothing_else(store: Store) -> None:
    synced(store, 1, DEAL, LINK, connection="orchard")
    other = synced(store, 2, named(DEAL, "Theirs"), connection="meadow")
    synced(store, 3, connection="meadow")
    assert store.frames(other)["links"].is_empty()
    assert names(store, number=1, connection="orchard") == ["Pruning robots"]
    assert names(store, number=1, connection="meadow") == ["Theirs"]
    assert [run.connection for run in store.runs("meadow")] == ["meadow", "meadow"]
    third = synced(store, 4, DEAL, LINK, connection="orchard")
    assert store.frames(third)["links"]["valid_to"].to_list() == [None]


def test_what_one_connection_says_closes_nothing_of_another(store: Store, store_url: str) -> None:
    synced(store, 1, DEAL, connection="orchard")
    synced(store, 2, named(DEAL, "Theirs"), connection="meadow")
    assert query(store_url, "SELECT connection, name, closed_run FROM deals ORDER BY opened_run") == [
        ("orchard", "Pruning robots", None),
        ("meadow", "Theirs", None),
    ]


def test_one_connection_does_not_end_the_run_of_another(store: Store) -> None:
    run = begin(store, 1, connection="orchard")
    begin(store, 2, connection="meadow")
    assert finish(store, run).status == "complete"


def test_the_ledger_tells_what_a_run_was(store: Store) -> None:
    survey = Survey(unmapped=frozenset({"fit", "need"}), unconnected=frozenset({"email_in"}), notes=("Mail: Zoë\0",))
    run = begin(store, survey=survey)
    assert (run.status, run.finished, run.reason, run.missing) == ("running", None, None, {})
    run = finish(store, run, missing={"events": "no scope"})
    assert (run.account, run.survey) == (ACCOUNT, survey)
    assert (run.started, run.finished) == (night(1), night(1) + timedelta(minutes=10))
    assert (run.config, run.version, run.calls_read, run.calls_write) == ("abc", __version__, 7, 0)
    assert store.runs("orchard") == [run]


def test_a_reason_is_kept_as_far_as_a_database_can_hold_it(store: Store) -> None:
    run = store.fail(begin(store), at=night(1), reason="odd\0 \ud83dbody", calls=Calls())
    assert run.reason == "odd body"


def test_the_newest_runs_come_first(store: Store) -> None:
    ids = [synced(store, number).id for number in (1, 2, 3)]
    assert [run.id for run in store.runs("orchard", 2)] == [ids[2], ids[1]]
    assert store.runs("nobody") == []


def test_the_latest_run_is_the_newest_that_had_finished_by_then(store: Store) -> None:
    first, second = synced(store, 1), finish(store, begin(store, 2), missing={"deals": "no"})
    store.fail(begin(store, 3), at=night(3), reason="no", calls=Calls())
    begin(store, 4)
    assert first.finished
    assert store.latest("orchard") == second
    assert store.latest("orchard", by=second.finished) == second
    assert store.latest("orchard", by=night(2)) == first
    assert store.latest("orchard", by=first.finished) == first
    assert store.latest("orchard", by=first.finished - timedelta(microseconds=1)) is None
    assert store.latest("nobody") is None


def test_run_ids_only_grow_and_survive_a_reopening(store_url: str) -> None:
    with Store.open(store_url) as store:
        first = synced(store, 1, DEAL)
    with Store.open(store_url) as store:
        second = synced(store, 2, DEAL)
        assert second.id > first.id
        assert store.frames(first)["deals"].height == 1


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    naive = Start(connection="orchard", started=night(1).replace(tzinfo=None))
    with pytest.raises(Exception, match="timezone"):
        store.begin(naive)


def test_the_link_of_a_role_is_its_own_record(store: Store) -> None:
    """One person with two roles on one deal: the end of one is not the end of the other."""
    second = Link(id="l9", deal=LINK.deal, person=LINK.person, role="champion")
    synced(store, 1, LINK, second)
    synced(store, 2, LINK)
    assert roles(store, number=2) == [
        ("authority", date(2026, 1, 5), None),
        ("champion", None, date(2026, 3, 2)),
    ]
