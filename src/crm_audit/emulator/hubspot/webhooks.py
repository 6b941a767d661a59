"""What the portal would POST to an app: its changes, in signed batches, at least once and in no sure order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from crm_audit.emulator.hubspot.catalogue import APP_ID, ObjectType
from crm_audit.emulator.hubspot.links import LinkType, Pair
from crm_audit.emulator.hubspot.records import Source

MOST_EVENTS = 99
"""Events in one delivery; HubSpot says fewer than 100."""

CHANGES = frozenset({
    "propertyChange", "creation", "deletion", "restore", "merge", "privacyDeletion", "associationChange",
})  # fmt: skip
_FIRST_SUBSCRIPTION, _FIRST_EVENT = 800_001, 3_000_000_001

Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST as it goes out: the address, the bytes of the body and the headers that sign them."""

    url: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def events(self) -> list[Event]:
        """The events inside."""
        events: list[Event] = json.loads(self.body)
        return events


@dataclass(frozen=True, slots=True)
class Mischief:
    """How deliveries go wrong: the share of events that come twice or never, and whether their order is lost."""

    chance: Random
    duplicate: float = 0.0
    drop: float = 0.0
    reorder: bool = False

    def __call__(self, events: Sequence[Event]) -> list[Event]:
        """Events as they arrive; what comes again says that it is the second attempt."""
        kept = [event for event in events if self.chance.random() >= self.drop]
        again = [{**event, "attemptNumber": 1} for event in kept if self.chance.random() < self.duplicate]
        arrived = [*kept, *again]
        if self.reorder:
            self.chance.shuffle(arrived)
        return arrived


@dataclass(frozen=True, slots=True)
class _Subscription:
    id: int
    name: str
    kind: ObjectType
    property: str | None

    def asks_for(self, change: str, kind: ObjectType, name: object) -> bool:
        return self.name.endswith(f".{change}") and self.kind == kind and self.property in (None, name)


@dataclass(slots=True)
class Webhooks:
    """The subscriptions of one app and the events that wait for delivery; what nobody subscribed to is not kept."""

    portal_id: int
    _subscriptions: list[_Subscription] = field(default_factory=list)
    _waiting: list[Event] = field(default_factory=list)
    _next: int = _FIRST_EVENT

    def subscribe(self, name: str, kind: ObjectType, property_name: str | None) -> int:
        """Subscribe to `object.propertyChange` or, by its legacy name, `deal.propertyChange`; gives the id."""
        family, _, change = name.partition(".")
        if change not in CHANGES or family not in ("object", kind.singular):
            raise ValueError(f"{name} is no subscription for {kind.plural}; changes are {', '.join(sorted(CHANGES))}")
        number = _FIRST_SUBSCRIPTION + len(self._subscriptions)
        self._subscriptions.append(_Subscription(number, name, kind, property_name))
        return number

    def note(self, change: str, kind: ObjectType, *, at: datetime, by: Source, **more: object) -> None:
        """Keep an event for every subscription that asks for it."""
        for one in self._subscriptions:
            if not one.asks_for(change, kind, more.get("propertyName")):
                continue
            event: dict[str, object] = {
                "eventId": self._next,
                "subscriptionId": one.id,
                "portalId": self.portal_id,
                "appId": int(APP_ID),
                "occurredAt": int(at.timestamp() * 1000),
                "subscriptionType": one.name,
                "attemptNumber": 0,
            }
            if one.name.startswith("object.") and change != "associationChange":
                event["objectTypeId"] = kind.type_id
            self._waiting.append({**event, **more, "changeSource": by.kind, "sourceId": by.id or ""})
            self._next += 1

    def take(self, mischief: Mischief | None) -> list[Sequence[Event]]:
        """All waiting events in batches; what is dropped never comes."""
        waiting, self._waiting = self._waiting, []
        events = mischief(waiting) if mischief else waiting
        return [events[start : start + MOST_EVENTS] for start in range(0, len(events), MOST_EVENTS)]


def link_change(near: ObjectType, far: ObjectType, ids: Pair, link: LinkType) -> Event:
    """What an event says of an association, seen from the first record."""
    return {
        "associationType": f"{near.singular}_TO_{far.singular}".upper(),
        "associationTypeId": link.id,
        "associationCategory": link.category,
        "fromObjectId": int(ids[0]),
        "fromObjectTypeId": near.type_id,
        "toObjectId": int(ids[1]),
        "toObjectTypeId": far.type_id,
        "isPrimaryAssociation": link.label == "Primary",
    }


def delivery(url: str, secret: str, events: Sequence[Event], *, now: datetime) -> Delivery:
    """Events as they are posted, under a v3 signature; `url` is the address that HubSpot was given."""
    body = json.dumps(events, separators=(",", ":"), ensure_ascii=False).encode()
    stamp = str(int(now.timestamp() * 1000))
    signed = b"POST" + url.encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {
        "content-type": "application/json",
        "user-agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)",
        "X-HubSpot-Signature-Version": "v3",
        "X-HubSpot-Signature-v3": signature,
        "X-HubSpot-Request-Timestamp": stamp,
    }
    return Delivery(url, body, headers)
