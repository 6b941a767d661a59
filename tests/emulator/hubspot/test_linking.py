"""Writing associations over the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot import HubSpot

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import Wire

LINKS = "/crm/associations/2026-09/deals/contacts/batch"


@pytest.fixture
def deal(portal: HubspotPortal) -> str:
    return portal.create("deals")


@pytest.fixture
def dana(portal: HubspotPortal) -> str:
    return portal.create("contacts", firstname="Dana")


def labels(wire: Wire, deal: str) -> list[str | None]:
    rows = wire.get(f"/crm/v4/objects/deals/{deal}/associations/contacts").body["results"]
    return [kind["label"] for row in rows for kind in row["associationTypes"]]


def kind(number: int, category: str = "USER_DEFINED") -> dict[str, object]:
    return {"associationCategory": category, "associationTypeId": number}


def test_a_put_replaces_the_set_of_labels(
    portal: HubspotPortal, clock: Clock, client: HubSpot, wire: Wire, deal: str, dana: str
) -> None:
    champion, user = (portal.define_label("deals", "contacts", name) for name in ("Champion", "End user"))
    portal.associate("deals", deal, "contacts", dana, label="Champion")
    clock.advance(hours=1)

    made = client.crm.associations.v4.basic_api.create("deals", deal, "contacts", dana, [kind(user)])

    assert made.labels == ["End user"]
    assert labels(wire, deal) == ["End user", None]
    path = f"/crm/objects/2026-09/deals/{deal}/associations/contacts/{dana}"
    wire("PUT", path, [kind(champion), kind(user)])
    assert labels(wire, deal) == ["Champion", "End user", None]
    wire("PUT", path, [kind(3, "HUBSPOT_DEFINED")])
    assert labels(wire, deal) == [None]
    assert wire("PUT", path, [kind(999)]).status == 400
    assert wire("PUT", path.replace(dana, "1"), [kind(champion)]).status == 404
    assert portal.value("deals", deal, "hs_lastmodifieddate") == "2026-03-16T15:00:00Z"  # no stamp moves


def test_deleting_an_association_takes_all_labels(
    portal: HubspotPortal, client: HubSpot, wire: Wire, deal: str, dana: str
) -> None:
    portal.define_label("deals", "contacts", "Champion")
    portal.associate("deals", deal, "contacts", dana, label="Champion")

    client.crm.associations.v4.basic_api.archive("deals", deal, "contacts", dana)

    assert labels(wire, deal) == []
    assert wire.get(f"/crm/v4/objects/contacts/{dana}/associations/deals").body["results"] == []
    assert wire("DELETE", f"/crm/v4/objects/deals/{deal}/associations/contacts/{dana}").status == 204


def test_batches_of_associations(portal: HubspotPortal, wire: Wire, deal: str, dana: str) -> None:
    def asked(contact: str) -> dict[str, Any]:
        return {"from": {"id": deal}, "to": {"id": contact}, "types": [kind(3, "HUBSPOT_DEFINED")]}

    assert wire.post(f"{LINKS}/create", {"inputs": [asked(dana)]}).status == 201
    mixed = wire.post(f"{LINKS}/create", {"inputs": [asked(dana), asked("1234")]})

    assert (mixed.status, mixed.body["numErrors"], len(mixed.body["results"])) == (207, 1, 1)
    assert mixed.body["errors"][0]["message"] == "CONTACT=1234 is not valid"
    assert labels(wire, deal) == [None]
    ended = {"inputs": [{"from": {"id": deal}, "to": [{"id": dana}, {"id": "1234"}]}]}
    assert wire.post(f"{LINKS}/archive", ended).status == 204
    assert labels(wire, deal) == []


@pytest.mark.parametrize(("path", "most"), [("create", 2_000), ("archive", 100)])
def test_batches_have_a_limit(wire: Wire, path: str, most: int) -> None:
    one = {"from": {"id": "1"}, "to": {"id": "2"}, "types": [kind(3, "HUBSPOT_DEFINED")]}
    row = {**one, "to": [one["to"]]} if path == "archive" else one

    assert wire.post(f"{LINKS}/{path}", {"inputs": [row] * most}).status in (204, 207)
    assert wire.post(f"{LINKS}/{path}", {"inputs": [row] * (most + 1)}).status == 400
