"""Events as records of a HubSpot portal: one way of recording for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_audit.domain import Event, Person
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.emulator.worlds.words import PLAIN, activity_type, attestation_type, subject

CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
"""The call outcome "Connected" that HubSpot brings along."""
VISITED = "hs_document_last_revisited"
NO_DOMAIN = "mail.example"
"""Where a contact whose address a world does not give receives mail."""
SELLER = "rep@seller.example"

Values = dict[str, Any]


class Activities:
    """Records events in a portal whose deals and contacts are known by `ids`."""

    def __init__(self, portal: HubspotPortal, plot: Plot, ids: Mapping[tuple[str, str], str]) -> None:
        self._portal = portal
        self._ids = ids
        self._domains = {person.id: person.domain for person in plot.all(Person)}
        self._numbers = {name: number for number, name in enumerate(self._domains)}

    def address(self, person: str) -> str:
        """The contact's own address: HubSpot tells senders by it, so no two contacts share one."""
        return f"contact{self._numbers[person]}@{self._domains[person] or NO_DOMAIN}"

    def record(self, event: Event) -> None:
        """Make the record that this kind of event leaves."""
        match event.kind:
            case "meeting_held":
                self._meeting(event)
            case "call_connected":
                self._activity("calls", event, hs_call_disposition=CONNECTED, hs_call_title=PLAIN)
            case "email_in" | "email_out":
                self._mail(event)
            case "quote_sent" | "quote_reported" | "quote_accepted":
                self._quote(event)
            case "doc_viewed":
                for person in event.people:
                    visit: Values = {VISITED: event.at}
                    self._portal.update("contacts", self._ids["contacts", person], **visit)
            case "attestation":
                done = {"hs_task_status": "COMPLETED", "hs_task_type": attestation_type(event)}
                self._activity("tasks", event, hs_task_subject=PLAIN, **done)
            case _:
                self._activity("tasks", event, hs_task_subject=PLAIN, hs_task_status="NOT_STARTED")

    def _meeting(self, event: Event) -> None:
        times = {"hs_meeting_start_time": event.at, "hs_meeting_end_time": event.ends_at}
        self._activity("meetings", event, hs_meeting_title=PLAIN, hs_meeting_outcome=event.outcome, **times)

    def _mail(self, event: Event) -> None:
        """A mail tells its topics by its subject, as it does everywhere."""
        theirs = ";".join(map(self.address, event.people))
        incoming = {"hs_email_direction": "INCOMING_EMAIL", "hs_email_from_email": theirs}
        outgoing = {
            "hs_email_direction": "EMAIL",
            "hs_email_from_email": SELLER,
            "hs_email_to_email": theirs,
            "hs_email_status": "SENT",
        }
        told = incoming if event.kind == "email_in" else outgoing
        self._activity("emails", event, hs_activity_type=None, hs_email_subject=subject(event), **told)

    def _activity(self, kind: str, event: Event, **properties: object) -> None:
        told: Values = {
            "hs_timestamp": event.at,
            "hs_activity_type": activity_type(event.topics),
            "hubspot_owner_id": self._ids.get(("owners", event.by or "")),
            **properties,
        }
        self._associated(kind, event, told)

    def _quote(self, event: Event) -> None:
        """Sent when it was published; reported by its status; accepted by a signature."""
        status = "APPROVAL_NOT_NEEDED" if event.kind == "quote_sent" else "ACCEPTED"
        told: Values = {
            "hs_title": PLAIN,
            "hs_status": status,
            "hs_quote_amount": event.quoted_amount,
            "hs_currency": event.quoted_currency,
            "hs_createdate": event.at,
            "hs_esign_date": event.at if event.kind == "quote_accepted" else None,
        }
        self._associated("quotes", event, told)

    def _associated(self, kind: str, event: Event, told: Values) -> None:
        made = self._portal.create(kind, **{name: value for name, value in told.items() if value is not None})
        for deal in event.deals:
            self._portal.associate(kind, made, "deals", self._ids["deals", deal])
        for person in event.people:
            self._portal.associate(kind, made, "contacts", self._ids["contacts", person])
