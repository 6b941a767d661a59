"""Associations: both directions, labels, batches, paging."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot import HubSpot

from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import Wire

PATH = "/crm/associations/2026-09/deals/contacts"
UNLABELLED = {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}


def test_official_client_reads_labels_and_the_unlabelled_type(portal: HubspotPortal, client: HubSpot) -> None:
    champion = portal.define_label("deals", "contacts", "Champion", inverse="Championed deal")
    deal, dana, lee = portal.create("deals"), portal.create("contacts"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", dana, label="Champion")
    portal.associate("deals", deal, "contacts", lee)

    answer = client.crm.associations.v4.batch_api.get_page("deals", "contacts", {"inputs": [{"id": deal}]})

    to = {
        end.to_object_id: [(t.category, t.type_id, t.label) for t in end.association_types]
        for end in answer.results[0].to
    }
    assert to == {
        dana: [("USER_DEFINED", champion, "Champion"), ("HUBSPOT_DEFINED", 3, None)],
        lee: [("HUBSPOT_DEFINED", 3, None)],
    }


def test_the_other_end_shows_the_paired_types(portal: HubspotPortal, wire: Wire) -> None:
    there = portal.define_label("deals", "contacts", "Champion", inverse="Championed deal")
    deal, dana = portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", dana, label="Champion")

    for path in ("/crm/v4/associations/Contact/Deal/batch/read", "/crm/associations/2026-09/0-1/0-3/batch/read"):
        (row,) = wire.post(path, {"inputs": [{"id": int(dana)}]}).body["results"]
        assert row["from"] == {"id": dana}
        assert row["to"][0]["toObjectId"] == int(deal)
        assert row["to"][0]["associationTypes"] == [
            {"category": "USER_DEFINED", "typeId": there + 1, "label": "Championed deal"},
            {"category": "HUBSPOT_DEFINED", "typeId": 4, "label": None},
        ]


def test_records_without_associations_are_errors_in_a_207(portal: HubspotPortal, wire: Wire) -> None:
    deal, lonely, dana = portal.create("deals"), portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", dana)

    answer = wire.post(f"{PATH}/batch/read", {"inputs": [{"id": deal}, {"id": lonely}, {"id": "99"}]})

    assert answer.status == 207
    assert [row["from"]["id"] for row in answer.body["results"]] == [deal]
    assert answer.body["numErrors"] == 2
    first = answer.body["errors"][0]
    assert first["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert first["message"] == f"No contact is associated with deal {lonely}."
    assert first["context"]["fromObjectId"] == [lonely]


def test_labels_lists_every_type_of_a_pair(portal: HubspotPortal, wire: Wire) -> None:
    champion = portal.define_label("deals", "contacts", "Champion")

    for path in (f"{PATH}/labels", "/crm/v4/associations/deals/contacts/labels"):
        assert wire.get(path).body["results"] == [
            UNLABELLED,
            {"category": "USER_DEFINED", "typeId": champion, "label": "Champion"},
        ]
    primary = wire.get("/crm/v4/associations/deals/companies/labels").body["results"]
    assert [(row["typeId"], row["label"]) for row in primary] == [(341, None), (5, "Primary")]


def test_removing_a_label_keeps_the_association_and_removing_the_association_takes_all(
    portal: HubspotPortal, wire: Wire
) -> None:
    portal.define_label("deals", "contacts", "Champion")
    deal, dana = portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", dana, label="Champion")

    def shown() -> list[dict[str, Any]]:
        return list(wire.get(f"/crm/objects/2026-09/deals/{deal}/associations/contacts").body["results"])

    assert len(shown()[0]["associationTypes"]) == 2
    portal.dissociate("deals", deal, "contacts", dana, label="Champion")
    assert shown() == [{"toObjectId": int(dana), "associationTypes": [UNLABELLED]}]
    portal.dissociate("contacts", dana, "deals", deal)
    assert shown() == []
    portal.dissociate("deals", deal, "contacts", dana)  # a second time is no error
    portal.dissociate("deals", deal, "contacts", dana, label="Champion")
    assert shown() == []


def test_archived_ends_are_not_shown(portal: HubspotPortal, wire: Wire) -> None:
    deal, dana = portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", dana)
    portal.archive("contacts", dana)

    assert wire.post(f"{PATH}/batch/read", {"inputs": [{"id": deal}]}).body["numErrors"] == 1
    back = wire.post("/crm/v4/associations/contacts/deals/batch/read", {"inputs": [{"id": dana}]})
    assert back.body["numErrors"] == 1


def test_a_merge_hands_over_associations_with_their_labels(portal: HubspotPortal, wire: Wire) -> None:
    champion = portal.define_label("deals", "contacts", "Champion")
    deal, dana, double = portal.create("deals"), portal.create("contacts"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", double, label="Champion")
    portal.associate("deals", deal, "contacts", dana)
    portal.merge("contacts", dana, double)

    ends = wire.post(f"{PATH}/batch/read", {"inputs": [{"id": deal}]}).body["results"][0]["to"]

    assert [end["toObjectId"] for end in ends] == [int(dana)]
    assert [kind["typeId"] for kind in ends[0]["associationTypes"]] == [champion, 3]
    assert wire.post("/crm/v4/associations/contacts/deals/batch/read", {"inputs": [{"id": double}]}).status == 207


def test_1000_records_at_once_and_500_associations_a_page(portal: HubspotPortal, wire: Wire) -> None:
    deal = portal.create("deals")
    contacts = [portal.create("contacts") for _ in range(501)]
    for contact in contacts:
        portal.associate("deals", deal, "contacts", contact)

    (row,) = wire.post(f"{PATH}/batch/read", {"inputs": [{"id": deal}]}).body["results"]
    assert len(row["to"]) == 500
    after = row["paging"]["next"]["after"]
    (rest,) = wire.post(f"{PATH}/batch/read", {"inputs": [{"id": deal, "after": after}]}).body["results"]
    assert [end["toObjectId"] for end in rest["to"]] == [int(contacts[500])]
    assert "paging" not in rest
    single = wire.get(f"/crm/v4/objects/deals/{deal}/associations/contacts").body
    last = wire.get(single["paging"]["next"]["link"]).body
    assert [end["toObjectId"] for end in last["results"]] == [int(contacts[500])]

    assert wire.post(f"{PATH}/batch/read", {"inputs": [{"id": n} for n in range(1_000)]}).status == 207
    assert wire.post(f"{PATH}/batch/read", {"inputs": [{"id": n} for n in range(1_001)]}).status == 400
    assert wire.post(f"{PATH}/batch/read", {"inputs": [{"id": deal, "after": "soon"}]}).status == 400


def test_a_pair_takes_ten_labels(portal: HubspotPortal) -> None:
    for number in range(10):
        portal.define_label("deals", "contacts", f"Role {number}")

    with pytest.raises(ValueError, match="already has 10 labels"):
        portal.define_label("contacts", "deals", "Role 11")


def test_labels_and_records_must_exist(portal: HubspotPortal, wire: Wire) -> None:
    deal, dana, note = portal.create("deals"), portal.create("contacts"), portal.create("notes")

    with pytest.raises(ValueError, match="has no label 'Champion'; define_label makes one"):
        portal.associate("deals", deal, "contacts", dana, label="Champion")
    with pytest.raises(ValueError, match="no contact 99"):
        portal.associate("deals", deal, "contacts", "99")
    with pytest.raises(ValueError, match="notes cannot be associated with notes"):
        portal.associate("notes", note, "notes", note)
    assert wire.get("/crm/v4/objects/deals/99/associations/contacts").status == 404
    assert wire.get("/crm/v4/associations/notes/notes/labels").body == {"results": []}
