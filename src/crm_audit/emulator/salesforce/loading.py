"""Filling an org with millions of finished rows, past all that happens to a single one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from crm_audit.emulator.salesforce.packed import Mould, Pool
from crm_audit.emulator.salesforce.state import State
from crm_audit.emulator.soql.schema import Entity, Row, Value


def load(state: State, entity: Entity, rows: Iterable[Mapping[str, Value]], *, author: str) -> list[str]:
    """Store rows as they are and give their ids; see `SalesforceOrg.load`."""
    ids: list[str] = []
    state.records.fill(entity, _finished(state, entity, rows, usual=_usual(state, entity, author=author), ids=ids))
    return ids


def _finished(
    state: State, entity: Entity, rows: Iterable[Mapping[str, Value]], *, usual: Row, ids: list[str]
) -> Iterator[Row]:
    pool, moulds = Pool(), dict[tuple[str, ...], Mould]()
    for given in rows:
        record = str(given.get("Id") or state.records.issue(entity))
        ids.append(record)
        names = tuple(given)
        mould = moulds.get(names)
        if mould is None:
            mould = moulds[names] = Mould(usual, names)
        yield mould.cast(given.values(), pool, record=record)


def _usual(state: State, entity: Entity, *, author: str) -> Row:
    """What a row holds that does not say otherwise."""
    now = state.clock.now().replace(microsecond=0)
    stamps: Row = {"CreatedDate": now, "CreatedById": author, "LastModifiedDate": now, "LastModifiedById": author}
    usual: dict[str, Value] = {**stamps, "SystemModstamp": now, "OwnerId": author}
    if "CurrencyIsoCode" in entity.fields:
        usual["CurrencyIsoCode"] = state.writer.currency
    defaults: Row = {known.name: known.default for known in entity.fields.values() if known.default is not None}
    return {"Id": None, **defaults, **{name: value for name, value in usual.items() if name in entity.fields}}
