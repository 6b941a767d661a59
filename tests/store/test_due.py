"""What a short run leaves to be judged, and which lines of the ledger may go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from crm_audit.connectors.base import Calls, Hint, Page, Reach, Receipt, Write
from crm_audit.domain import Company, Event, Link, Person, Record, Survey
from crm_audit.store import Pending, Run, Start, Store, hints
from tests.store.records import ACCOUNT, DEAL, EVENT, LINK, begin, finish, named, night, query, save, synced

OTHER = replace(DEAL, id="d2", company="c2")
PEOPLE = (Person(id="p1", name="Dana Ruiz"), Person(id="p2", name="Lee Moss"))
LINKS = (LINK, Link(id="l2", deal="d2", person="p2", role="user"))
COMPANIES = (Company(id="c1", name="Acme"), Company(id="c2", name="Brook"))


@pytest.fixture
def known(store_url: str) -> Iterator[Store]:
    """A store after a night that saw two deals."""
    with Store.open(store_url) as store:
        synced(store, 1, DEAL, OTHER, *PEOPLE, *LINKS, *COMPANIES, EVENT)
        yield store


def short(store: Store, minutes: int, *records: Record, reach: Reach = "changes", page: Page | None = None) -> Run:
    """A short run so many minutes after the night."""
    at = night(1) + timedelta(minutes=minutes)
    run = store.begin(Start(connection="orchard", started=at, config="abc", reach=reach))
    run = store.introduce(run, account=ACCOUNT, survey=Survey())
    save(store, run, *records)
    if page:
        store.save(run, page)
    return finished(store, run, at)


def finished(store: Store, run: Run, at: datetime) -> Run:
    return store.finish(run, at=at, missing={}, calls=Calls(1, 0))


def test_a_night_leaves_nothing_due(known: Store) -> None:
    assert known.due("orchard") == set()


@pytest.mark.parametrize(
    ("record", "deals"),
    [
        (named(DEAL, "Other name"), {"d1"}),
        (replace(LINKS[1], role="authority"), {"d2"}),
        (Link(id="l3", deal="d1", person="p2", role="user"), {"d1"}),
        (replace(EVENT, topics=()), {"d1"}),
        (replace(EVENT, deals=("d2",), named=()), {"d1", "d2"}),  # it was about the first, and is about the second
        (Event(id="e9", kind="email_in", at=date(2026, 3, 1), people=("p2",)), {"d2"}),  # about none: about all of hers
        (Event(id="e9", kind="email_in", at=date(2026, 3, 1), people=()), set()),
        (replace(PEOPLE[0], title="VP"), {"d1"}),
        (replace(COMPANIES[1], fit_tier="A"), {"d2"}),
        (DEAL, set()),
        (EVENT, set()),
    ],
)
def test_what_changed_names_its_deals(known: Store, record: Record, deals: set[str]) -> None:
    short(known, 60, record)
    assert known.due("orchard") == deals
    assert known.due("meadow") == set()


def test_what_is_gone_names_its_deals(known: Store) -> None:
    short(known, 60, page=Page(kind="links", stream="links", deals=("d2",)))
    assert known.due("orchard") == {"d2"}
    short(known, 61, page=Page(kind="events", stream="events", gone=("e1", "unknown")))
    assert known.due("orchard") == {"d1", "d2"}


def test_due_stays_due_through_runs_that_see_nothing_and_runs_that_fail(known: Store) -> None:
    at = night(1) + timedelta(hours=1)
    run = known.begin(Start(connection="orchard", started=at, config="abc", reach="hints"))
    save(known, run, named(DEAL, "Other name"))
    known.fail(run, at=at, reason="planned", calls=Calls())
    later = short(known, 70)
    assert known.due("orchard") == {"d1"}
    known.judged(later, but={"d1"})
    assert known.due("orchard") == {"d1"}
    known.judged(later)
    assert known.due("orchard") == set()


def test_what_moved_after_the_run_that_was_judged_stays_due(known: Store) -> None:
    first = short(known, 60, named(DEAL, "Other name"))
    short(known, 61, named(OTHER, "Other name"))
    known.judged(first)
    assert known.due("orchard") == {"d2"}


def test_what_nobody_asked_for_stays_due(known: Store) -> None:
    short(known, 60, named(DEAL, "Other name"))
    later = short(known, 61, named(OTHER, "Other name"))  # by another process, while the first was judged
    known.judged(later, {"d1"})
    assert known.due("orchard") == {"d2"}
    known.judged(later)
    assert known.due("orchard") == set()


def test_only_idle_short_runs_are_forgotten_and_as_of_stays_the_same(known: Store, store_url: str) -> None:
    seen = {}
    for minutes, records in (
        (60, ()),
        (61, (named(DEAL, "First"),)),
        (62, (named(DEAL, "First"),)),
        (63, ()),
        (64, ()),
    ):
        run = short(known, minutes, *records)
        seen[minutes] = known.frames(run)["deals"]["name"].to_list()
    assert [(run.started.minute - 30) % 60 for run in known.runs("orchard")] == [4, 1, 0]
    for minutes, names in seen.items():
        latest = known.latest("orchard", by=night(1) + timedelta(minutes=minutes))
        assert latest is not None
        assert known.frames(latest)["deals"]["name"].to_list() == names
    assert query(store_url, "SELECT count(*) FROM counts WHERE run NOT IN (SELECT id FROM runs)") == [(0,)]


def test_a_short_run_that_failed_and_moved_nothing_goes_with_the_others(known: Store) -> None:
    at = night(1) + timedelta(hours=1)
    known.hear("orchard", [Hint("key", "deals", "d1")], at=at)
    run = known.begin(Start(connection="orchard", started=at, config="abc", reach="hints"))
    assert len(known.reading(run).hints) == 1
    known.fail(run, at=at, reason="planned", calls=Calls())
    short(known, 61)  # which reads no hints here
    assert run.id not in [each.id for each in known.runs("orchard")]
    assert known.pending("orchard").hints == 1


def test_an_idle_run_on_whose_evidence_something_was_written_stays(known: Store) -> None:
    run = short(known, 60)
    entries = known.outbox.put("orchard", [Write("d1", "deal", {"x": None}, {"x": "y"})], plan="p", run=run.id)
    known.outbox.send(entries)
    known.outbox.settle(entries, [Receipt(entry.write, ok=True) for entry in entries])
    known.outbox.journal("orchard")
    short(known, 61)
    short(known, 62)
    assert run.id in [each.id for each in known.runs("orchard")]


def test_hints_that_a_forgotten_run_followed_are_still_known(known: Store) -> None:
    at = night(1)
    known.hear("orchard", [Hint("key", "deals", "d1")], at=at)
    run = known.begin(Start(connection="orchard", started=at + timedelta(hours=1), config="abc", reach="hints"))
    assert len(known.reading(run).hints) == 1
    finished(known, run, at + timedelta(hours=1))
    short(known, 61)
    short(known, 62)
    assert run.id not in [each.id for each in known.runs("orchard")]
    assert known.pending("orchard").hints == 0
    assert known.hear("orchard", [Hint("key", "deals", "d1")], at=at) == 0


def test_a_flood_is_left_to_a_run_that_reads_changes(known: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "MOST", 2)
    known.hear("orchard", [Hint(f"key {number}", "deals", "d1") for number in range(3)], at=night(1))
    assert known.pending("orchard") == Pending(0, flood=True)
    short(known, 60, reach="hints")
    assert known.pending("orchard").flood
    at = night(1) + timedelta(minutes=61)
    run = known.begin(Start(connection="orchard", started=at, config="abc", reach="changes"))
    assert known.reading(run).hints == ()
    finished(known, run, at)
    assert not known.pending("orchard").flood


def test_what_failed_runs_took_over_counts_too(known: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "MOST", 5)
    for number in range(4):
        at = night(1) + timedelta(minutes=60 + number)
        known.hear("orchard", [Hint(f"key {number} {each}", "deals", "d1") for each in range(2)], at=at)
        run = known.begin(Start(connection="orchard", started=at, config="abc", reach="hints"))
        known.reading(run)
        known.fail(run, at=at, reason="planned", calls=Calls())
    assert known.pending("orchard") == Pending(2, flood=True)  # which took the place of six


def test_a_night_after_short_runs_is_told_from_them(known: Store) -> None:
    short(known, 60)
    finish(known, begin(known, 2))
    assert [run.reach for run in known.runs("orchard", reach=("all",))] == ["all", "all"]
    latest = known.latest("orchard", reach=("changes", "hints"))
    assert latest is None
