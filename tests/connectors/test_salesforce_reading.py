"""Every row of the mapping, through the real client library and real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crm_audit.connectors.base import Stand
from crm_audit.connectors.salesforce import SalesforceConnector
from crm_audit.domain import BASICS, Change, Company, Deal, Event, Link, Person, Rate, Recheck, Stage, User
from tests.connectors.salesforce_bench import NOW, STAGE, Bench, bench, events, first, pulled, read, the_deal

AT = "2026-03-10T12:00:00Z"
MOMENT = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        yield made


# Who and what


def test_the_account_is_the_org_with_its_zone_and_our_own_user(sf: Bench) -> None:
    account = sf.connector().account()
    assert (account.id, account.name, account.zone) == (sf.org.organisation, "Example Sales Org", "America/New_York")
    assert (account.currency, account.user) == ("USD", sf.org.integration_user)


def test_settings_stand_above_what_the_org_says(sf: Bench) -> None:
    account = sf.connector(zone="Europe/Berlin", currency="EUR").account()
    assert (account.zone, account.currency) == ("Europe/Berlin", "EUR")


def test_an_org_with_many_currencies_tells_its_own_and_the_rates() -> None:
    with bench(multi_currency=True) as sf:
        sf.make("CurrencyType", IsoCode="EUR", ConversionRate=Decimal("0.909091"), IsActive=True)
        sf.deal(CurrencyIsoCode="EUR")
        connector = sf.connector(currency=None)
        assert connector.account().currency == "USD"
        (rate,) = pulled(connector, "rates")
        assert isinstance(rate, Rate)
        assert (rate.currency, rate.units, rate.per) == ("EUR", Decimal(1), Decimal("0.909091"))
        assert the_deal(connector).currency == "EUR"


def test_an_org_with_one_currency_has_no_rates(sf: Bench) -> None:
    assert pulled(sf.connector(), "rates") == []


def test_users_are_told_active_or_not(sf: Bench) -> None:
    gone = sf.make("User", Username="lee@seller.example", LastName="Gone", IsActive=False)
    found = {each.id: each for each in pulled(sf.connector(), "users") if isinstance(each, User)}
    assert found[gone].active is False
    assert found[sf.org.integration_user].active is True


def test_stages_stand_in_the_processes_behind_the_record_types(sf: Bench) -> None:
    process = sf.make("BusinessProcess", Name="NewBusiness", TableEnumOrId="Opportunity")
    made = sf.make("RecordType", Name="New", DeveloperName="New", SobjectType="Opportunity", BusinessProcessId=process)
    sf.deal(RecordTypeId=made)
    connector = sf.connector()
    stages = [each for each in pulled(connector, "stages") if isinstance(each, Stage)]
    assert {each.pipeline for each in stages} == {"Master", "NewBusiness"}
    won = next(each for each in stages if each.id == "NewBusiness/Closed Won")
    assert (won.closed, won.probability, won.forecast_category) == ("won", Decimal(1), "Closed")
    deal = the_deal(connector)
    assert (deal.pipeline, deal.stage) == ("NewBusiness", STAGE)


def test_a_stage_is_its_api_name_even_where_that_is_another_ones_label(sf: Bench) -> None:
    sf.make("OpportunityStage", MasterLabel="Angebot", ApiName="Offer", SortOrder=20)
    sf.make("OpportunityStage", MasterLabel="Prospecting", ApiName="Renamed", SortOrder=21)
    sf.deal(StageName="Angebot")
    sf.deal(StageName="Prospecting")
    found = [each.stage for each in pulled(sf.connector(), "deals") if isinstance(each, Deal)]
    assert found == ["Offer", "Prospecting"]


def test_a_deal_comes_with_its_mapped_fields(sf: Bench) -> None:
    sf.add("Opportunity", "Budget__c", spelling="currency 16.2")
    sf.add("Opportunity", "Budget_Currency__c", spelling="string 3")
    sf.add("Opportunity", "Need__c", spelling="string 255")
    sf.add("Opportunity", "Fits__c", spelling="picklist 40")
    company = sf.account()
    made = sf.deal(
        AccountId=company, Budget__c=Decimal("99999.99"), Budget_Currency__c="EUR", Need__c="too slow",
        Fits__c="confirmed", NextStep="Call Dana",
    )  # fmt: skip
    fields = {
        "budget": "Budget__c", "budget_currency": "Opportunity.Budget_Currency__c", "need": "Need__c",
        "solution_fit": "Fits__c",
    }  # fmt: skip
    deal = the_deal(sf.connector(fields=fields))
    assert (deal.id, deal.name, deal.amount, deal.close_date) == (
        made, "Acme rollout", Decimal(100_000), date(2026, 6, 30),
    )  # fmt: skip
    assert (deal.budget, deal.budget_currency, deal.need) == (Decimal("99999.99"), "EUR", "too slow")
    assert (deal.solution_fit, deal.next_step, deal.company) == ("confirmed", "Call Dana", company)
    assert (deal.probability, deal.forecast_category) == (Decimal("0.9"), "Pipeline")
    assert deal.created == NOW
    assert deal.owner is not None


def test_money_is_exact(sf: Bench) -> None:
    sf.deal(Amount=Decimal("70368744177664.03"))
    assert the_deal(sf.connector()).amount == Decimal("70368744177664.03")


def test_deleted_deals_are_gone(sf: Bench) -> None:
    sf.org.delete("Opportunity", sf.deal())
    assert pulled(sf.connector(), "deals") == []


def test_fit_lies_on_the_account(sf: Bench) -> None:
    sf.add("Account", "Tier__c", spelling="picklist 10")
    sf.add("Account", "Score__c", spelling="double 5.2")
    sf.add("Account", "Assessed__c", spelling="date")
    sf.account(Tier__c="A", Score__c=Decimal("81.5"), Assessed__c="2026-01-15")
    fields = {"fit_tier": "Account.Tier__c", "fit_score": "Account.Score__c", "fit_assessed": "Assessed__c"}
    (company,) = pulled(sf.connector(fields=fields), "companies")
    assert isinstance(company, Company)
    assert (company.fit_tier, company.fit_score) == ("A", Decimal("81.5"))
    assert company.fit_assessed == date(2026, 1, 15)


def test_merged_and_deleted_contacts_and_accounts_are_followed(sf: Bench) -> None:
    dana, double, lost = sf.person(), sf.person("Dana2"), sf.person("Lost")
    sf.org.merge("Contact", dana, loser=double)
    sf.org.delete("Contact", lost)
    old, new = sf.account(), sf.account()
    sf.org.merge("Account", new, loser=old)
    connector = sf.connector()
    people = {each.id: each for each in pulled(connector, "people") if isinstance(each, Person)}
    assert (people[dana].deleted, people[dana].merged_into) == (False, None)
    assert (people[double].deleted, people[double].merged_into) == (True, dana)
    assert (people[lost].deleted, people[lost].merged_into) == (True, None)
    companies = {each.id: each for each in pulled(connector, "companies") if isinstance(each, Company)}
    assert companies[old].merged_into == new


def test_who_left_is_told_by_a_mapped_date(sf: Bench) -> None:
    sf.add("Contact", "Left__c", spelling="date")
    sf.person(Left__c="2026-03-13", Title="VP Operations")
    (person,) = pulled(sf.connector(fields={"left_on": "Left__c"}), "people")
    assert isinstance(person, Person)
    assert (person.left_on, person.title, person.domain) == (date(2026, 3, 13), "VP Operations", "acme.example")


# Roles


def links(connector: SalesforceConnector) -> list[Link]:
    return [each for each in pulled(connector, "links") if isinstance(each, Link)]


def test_contact_roles_and_lookups_are_links(sf: Bench) -> None:
    sf.add("Opportunity", "Champion__c", spelling="reference to=Contact as=Champion__r")
    dana, lee = sf.person(), sf.person("Lee")
    deal = sf.deal(Champion__c=lee)
    made = "2026-01-10T03:00:00Z"
    sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=dana, Role="Decision Maker", CreatedDate=made)
    sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=lee)
    found = links(sf.connector(roles={"Champion__c": "champion"}))
    assert [(each.person, each.role, each.valid_from) for each in found] == [
        (dana, "authority", date(2026, 1, 9)),
        (lee, "unassigned", date(2026, 3, 16)),
        (lee, "champion", None),
    ]


def test_roles_that_change_or_go_between_two_pulls_are_seen(sf: Bench) -> None:
    dana, lee, deal = sf.person(), sf.person("Lee"), sf.deal()
    stays = sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=dana, Role="Decision Maker")
    goes = sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=lee, Role="Evaluator")
    assert {each.id: each.role for each in links(sf.connector())} == {stays: "authority", goes: "technical"}
    sf.org.update("OpportunityContactRole", stays, Role="Business User")
    sf.org.delete("OpportunityContactRole", goes)
    assert {each.id: each.role for each in links(sf.connector())} == {stays: "user"}


# Events


def test_a_meeting_comes_with_its_invitees_and_its_name(sf: Bench) -> None:
    dana, lee, deal = sf.person(), sf.person("Lee"), sf.deal()
    made = sf.make(
        "Event", Subject="Acme Rollout: pricing", WhatId=deal, WhoId=dana, StartDateTime=AT, DurationInMinutes=30
    )
    sf.make("EventRelation", EventId=made, RelationId=lee, IsInvitee=True, Status="Declined")
    sf.make("EventRelation", EventId=made, RelationId=sf.org.integration_user, IsInvitee=True)
    sf.make("Event", Subject="copy", WhatId=deal, WhoId=dana, StartDateTime=AT, IsChild=True)
    event = events(sf.connector())["meeting_held"]
    assert (event.id, event.people, event.declined, event.deals) == (made, (dana, lee), (lee,), (deal,))
    assert (event.at, event.ends_at) == (MOMENT, datetime(2026, 3, 10, 12, 30, tzinfo=UTC))
    assert (event.named, event.topics, event.by) == ((deal,), ("pricing",), sf.org.admin)


def test_an_invitee_who_was_taken_off_a_meeting_did_not_take_part(sf: Bench) -> None:
    dana, lee, deal = sf.person(), sf.person("Lee"), sf.deal()
    made = sf.make("Event", Subject="x", WhatId=deal, WhoId=dana, StartDateTime=AT)
    sf.org.delete("EventRelation", sf.make("EventRelation", EventId=made, RelationId=lee, IsInvitee=True))
    assert events(sf.connector())["meeting_held"].people == (dana,)


def test_calls_attestations_and_open_tasks_come_from_tasks(sf: Bench) -> None:
    dana, lee, deal = sf.person(), sf.person("Lee"), sf.deal()
    told = {"WhatId": deal, "WhoId": dana, "ActivityDate": "2026-03-09"}
    call = sf.make(
        "Task", Status="Completed", TaskSubtype="Call", CallDisposition="Connected", CompletedDateTime=AT, **told
    )
    sf.make("TaskRelation", TaskId=call, RelationId=lee)
    sf.make("Task", Status="Completed", Type="Told us", **told)
    sf.make("Task", Subject="Send the order form", **told)
    found = events(sf.connector(options={"attestations": {"Told us": ("pricing",)}}))
    assert set(found) == {"call_connected", "attestation", "task_open"}
    assert (found["call_connected"].at, found["call_connected"].people) == (MOMENT, (dana, lee))
    assert (found["attestation"].at, found["attestation"].topics) == (date(2026, 3, 9), ("pricing",))
    assert (found["task_open"].at, found["task_open"].topics) == (date(2026, 3, 9), ("pricing",))


def test_archived_activities_are_read_and_deleted_ones_are_not(sf: Bench) -> None:
    deal = sf.deal()
    sf.make("Event", Subject="long ago", WhatId=deal, StartDateTime="2024-03-10T12:00:00Z", IsArchived=True)
    told = {"Status": "Completed", "TaskSubtype": "Call", "CallDisposition": "Connected", "WhatId": deal}
    sf.make("Task", CompletedDateTime="2024-03-11T12:00:00Z", IsArchived=True, **told)
    sf.org.delete("Task", sf.make("Task", **told))
    sf.org.delete("Event", sf.make("Event", Subject="mistake", WhatId=deal, StartDateTime=AT))
    found = events(sf.connector())
    assert found["meeting_held"].at == datetime(2024, 3, 10, 12, tzinfo=UTC)
    assert found["call_connected"].at == datetime(2024, 3, 11, 12, tzinfo=UTC)


def test_stored_mail_names_its_sender_and_its_task_is_not_told_again(sf: Bench) -> None:
    dana, lee, deal = sf.person(), sf.person("Lee"), sf.deal()
    logged = sf.make("Task", Subject="Re: price", Status="Completed", TaskSubtype="Email", WhatId=deal)
    sf.make("Task", Subject="logged only", Status="Completed", TaskSubtype="Email", WhatId=deal, WhoId=lee)
    mail = sf.make(
        "EmailMessage", Incoming=True, MessageDate=AT, Subject="Re: price", RelatedToId=deal, ActivityId=logged
    )
    for person, kind in ((dana, "FromAddress"), (lee, "ToAddress")):
        sf.make("EmailMessageRelation", EmailMessageId=mail, RelationId=person, RelationType=kind)
    found = events(sf.connector())
    assert set(found) == {"email_in", "email_out"}
    assert (found["email_in"].id, found["email_in"].people) == (mail, (dana,))
    assert (found["email_in"].topics, found["email_in"].deals) == (("pricing",), (deal,))
    assert found["email_out"].people == (lee,)


def test_mail_that_went_out_was_perhaps_opened(sf: Bench) -> None:
    dana, deal = sf.person(), sf.deal()
    mail = sf.make(
        "EmailMessage", Incoming=False, MessageDate=AT, RelatedToId=deal, FirstOpenedDate="2026-03-11T12:00:00Z"
    )
    sf.make("EmailMessageRelation", EmailMessageId=mail, RelationId=dana, RelationType="ToAddress")
    found = events(sf.connector())
    assert (found["email_out"].people, found["email_out"].at) == ((dana,), MOMENT)
    assert found["email_open"].at == datetime(2026, 3, 11, 12, tzinfo=UTC)


def test_a_price_list_attached_to_mail_is_seen_by_its_title(sf: Bench) -> None:
    sf.org.add_object("ContentDocument", Title="string 255")
    sf.org.add_object(
        "ContentDocumentLink",
        LinkedEntityId="reference to=EmailMessage",
        ContentDocumentId="reference to=ContentDocument",
    )
    mail = {"Incoming": False, "MessageDate": AT, "RelatedToId": sf.deal(), "Subject": "As promised"}
    with_file = sf.make("EmailMessage", HasAttachment=True, **mail)
    sf.make("EmailMessage", HasAttachment=False, **mail)
    document = sf.make("ContentDocument", Title="Price list 2026.pdf")
    sf.make("ContentDocumentLink", LinkedEntityId=with_file, ContentDocumentId=document)
    found = [each for each in pulled(sf.connector(), "events") if isinstance(each, Event)]
    assert {each.id: each.topics for each in found}[with_file] == ("pricing",)
    assert sorted(each.topics for each in found) == [(), ("pricing",)]


def test_a_quote_is_sent_and_mail_about_it_carries_it(sf: Bench) -> None:
    dana, deal = sf.person(), sf.deal()
    quote = sf.make(
        "Quote", Name="Q-1", OpportunityId=deal, ContactId=dana, Status="Presented", GrandTotal=Decimal("99000.00"),
        LastModifiedDate=AT,
    )  # fmt: skip
    sf.make("EmailMessage", Incoming=False, MessageDate=AT, Subject="As promised", RelatedToId=quote)
    found = events(sf.connector())
    sent = found["quote_sent"]
    assert (sent.people, sent.deals, sent.at) == ((dana,), (deal,), MOMENT)
    assert (sent.quoted_amount, sent.quoted_currency) == (Decimal(99_000), "USD")
    assert (found["email_out"].named, found["email_out"].topics) == ((deal,), ("pricing",))


def test_a_delivery_for_one_contact_names_its_viewer(sf: Bench) -> None:
    dana = sf.person()
    sent = sf.make("ContentDistribution", Name="Proposal.pdf", RelatedRecordId=dana, CreatedDate=AT)
    sf.make("ContentDistributionView", DistributionId=sent, IsInternal=False, CreatedDate=AT)
    sf.make("ContentDistributionView", DistributionId=sent, IsInternal=True, CreatedDate=AT)
    found = events(sf.connector())
    assert (found["doc_shared"].people, found["doc_shared"].topics) == ((dana,), ("pricing",))
    assert (found["doc_viewed"].people, found["doc_viewed"].at) == ((dana,), MOMENT)


def test_a_delivery_for_a_deal_was_opened_by_nobody_knows_whom(sf: Bench) -> None:
    deal = sf.deal()
    sent = sf.make("ContentDistribution", Name="Terms.pdf", RelatedRecordId=deal)
    sf.make("ContentDistributionView", DistributionId=sent, IsInternal=False)
    opened = events(sf.connector())["doc_open"]
    assert (opened.people, opened.deals) == ((), (deal,))


def test_no_subject_and_no_address_gets_into_a_record(sf: Bench) -> None:
    dana, deal = sf.person(Email="canary.person@acme.example"), sf.deal()
    sf.make("Event", Subject="canary subject", WhatId=deal, WhoId=dana, StartDateTime=AT)
    sf.make("Task", Subject="canary task", Status="Completed", TaskSubtype="Email", WhatId=deal, WhoId=dana)
    sf.make(
        "EmailMessage", Incoming=True, MessageDate=AT, Subject="canary mail", RelatedToId=deal, TextBody="canary body",
        FromAddress="canary.person@acme.example",
    )  # fmt: skip
    connector = sf.connector()
    found = [*pulled(connector, "events"), *pulled(connector, "people")]
    assert len(found) == 4
    assert "canary" not in repr(found)


# History and re-checks


def test_what_changed_is_told_once_with_its_own_before(sf: Bench) -> None:
    deal = sf.deal()
    for day, changed in ((17, {"StageName": "Closed Won"}), (18, {"Probability": 55}), (19, {"Amount": None})):
        sf.clock.set(datetime(2026, 3, day, 15, tzinfo=UTC))
        sf.change(deal, **changed)
    found = [each for each in pulled(sf.connector(), "history") if isinstance(each, Change)]
    assert [(each.deal, each.field, each.old, each.new, each.at.day) for each in found] == [
        (deal, "stage", STAGE, "Closed Won", 17),
        (deal, "amount", "100000", None, 19),
    ]
    assert found == pulled(sf.connector(), "history")


def test_a_close_date_that_was_lost_from_history_is_still_known(sf: Bench) -> None:
    deal = sf.make("Opportunity", history=False, Name="E", StageName=STAGE, CloseDate="2026-07-31")
    for day, close, before in ((1, "2026-01-30", None), (5, "2026-07-31", "2026-01-20")):
        sf.make(
            "OpportunityHistory", OpportunityId=deal, StageName=STAGE, CloseDate=close, PrevCloseDate=before,
            CreatedDate=f"2026-03-0{day}T12:00:00Z",
        )  # fmt: skip
    (change,) = pulled(sf.connector(), "history")
    assert isinstance(change, Change)
    assert (change.field, change.old, change.new) == ("close_date", "2026-01-20", "2026-07-31")


def test_without_the_state_history_tracked_edits_tell(sf: Bench) -> None:
    deal = sf.deal()
    sf.clock.advance(days=1)
    sf.org.update("Opportunity", deal, StageName="Closed Lost", Amount=5, NextStep="x")
    sf.org.hide("OpportunityHistory")
    found = {each.field: each for each in pulled(sf.connector(), "history") if isinstance(each, Change)}
    assert set(found) == {"stage", "amount"}
    assert (found["stage"].old, found["stage"].new) == (STAGE, "Closed Lost")
    assert (found["amount"].old, found["amount"].new) == ("100000", "5")


def test_another_field_mapped_as_the_amount_has_its_own_history(sf: Bench) -> None:
    sf.add("Opportunity", "ARR__c", spelling="currency 16.2")
    sf.org.tracked.append("ARR__c")
    deal = sf.deal(ARR__c=10)
    sf.clock.advance(days=1)
    sf.org.update("Opportunity", deal, Amount=7, ARR__c=12)
    connector = sf.connector(fields={"amount": "ARR__c"})
    assert the_deal(connector).amount == 12
    (change,) = pulled(connector, "history")
    assert isinstance(change, Change)
    assert (change.field, change.old, change.new) == ("amount", "10", "12")


def test_rechecks_come_from_dates_and_from_tasks(sf: Bench) -> None:
    sf.add("Opportunity", "Budget_Asked__c", spelling="date")
    deal = sf.deal(Budget_Asked__c="2026-03-02")
    sf.make("Task", Status="Completed", Type="Re-check", WhatId=deal, ActivityDate="2026-03-05")
    connector = sf.connector(fields={"recheck_budget": "Budget_Asked__c"}, options={"rechecks": {"Re-check": ("all",)}})
    found = [each for each in pulled(connector, "rechecks") if isinstance(each, Recheck)]
    assert [(each.on, each.topics) for each in found] == [
        (date(2026, 3, 2), ("price_vs_budget",)),
        (date(2026, 3, 5), BASICS),
    ]
    assert events(connector) == {}


def test_history_of_one_deal_may_have_pages(sf: Bench) -> None:
    deal = sf.deal()
    for number in range(2_100):
        sf.make(
            "OpportunityHistory", OpportunityId=deal, StageName=STAGE, Amount=number, CloseDate="2026-06-30",
            CreatedDate="2026-03-16T15:00:00Z",
        )  # fmt: skip
    assert len(pulled(sf.connector(), "history")) == 2_100


@pytest.mark.parametrize("cursor", ["", "no JSON", "{}", '{"mark": "x\' OR Id != \'", "asked": ""}', "[]", "null"])
def test_a_cursor_that_is_none_of_ours_starts_the_stream_anew(sf: Bench, cursor: str) -> None:
    deal = sf.deal()
    stands = {"deals/Opportunity": Stand(cursor, ended=False, whole=None)}
    pages = [page for page in read(sf.connector(), replace(first(), stands=stands)) if page.kind == "deals"]
    assert [row.id for page in pages for row in page.rows] == [deal]
    assert pages[-1].sweep == "all"


def test_records_have_an_address_and_what_we_made_up_has_none(sf: Bench) -> None:
    connector, deal = sf.connector(), sf.deal()
    assert connector.address("deals", deal) == f"https://emulated.my.salesforce.com/{deal}"
    assert connector.address("history", f"{deal}:stage") is None
