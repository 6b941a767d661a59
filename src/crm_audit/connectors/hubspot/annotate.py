"""Showing the verdict on the deal: properties of ours, and nothing else by construction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from crm_audit import crash
from crm_audit.connectors.base import Fields, Receipt, Write
from crm_audit.connectors.hubspot.gateway import BATCH, Gateway, Json, Query, Refused, cut
from crm_audit.connectors.hubspot.kit import FILLED
from crm_audit.connectors.hubspot.names import OWN
from crm_audit.connectors.hubspot.refusals import Locked
from crm_audit.connectors.hubspot.values import number, text
from crm_audit.domain import Annotation
from crm_audit.errors import NoAccess

PLACE = "deal"
GAP = OWN["stage_gap"]


def wanted(annotation: Annotation, passes: Mapping[str, str]) -> Mapping[str, Fields]:
    """What our properties must hold, `passes` by stage too; None clears one. HubSpot trims text, so we do."""
    shown: dict[str, str | int | None] = {}
    for ours, name in OWN.items():
        value = getattr(annotation, ours)
        shown[name] = value.strip() or None if isinstance(value, str) else value
    shown |= {name: None if stage in annotation.refused else FILLED for stage, name in passes.items()}
    return {PLACE: shown}


def shown(gateway: Gateway, deals: Sequence[str], own: Collection[str]) -> dict[str, Mapping[str, Fields]]:
    """What our properties hold now; a deal that is gone or merged away is left out."""
    found = gateway.read(Query(kind="deals", properties=tuple(own)), deals)
    return {deal: {PLACE: _fields(record, own)} for deal, record in found.items()}


def _fields(record: Json, own: Collection[str]) -> Fields:
    held: dict[str, str | int | None] = {name: text(record, name) for name in own}
    gap = number(held[GAP])
    held[GAP] = int(gap) if gap is not None else None
    return held


def require(properties: frozenset[str], own: Collection[str]) -> None:
    """NoAccess, with what to do, unless the portal has all properties that we write."""
    missing = [name for name in own if name not in properties]
    if missing:
        raise NoAccess(
            f"the portal has no deal property {', '.join(missing)}: run `crm-audit provision hubspot --dry-run`, which "
            "says what it would create"
        )


def write(gateway: Gateway, writes: Sequence[Write], own: Collection[str]) -> list[Receipt]:
    """Carry the writes out, at most 100 a call, and read them back; a refused deal holds up no other."""
    refused = {
        position: reason
        for batch in cut([(at, one) for at, one in enumerate(writes)], BATCH)
        for position, reason in _send(gateway, batch, own)
    }
    crash.at("P3")
    sent = [one.deal for at, one in enumerate(writes) if at not in refused]
    now = shown(gateway, sent, own) if sent else {}
    return [_receipt(one, refused=refused.get(at), now=now.get(one.deal)) for at, one in enumerate(writes)]


def _send(gateway: Gateway, batch: Sequence[tuple[int, Write]], own: Collection[str]) -> Iterator[tuple[int, str]]:
    """The refusals among a batch. One record that is poisonous, or stays locked, makes HubSpot refuse the whole call:
    halve until it is alone.
    """
    try:
        answer = gateway.update("deals", [_input(one, own) for _, one in batch])
    except (Refused, Locked) as error:
        if len(batch) == 1:
            yield batch[0][0], str(error)
            return
        middle = len(batch) // 2
        yield from _send(gateway, batch[:middle], own)
        yield from _send(gateway, batch[middle:], own)
        return
    yield from _refusals(answer, batch)


def _input(write: Write, own: Collection[str]) -> Json:
    foreign = set(write.after).difference(own)
    if write.place != PLACE or foreign:
        raise ValueError(f"deal {write.deal}: {write.place} {sorted(foreign)} is not ours to write")
    return {"id": write.deal, "properties": {name: _sent(write.after[name]) for name in write.after}}


def _sent(value: str | int | None) -> str:
    """Empty text clears a property."""
    return "" if value is None else str(value)


def _refusals(answer: Json, batch: Sequence[tuple[int, Write]]) -> Iterator[tuple[int, str]]:
    """A short answer is a refusal too, even where no error names the record."""
    done = {str(record["id"]) for record in answer.get("results") or ()}
    reasons: dict[str, str] = {}
    for error in answer.get("errors") or ():
        for one in (error.get("context") or {}).get("ids") or ():
            reasons[str(one)] = str(error.get("message") or error.get("category"))
    for position, one in batch:
        if one.deal not in done:
            yield position, reasons.get(one.deal, "HubSpot left this deal out of its answer without saying why")


def _receipt(write: Write, *, refused: str | None, now: Mapping[str, Fields] | None) -> Receipt:
    if refused is not None:
        return Receipt(write, ok=False, reason=refused)
    held = (now or {}).get(PLACE)
    if held is None:
        return Receipt(write, ok=False, reason="the deal was gone when it was read back")
    differing = [name for name, value in write.after.items() if held.get(name) != value]
    if differing:
        reason = f"HubSpot shows something else in {', '.join(differing)} than was sent"
        return Receipt(write, ok=False, reason=reason, overwritten=True)
    return Receipt(write, ok=True)
