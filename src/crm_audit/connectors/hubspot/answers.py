"""What reps answered on a deal: properties of it that are about the finding on top at that moment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.names import ANSWER, ANSWER_REASON, ANSWER_UNTIL, OWN
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.values import day, instant, text
from crm_audit.domain import ANSWERS, Answer, Record
from crm_audit.writeback.details import Entry, parse

CUT = "…"
"""How a finding ends that was too long for its property."""


def ids(record: Json) -> list[str]:
    """The ids of the answers that the history of a deal still tells of and nobody took back, the newest first."""
    entries = _entries(record, ANSWER)
    followed = [True, *(bool(entry.get("value")) for entry in entries)]  # whether what came after is an answer, too
    kept = [entry for entry, stays in zip(entries, followed, strict=False) if entry.get("value") and stays]
    return [_id(record, entry) for entry in kept]


def answers(record: Json, portal: Portal, known: Mapping[str, Record]) -> Iterator[Answer]:
    """The newest answer, with the finding that it was given to; and older ones as far as they are known already."""
    present = ids(record)
    for entry in _entries(record, ANSWER)[:1]:
        at, said = instant(entry.get("timestamp")), entry.get("value")
        if at is not None and said in ANSWERS:
            about = _about(record, at)
            yield Answer(
                id=_id(record, entry),
                deal=str(record["id"]),
                rule=about.rule if about else None,
                answer=said,
                at=at,
                topics=about.asks if about else (),
                until=day(text(record, ANSWER_UNTIL), portal.zone),
                reason=text(record, ANSWER_REASON),
                by=portal.writer(entry),
            )
            present = present[1:]
    yield from (each for one in present if isinstance(each := known.get(one), Answer))


def _about(record: Json, at: datetime) -> Entry | None:
    """The finding that was on top at that moment, as far as the details still have it."""
    past = ((instant(entry.get("timestamp")), entry.get("value")) for entry in _entries(record, OWN["top_finding"]))
    shown = next((value for since, value in past if since is not None and since <= at), None)
    told = parse(text(record, OWN["details"]) or "")
    entries = (*told.missing, *told.others)
    return next((entry for entry in entries if shown and _same(entry.says, str(shown))), None)


def _same(says: str, shown: str) -> bool:
    """Whether a finding is the one that is shown, which may have been cut."""
    flat = " ".join(shown.split())
    return flat == says or (flat.endswith(CUT) and says.startswith(flat.removesuffix(CUT)))


def _entries(record: Json, name: str) -> list[Json]:
    """The history of a property, the newest first."""
    entries = (record.get("propertiesWithHistory") or {}).get(name) or ()
    return sorted(entries, key=lambda entry: str(entry.get("timestamp")), reverse=True)


def _id(record: Json, entry: Json) -> str:
    return f"{record['id']}:{entry.get('timestamp')}"
