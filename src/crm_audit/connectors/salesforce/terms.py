"""What the words of one org mean: its zone and currency, its fields, roles, topics and stages. All of it data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crm_audit.connectors import mail
from crm_audit.connectors.salesforce import reading
from crm_audit.connectors.salesforce.options import Options
from crm_audit.connectors.salesforce.reading import Row
from crm_audit.connectors.titles import PRICING, spoken
from crm_audit.domain import When

NO_PROCESS = "Master"
"""The pipeline of a deal without a record type: Salesforce's own name for the process behind none."""

ROLES = {
    "decision maker": "authority",
    "economic buyer": "authority",
    "economic decision maker": "authority",
    "executive sponsor": "sponsor",
    "technical buyer": "technical",
    "evaluator": "technical",
    "business user": "user",
    "influencer": "influencer",
}
"""Role values as Salesforce ships them, in lower case (qualification 3.4). Every other value is `other`."""

AUTOMATIC_HEADER = re.compile(r"^auto-submitted:\s*(?!no\b)\S", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Terms:
    """What mapping needs to know besides the rows; `fields` holds only fields that can be read."""

    zone: ZoneInfo
    currency: str
    options: Options = field(default_factory=Options)
    fields: Mapping[str, str] = field(default_factory=dict)  # our name -> field
    roles: Mapping[str, str] = field(default_factory=dict)  # a role value in lower case -> role
    lookups: Mapping[str, str] = field(default_factory=dict)  # a contact lookup on the deal -> role
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # activity type -> topics
    pipelines: Mapping[str, str] = field(default_factory=dict)  # record type id -> sales process
    stages: Mapping[str, str] = field(default_factory=dict)  # stage label -> API name

    def text(self, row: Row, name: str) -> str | None:
        """Our field `name` as text."""
        return reading.text(row, self.fields[name]) if name in self.fields else None

    def number(self, row: Row, name: str) -> Decimal | None:
        """Our field `name` as an exact number."""
        return reading.number(row, self.fields[name]) if name in self.fields else None

    def when(self, row: Row, name: str) -> When | None:
        """Our field `name` as a date or an instant, as it stands."""
        return reading.when(row, self.fields[name]) if name in self.fields else None

    def day(self, row: Row, name: str) -> date | None:
        """Our field `name` as a calendar day of the organisation."""
        return reading.day(row, self.fields[name], zone=self.zone) if name in self.fields else None

    def day_of(self, at: When) -> date:
        """The organisation's calendar day of a date or an instant."""
        return at.astimezone(self.zone).date() if isinstance(at, datetime) else at

    def role(self, value: str | None) -> str:
        """The canonical role of a role value."""
        wanted = (value or "").strip().casefold()
        return self.roles.get(wanted) or ROLES.get(wanted, "other") if wanted else "unassigned"

    def stage(self, name: str | None) -> str | None:
        """A stage by its API name, whether the CRM gave that or its label."""
        return self.stages.get(name, name) if name else None

    def pipeline(self, record_type: str | None) -> str:
        """The sales process behind a record type."""
        return self.pipelines.get(record_type or "", NO_PROCESS)

    def topics_of(self, kind: str | None, titles: Iterable[str | None]) -> tuple[str, ...]:
        """What an activity was about: what its type is mapped to, else what its titles say."""
        if kind is not None and kind in self.topics:
            return self.topics[kind]
        return spoken(titles, {PRICING: self.options.pricing, **self.options.titles})

    def automatic(self, subject: str | None, sender: str | None = None, *, headers: str | None = None) -> bool:
        """Whether a machine wrote it: an absence notice, a bounce, a no-reply address."""
        told = AUTOMATIC_HEADER.search(headers or "") is not None
        return told or mail.automatic(subject, sender, pattern=self.options.automatic)
