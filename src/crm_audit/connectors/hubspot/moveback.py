"""Moving a deal back into the stage that a person has just moved it out of: the one foreign thing ever written here.

HubSpot refuses no stage by a formula, so on the admin's word a move into a refused stage is undone within seconds.
This module writes a deal's stage, and the close date that HubSpot set together with it, and nothing else. It knows only
moves that a person made: what an integration, an import or a workflow moved is no rep's slip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from crm_audit.connectors.base import Fields, Move
from crm_audit.connectors.hubspot.gateway import Gateway, Json, Query, Refused
from crm_audit.connectors.hubspot.values import instant
from crm_audit.errors import FixConfig

STAGE, CLOSE, PIPELINE = "dealstage", "closedate", "pipeline"
WRITTEN = (STAGE, CLOSE)
"""All that is ever written here."""
PEOPLE = ("CRM_UI", "MOBILE_IOS", "MOBILE_ANDROID")
"""The sources of a change that a person made by hand. Our own moves come as INTEGRATION or API."""
SYNCED = "hs_salesforceopportunityid"
"""The deal property that HubSpot's own sync with Salesforce brings along."""
TOGETHER = timedelta(seconds=5)
"""So soon after a move into a closed stage HubSpot sets the close date itself, to the instant of the move."""
SAME = timedelta(minutes=1)


def require(properties: frozenset[str]) -> None:
    """FixConfig where deals sync with Salesforce: a move back would go there too, with all that it sets off."""
    if SYNCED in properties:
        raise FixConfig(
            f"options.move_back: this portal's deals sync with Salesforce (they have {SYNCED}), so none is moved back; "
            "take the option out, and let the gate in Salesforce refuse"
        )


def moves(gateway: Gateway, deals: Sequence[str], *, within: timedelta) -> dict[str, Move]:
    """Those of the deals whose newest move a person made so lately, read by id."""
    properties = (STAGE, PIPELINE, CLOSE)
    found = gateway.read(Query(kind="deals", properties=properties, history=properties), deals) if deals else {}
    read = (move for record in found.values() if (move := _move(record)))
    return {move.deal: move for move in read if timedelta() <= gateway.now() - move.at + SAME <= within + SAME}


def move_back(gateway: Gateway, move: Move) -> str | None:
    """Undo the move; HubSpot's words where it refuses. A refusal is not tried again."""
    properties = {STAGE: move.before, **{name: value or "" for name, value in move.also.items()}}
    foreign = properties.keys() - set(WRITTEN)
    if foreign:
        raise ValueError(f"deal {move.deal}: {sorted(foreign)} is not to be moved back")
    try:
        answer = gateway.update("deals", [{"id": move.deal, "properties": properties}])
    except Refused as error:
        return str(error)
    for said in answer.get("errors") or ():
        return str(said.get("message") or said.get("category"))
    return None if stage(gateway, move.deal) == move.before else "the deal is in another stage when it is read back"


def stage(gateway: Gateway, deal: str) -> str | None:
    """The stage in which a deal is now, read by its id; None where it is gone."""
    now = gateway.read(Query(kind="deals", properties=(STAGE,)), [deal]).get(deal)
    held = ((now or {}).get("properties") or {}).get(STAGE)
    return str(held) if held else None


def _move(record: Json) -> Move | None:
    """The newest move of a deal; None where no person made it, or it went into another pipeline with it."""
    own, past = record.get("properties") or {}, record.get("propertiesWithHistory") or {}
    stages = _newest_first(past.get(STAGE) or ())
    if len(stages) < 2 or str(stages[0].get("sourceType")) not in PEOPLE or stages[0].get("value") != own.get(STAGE):
        return None
    at, before, after = instant(str(stages[0]["timestamp"])), stages[1].get("value"), own.get(STAGE)
    if at is None or not before or not after or before == after or _changed(past.get(PIPELINE) or (), since=at):
        return None
    return Move(
        deal=str(record["id"]),
        pipeline=str(own.get(PIPELINE) or ""),
        before=str(before),
        after=str(after),
        at=at,
        also=_close(past.get(CLOSE) or (), at=at),
    )


def _close(entries: Iterable[Json], *, at: datetime) -> Fields:
    """The close date before HubSpot set it together with the move; nothing where a person set it, or nobody did."""
    newest = _newest_first(entries)
    if not newest:
        return {}
    set_at, value = instant(str(newest[0]["timestamp"])), instant(str(newest[0].get("value") or ""))
    if set_at is None or value is None or not (timedelta() <= set_at - at <= TOGETHER and abs(value - at) <= SAME):
        return {}
    was = str(newest[1].get("value") or "") if len(newest) > 1 else ""
    return {CLOSE: was or None}


def _changed(entries: Iterable[Json], *, since: datetime) -> bool:
    """Whether a property got another value at that instant or later; what it was made with is no change."""
    newest = _newest_first(entries)
    changed_at = instant(str(newest[0]["timestamp"])) if len(newest) > 1 else None
    return changed_at is not None and changed_at >= since - TOGETHER


def _newest_first(entries: Iterable[Json]) -> list[Mapping[str, object]]:
    return sorted(entries, key=lambda entry: str(entry["timestamp"]), reverse=True)
