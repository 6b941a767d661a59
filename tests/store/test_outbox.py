"""What the journal tells of the past of a deal: enough of it, however long it is."""

from __future__ import annotations

from crm_audit.connectors.base import Fields, Receipt, Write
from crm_audit.store import Store
from tests.store.records import synced


def wrote(store: Store, *, run: int | None, **after: str | None) -> None:
    fields: Fields = after
    sent = [Write("d1", "deal", dict.fromkeys(fields), fields)]
    entries = store.outbox.put("orchard", sent, plan="p", run=run)
    store.outbox.settle(entries, [Receipt(each, ok=True) for each in sent])
    store.outbox.journal("orchard")


def test_of_a_long_past_the_last_writes_of_each_field_are_told_however_old_they_are(store: Store) -> None:
    run = synced(store, 1).id
    for number in range(3):
        wrote(store, run=run, finding=f"f{number}", gap="0")
    for number in range(6):
        wrote(store, run=run, gap=str(number))
        wrote(store, run=None, gap=None)  # undone
    told = [dict(each.write.after) for each in store.outbox.written("orchard", ["d1"], last=2)]
    finding = [{"finding": "f1", "gap": "0"}, {"finding": "f2", "gap": "0"}]
    assert told == [*finding, {"gap": "4"}, {"gap": None}, {"gap": "5"}, {"gap": None}]
