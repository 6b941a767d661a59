"""6 · Apply: the one effect on the customer's data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crm_audit.connectors.base import Connector, Receipt, Write
from crm_audit.errors import CrmAuditError
from crm_audit.writeback.plan import Plan

BATCH = 100
"""Deals whose writes go out together; the smaller of the two vendors' batches."""


def apply(plan: Plan, connector: Connector, progress: Callable[[int], None] = lambda done: None) -> list[Receipt]:
    """Carry out a plan batch by batch; the connector reads back what it wrote. One receipt per write.

    Where the CRM stops answering after a part was written, the rest is told as not done; before that, it raises.
    """
    receipts: list[Receipt] = []
    for batch in _batches(plan.writes):
        try:
            receipts += connector.write(batch)
        except CrmAuditError as error:
            if not receipts:
                raise
            left = plan.writes[len(receipts) :]
            return receipts + [Receipt(write, ok=False, reason=f"not tried, or not known: {error}") for write in left]
        progress(len(receipts))
    return receipts


def _batches(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """All writes of one deal stay together: a link may only follow what it links to."""
    batches: list[list[Write]] = [[]]
    deals: set[str] = set()
    for write in writes:
        if len(deals) == BATCH and write.deal not in deals:
            batches.append([])
            deals = set()
        deals.add(write.deal)
        batches[-1].append(write)
    return [batch for batch in batches if batch]
