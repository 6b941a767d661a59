"""A world becomes an org or a portal of its own: what happens there, and what is said about what it cannot hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from crm_audit.emulator.worlds import MAY_DIFFER, Emulated

from .worlds_bench import AS_OF, NOON, deal, event, lines, org_of, played, portal_of, world

BOTH = pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
OPEN = {"deal": "d1", "contact": "dana", "role": "authority"}


def rows(emulated: Emulated, name: str) -> list[dict[str, Any]]:
    """The records of an org without those of the neighbouring deal."""
    neighbours = {row["Id"] for row in org_of(emulated).rows("Opportunity") if str(row["Name"]).startswith("Neighbour")}
    found = [dict(row) for row in org_of(emulated).rows(name)]
    return [
        row
        for row in found
        if not neighbours & {row.get(key) for key in ("WhatId", "OpportunityId", "RelatedToId", "Id")}
    ]


def records(emulated: Emulated, kind: str) -> list[dict[str, str]]:
    """The values of a portal's records without those of the neighbouring deal, which come last of each kind."""
    return [dict(record.values) for record in portal_of(emulated).shelves[kind].rows.values()]


@BOTH
def test_the_clock_ends_at_the_audit_and_the_last_look_is_there(crm: str) -> None:
    looks: list[datetime] = []
    emulated = played(world(crm), lambda emulated: looks.append(emulated.clock.now()))

    assert emulated.clock.now() == looks[-1] == datetime.fromisoformat(AS_OF)
    assert len(looks) == 1, "nothing disappears, so one look shows everything"


@BOTH
def test_what_disappears_is_looked_at_before_and_after(crm: str) -> None:
    """A role that ended on the 9th: a look at noon of the 8th, one at noon of the 9th, and the last one."""
    looks: list[tuple[datetime, int]] = []

    def standing(emulated: Emulated) -> int:
        if crm == "salesforce":
            return len(rows(emulated, "OpportunityContactRole"))
        portal = portal_of(emulated)
        (mine, *_) = portal.shelves["deals"].rows
        return len(portal.links.of(("deals", "contacts"), mine))

    played(
        world(crm, links=[{**OPEN, "to": "2026-03-09"}, {**OPEN, "contact": "lee"}]),
        lambda emulated: looks.append((emulated.clock.now(), standing(emulated))),
    )

    assert looks == [
        (datetime(2026, 3, 8, 16, tzinfo=UTC), 2),  # daylight saving began that morning in New York
        (datetime(2026, 3, 9, 16, tzinfo=UTC), 1),
        (datetime.fromisoformat(AS_OF), 1),
    ]


def test_contacts_are_merged_for_good_and_deleted_between_two_looks() -> None:
    contacts = [
        {"id": "dana", "name": "Dana Ruiz", "email": "dana@acme.example"},
        {"id": "older", "name": "D. Ruiz", "email": "d@acme.example", "merged_into": "old"},
        {"id": "old", "name": "Dana R.", "email": "dr@acme.example", "merged_into": "dana"},
        {"id": "lee", "name": "Lee Park", "email": "lee@acme.example", "deleted": True},
    ]
    states: list[list[bool]] = []
    emulated = played(
        world("salesforce", contacts=contacts, events=[event("email_in", "older")]),
        lambda emulated: states.append([bool(row["IsDeleted"]) for row in org_of(emulated).rows("Contact")][:4]),
    )

    dana, older, old, _ = list(org_of(emulated).rows("Contact"))[:4]
    assert states == [[False] * 4, [False, True, True, True]]
    assert (older["MasterRecordId"], old["MasterRecordId"]) == (old["Id"], dana["Id"])
    (mail,) = rows(emulated, "EmailMessage")
    assert [row["RelationId"] for row in org_of(emulated).rows("EmailMessageRelation")].count(dana["Id"]) == 1
    assert mail["Incoming"] is True


def test_a_merged_contact_of_a_portal_gets_an_id_that_neither_had() -> None:
    contacts = [
        {"id": "dana", "name": "Dana Ruiz", "email": "dana@acme.example"},
        {"id": "old", "name": "Dana R.", "email": "dr@acme.example", "title": "COO", "merged_into": "dana"},
    ]
    told = world("hubspot", contacts=contacts)
    survivor = records(played(told), "contacts")[-1]

    assert survivor["hs_merged_object_ids"].count(";") == 1
    assert "jobtitle" not in survivor, "or the merge would have filled what the survivor of the world leaves empty"
    why = "in HubSpot a merge fills what Dana Ruiz leaves empty"
    assert f"old title: {why}; stands in: nothing on the record that is merged away" in lines(told)


def test_no_tier_travels_along_a_chain_of_merges() -> None:
    companies = [
        {"id": "last", "name": "Acme Group", "fit_tier": " "},
        {"id": "middle", "name": "Acme Inc", "fit_tier": None, "merged_into": "last"},
        {"id": "co1", "name": "Acme Freight", "fit_tier": "A", "merged_into": "middle"},
    ]
    emulated = played(world("hubspot", companies=companies))

    (survivor,) = records(emulated, "companies")
    assert (survivor["name"], survivor.get("hs_ideal_customer_profile")) == ("Acme Group", None)


@BOTH
def test_the_past_is_lived_through(crm: str) -> None:
    """Changes are made when they were made, so the CRM itself writes the history."""
    stages = {"salesforce": ("Needs Analysis", "Negotiation/Review"), "hubspot": ("qualifiedtobuy", "contractsent")}
    old, new = stages[crm]
    history = [
        {"deal": "d1", "at": "2026-02-01T15:00:00Z", "field": "amount", "old": None, "new": "90000"},
        {
            "deal": "d1",
            "at": "2026-03-01T15:00:00Z",
            "field": "amount",
            "old": "90000",
            "new": "100000",
            "by": "auditor",
        },
        {"deal": "d1", "at": "2026-03-02T15:00:00Z", "field": "stage", "old": old, "new": new},
    ]
    emulated = played(world(crm, history=history))

    if crm == "salesforce":
        edits = rows(emulated, "OpportunityFieldHistory")
        org = org_of(emulated)
        names = ("Field", "OldValue", "NewValue", "CreatedById")
        told = [tuple(row.get(name) for name in names) for row in edits]
        assert ("Amount", None, Decimal(90000), org.admin) in told
        assert ("Amount", Decimal(90000), Decimal(100000), org.integration_user) in told
        assert ("StageName", old, new, org.admin) in told
        return
    portal = portal_of(emulated)
    mine = next(iter(portal.shelves["deals"].rows.values()))
    amounts = [(version.value, version.at.date(), version.source.kind) for version in mine.versions("amount")]
    assert amounts == [("90000", date(2026, 2, 1), "CRM_UI"), ("100000", date(2026, 3, 1), "INTEGRATION")]
    assert [version.value for version in mine.versions("dealstage")] == [old, new]


def test_a_history_with_a_gap_gets_one_more_change() -> None:
    history = [
        {"deal": "d1", "at": "2026-01-01T00:00:00Z", "field": "close_date", "old": "2026-01-31", "new": "2026-02-28"},
        {"deal": "d1", "at": "2026-01-03T00:00:00Z", "field": "close_date", "old": "2026-02-20", "new": "2026-04-30"},
    ]
    told = world("salesforce", history=history)
    changes = [row for row in rows(played(told), "OpportunityFieldHistory") if row["Field"] == "CloseDate"]

    assert [(row["OldValue"].day, row["NewValue"].day) for row in changes] == [(31, 28), (28, 20), (20, 30)]
    assert changes[1]["CreatedDate"] == datetime(2026, 1, 2, tzinfo=UTC)
    (line,) = lines(told)
    assert line.startswith("d1 close_date after 2026-01-01T00:00:00Z: it says 2026-02-28 and then 2026-02-20")
    assert line.endswith(MAY_DIFFER)


def test_a_meeting_names_who_came_and_who_declined() -> None:
    told = event("meeting_held", "dana", "lee", declined=["dana"], outcome="COMPLETED", ends_at="2026-03-10T17:00:00Z")
    emulated = played(world("salesforce", events=[told]))

    (meeting,) = rows(emulated, "Event")
    lee = next(row["Id"] for row in org_of(emulated).rows("Contact") if row["Name"] == "Lee Park")
    assert (meeting["WhoId"], meeting["Type"], meeting["Outcome__c"]) == (lee, "pricing", "COMPLETED")
    assert meeting["EndDateTime"] == datetime(2026, 3, 10, 17, tzinfo=UTC)
    assert [row["Status"] for row in org_of(emulated).rows("EventRelation")] == ["Declined"]
    assert lines(world("salesforce", events=[told])) == []


def test_a_portal_keeps_no_answer_of_one_attendee() -> None:
    told = world("hubspot", events=[event("meeting_held", "dana", "lee", declined=["dana"])])
    emulated = played(told)

    portal = portal_of(emulated)
    meeting = next(
        one for one, record in portal.shelves["meetings"].rows.items() if "hs_activity_type" in record.values
    )
    names = [portal.value("contacts", one, "firstname") for one in portal.links.of(("meetings", "contacts"), meeting)]
    assert names == ["Lee"]
    assert lines(told) == [
        "d1 meeting_held of Dana Ruiz and Lee Park: HubSpot keeps no answer of a single attendee (Dana Ruiz declined); "
        "stands in: the meeting without that contact"
    ]


@pytest.mark.parametrize(
    ("kind", "name", "shown"),
    [
        ("call_connected", "Task", {"TaskSubtype": "Call", "CallDisposition": "Connected", "Status": "Completed"}),
        ("attestation", "Task", {"Type": "Attested pricing", "Status": "Completed", "ActivityDate": None}),
        ("task_open", "Task", {"Status": "Not Started", "ActivityDate": date(2026, 3, 10)}),
        ("email_in", "EmailMessage", {"Incoming": True, "Subject": "pricing"}),
        ("email_out", "EmailMessage", {"Incoming": False, "FirstOpenedDate": None}),
        ("email_open", "EmailMessage", {"FirstOpenedDate": datetime.fromisoformat(NOON)}),
        ("quote_sent", "Quote", {"Status": "Presented", "Signed_On__c": None}),
        ("quote_reported", "Quote", {"Status": "Accepted", "Signed_On__c": None}),
        ("quote_accepted", "Quote", {"Status": "Accepted", "Signed_On__c": datetime.fromisoformat(NOON)}),
    ],
)
def test_every_kind_leaves_the_record_that_salesforce_has_for_it(
    kind: str, name: str, shown: dict[str, object]
) -> None:
    (record,) = rows(played(world("salesforce", events=[event(kind, "dana")])), name)

    assert {field: record.get(field) for field in shown} == shown


def test_an_open_belongs_to_the_mail_that_was_sent() -> None:
    later = event("email_open", "dana", at="2026-03-10T18:00:00Z")
    told = world("salesforce", events=[later, event("email_out", "dana")])

    (mail,) = rows(played(told), "EmailMessage")
    assert mail["FirstOpenedDate"] == datetime(2026, 3, 10, 18, tzinfo=UTC)
    assert lines(told) == []


@pytest.mark.parametrize(
    ("kind", "where", "shown"),
    [
        ("call_connected", "calls", {"hs_activity_type": "pricing"}),
        ("attestation", "tasks", {"hs_task_status": "COMPLETED", "hs_task_type": "Attested pricing"}),
        ("task_open", "tasks", {"hs_task_status": "NOT_STARTED"}),
        ("email_in", "emails", {"hs_email_direction": "INCOMING_EMAIL", "hs_email_subject": "pricing"}),
        ("email_out", "emails", {"hs_email_direction": "EMAIL", "hs_email_subject": "pricing"}),
        ("quote_sent", "quotes", {"hs_status": "APPROVAL_NOT_NEEDED"}),
        ("quote_reported", "quotes", {"hs_status": "ACCEPTED"}),
        ("quote_accepted", "quotes", {"hs_status": "ACCEPTED", "hs_esign_date": "2026-03-10T16:00:00Z"}),
    ],
)
def test_every_kind_leaves_the_record_that_hubspot_has_for_it(kind: str, where: str, shown: dict[str, str]) -> None:
    record = records(played(world("hubspot", events=[event(kind, "dana")])), where)[0]

    assert {field: record.get(field) for field in shown} == shown


@pytest.mark.parametrize(
    ("crm", "kind", "instead"),
    [
        ("hubspot", "email_open", "a mail to the same contact about the same topics"),
        ("hubspot", "esign_viewed", "a mail from the same contact about the same topics"),
        ("hubspot", "doc_shared", "a mail to the same contact about the same topics"),
        ("salesforce", "doc_open", "a mail to the same contact about the same topics"),
        ("salesforce", "quote_viewed", "a mail from the same contact about the same topics"),
    ],
)
def test_what_a_crm_never_records_is_stood_in_for_by_as_strong_an_act(crm: str, kind: str, instead: str) -> None:
    """Dana is on no deal here, so no document of hers would count either."""
    (line,) = lines(world(crm, events=[event(kind, "dana")]))

    assert line.startswith(f"d1 {kind} of Dana Ruiz: ")
    assert line.endswith(f"; stands in: {instead}")


@BOTH
def test_a_viewed_quote_is_a_visit_to_a_document_where_that_counts_for_the_same_deal(crm: str) -> None:
    told = world(
        crm, links=[OPEN], events=[event("quote_viewed", "dana", quoted_amount="100000", quoted_currency="USD")]
    )

    assert any(line.endswith("stands in: the contact's last visit to a document about pricing") for line in lines(told))
    assert not any(line.endswith(MAY_DIFFER) for line in lines(told))
    if crm == "salesforce":
        assert len(rows(played(told), "ContentDistributionView")) == 1
    else:
        assert records(played(told), "contacts")[0]["hs_document_last_revisited"] == "2026-03-10T16:00:00Z"


def test_a_second_visit_has_no_place_in_a_portal() -> None:
    visits = [event("doc_viewed", "dana"), event("doc_viewed", "dana", at="2026-03-12T16:00:00Z")]

    said = lines(world("hubspot", links=[OPEN], events=visits))

    assert sum("keeps a contact's last document visit only" in line for line in said) == 1


@BOTH
def test_what_lies_ahead_is_not_there_yet(crm: str) -> None:
    ahead = [event(kind, "dana", at="2026-03-17T16:00:00Z") for kind in ("email_in", "meeting_held")]
    told = world(crm, events=ahead, links=[{**OPEN, "from": "2026-03-17"}])
    emulated = played(told)

    where = {"salesforce": ("Event", "EmailMessage"), "hubspot": ("meetings", "emails")}[crm]
    if crm == "salesforce":
        assert [len(rows(emulated, name)) for name in where] == [1, 0]
        assert rows(emulated, "OpportunityContactRole") == []
    else:
        assert [sum("2026-03-17" in str(row) for row in records(emulated, kind)) for kind in where] == [1, 0]
    assert [line.partition(";")[2] for line in lines(told)] == [
        " stands in: nothing, no CRM shows it yet",
        " stands in: nothing, it does not count yet",
    ]


def test_one_record_is_about_one_deal_and_one_contact_in_salesforce() -> None:
    deals = [deal("salesforce"), deal("salesforce", id="d2")]
    both = event("email_in", "dana", "lee") | {"deal": None, "deals": ["d1", "d2"]}

    assert len(rows(played(world("salesforce", deals=deals, events=[both])), "EmailMessage")) == 4
    assert len(lines(world("salesforce", deals=deals, events=[both]))) == 2


def test_a_budget_in_another_currency_is_a_number_with_a_field_beside_it() -> None:
    euros = deal("salesforce", budget="90000", budget_currency="EUR")
    told = world("salesforce", deals=[euros], rates={"EUR": "1.10"})
    emulated = played(told)

    opportunity = rows(emulated, "Opportunity")[0]
    assert (opportunity["Budget__c"], opportunity["Budget_Currency__c"]) == (Decimal(90000), "EUR")
    assert [row["ConversionRate"] for row in rows(emulated, "CurrencyType")] == [Decimal(1), Decimal("0.909091")]
    assert emulated.connection("http://127.0.0.1:1").fields["budget_currency"] == "Opportunity.Budget_Currency__c"
    assert lines(told) == [
        "d1 budget in EUR: a Salesforce currency field takes the record's currency; "
        "stands in: a number and a currency field",
        "rate of EUR 1.10: Salesforce keeps a rate as its inverse; stands in: 0.909091, rounded to six places",
    ]


def test_no_close_date_needs_a_field_that_may_be_empty() -> None:
    emulated = played(world("salesforce", deals=[deal("salesforce", close_date=None)]))

    opportunity = rows(emulated, "Opportunity")[0]
    assert opportunity.get("Purchase_Date__c") is None
    assert opportunity["CloseDate"] == date(2026, 3, 16), "which Salesforce insists on and nobody reads"
    assert emulated.connection("http://127.0.0.1:1").fields["close_date"] == "Opportunity.Purchase_Date__c"


@BOTH
def test_a_re_check_is_a_date_or_a_task_where_a_date_does_not_do(crm: str) -> None:
    asked = [
        {"deal": "d1", "at": "2026-03-01", "topics": ["all"]},
        {"deal": "d1", "at": "2026-03-05", "topics": ["all"]},
        {"deal": "d1", "at": "2026-03-09", "topics": ["purchase_date"], "by": "auditor"},
    ]
    told = world(crm, assessments=asked)
    emulated = played(told)

    if crm == "salesforce":
        assert rows(emulated, "Opportunity")[0]["Asked_all__c"] == date(2026, 3, 5)
        (task,) = rows(emulated, "Task")
        assert (task["CreatedById"], task["ActivityDate"]) == (org_of(emulated).integration_user, date(2026, 3, 9))
    else:
        assert records(emulated, "deals")[0]["asked_all"] == "2026-03-05T00:00:00Z"
        task = next(one for one in records(emulated, "tasks") if one["hs_task_type"].startswith("Asked"))
        assert task["hs_object_source_id"] == "4711000"
    assert lines(told) == [
        "d1 re-check of all on 2026-03-01: a date field holds one date; stands in: the later one, 2026-03-05"
    ]


@BOTH
@pytest.mark.parametrize("name", ["fit", "budget", "need", "solution_fit", "rechecks"])
def test_what_a_world_does_not_map_nobody_maps(crm: str, name: str) -> None:
    connection = played(world(crm, unmapped=[name])).connection("http://127.0.0.1:1")

    prefix = {"rechecks": "recheck_", "fit": "fit_"}.get(name, name)
    assert not [field for field in connection.fields if field.startswith(prefix)]
    assert not connection.options["rechecks"]


@pytest.mark.parametrize(
    ("name", "hidden"), [("company", "companies"), ("contacts", "contacts"), ("history", "the past")]
)
def test_what_a_portal_cannot_hide_alone_is_said(name: str, hidden: str) -> None:
    (line,) = lines(world("hubspot", unmapped=[name]))

    assert line.startswith(f"unmapped {name}: HubSpot hides {hidden}")
    assert line.endswith(MAY_DIFFER)


@BOTH
def test_a_source_that_is_not_connected_is_silent(crm: str) -> None:
    loud, silent = played(world(crm)), played(world(crm, unconnected=["meeting_held"]))

    def meetings(emulated: Emulated) -> int:
        if crm == "salesforce":
            return len(list(org_of(emulated).rows("Event")))
        return len(records(emulated, "meetings"))

    assert (meetings(loud), meetings(silent)) == (1, 0)
    assert lines(world(crm, unconnected=["meeting_held"])) == []


@pytest.mark.parametrize(
    ("unconnected", "events", "said"),
    [
        (["email_in"], [], "mail are connected as one"),
        (["meeting_held"], [event("meeting_held", "dana")], "meetings cannot be silent while there is such an event"),
    ],
)
def test_what_cannot_be_silent_is_said(unconnected: list[str], events: list[dict[str, Any]], said: str) -> None:
    (line,) = lines(world("salesforce", unconnected=unconnected, events=events))

    assert said in line
    assert line.endswith(MAY_DIFFER)


def test_each_owner_has_a_neighbour() -> None:
    deals = [
        deal("salesforce", owner="Rae Seller"),
        deal("salesforce", id="d2", owner="Kim Seller"),
        deal("salesforce", id="d3"),
    ]
    org = org_of(played(world("salesforce", deals=deals)))

    names = {row["Id"]: row["Name"] for row in org.rows("User")}
    owners = [names[str(row["OwnerId"])] for row in org.rows("Opportunity") if str(row["Name"]).startswith("Neighbour")]
    assert sorted(str(owner) for owner in owners) == ["Admin", "Kim Seller", "Rae Seller"]


def test_a_world_of_exports_is_played_as_an_org() -> None:
    told = world("files", deals=[deal("salesforce")])

    assert [row["Name"] for row in rows(played(told), "Opportunity")] == ["d1"]
