"""The calls that stand for what was recorded of HubSpot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import urllib3

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.server import serve
from tests.emulator.hubspot.conftest import NOW, Answer, Wire
from tests.recordings.twins import Twins

MEETING = "hubspot_owner_id,hs_meeting_title,hs_meeting_body,hs_meeting_start_time,hs_meeting_end_time"
CONTACT = ["company", "createdate", "email", "firstname", "lastmodifieddate", "lastname", "phone", "website"]


@dataclass(frozen=True, slots=True)
class Account:
    """A portal and the way to it."""

    portal: HubspotPortal
    wire: Wire

    def contacts(self, *names: str) -> list[str]:
        """New contacts of these first names."""
        make = self.portal.create
        return [make("contacts", firstname=one, lastname="Ng", email=f"{one.lower()}@acme.example") for one in names]

    def meeting(self) -> str:
        """A new meeting of an owner's."""
        owner = self.portal.define_owner("kim@seller.example", "Kim", "Vale")
        start, end = "2026-03-16T15:00:00Z", "2026-03-16T15:15:00Z"
        return self.portal.create(
            "meetings",
            hubspot_owner_id=owner,
            hs_meeting_title="Demo",
            hs_meeting_body="Hello",
            hs_meeting_start_time=start,
            hs_meeting_end_time=end,
        )

    def task(self) -> str:
        """A new task."""
        return self.portal.create("tasks", hs_task_subject="Call back", hs_task_status="NOT_STARTED")


@contextmanager
def account() -> Iterator[Account]:
    """A new portal on loopback."""
    portal = HubspotPortal(Clock(NOW))
    with serve(portal) as base, urllib3.PoolManager() as pool:
        yield Account(portal, Wire(pool, base))


HUBSPOT = Twins(account)


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/objects/contacts 200")
def contacts_listed(crm: Account) -> Answer:
    crm.contacts("Ada", "Bo")
    return crm.wire.get("/crm/v3/objects/contacts?limit=1")


@HUBSPOT.of("ampersand: hubspot/test/read/objects-api/contacts-response.json")
def contacts_listed_by_another(crm: Account) -> Answer:
    crm.contacts("Ada", "Bo")
    return crm.wire.get("/crm/v3/objects/contacts?limit=1&properties=email")


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/objects/meetings 200")
def meetings_listed(crm: Account) -> Answer:
    for _ in range(2):
        crm.meeting()
    return crm.wire.get(f"/crm/v3/objects/meetings?properties={MEETING}&limit=1")


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/objects/meetings/{id} 200")
def a_meeting(crm: Account) -> Answer:
    return crm.wire.get(f"/crm/v3/objects/meetings/{crm.meeting()}?properties={MEETING}")


@HUBSPOT.of("hubspot_vcr: POST /crm/v3/objects/meetings 201")
def a_meeting_made(crm: Account) -> Answer:
    owner = crm.portal.define_owner("kim@seller.example", "Kim", "Vale")
    properties = {
        "hs_timestamp": "1659970341857",
        "hubspot_owner_id": owner,
        "hs_meeting_title": "Demo",
        "hs_meeting_body": "Hello",
        "hs_meeting_start_time": "1651568400000",
        "hs_meeting_end_time": "1651569300000",
        "hs_meeting_outcome": "SCHEDULED",
    }
    return crm.wire.post("/crm/v3/objects/meetings", {"properties": properties})


@HUBSPOT.of("hubspot_vcr: POST /crm/v3/objects/meetings 400")
def a_meeting_refused(crm: Account) -> Answer:
    return crm.wire.post("/crm/v3/objects/meetings", {"properties": {"hs_meeting_start_time": "invalid"}})


@HUBSPOT.of("hubspot_vcr: DELETE /crm/v3/objects/meetings/{id} 204")
def a_meeting_deleted(crm: Account) -> Answer:
    return crm.wire("DELETE", f"/crm/v3/objects/meetings/{crm.meeting()}")


@HUBSPOT.of("hubspot_vcr: POST /crm/v3/objects/meetings/search 200")
def meetings_found(crm: Account) -> Answer:
    for _ in range(2):
        crm.meeting()
    asked = [*MEETING.split(","), "hs_timestamp"]
    filters = [{"propertyName": "hs_meeting_title", "operator": "EQ", "value": "Demo"}]
    return crm.wire.post("/crm/v3/objects/meetings/search", {"properties": asked, "filters": filters, "limit": 1})


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/objects/tasks/{id} 200")
def a_task(crm: Account) -> Answer:
    return crm.wire.get(f"/crm/v3/objects/tasks/{crm.task()}?properties=hs_task_subject,hs_task_status")


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/objects/tasks/{id} 404")
def no_task(crm: Account) -> Answer:
    return crm.wire.get("/crm/v3/objects/tasks/996174569112")


@HUBSPOT.of("hubspot_vcr: POST /crm/v3/objects/tasks/search 200")
def tasks_found(crm: Account) -> Answer:
    crm.task()
    return crm.wire.post("/crm/v3/objects/tasks/search", {"properties": ["hs_task_subject", "hs_task_status"]})


@HUBSPOT.of("hubspot_vcr: PATCH /crm/v3/objects/tasks/{id} 200")
def a_task_done(crm: Account) -> Answer:
    change = {"properties": {"hs_task_status": "COMPLETED"}}
    return crm.wire("PATCH", f"/crm/v3/objects/tasks/{crm.task()}", change)


@HUBSPOT.of("hubspot_vcr: POST /crm/v3/objects/tasks 201")
def a_task_made(crm: Account) -> Answer:
    properties = {
        "hs_task_status": "NOT_STARTED",
        "hs_task_subject": "Call back",
        "hs_task_body": "Soon",
        "hs_timestamp": "2026-03-16T15:00:00Z",
    }
    return crm.wire.post("/crm/v3/objects/tasks", {"properties": properties})


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/owners 200")
def owners(crm: Account) -> Answer:
    for name in ("Kim", "Lou"):
        crm.portal.define_owner(f"{name.lower()}@seller.example", name, "Vale")
    return crm.wire.get("/crm/v3/owners")


@HUBSPOT.of("hubspot_vcr: GET /crm/v3/owners/{id} 200")
def an_owner(crm: Account) -> Answer:
    return crm.wire.get(f"/crm/v3/owners/{crm.portal.define_owner('kim@seller.example', 'Kim', 'Vale')}")


def _linked(crm: Account, one: str, other: str) -> Answer:
    ends = crm.portal.create(one), crm.portal.create(other)
    crm.portal.associate(one, ends[0], other, ends[1])
    return crm.wire.get(f"/crm/v4/objects/{one}/{ends[0]}/associations/{other}")


@HUBSPOT.of("hubspot_vcr: GET /crm/v4/objects/Deal/{id}/associations/Contact 200")
def contacts_of_a_deal(crm: Account) -> Answer:
    return _linked(crm, "Deal", "Contact")


@HUBSPOT.of("hubspot_vcr: GET /crm/v4/objects/Contact/{id}/associations/Deal 200")
def deals_of_a_contact(crm: Account) -> Answer:
    return _linked(crm, "Contact", "Deal")


@HUBSPOT.of("hubspot_vcr: GET /crm/v4/objects/Company/{id}/associations/Deal 200")
def deals_of_a_company(crm: Account) -> Answer:
    return _linked(crm, "Company", "Deal")


def _link(crm: Account, path: str, ends: Sequence[str], *, type_id: int) -> Answer:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    pair = {"from": {"id": ends[0]}, "to": {"id": ends[1]}, "types": types}
    return crm.wire.post(f"/crm/v4/associations/{path}/batch/create", {"inputs": [pair]})


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Deal/Contact/batch/create 201")
def a_deal_and_a_contact_linked(crm: Account) -> Answer:
    return _link(crm, "Deal/Contact", (crm.portal.create("deals"), *crm.contacts("Ada")), type_id=3)


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Deal/Company/batch/create 201")
def a_deal_and_its_company_linked(crm: Account) -> Answer:
    return _link(crm, "Deal/Company", (crm.portal.create("deals"), crm.portal.create("companies")), type_id=5)


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Company/Contact/batch/create 201")
def a_company_and_its_contact_linked(crm: Account) -> Answer:
    return _link(crm, "Company/Contact", (crm.portal.create("companies"), *crm.contacts("Ada")), type_id=2)


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Deal/Contact/batch/create 207")
def a_deal_and_nobody_linked(crm: Account) -> Answer:
    return _link(crm, "Deal/Contact", (crm.portal.create("deals"), "1234"), type_id=3)


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Company/Contact/batch/create 207")
def a_company_and_nobody_linked(crm: Account) -> Answer:
    return _link(crm, "Company/Contact", (crm.portal.create("companies"), "1234"), type_id=2)


def _unlink(crm: Account, one: str, other: str) -> Answer:
    ends = crm.portal.create(one), crm.portal.create(other)
    crm.portal.associate(one, ends[0], other, ends[1])
    pair = {"from": {"id": ends[0]}, "to": [{"id": ends[1]}]}
    return crm.wire.post(f"/crm/v4/associations/{one}/{other}/batch/archive", {"inputs": [pair]})


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Deal/Company/batch/archive 204")
def a_company_taken_off_a_deal(crm: Account) -> Answer:
    return _unlink(crm, "Deal", "Company")


@HUBSPOT.of("hubspot_vcr: POST /crm/v4/associations/Company/Contact/batch/archive 204")
def a_contact_taken_off_a_company(crm: Account) -> Answer:
    return _unlink(crm, "Company", "Contact")


PAST = "ampersand: hubspot"


@HUBSPOT.of(f"{PAST}/test/metadata-deals-external-pipelines.json")
def pipelines(crm: Account) -> Answer:
    return crm.wire.get("/crm/v3/pipelines/deals")


@HUBSPOT.of(f"{PAST}/test/metadata-deals-properties-sampled.json")
def properties_of_deals(crm: Account) -> Answer:
    return crm.wire.get("/crm/v3/properties/deals")


@HUBSPOT.of(f"{PAST}/test/metadata-contacts-properties-sampled.json")
def properties_of_contacts(crm: Account) -> Answer:
    return crm.wire.get("/crm/v3/properties/contacts")


@HUBSPOT.of(f"{PAST}/test/custom/update/1-read-property-group.json")
def a_group_of_properties(crm: Account) -> Answer:
    return crm.wire.get("/crm/v3/properties/deals/groups/dealinformation")


@HUBSPOT.of(f"{PAST}/test/post-auth/account-info.json")
def the_account(crm: Account) -> Answer:
    return crm.wire.get("/account-info/v3/details")


@HUBSPOT.of(f"{PAST}/test/search/contacts/1-first-page.json")
def a_first_page_of_contacts_found(crm: Account) -> Answer:
    crm.contacts("Ada", "Bo")
    return crm.wire.post("/crm/v3/objects/contacts/search", {"properties": CONTACT, "limit": 1})


@HUBSPOT.of(f"{PAST}/test/search/contacts/2-second-page.json", f"{PAST}/test/read-via-search/contacts-response.json")
def a_last_page_of_contacts_found(crm: Account) -> Answer:
    crm.contacts("Ada", "Bo")
    return crm.wire.post("/crm/v3/objects/contacts/search", {"properties": CONTACT, "limit": 1, "after": "1"})


@HUBSPOT.of(f"{PAST}/test/search/error-invalid-object.json")
def a_search_for_butterflies(crm: Account) -> Answer:
    return crm.wire.post("/crm/v3/objects/butterflies/search", {})


@HUBSPOT.of(f"{PAST}/test/search/contacts/contacts-to-companies.json")
def companies_of_contacts(crm: Account) -> Answer:
    ids, company = crm.contacts("Ada", "Bo"), crm.portal.create("companies")
    crm.portal.associate("contacts", ids[0], "companies", company, label="Primary")
    return crm.wire.post("/crm/v4/associations/contacts/companies/batch/read", {"inputs": [{"id": one} for one in ids]})


@HUBSPOT.of(f"{PAST}/test/metadata-err-schemas-scope.json")
def a_scope_that_is_missing(crm: Account) -> Answer:
    crm.portal.revoke("crm.objects.deals.read")
    return crm.wire.get("/crm/v3/objects/deals")


def _change(crm: Account, ids: list[str], *names: str) -> Answer:
    properties = {name: "Ada" for name in names or ("firstname",)}
    inputs = [{"id": one, "properties": properties} for one in ids]
    return crm.wire.post("/crm/v3/objects/contacts/batch/update", {"inputs": inputs})


@HUBSPOT.of(f"{PAST}/test/batch/update/contacts/success.json")
def contacts_changed(crm: Account) -> Answer:
    return _change(crm, crm.contacts("Ada", "Bo"), "firstname", "lastname")


@HUBSPOT.of(f"{PAST}/test/batch/update/contacts/err-partial-success.json")
def contacts_changed_but_one(crm: Account) -> Answer:
    return _change(crm, [*crm.contacts("Ada"), "1"], "firstname", "lastname")


@HUBSPOT.of(f"{PAST}/test/batch/update/contacts/err-duplicate-ids.json")
def a_contact_changed_twice(crm: Account) -> Answer:
    return _change(crm, crm.contacts("Ada") * 2)


@HUBSPOT.of(f"{PAST}/test/batch/update/contacts/err-many-invalid-properties.json")
def contacts_changed_wrongly(crm: Account) -> Answer:
    return _change(crm, crm.contacts("Ada", "Bo"), "first000name", "last000name")


def _make(crm: Account, *bodies: dict[str, str], traced: bool = False) -> Answer:
    inputs = [
        {"properties": body, **({"objectWriteTraceId": str(at)} if traced else {})} for at, body in enumerate(bodies)
    ]
    return crm.wire.post("/crm/v3/objects/contacts/batch/create", {"inputs": inputs})


ADA = {"firstname": "Ada", "lastname": "Ng", "email": "ada@acme.example"}
BO = {"firstname": "Bo", "lastname": "Ng", "email": "bo@acme.example"}


@HUBSPOT.of(f"{PAST}/test/batch/create/contacts/success.json")
def contacts_made(crm: Account) -> Answer:
    return _make(crm, ADA, BO)


@HUBSPOT.of(f"{PAST}/test/batch/create/contacts/err-conflict.json")
def a_contact_made_twice(crm: Account) -> Answer:
    crm.contacts("Ada")
    return _make(crm, ADA)


@HUBSPOT.of(f"{PAST}/test/batch/create/contacts/err-partial-success.json")
def contacts_made_but_one(crm: Account) -> Answer:
    crm.contacts("Ada")
    return _make(crm, ADA, BO, traced=True)


@HUBSPOT.of(f"{PAST}/test/batch/create/contacts/err-many-invalid-properties.json")
def contacts_made_wrongly(crm: Account) -> Answer:
    return _make(crm, {"first000name": "Ada", "last000name": "Ng"}, {"first000name": "Bo", "last000name": "Ng"})


@HUBSPOT.of(f"{PAST}/test/read/objects-api/contacts-batch.json")
def contacts_by_id(crm: Account) -> Answer:
    ids = crm.contacts("Ada", "Bo")
    return crm.wire.post("/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": one} for one in ids]})


@HUBSPOT.of(f"{PAST}/internal/associations/test/contact-to-company-resp.json")
def a_contact_and_a_company_linked(crm: Account) -> Answer:
    return _link(crm, "contacts/companies", (*crm.contacts("Ada"), crm.portal.create("companies")), type_id=279)


@HUBSPOT.of(f"{PAST}/internal/associations/test/err-contact-to-contact.json")
def a_contact_and_nonsense_linked(crm: Account) -> Answer:
    return _link(crm, "contacts/companies", (*crm.contacts("Ada"), "unknown_id_123456798"), type_id=279)


@HUBSPOT.of("dlt_hubspot: mock_deals_data.json")
def deals_listed(crm: Account) -> Answer:
    for name in ("Forklifts", "Cranes"):
        crm.portal.create("deals", dealname=name, amount="500", dealstage="qualifiedtobuy", pipeline="default")
    return crm.wire.get("/crm/v3/objects/deals")


@HUBSPOT.of("dlt_hubspot: mock_companies_data.json")
def companies_listed(crm: Account) -> Answer:
    for name in ("Acme", "Bolt"):
        crm.portal.create("companies", name=name, domain=f"{name.lower()}.example")
    return crm.wire.get("/crm/v3/objects/companies")


@HUBSPOT.of("dlt_hubspot: mock_contacts_data.json")
def contacts_listed_by_a_third(crm: Account) -> Answer:
    crm.contacts("Ada", "Bo")
    return crm.wire.get("/crm/v3/objects/contacts")


@HUBSPOT.of("dlt_hubspot: mock_quotes_data.json")
def quotes_listed(crm: Account) -> Answer:
    for name in ("One", "Two"):
        crm.portal.create("quotes", hs_title=name, hs_expiration_date="2026-06-30", hs_status="DRAFT")
    return crm.wire.get("/crm/v3/objects/quotes")


@HUBSPOT.of("dlt_hubspot: mock_contacts_with_history.json", skip=r"results\.#\.properties(WithHistory)?\.(?!firstname)")
def contacts_with_their_history(crm: Account) -> Answer:
    for contact in crm.contacts("Ada", "Bo"):
        crm.portal.associate("contacts", contact, "deals", crm.portal.create("deals"))
    asked = "properties=firstname&propertiesWithHistory=firstname&associations=deals"
    return crm.wire.get(f"/crm/v3/objects/contacts?{asked}")
