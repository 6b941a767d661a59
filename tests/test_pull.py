from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crm_audit import frames
from crm_audit.config import Connection, digest, load
from crm_audit.connectors.base import Calls, Connector, Fields, Gap, Gateless, Page, Reading, Receipt, Stand, Write
from crm_audit.domain import KINDS, Account, Annotation, Record, Stage, Survey
from crm_audit.errors import BadLogin, Busy, FixConfig, Incomplete, NoAccess, OutOfQuota, Retry
from crm_audit.pull import pull
from crm_audit.store import Asked, Run, Start, Store
from tests.store.records import ACCOUNT, DEAL, LINK, RECORDS, STAGE, expire, named, night

START = Start(connection="orchard", started=night(1), config="abc")
SURVEY = Survey(unmapped=frozenset({"fit"}), notes=("No fit field is mapped.",))


@dataclass
class Lists(Gateless):
    """A whole connector over lists of records, which can be told to break after so many pages of a kind.

    Every kind is one stream, read whole every time; a cursor is the number of records that were shown.
    """

    records: Mapping[str, Sequence[Record]] = field(default_factory=lambda: RECORDS)
    breaks: Mapping[str, tuple[int, BaseException]] = field(default_factory=dict)
    page_size: int = 1
    asked: list[Reading] = field(default_factory=list)
    vendor: str = "files"
    calls: Calls = field(default_factory=Calls)

    def account(self) -> Account:
        self._call("account")
        return ACCOUNT

    def survey(self) -> Survey:
        self._call("survey")
        return SURVEY

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        self.asked.append(reading)
        for kind in KINDS:
            stand = reading.stands.get(kind)
            try:
                yield from self._pages(kind, int(stand.cursor) if stand and not stand.ended else 0)
            except OutOfQuota as error:
                yield from (Gap(each, str(error)) for each in list(KINDS)[list(KINDS).index(kind) :])
                return
            except (NoAccess, Retry) as error:
                yield Gap(kind, str(error) or type(error).__name__)

    def _pages(self, kind: str, start: int) -> Iterator[Page]:
        rows = self.records.get(kind, ())
        for number, done in enumerate(range(start, max(len(rows), 1), self.page_size)):
            self._call(kind, page=number)
            shown = tuple(rows[done : done + self.page_size])
            ended = done + self.page_size >= len(rows)
            cursor = str(done + len(shown))
            yield Page(kind=kind, stream=kind, rows=shown, cursor=cursor, ended=ended, sweep="all" if ended else "none")

    def stages(self) -> Sequence[Stage]:
        return [STAGE]

    def batch(self, deals: int) -> int:
        return 100

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        return {}

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        return {"deal": {"status": annotation.status}}

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        return {}

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        raise AssertionError("a pull writes nothing")

    def address(self, kind: str, record_id: str) -> str | None:
        return None

    def _call(self, name: str, page: int = 0) -> None:
        self.calls.count(name)
        after, error = self.breaks.get(name, (0, None))
        if error is not None and page >= after:
            raise error


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def run_of(connector: Connector, store: Store, number: int = 1) -> Run:
    """The pull of a night, which takes five minutes."""
    start = Start(connection="orchard", started=night(number), config="abc")
    return pull(connector, store, start=start, now=lambda: night(number) + timedelta(minutes=5))


def known(store: Store, run: Run) -> Mapping[str, pl.DataFrame]:
    return store.frames(run)


def test_after_one_clean_run_the_store_equals_the_crm(store: Store) -> None:
    run = run_of(Lists(), store)
    expected = frames.frames(record for records in RECORDS.values() for record in records)
    for kind, frame in known(store, run).items():
        assert_frame_equal(frame, expected[kind], check_row_order=False)


def test_a_run_tells_who_when_and_how_much(store: Store) -> None:
    run = run_of(Lists(), store)
    assert (run.status, run.missing, run.reason) == ("complete", {}, None)
    assert (run.account, run.survey, run.config) == (ACCOUNT, SURVEY, "abc")
    assert (run.started, run.finished) == (night(1), night(1) + timedelta(minutes=5))
    assert (run.calls_read, run.calls_write) == (2 + 2 * len(KINDS), 0)
    assert store.latest("orchard") == run


def test_only_the_calls_of_this_run_are_counted(store: Store) -> None:
    connector = Lists()
    runs = [run_of(connector, store, number) for number in (1, 2)]
    assert runs[0].calls_read == runs[1].calls_read > 0


def test_kinds_come_in_their_order_and_progress_is_told_page_by_page(store: Store) -> None:
    told: list[tuple[str, int]] = []
    connector = Lists({**RECORDS, "users": ()})
    pull(
        connector,
        store,
        start=Start(connection="orchard", started=night(1)),
        now=lambda: night(1),
        progress=lambda kind, rows: told.append((kind, rows)),
    )
    assert told == [(kind, rows) for kind in KINDS for rows in ((0,) if kind == "users" else (1, 2))]
    assert list(connector.calls.by_name) == ["account", "survey", *KINDS]


def test_a_second_pull_sees_changes_and_removals(store: Store) -> None:
    first = run_of(Lists(), store, 1)
    later = {**RECORDS, "deals": (named(DEAL, "Renamed"),), "history": (), "links": (LINK,)}
    second = run_of(Lists(later, page_size=100), store, 2)
    assert sorted(known(store, first)["deals"]["name"]) == ["Bare", "Pruning robots"]
    frames_now = known(store, second)
    assert frames_now["deals"]["name"].to_list() == ["Renamed"]
    assert frames_now["history"].height == 2
    assert frames_now["links"]["id"].sort().to_list() == ["l1", "l2"]
    assert frames_now["links"].filter(id="l1")["valid_to"].to_list() == [None]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoAccess("the scope crm.objects.contacts.read is missing"), "the scope crm.objects.contacts.read is missing"),
        (Retry("502 five times"), "502 five times"),
        (Retry(), "Retry"),
    ],
)
@pytest.mark.parametrize("after", [0, 1])
def test_what_the_crm_withholds_is_missing_and_the_rest_is_read(
    store: Store, error: Exception, reason: str, after: int
) -> None:
    run_of(Lists(), store, 1)
    changed = {**RECORDS, "deals": (named(DEAL, "Renamed"),)}
    run = run_of(Lists(changed, breaks={"people": (after, error)}), store, 2)
    assert (run.status, run.missing) == ("partial", {"people": reason})
    assert known(store, run)["people"].height == 2  # nobody is gone because a page was not read
    assert known(store, run)["deals"]["name"].to_list() == ["Renamed"]
    assert store.latest("orchard") == run


def test_when_the_days_calls_are_used_up_nothing_more_is_tried(store: Store) -> None:
    connector = Lists(breaks={"deals": (1, OutOfQuota("the day's calls are used up"))})
    run = run_of(connector, store)
    assert run.status == "partial"
    assert run.missing == dict.fromkeys(list(KINDS)[list(KINDS).index("deals") :], "the day's calls are used up")
    assert not {"links", "events", "rechecks", "history"} & set(connector.calls.by_name)
    assert known(store, run)["deals"]["id"].to_list() == ["d1"]
    assert known(store, run)["people"].height == 2


def test_the_next_night_completes_what_was_cut(store: Store) -> None:
    run_of(Lists(breaks={"deals": (1, OutOfQuota("used up"))}), store, 1)
    run = run_of(Lists(), store, 2)
    assert run.status == "complete"
    assert all(frame.height == 2 for frame in known(store, run).values())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BadLogin("the token was revoked"), "the token was revoked"),
        (FixConfig("fields.need names no field"), "fields.need names no field"),
        (ZeroDivisionError("of Dana Ruiz"), "ZeroDivisionError in "),  # its text may quote a record
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_anything_else_fails_the_run_and_is_raised(store: Store, error: BaseException, reason: str) -> None:
    first = run_of(Lists(), store, 1)
    connector = Lists({**RECORDS, "deals": (named(DEAL, "Renamed"),)}, breaks={"links": (1, error)})
    with pytest.raises(type(error)):
        run_of(connector, store, 2)
    failed = store.runs("orchard")[0]
    assert failed.status == "failed"
    assert (failed.reason or "").startswith(reason)
    assert "Dana" not in (failed.reason or "")
    assert failed.finished == night(2) + timedelta(minutes=5)
    assert failed.calls_read == connector.calls.read
    assert store.latest("orchard") == first
    assert sorted(known(store, first)["deals"]["name"]) == ["Bare", "Pruning robots"]


@pytest.mark.parametrize("question", ["account", "survey"])
@pytest.mark.parametrize("error", [BadLogin("the token was revoked"), Retry("cannot be reached"), NoAccess("no scope")])
def test_a_crm_that_does_not_say_who_it_is_fails_the_run(store: Store, question: str, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        run_of(Lists(breaks={question: (0, error)}), store)
    (failed,) = store.runs("orchard")
    assert (failed.status, failed.reason, failed.account.name) == ("failed", str(error), "(not reached)")
    assert store.latest("orchard") is None


def test_a_record_that_no_database_takes_fails_the_run_and_leaves_its_page_out(store: Store) -> None:
    poisoned = {**RECORDS, "stages": (*RECORDS["stages"], replace(STAGE, id="x", position=2**70))}
    with pytest.raises(Exception, match=r"(?i)too large|out of range"):
        run_of(Lists(poisoned), store, 1)
    assert [run.status for run in store.runs("orchard")] == ["failed"]
    assert known(store, run_of(Lists(), store, 2))["stages"].height == 2


def test_a_pull_of_a_connection_that_is_being_read_does_not_begin(store: Store) -> None:
    def begin_another(kind: str, rows: int) -> None:
        with pytest.raises(Busy, match="run 1 has been reading it since 2026-03-02 04:30 UTC"):
            run_of(Lists(), store, 2)

    pull(Lists(), store, start=START, now=lambda: night(1), progress=begin_another)
    assert [run.status for run in store.runs("orchard")] == ["complete"]


def test_a_pull_that_another_replaced_stops_and_says_so(store: Store, store_url: str) -> None:
    def stand_still(kind: str, rows: int) -> None:
        if (kind, rows) == ("deals", 1):
            expire(store_url)
            store.begin(Start(connection="orchard", started=night(2)))

    with pytest.raises(Incomplete, match="did it stand still for more than 5 minutes"):
        pull(Lists(), store, start=START, now=lambda: night(3), progress=stand_still)
    assert [run.status for run in store.runs("orchard")] == ["running", "failed"]


# A run goes on where the last one was cut.


class Cut(Exception):
    """The end of a pull in the middle."""


BEFORE = {
    **RECORDS,
    "users": (),
    "deals": (named(DEAL, "Before"), replace(DEAL, id="d0", name="Gone since")),
    "links": (*RECORDS["links"], replace(LINK, id="l0", role="champion")),
}


def interrupted(store: Store, connection: str, *, pages: int) -> bool:
    """A pull on the second night that ends after so many pages; whether there were as many."""
    left = iter(range(1, pages))

    def count(kind: str, rows: int) -> None:
        if next(left, None) is None:
            raise Cut

    start = Start(connection=connection, started=night(2), config="abc")
    try:
        pull(Lists(), store, start=start, now=lambda: night(2), progress=count)
    except Cut:
        return True
    return False


def known_after(store: Store, connection: str, *, pages: int | None) -> Mapping[str, list[tuple[object, ...]]] | None:
    """What is known after a night that was cut after so many pages, and taken up at once; None: it was never cut."""
    for started, lists in ((night(1), Lists(BEFORE)), (night(2), Lists())):
        if started == night(2) and pages is not None and not interrupted(store, connection, pages=pages):
            return None
        start = Start(connection=connection, started=started, config="abc")
        run = pull(lists, store, start=start, now=lambda: night(3))
        assert run.status == "complete"
    return {kind: sorted(frame.rows(), key=str) for kind, frame in known(store, run).items()}


def test_a_pull_cut_after_any_page_and_taken_up_gives_what_an_undisturbed_one_gives(store: Store) -> None:
    undisturbed = known_after(store, "undisturbed", pages=None)
    cut = 0
    while (found := known_after(store, f"cut {cut + 1}", pages=cut + 1)) is not None:
        cut += 1
        assert found == undisturbed, f"after {cut} pages"
    assert cut == 2 * len(KINDS)


def test_what_was_read_before_the_cut_is_not_read_again(store: Store) -> None:
    assert interrupted(store, "orchard", pages=11)  # in the middle of the deals
    again = Lists()
    run_of(again, store, 3)
    assert (again.calls.by_name["deals"], again.calls.by_name["links"]) == (1, 2)
    (asked,) = again.asked
    assert asked.stands["deals"] == Stand("1", ended=False, whole=None)
    assert asked.stands["people"] == Stand("2", ended=True, whole=night(2))


def test_a_run_asks_for_what_it_was_told_to(store: Store) -> None:
    run_of(Lists(), store, 1)
    connector, since = Lists(), night(1) - timedelta(days=30)
    asked = Asked(anew=frozenset({"deals"}), since=since)
    pull(connector, store, start=replace(START, started=night(2), asked=asked), now=lambda: night(2))
    (reading,) = connector.asked
    assert (reading.started, reading.anew, reading.since) == (night(2), frozenset({"deals"}), since)
    assert reading.whole_before == night(2) - timedelta(days=7)
    assert reading.stands.keys() == KINDS.keys() - {"deals"}


def test_fault_44_a_run_keeps_the_settings_with_which_it_began(store: Store, tmp_path: Path) -> None:
    """The file is edited while the run reads; the next run begins with the new settings, and reads everything anew."""
    path = tmp_path / "crm-audit.toml"

    def start(number: int) -> Start:
        settings = digest(load(path).connections["org"])
        return Start(connection="org", started=night(number), config=settings)

    def edit(kind: str, rows: int) -> None:
        path.write_text('[connections.org]\nvendor = "files"\nzone = "UTC"\n')

    path.write_text('[connections.org]\nvendor = "files"\n')
    first, second = Lists(), Lists()
    run = pull(first, store, start=(begun := start(1)), now=lambda: night(1), progress=edit)
    assert run.config == begun.config != start(2).config
    again = pull(second, store, start=start(2), now=lambda: night(2))
    assert again.config != run.config
    assert second.asked[0].stands == {}
    assert second.calls.read == first.calls.read


def test_settings_that_only_judge_leave_every_stream_where_it_stands(store: Store) -> None:
    settings = [digest(Connection(vendor="files", source_days=days)) for days in (30, 90)]
    for number, config in enumerate(settings, 1):
        crm = Lists()
        pull(crm, store, start=Start(connection="org", started=night(number), config=config), now=lambda: night(1))
        assert bool(crm.asked[0].stands) is (number == 2)
