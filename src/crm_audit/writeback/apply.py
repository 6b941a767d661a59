"""6 · Apply: the one effect on the customer's data, by way of the outbox, so that a kill at any point loses nothing.

Written down, marked as about to be sent, sent, read back, settled, journalled: whatever happens in between, the outbox
says which writes may have arrived, and `recover` asks the CRM about those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from crm_audit import crash
from crm_audit.connectors.base import Connector, Fields, Receipt, Write
from crm_audit.errors import CrmAuditError
from crm_audit.store.outbox import Entry, Outbox
from crm_audit.writeback.plan import Plan

ARRIVED = "known by reading it back: the process that sent it ended before it was told"
IN_PART = f"{ARRIVED}, and something in the CRM has changed a part of it since"
GONE = "gone: the deal was deleted or merged away since it was read"
OVERTAKEN = "somebody changed it after the plan was made; the next plan looks at it again"


def apply(
    plan: Plan, connector: Connector, outbox: Outbox, progress: Callable[[int], None] = lambda done: None
) -> list[Receipt]:
    """Carry out a plan batch by batch; the connector reads back what it wrote. One receipt per write.

    Where the CRM stops answering after a part was written, the rest is told as not done; before that, it raises.
    """
    if not plan.writes:
        return []
    recover(plan.connection, connector, outbox)
    put = outbox.put(plan.connection, plan.writes, plan=plan.digest, run=plan.run)
    entries = [replace(entry, write=write) for entry, write in zip(put, plan.writes, strict=True)]
    crash.at("P1")
    receipts: list[Receipt] = []
    for batch in _batches(entries, connector.batch(len({write.deal for write in plan.writes}))):
        try:
            receipts += _send(batch, plan.connection, connector=connector, outbox=outbox)
        except CrmAuditError as error:
            if not receipts:
                raise
            outbox.log(plan.connection)
            left = plan.writes[len(receipts) :]
            return receipts + [Receipt(write, ok=False, reason=f"not tried, or not known: {error}") for write in left]
        progress(len(receipts))
    outbox.log(plan.connection)
    crash.at("P7")
    return receipts


def recover(connection: str, connector: Connector, outbox: Outbox) -> None:
    """Learn from the CRM what became of the writes that a killed process left under way; nothing is written there.

    Those that arrived, be it in part, are journalled, so that an undo knows of them. The others are dropped: the plan
    that follows has them where they still differ.
    """
    left = outbox.left(connection)
    if left:
        _learn(left, connection, connector=connector, outbox=outbox)
    outbox.log(connection, late=True)


def _learn(left: Sequence[Entry], connection: str, *, connector: Connector, outbox: Outbox) -> None:
    unknown = [each for each in left if each.state == "sending"]
    if unknown:
        connector.halt()
    shown = connector.shown(sorted({each.write.deal for each in unknown})) if unknown else {}
    learnt = [(each, _learnt(each.write, shown.get(each.write.deal, {}).get(each.write.place))) for each in unknown]
    arrived = [each for each, receipt in learnt if receipt]
    outbox.settle(arrived, [receipt for _, receipt in learnt if receipt])
    outbox.drop([each for each in left if each.state in ("planned", "sending") and each not in arrived])
    journal(connection, outbox)


def journal(connection: str, outbox: Outbox) -> None:
    """Append what is settled to the journal; may be called again after a crash."""
    outbox.journal(connection)


def _send(batch: Sequence[Entry], connection: str, *, connector: Connector, outbox: Outbox) -> Sequence[Receipt]:
    late = _overtaken(batch, connector)
    told = {id: Receipt(each.write, ok=False, reason=late[id]) for each in batch if (id := each.id) in late}
    fit = [each for each in batch if each.id not in told]
    outbox.settle([each for each in batch if each.id in told], list(told.values()))
    outbox.send(fit)
    crash.at("P2")
    receipts = connector.write([each.write for each in fit]) if fit else []
    crash.at("P4")
    outbox.settle(fit, receipts)
    crash.at("P5")
    journal(connection, outbox)
    crash.at("P6")
    told |= {each.id: receipt for each, receipt in zip(fit, receipts, strict=True)}
    return [told[each.id] for each in batch]


def _overtaken(batch: Sequence[Entry], connector: Connector) -> dict[int, str]:
    """Why some are not sent, by number: neither CRM compares as it sets, so they are read again just before.

    A deal that is not what the plan saw is left to the next plan whole, since its writes belong together.
    """
    shown = connector.shown(sorted({each.write.deal for each in batch}))
    other = {each.write.deal for each in batch if each.write.deal in shown and not _stands(each.write, shown)}
    reasons = {deal: OVERTAKEN for deal in other}
    reasons |= {each.write.deal: GONE for each in batch if each.write.deal not in shown}
    return {each.id: reasons[each.write.deal] for each in batch if each.write.deal in reasons}


def _stands(write: Write, shown: Mapping[str, Mapping[str, Fields]]) -> bool:
    """Whether the place still holds what the plan saw there."""
    now = shown[write.deal].get(write.place)
    if write.before is None or now is None:
        return write.before is None and now is None
    return all(now.get(name) == value for name, value in write.before.items())


def _learnt(write: Write, now: Fields | None) -> Receipt | None:
    """What the fields say of a write that nobody was told about; None where nothing of it is to be seen."""
    seen = [now is not None and now.get(name) == value for name, value in write.after.items()]
    if not any(seen):
        return None
    return Receipt(write, ok=all(seen), reason=ARRIVED if all(seen) else IN_PART, overwritten=not all(seen))


def _batches(entries: Sequence[Entry], most: int) -> list[Sequence[Entry]]:
    """All writes of one deal stay together: a link may only follow what it links to."""
    batches: list[list[Entry]] = [[]]
    deals: set[str] = set()
    for entry in entries:
        deal = entry.write.deal
        if len(deals) == most and deal not in deals:
            batches.append([])
            deals = set()
        deals.add(deal)
        batches[-1].append(entry)
    return [batch for batch in batches if batch]
