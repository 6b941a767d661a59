"""Bodies that HubSpot really sent, read as if they came from a portal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from crm_audit.config import Connection
from crm_audit.connectors.hubspot import records
from crm_audit.connectors.hubspot.events import Activity, meeting, task
from crm_audit.connectors.hubspot.options import fields
from crm_audit.connectors.hubspot.portal import Portal, owners_by_user
from tests.shared import shared

PORTAL = Portal(id="1", zone=ZoneInfo("Europe/Paris"), currency="EUR", fields=fields(Connection(vendor="hubspot")))


def recorded(path: str) -> Iterator[dict[str, Any]]:
    """The records in all good answers of the current API under that path."""
    with gzip.open(shared("data/recordings/hubspot_vcr/interactions.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            if f"/crm/v3/{path}" in one["uri"] and one["status"] == 200 and isinstance(one["response"], dict):
                yield from one["response"].get("results", [])


def test_owners() -> None:
    owners = list(recorded("owners"))
    assert owners
    assert all(records.user(owner).name for owner in owners)
    assert owners_by_user(owners).keys() == {str(owner["userIdIncludingInactive"]) for owner in owners}


def test_contacts() -> None:
    contacts = list(recorded("objects/contacts"))
    assert contacts
    for contact in contacts:
        person, *merged = records.person(contact, PORTAL, hashed=str)
        assert (person.id, person.deleted, merged) == (contact["id"], False, [])
        assert "@" not in (person.domain or "")


def test_meetings_and_tasks() -> None:
    meetings, tasks = list(recorded("objects/meetings")), list(recorded("objects/tasks"))
    assert meetings
    assert tasks
    for record in meetings:
        (event,) = meeting(Activity(source="meetings", record=record, portal=PORTAL))
        assert event.ends_at is None or event.ends_at >= event.at
        assert event.recorded_at is not None
    for record in tasks:
        events = list(task(Activity(source="tasks", record=record, portal=PORTAL)))
        assert all(event.kind == "task_open" for event in events)
