"""Carrying out a plan: batch by batch, a deal's writes together, one receipt per write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

import pytest

from crm_audit.connectors.base import Calls, Fields, Gap, Gateless, Page, Reading, Receipt, Write
from crm_audit.domain import Account, Annotation, Stage, Survey
from crm_audit.errors import Retry
from crm_audit.store import Store
from crm_audit.writeback.apply import GONE, OVERTAKEN
from crm_audit.writeback.apply import apply as carried_out
from crm_audit.writeback.plan import Plan


@dataclass
class Ledger(Gateless):
    """A connector whose CRM is a list of the batches that it was given."""

    refused: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    held: Mapping[str, Mapping[str, Fields]] = field(default_factory=dict)
    breaks_at: int | None = None
    batches: list[Sequence[Write]] = field(default_factory=list)
    vendor: str = "ledger"
    calls: Calls = field(default_factory=Calls)

    def account(self) -> Account:
        raise AssertionError("applying a plan asks nothing")

    def survey(self) -> Survey:
        raise AssertionError("applying a plan asks nothing")

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        raise AssertionError("applying a plan reads nothing")

    def stages(self) -> Sequence[Stage]:
        raise AssertionError("applying a plan reads nothing")

    def batch(self, deals: int) -> int:
        return 100

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        return {}

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        raise AssertionError("a plan is made already")

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        return {deal: self.held.get(deal, {}) for deal in deals if deal not in self.gone}

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        if self.breaks_at == len(self.batches):
            raise Retry("unreachable")
        self.batches.append(writes)
        self.calls.count("write", writes=True)
        return [Receipt(w, w.deal not in self.refused, "locked" if w.deal in self.refused else None) for w in writes]

    def address(self, kind: str, record_id: str) -> str | None:
        return None


def apply(plan: Plan, ledger: Ledger, progress: Callable[[int], None] = lambda done: None) -> list[Receipt]:
    with TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        return carried_out(plan, ledger, store.outbox, progress)


BATCH = Ledger().batch(1)


def writes(deals: int, places: Sequence[str] = ("verdict",)) -> tuple[Write, ...]:
    return tuple(Write(f"d{n}", place, None, {"gap": n}) for n in range(deals) for place in places)


def test_an_empty_plan_makes_no_call() -> None:
    ledger = Ledger()
    assert apply(Plan((), 9), ledger) == []
    assert (ledger.batches, ledger.calls.write) == ([], 0)


@pytest.mark.parametrize(
    ("deals", "sizes"),
    [(1, [1]), (BATCH - 1, [BATCH - 1]), (BATCH, [BATCH]), (BATCH + 1, [BATCH, 1]), (2 * BATCH, [BATCH, BATCH])],
)
def test_batches_are_as_large_as_they_may_be(deals: int, sizes: list[int]) -> None:
    ledger = Ledger()
    apply(Plan(writes(deals), 0), ledger)
    assert [len(batch) for batch in ledger.batches] == sizes


@pytest.mark.parametrize("deals", [1, BATCH, BATCH + 1, 2 * BATCH + 7])
def test_the_writes_of_a_deal_stay_together_and_in_order(deals: int) -> None:
    ledger = Ledger()
    given = writes(deals, ("verdict", "link", "deal"))
    apply(Plan(given, 0), ledger)
    assert [write for batch in ledger.batches for write in batch] == list(given)
    where: dict[str, set[int]] = {}
    for number, batch in enumerate(ledger.batches):
        for write in batch:
            where.setdefault(write.deal, set()).add(number)
    assert all(len(batches) == 1 for batches in where.values())
    assert all(len({write.deal for write in batch}) <= BATCH for batch in ledger.batches)


def test_every_write_has_its_receipt() -> None:
    given = writes(BATCH + 5)
    receipts = apply(Plan(given, 0), Ledger(refused=frozenset({"d3", f"d{BATCH}"})))
    assert [receipt.write for receipt in receipts] == list(given)
    assert [(r.write.deal, r.reason) for r in receipts if not r.ok] == [("d3", "locked"), (f"d{BATCH}", "locked")]


def test_progress_is_told_after_every_batch() -> None:
    told: list[int] = []
    apply(Plan(writes(2 * BATCH + 1), 0), Ledger(), told.append)
    assert told == [BATCH, 2 * BATCH, 2 * BATCH + 1]


def test_what_was_written_before_a_break_is_written_once() -> None:
    ledger = Ledger(breaks_at=1)
    told: list[int] = []
    receipts = apply(Plan(writes(3 * BATCH), 0), ledger, told.append)
    assert (len(ledger.batches), told) == (1, [BATCH])
    assert [receipt.ok for receipt in receipts] == [True] * BATCH + [False] * (2 * BATCH)
    assert all("not tried, or not known" in str(receipt.reason) for receipt in receipts[BATCH:])


def test_a_break_before_anything_was_written_is_raised() -> None:
    with pytest.raises(Retry):
        apply(Plan(writes(BATCH), 0), Ledger(breaks_at=0))


def test_fault_18_what_is_gone_by_now_is_refused_and_not_sent() -> None:
    ledger = Ledger(gone=frozenset({"d1"}))
    receipts = apply(Plan(writes(3, ("verdict", "link")), 0), ledger)
    assert [(r.write.deal, r.reason) for r in receipts if not r.ok] == [("d1", GONE), ("d1", GONE)]
    assert {write.deal for batch in ledger.batches for write in batch} == {"d0", "d2"}


def test_fault_21_what_somebody_changed_since_the_plan_is_not_written_over() -> None:
    ledger = Ledger(held={"d1": {"link": {"gap": 7}}})
    receipts = apply(Plan(writes(3, ("verdict", "link")), 0), ledger)
    assert {(r.write.deal, r.reason) for r in receipts if not r.ok} == {("d1", OVERTAKEN)}
    assert {write.deal for batch in ledger.batches for write in batch} == {"d0", "d2"}


def test_where_nothing_is_left_to_send_no_call_is_made() -> None:
    ledger = Ledger(gone=frozenset({"d0"}))
    assert [receipt.ok for receipt in apply(Plan(writes(1), 0), ledger)] == [False]
    assert ledger.batches == []
