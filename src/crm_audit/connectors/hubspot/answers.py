"""What reps answered on a deal: properties of it that are about the finding on top at that moment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
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
    """The ids of the answers that the history of a deal still tells of, the newest first."""
    return [_id(record, entry) for entry in _entries(record, ANSWER) if entry.get("value")]


def answers(record: Json, portal: Portal, known: Mapping[str, Record]) -> Iterator[Answer]:
    """The newest answer, with the finding that it was given to; and older ones as far as they are known already.

    Whoever answers another finding has to empty the property first, so that alone takes no answer back.
    """
    entries = _entries(record, ANSWER)
    later = set[str | None]()  # what newer answers were about
    for entry, after in zip(entries, [None, *entries], strict=False):
        if not entry.get("value"):
            continue
        one = _newest(record, entry, portal, known) if after is None else known.get(_id(record, entry))
        rule = one.rule if isinstance(one, Answer) else _rule(record, entry)
        taken_back = after is not None and not after.get("value") and (not later or rule in later)
        if isinstance(one, Answer) and not taken_back:
            yield one
        later.add(rule)


def _newest(record: Json, entry: Json, portal: Portal, known: Mapping[str, Record]) -> Answer | None:
    """What the property says now; its day and its reason are those from before another finding came to the top."""
    at, said = instant(entry.get("timestamp")), entry.get("value")
    if at is None or said not in ANSWERS:
        return None
    about = _about(record, _shown(record, at))
    answer = Answer(
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
    before, top = known.get(answer.id), _about(record, text(record, OWN["top_finding"]))
    if isinstance(before, Answer) and top and top.rule != before.rule:
        return replace(answer, rule=before.rule, topics=before.topics, until=before.until, reason=before.reason)
    return answer


def _rule(record: Json, entry: Json) -> str | None:
    at = instant(entry.get("timestamp"))
    about = _about(record, _shown(record, at)) if at else None
    return about.rule if about else None


def _shown(record: Json, at: datetime) -> str | None:
    """The finding that was on top at that moment."""
    past = ((instant(entry.get("timestamp")), entry.get("value")) for entry in _entries(record, OWN["top_finding"]))
    return next((value for since, value in past if since is not None and since <= at), None)


def _about(record: Json, shown: str | None) -> Entry | None:
    """The finding that is shown so, as far as the details still have it."""
    told = parse(text(record, OWN["details"]) or "")
    entries = (*told.missing, *told.others)
    return next((entry for entry in entries if shown and _same(entry.says, shown)), None)


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
