"""Deliveries of HubSpot's webhooks: whether they are signed, and what they say.

Only the third version of the signature is taken: the older two hold no time, so whoever saw one message could send it
again for ever. The client library's own check lets messages of the future pass, does not decode the address, and raises
TypeError where a header is missing; so the check is written here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm_audit.config import SIGNED_WITH, Connection, secret
from crm_audit.connectors.base import Delivery, Forged, Mail
from crm_audit.connectors.hubspot.hints import hints

SIGNATURE, STAMP = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
SIGNED_BEFORE = f"{SIGNED_WITH}_old"
FRESH = timedelta(minutes=5)
"""How far the time of a message may lie from ours, on either side."""

DECODED = re.compile(rb"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""What HubSpot decodes in an address before it signs it, and nothing else."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Opens what is signed with one of these secrets: two of them while one takes the other's place."""

    secrets: tuple[bytes, ...] = field(repr=False)

    def open(self, delivery: Delivery) -> Mail:
        """What a delivery says; Forged unless a secret of ours signed it within five minutes, ValueError."""
        self._require(delivery)
        told = hints(delivery.body)
        events = json.loads(delivery.body)
        return Mail(frozenset(str(event.get("portalId", "")) for event in events), told)

    def _require(self, delivery: Delivery) -> None:
        stamp = delivery.headers.get(STAMP, "")
        if not stamp.isascii() or not stamp.isdecimal() or not _is_fresh(stamp, delivery.at):
            raise Forged("it bears no time, or one that lies more than five minutes away")
        given = delivery.headers.get(SIGNATURE, "").encode("utf-8", "surrogateescape")
        valid = [hmac.compare_digest(given, signature(key, delivery, stamp)) for key in self.secrets]
        if not any(valid):
            raise Forged("its signature is not made with our secret")


def signature(key: bytes, delivery: Delivery, stamp: str) -> bytes:
    """The third version of HubSpot's signature of a message; `stamp` is its time as it stands in the header."""
    url = DECODED.sub(lambda found: bytes([int(found[0][1:], 16)]), delivery.url.encode())
    signed = delivery.method.encode() + url + delivery.body + stamp.encode()
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())


def mailbox(connection: Connection, environ: Mapping[str, str]) -> Deliveries:
    """With the secrets that the settings name; FixConfig where one is not set."""
    names = [name for name in (SIGNED_WITH, SIGNED_BEFORE) if name in connection.login]
    return Deliveries(tuple(secret(connection, name, environ).encode() for name in names))


def _is_fresh(stamp: str, now: datetime) -> bool:
    """Whether so many milliseconds since 1970 lie near; compared as whole numbers, since no date is so far away."""
    return abs(int(now.timestamp() * 1000) - int(stamp[:20])) <= FRESH // timedelta(milliseconds=1)
