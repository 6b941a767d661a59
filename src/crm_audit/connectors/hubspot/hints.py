"""What a webhook delivery is worth: which records to read again. It may come twice, late, or in any order. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from crm_audit.connectors.base import Hint
from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.names import GROUP

OBJECTS: Mapping[str, str] = {
    "0-1": "contacts", "0-2": "companies", "0-3": "deals", "0-27": "tasks", "0-46": "notes", "0-47": "meetings",
    "0-48": "calls", "0-49": "emails", "0-14": "quotes", "contact": "contacts", "company": "companies",
    "deal": "deals",
}  # fmt: skip
"""Type ids of new subscriptions, and the first word of the names of older ones."""
SAID = ("subscriptionId", "objectId", "propertyName", "occurredAt", "propertyValue", "fromObjectId", "toObjectId")
"""What makes an event the same when it comes again; its own eventId is not unique."""
OWN, ANSWERS = f"{GROUP}_", f"{GROUP}_answer"
"""How properties of ours begin, and those among them that a rep fills in."""
MERGED = ("primaryObjectId", "newObjectId")


def hints(body: bytes) -> tuple[Hint, ...]:
    """The records that a delivery speaks of; ValueError where it is none of HubSpot's."""
    try:
        events = json.loads(body)
        return tuple(hint for event in events for hint in _hints(event))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise ValueError("this is no delivery of HubSpot's webhooks: a list of events was expected") from None


def _hints(event: Json) -> Iterator[Hint]:
    if _is_echo(event):
        return
    key = " ".join(str(event.get(name, "")) for name in SAID)
    for kind, record in _ends(event):
        source = OBJECTS.get(kind)
        if source is not None:
            yield Hint(f"{key} {source} {record}", source, record)


def _is_echo(event: Json) -> bool:
    """Whether all that changed is something that we wrote ourselves."""
    name = str(event.get("propertyName") or "")
    return name.startswith(OWN) and not name.startswith(ANSWERS)


def _ends(event: Json) -> Iterable[tuple[str, str]]:
    """Each record that an event touches, with the type as the event writes it."""
    if "fromObjectId" in event:
        return ((str(event[f"{end}ObjectTypeId"]), str(event[f"{end}ObjectId"])) for end in ("from", "to"))
    kind = str(event.get("objectTypeId") or event["subscriptionType"].partition(".")[0])
    touched = [event.get("objectId"), *(event.get(name) for name in MERGED), *(event.get("mergedObjectIds") or ())]
    return ((kind, str(one)) for one in dict.fromkeys(touched) if one is not None)
