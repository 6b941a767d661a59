"""Rows as Salesforce gives them, turned into records: no network, no emulator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from crm_audit.connectors.salesforce import activities, history, papers, records
from crm_audit.connectors.salesforce.activities import Around
from crm_audit.connectors.salesforce.options import Options, Quotes
from crm_audit.connectors.salesforce.reading import Row, number
from crm_audit.connectors.salesforce.terms import Terms
from crm_audit.domain import BASICS, Change, Event, Link
from crm_audit.errors import Incomplete

DEAL, OTHER = "006000000000001AAA", "006000000000002AAA"
DANA, LEE = "003000000000001AAA", "003000000000002AAA"
REP = "005000000000001AAA"
ACCOUNT = "001000000000001AAA"
QUOTE = "0Q0000000000001AAA"
NOON = "2026-03-10T12:00:00.000+0000"
TERMS = Terms(
    zone=ZoneInfo("America/New_York"),
    currency="USD",
    options=Options(
        attestations={"Told us": ("pricing",)},
        rechecks={"Re-check": ("all",), "Budget check": ("budget",)},
        mail_in=(r"^\[In\]",),
        mail_out=(r"^\[Out\]",),
    ),
    fields={"amount": "Amount", "close_date": "CloseDate", "company": "AccountId", "next_step": "NextStep"},
    roles={"key signer": "authority"},
    topics={"Demo": ("demo",)},
    stages={"Proposal": "Proposal/Price Quote"},
)


def with_options(**changed: object) -> Terms:
    return replace(TERMS, options=Options.model_validate(changed))


def meeting(**changed: object) -> Row:
    return {
        "Id": "00U000000000001AAA",
        "StartDateTime": NOON,
        "EndDateTime": "2026-03-10T13:00:00.000+0000",
        "WhatId": DEAL,
        "WhoId": DANA,
        "Subject": "Weekly",
        "CreatedDate": "2026-03-11T08:00:00.000+0000",
        "CreatedById": REP,
        **changed,
    }


def task(**changed: object) -> Row:
    return {
        "Id": "00T000000000001AAA",
        "IsClosed": True,
        "CompletedDateTime": NOON,
        "ActivityDate": "2026-03-09",
        "WhatId": DEAL,
        "WhoId": DANA,
        "CreatedDate": NOON,
        "CreatedById": REP,
        **changed,
    }


def message(**changed: object) -> Row:
    return {
        "Id": "02s000000000001AAA",
        "Incoming": True,
        "MessageDate": NOON,
        "RelatedToId": DEAL,
        "CreatedDate": NOON,
        **changed,
    }


def sent_to(*people: str, kind: str) -> list[Row]:
    return [{"RelationId": each, "RelationType": kind} for each in people]


def only(events: Iterable[Event]) -> Event:
    (event,) = events
    return event


def met(row: Row, around: Around | None = None) -> Event:
    return only(activities.meetings([row], around or Around(), terms=TERMS))


def done(row: Row, around: Around | None = None, *, terms: Terms = TERMS) -> list[Event]:
    return list(activities.tasks([row], around or Around(), terms=terms))


# Meetings


def test_a_meeting_is_told_with_its_times_its_recorder_and_its_deal() -> None:
    event = met(meeting())
    assert (event.kind, event.people, event.deals, event.by) == ("meeting_held", (DANA,), (DEAL,), REP)
    assert event.at == datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert event.ends_at == datetime(2026, 3, 10, 13, tzinfo=UTC)
    assert event.recorded_at == datetime(2026, 3, 11, 8, tzinfo=UTC)


def test_invitees_take_part_internal_users_and_leads_do_not_and_who_declined_is_named() -> None:
    invited = [
        {"RelationId": DANA, "Status": "Accepted"},
        {"RelationId": LEE, "Status": "Declined"},
        {"RelationId": REP, "Status": "Accepted"},
        {"RelationId": "00Q000000000001AAA", "Status": "Accepted"},
        {"RelationId": "003000000000009AAA", "Status": "Uninvited"},
    ]
    event = met(meeting(), Around(relations={"00U000000000001AAA": invited}))
    assert event.people == (DANA, LEE)
    assert event.declined == (LEE,)


@pytest.mark.parametrize("reason", ["IsChild", "IsRecurrence"])
def test_a_copy_and_a_recurrence_master_are_no_meetings(reason: str) -> None:
    assert not list(activities.meetings([meeting(**{reason: True})], Around(), terms=TERMS))


def test_a_meeting_about_an_account_or_nothing_is_about_no_deal() -> None:
    assert met(meeting(WhatId=ACCOUNT)).deals == ()
    assert met(meeting(WhatId=None)).deals == ()


def test_a_meeting_about_a_case_is_no_event() -> None:
    assert not list(activities.meetings([meeting(WhatId="500000000000001AAA")], Around(), terms=TERMS))


def test_a_meeting_about_a_quote_is_about_its_deal_and_the_price() -> None:
    event = met(meeting(WhatId=QUOTE), Around(quoted={QUOTE: DEAL}))
    assert (event.deals, event.named, event.topics) == ((DEAL,), (DEAL,), ("pricing",))


def test_an_all_day_meeting_is_a_calendar_day() -> None:
    midnight = "2026-03-10T00:00:00.000+0000"
    event = met(meeting(IsAllDayEvent=True, StartDateTime=midnight, ActivityDate="2026-03-10"))
    assert (event.at, event.ends_at) == (date(2026, 3, 10), None)
    assert met(meeting(IsAllDayEvent=True, StartDateTime=midnight)).at == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("kind", "subject", "topics"),
    [
        ("Demo", "Pricing for the board", ("demo",)),  # the type decides, the title only where it is silent
        ("Meeting", "Pricing for the board", ("pricing",)),
        (None, "PROPOSAL walk-through", ("pricing",)),
        (None, "Order form", ("pricing",)),
        (None, "Re: SOW v2", ("pricing",)),
        (None, "Consensus", ()),
        (None, None, ()),
        (None, "Sowing the seeds", ()),
    ],
)
def test_topics_come_from_the_type_else_from_the_title(
    kind: str | None, subject: str | None, topics: tuple[str, ...]
) -> None:
    assert met(meeting(Type=kind, Subject=subject)).topics == topics


def test_an_admin_adds_titles_in_another_language() -> None:
    terms = with_options(titles={"demo": r"\bvorf(ü|ue)hrung\b"})
    event = only(activities.meetings([meeting(Subject="Angebot: Quote und Vorführung")], Around(), terms=terms))
    assert event.topics == ("pricing", "demo")


def test_a_deal_whose_name_the_subject_holds_is_named() -> None:
    assert met(meeting(Subject="ACME rollout: prices", **{"What": {"Name": "Acme Rollout"}})).named == (DEAL,)
    assert met(meeting(Subject="Prices", **{"What": {"Name": "Acme Rollout"}})).named == ()
    assert met(meeting(Subject="Prices", **{"What": {"Name": " "}})).named == ()


@pytest.mark.parametrize(
    ("value", "outcome"), [("No Show", "NO_SHOW"), ("cancelled", "CANCELED"), ("No-show", "NO_SHOW"), (" ", None)]
)
def test_a_mapped_outcome_is_read_as_the_rules_write_it(value: str, outcome: str | None) -> None:
    terms = replace(TERMS, fields={"meeting_outcome": "Outcome__c"})
    event = only(activities.meetings([meeting(Outcome__c=value)], Around(), terms=terms))
    assert event.outcome == outcome


def test_a_meeting_without_a_time_stops_the_pull_instead_of_vanishing() -> None:
    with pytest.raises(Incomplete, match="00U000000000001AAA came without StartDateTime"):
        met(meeting(StartDateTime=None))


# Tasks


def test_a_completed_call_counts_where_somebody_answered() -> None:
    (event,) = done(task(TaskSubtype="Call", CallDisposition="Connected"))
    assert (event.kind, event.at, event.people) == (
        "call_connected",
        datetime(2026, 3, 10, 12, tzinfo=UTC),
        (DANA,),
    )
    assert not done(task(TaskSubtype="Call", CallDisposition="Left Voicemail"))
    assert not done(task(TaskSubtype="Call"))


def test_an_admin_may_let_calls_without_a_result_count() -> None:
    assert done(task(TaskSubtype="Call"), terms=with_options(connected=("", "Connected")))


def test_everybody_related_to_a_call_took_part() -> None:
    around = Around(relations={"00T000000000001AAA": [{"RelationId": LEE}, {"RelationId": DANA}]})
    (event,) = done(task(TaskSubtype="Call", CallDisposition="Connected"), around)
    assert event.people == (DANA, LEE)


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"CompletedDateTime": None}, date(2026, 3, 9)),
        ({"CompletedDateTime": None, "ActivityDate": None}, datetime(2026, 3, 10, 12, tzinfo=UTC)),
    ],
)
def test_a_call_without_a_time_of_completion_takes_the_next_best(changed: dict[str, object], at: object) -> None:
    (event,) = done(task(TaskSubtype="Call", CallDisposition="Connected", **changed))
    assert event.at == at


@pytest.mark.parametrize(
    ("subject", "subtype", "kind"),
    [
        ("Email: hello", "Email", "email_out"),
        ("Newsletter", "ListEmail", "email_out"),
        ("[In] Re: price", "Task", "email_in"),
        ("[In] Re: price", "Email", "email_in"),
        ("[Out] price", "Task", "email_out"),
    ],
)
def test_logged_mail_is_outgoing_unless_a_pattern_says_that_the_buyer_wrote(
    subject: str, subtype: str, kind: str
) -> None:
    (event,) = done(task(Subject=subject, TaskSubtype=subtype))
    assert event.kind == kind


def test_mail_that_is_stored_as_a_message_is_not_told_twice() -> None:
    assert not done(task(TaskSubtype="Email"), Around(mailed={"00T000000000001AAA"}))
    assert done(task(TaskSubtype="Call", CallDisposition="Connected"), Around(mailed={"00T000000000001AAA"}))


def test_an_absence_notice_is_automatic() -> None:
    assert done(task(Subject="[In] hello"))[0].automatic is False
    terms = with_options(mail_in=("office",))
    assert done(task(Subject="Out of office: Dana"), terms=terms)[0].automatic is True


def test_a_mapped_task_is_an_attestation_of_its_topics_on_its_day() -> None:
    (event,) = done(task(Type="Told us", Subject="Demo"))
    assert (event.kind, event.at, event.topics) == ("attestation", date(2026, 3, 9), ("pricing",))


def test_an_open_task_is_planned_for_its_day_and_for_no_day_it_plans_nothing() -> None:
    (event,) = done(task(IsClosed=False, CompletedDateTime=None))
    assert (event.kind, event.at) == ("task_open", date(2026, 3, 9))
    assert not done(task(IsClosed=False, CompletedDateTime=None, ActivityDate=None))


@pytest.mark.parametrize(
    "changed", [{"Type": "Re-check"}, {"TaskSubtype": "Task"}, {"TaskSubtype": "LinkedIn"}, {"IsRecurrence": True}]
)
def test_any_other_task_is_no_event(changed: dict[str, object]) -> None:
    assert not done(task(**changed))


# Mail


def mailed(row: Row, around: Around | None = None) -> list[Event]:
    return list(papers.mail([row], around or Around(), terms=TERMS))


def test_incoming_mail_belongs_to_its_sender_alone() -> None:
    relations = [*sent_to(DANA, kind="FromAddress"), *sent_to(LEE, kind="ToAddress"), *sent_to(LEE, kind="CcAddress")]
    (event,) = mailed(message(), Around(relations={"02s000000000001AAA": relations}))
    assert (event.kind, event.people, event.deals) == ("email_in", (DANA,), (DEAL,))


def test_incoming_mail_from_nobody_we_know_belongs_to_nobody() -> None:
    relations = [*sent_to(REP, kind="FromAddress"), *sent_to(DANA, kind="ToAddress")]
    (event,) = mailed(message(), Around(relations={"02s000000000001AAA": relations}))
    assert event.people == ()


def test_outgoing_mail_reaches_its_open_recipients_and_an_opening_is_its_own_event() -> None:
    relations = [
        *sent_to(DANA, kind="ToAddress"), *sent_to(LEE, kind="CcAddress"),
        *sent_to("003000000000009AAA", kind="BccAddress"), *sent_to(REP, kind="FromAddress"),
    ]  # fmt: skip
    opened = "2026-03-12T09:00:00.000+0000"
    row = message(Incoming=False, FirstOpenedDate=opened, Subject="Our quote")
    sent, seen = mailed(row, Around(relations={"02s000000000001AAA": relations}))
    assert (sent.kind, sent.people, sent.topics) == ("email_out", (DANA, LEE), ("pricing",))
    assert (seen.kind, seen.people, seen.topics) == ("email_open", (DANA, LEE), ("pricing",))
    assert seen.at == datetime(2026, 3, 12, 9, tzinfo=UTC)
    assert seen.id != sent.id


def test_a_draft_is_no_mail() -> None:
    assert not mailed(message(Status="5"))


@pytest.mark.parametrize(
    "changed",
    [
        {"Subject": "Automatic reply: your offer"},
        {"Subject": "Out of the office until Monday"},
        {"FromAddress": "no-reply@acme.example"},
        {"FromAddress": "mailer-daemon@acme.example"},
        {"Headers": "Received: by x\r\nAuto-Submitted: auto-replied\r\nX: y"},
    ],
)
def test_machines_write_automatic_mail(changed: dict[str, object]) -> None:
    assert mailed(message(**changed))[0].automatic is True


@pytest.mark.parametrize(
    "changed",
    [
        {"Subject": "Is the automatic reply on?"},
        {"FromAddress": "norepl.yes@acme.example"},
        {"Headers": "Auto-Submitted: no"},
        {"Incoming": False, "Subject": "Automatic reply: x"},
    ],
)
def test_people_do_not(changed: dict[str, object]) -> None:
    assert mailed(message(**changed))[0].automatic is False


def test_an_attached_price_list_makes_mail_about_the_price() -> None:
    row = message(Subject="As promised")
    assert mailed(row, Around(attached={"02s000000000001AAA": ["Price list 2026.pdf"]}))[0].topics == ("pricing",)


def test_mail_related_to_a_quote_carries_it() -> None:
    (event,) = mailed(message(RelatedToId=QUOTE, Subject="x"), Around(quoted={QUOTE: DEAL}))
    assert (event.deals, event.named, event.topics) == ((DEAL,), (DEAL,), ("pricing",))


# Quotes and files


def quote(**changed: object) -> Row:
    return {
        "Id": QUOTE, "OpportunityId": DEAL, "ContactId": DANA, "Status": "Presented", "GrandTotal": Decimal("99.50"),
        "LastModifiedDate": NOON, "CreatedDate": "2026-03-01T12:00:00.000+0000", **changed,
    }  # fmt: skip


def test_a_presented_quote_was_sent_with_its_total() -> None:
    event = only(papers.quotes([quote()], TERMS))
    assert (event.kind, event.people, event.deals, event.named) == ("quote_sent", (DANA,), (DEAL,), (DEAL,))
    assert (event.quoted_amount, event.quoted_currency, event.topics) == (Decimal("99.50"), "USD", ("pricing",))
    assert event.at == datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_seller_who_sets_accepted_reports_and_only_a_signature_accepts() -> None:
    assert only(papers.quotes([quote(Status="Accepted")], TERMS)).kind == "quote_reported"
    terms = with_options(quotes=Quotes(signed_on="Signed__c").model_dump())
    signed = only(papers.quotes([quote(Status="Accepted", Signed__c="2026-03-08")], terms))
    assert (signed.kind, signed.at) == ("quote_accepted", date(2026, 3, 8))
    assert only(papers.quotes([quote(Status="Accepted", Signed__c=None)], terms)).kind == "quote_reported"


@pytest.mark.parametrize("status", ["Draft", "Denied", None])
def test_a_quote_nobody_has_seen_is_no_event(status: str | None) -> None:
    assert not list(papers.quotes([quote(Status=status)], TERMS))


def test_a_quote_without_a_total_quotes_no_amount() -> None:
    event = only(papers.quotes([quote(GrandTotal=None, CurrencyIsoCode="EUR", ContactId=None)], TERMS))
    assert (event.quoted_amount, event.quoted_currency, event.people) == (None, None, ())
    assert only(papers.quotes([quote(CurrencyIsoCode="EUR")], TERMS)).quoted_currency == "EUR"


def test_a_quoting_tool_has_its_own_names() -> None:
    names = Quotes(
        object="Tool__Quote__c", deal="Tool__Opp__c", contact="Tool__Who__c", status="Tool__State__c",
        total="Tool__Net__c", sent=("Out",),
    )  # fmt: skip
    row: Row = {
        "Id": "a0B000000000001AAA", "Tool__Opp__c": DEAL, "Tool__Who__c": DANA, "Tool__State__c": "Out",
        "Tool__Net__c": 7, "LastModifiedDate": NOON,
    }  # fmt: skip
    event = only(papers.quotes([row], with_options(quotes=names.model_dump())))
    assert (event.kind, event.people, event.quoted_amount) == ("quote_sent", (DANA,), Decimal(7))


def delivery(related: str | None) -> Row:
    return {"Id": "05D000000000001AAA", "CreatedDate": NOON, "Name": "Proposal.pdf", "RelatedRecordId": related}


@pytest.mark.parametrize(
    ("related", "people", "deals"), [(DANA, (DANA,), ()), (DEAL, (), (DEAL,)), (ACCOUNT, (), ()), (None, (), ())]
)
def test_a_delivered_file_was_shared(related: str | None, people: tuple[str, ...], deals: tuple[str, ...]) -> None:
    event = only(papers.deliveries([delivery(related)], TERMS))
    assert (event.kind, event.people, event.deals, event.topics) == ("doc_shared", people, deals, ("pricing",))


@pytest.mark.parametrize(("related", "kind"), [(DANA, "doc_viewed"), (DEAL, "doc_open"), (None, "doc_open")])
def test_only_a_delivery_for_one_contact_names_its_viewer(related: str | None, kind: str) -> None:
    row: Row = {"Id": "05H000000000001AAA", "DistributionId": "05D000000000001AAA", "CreatedDate": NOON}
    event = only(papers.views([row], {"05D000000000001AAA": [delivery(related)]}, terms=TERMS))
    assert (event.kind, event.at) == (kind, datetime(2026, 3, 10, 12, tzinfo=UTC))
    inside = {**row, "IsInternal": True}
    assert not list(papers.views([inside], {"05D000000000001AAA": [delivery(related)]}, terms=TERMS))


# History


def state(number_: int, on: str, **values: object) -> Row:
    return {
        "Id": f"00800000000000{number_}AAA", "OpportunityId": DEAL, "CreatedDate": f"{on}T12:00:00.000+0000",
        "CreatedById": REP, "StageName": "Qualification", "Amount": Decimal("100.00"), "CloseDate": "2026-06-30",
        **values,
    }  # fmt: skip


def changed(rows: list[Row]) -> list[tuple[str, str | None, str | None]]:
    return [(each.field, each.old, each.new) for each in history.changes_of_states(rows, history.STATES, terms=TERMS)]


def test_the_first_state_and_repeated_values_are_no_changes() -> None:
    assert changed([state(1, "2026-01-01"), state(2, "2026-01-02"), state(3, "2026-01-03")]) == []


def test_states_become_changes_in_the_order_of_time() -> None:
    rows = [
        state(3, "2026-02-01", StageName="Proposal", Amount=None, CloseDate="2026-07-31"),
        state(1, "2026-01-01"),
        state(2, "2026-01-15", StageName="Needs Analysis", Amount=Decimal("1E+5")),
    ]
    assert changed(rows) == [
        ("stage", "Qualification", "Needs Analysis"),
        ("amount", "100", "100000"),
        ("stage", "Needs Analysis", "Proposal/Price Quote"),  # a label means its API name
        ("close_date", "2026-06-30", "2026-07-31"),
        ("amount", "100000", None),
    ]


def test_a_row_that_says_what_was_before_is_believed() -> None:
    rows = [
        state(1, "2026-01-01"),
        state(2, "2026-02-01", CloseDate="2026-08-31", PrevCloseDate="2026-07-15", PrevAmount=Decimal("100.00")),
    ]
    assert changed(rows) == [("close_date", "2026-07-15", "2026-08-31")]
    assert changed(rows[1:]) == [("close_date", "2026-07-15", "2026-08-31")]  # what came before is forgotten


def test_a_row_that_repeats_the_value_is_no_change_whatever_it_says_was_before() -> None:
    rows = [state(1, "2026-01-01"), state(2, "2026-02-01", PrevCloseDate="2026-07-15")]
    assert changed(rows) == []


def test_a_change_has_the_same_id_at_every_pull() -> None:
    rows = [state(1, "2026-01-01"), state(2, "2026-02-01", StageName="Proposal")]
    (first,) = history.changes_of_states(rows, ("stage",), terms=TERMS)
    (again,) = history.changes_of_states(reversed(rows), ("stage",), terms=TERMS)
    at = datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert first == again == Change(
        id="008000000000002AAA:stage", deal=DEAL, field="stage", at=at,
        old="Qualification", new="Proposal/Price Quote", by=REP, recorded_at=at,
    )  # fmt: skip


def test_tracked_edits_stand_in_for_states() -> None:
    edit: Row = {
        "Id": "017000000000001AAA", "OpportunityId": DEAL, "CreatedDate": NOON, "Field": "ARR__c",
        "OldValue": 10, "NewValue": Decimal("12.0"),
    }  # fmt: skip
    other = {**edit, "Id": "017000000000002AAA", "Field": "OwnerId"}
    same = {**edit, "Id": "017000000000003AAA", "NewValue": Decimal("10.0")}
    (change,) = history.changes_of_fields([edit, other, same], {"ARR__c": "amount"}, terms=TERMS)
    assert (change.field, change.old, change.new) == ("amount", "10", "12")


# Re-checks


def test_an_asked_on_date_is_a_recheck_of_its_topic() -> None:
    terms = replace(TERMS, fields={"recheck_budget": "Budget_Asked__c", "recheck_all": "Asked__c", "need": "Need__c"})
    row: Row = {
        "Id": DEAL, "Budget_Asked__c": "2026-03-02", "Asked__c": "2026-03-05T02:00:00.000+0000", "Need__c": "x"
    }  # fmt: skip
    budget, everything = history.asked_on(row, terms)
    assert (budget.on, budget.topics) == (date(2026, 3, 2), ("price_vs_budget",))
    assert (everything.on, everything.topics) == (date(2026, 3, 4), BASICS)  # still the evening before in New York
    assert not list(history.asked_on({"Id": DEAL}, terms))


def test_a_later_answer_is_a_recheck_of_its_own() -> None:
    terms = replace(TERMS, fields={"recheck_all": "Asked__c"})
    (first,) = history.asked_on({"Id": DEAL, "Asked__c": "2026-03-02"}, terms)
    (second,) = history.asked_on({"Id": DEAL, "Asked__c": "2026-03-09"}, terms)
    assert first.id != second.id


def test_a_completed_task_of_a_mapped_type_is_a_recheck() -> None:
    (found,) = history.asked_in_tasks([task(Type="Budget check")], TERMS)
    assert (found.deal, found.on, found.topics, found.by) == (DEAL, date(2026, 3, 9), ("price_vs_budget",), REP)


@pytest.mark.parametrize(
    "changed", [{"IsClosed": False}, {"Type": "Other"}, {"Type": None}, {"WhatId": ACCOUNT}, {"WhatId": None}]
)
def test_any_other_task_is_no_recheck(changed: dict[str, object]) -> None:
    assert not list(history.asked_in_tasks([task(**{"Type": "Re-check", **changed})], TERMS))


# What stands around


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("Decision Maker", "authority"),
        ("Economic Buyer", "authority"),
        ("economic decision maker ", "authority"),
        ("Executive Sponsor", "sponsor"),
        ("Technical Buyer", "technical"),
        ("Evaluator", "technical"),
        ("Business User", "user"),
        ("Influencer", "influencer"),
        ("Key Signer", "authority"),  # by the admin's map
        ("Other", "other"),
        ("Something new", "other"),
        ("", "unassigned"),
        (None, "unassigned"),
    ],
)
def test_role_values_have_a_canonical_role(value: str | None, role: str) -> None:
    row: Row = {"Id": "00K000000000001AAA", "OpportunityId": DEAL, "ContactId": DANA, "Role": value}
    assert records.role(row, TERMS).role == role


def test_a_role_is_valid_from_the_local_day_it_was_entered() -> None:
    row: Row = {
        "Id": "00K000000000001AAA", "OpportunityId": DEAL, "ContactId": DANA, "CreatedDate": "2026-03-05T03:00:00.000Z"
    }  # fmt: skip
    link = records.role(row, TERMS)
    assert (link.valid_from, link.valid_to) == (date(2026, 3, 4), None)
    assert link.recorded_at == datetime(2026, 3, 5, 3, tzinfo=UTC)


def test_a_mapped_lookup_is_a_role() -> None:
    terms = replace(TERMS, lookups={"Economic_Buyer__c": "authority", "Champion__c": "champion"})
    links = list(records.looked_up({"Id": DEAL, "Economic_Buyer__c": DANA, "Champion__c": None}, terms))
    assert links == [Link(id=f"{DEAL}:Economic_Buyer__c:{DANA}", deal=DEAL, person=DANA, role="authority")]


def test_a_deal_keeps_its_numbers_exact_and_its_date_a_date() -> None:
    terms = replace(TERMS, fields={**TERMS.fields, "budget": "Budget__c", "need": "Need__c"}, pipelines={"012x": "New"})
    deal = records.deal(
        {
            "Id": DEAL, "Name": "Acme", "StageName": "Proposal", "Amount": Decimal("1234567.89"), "Probability": 75,
            "CloseDate": "2026-06-30", "CurrencyIsoCode": "EUR", "RecordTypeId": "012x", "Budget__c": 10,
            "Need__c": " ",
        },
        terms,
    )  # fmt: skip
    assert (deal.amount, deal.probability, deal.budget) == (Decimal("1234567.89"), Decimal("0.75"), Decimal(10))
    assert (deal.close_date, deal.stage, deal.pipeline) == (date(2026, 6, 30), "Proposal/Price Quote", "New")
    assert (deal.currency, deal.budget_currency, deal.need) == ("EUR", "EUR", " ")


def test_an_org_without_record_types_or_currencies_has_the_master_process_and_its_own_currency() -> None:
    deal = records.deal({"Id": DEAL, "Name": "Acme", "StageName": "Prospecting"}, TERMS)
    assert (deal.pipeline, deal.currency, deal.amount, deal.budget) == ("Master", "USD", None, None)


def test_of_an_address_only_the_domain_is_kept() -> None:
    person = records.person({"Id": DANA, "Name": "Dana Ruiz", "Email": "Dana.Ruiz@Acme.Example"}, TERMS)
    assert person.domain == "acme.example"
    assert "dana.ruiz" not in repr(person).lower()
    assert records.person({"Id": DANA, "Name": "Dana", "Email": "garbage"}, TERMS).domain is None


STAGES: list[Row] = [
    {"ApiName": "Open", "MasterLabel": "Offen", "SortOrder": 5, "DefaultProbability": 50, "IsClosed": False},
    {"ApiName": "Late", "SortOrder": 7, "IsClosed": False},
    {"ApiName": "Won", "SortOrder": 9, "DefaultProbability": 100, "IsClosed": True, "IsWon": True},
    {"ApiName": "Lost", "SortOrder": 12, "DefaultProbability": 0, "IsClosed": True, "IsWon": False},
]


def test_every_stage_stands_in_a_process_that_does_not_tell() -> None:
    found = {each.id: each for each in records.stages(STAGES, {"Master": None, "Renewal": None})}
    names = [str(row["ApiName"]) for row in STAGES]
    assert list(found) == [f"{process}/{name}" for process in ("Master", "Renewal") for name in names]
    assert [found[f"Master/{name}"].closed for name in names] == [None, None, "won", "lost"]
    assert (found["Renewal/Open"].label, found["Renewal/Open"].probability) == ("Offen", Decimal("0.5"))


def test_a_process_has_its_own_stages_in_its_own_order_and_closed_ones_always() -> None:
    found = list(records.stages(STAGES, {"Renewal": ("Late", "Open", "Won")}))
    assert [(each.stage, each.position) for each in found] == [("Late", 1), ("Open", 2), ("Won", 3), ("Lost", 4)]


def test_the_shadow_of_a_merged_person_account_follows_its_account() -> None:
    row: Row = {
        "Id": DANA, "Name": "Dana", "IsPersonAccount": True, "IsDeleted": True, "MasterRecordId": None,
        "Account": {"MasterRecord": {"PersonContactId": LEE}},
    }  # fmt: skip
    assert records.person(row, TERMS).merged_into == LEE
    assert records.person({**row, "IsPersonAccount": False}, TERMS).merged_into is None


def test_a_dated_rate_holds_from_its_day_on() -> None:
    rows: list[Row] = [{"Id": "04w1", "IsoCode": "EUR", "ConversionRate": Decimal("0.9"), "StartDate": "2026-03-01"}]
    (rate,) = records.dated_rates(rows)
    assert (rate.currency, rate.per, rate.valid_from) == ("EUR", Decimal("0.9"), date(2026, 3, 1))


def test_a_rate_stays_the_ratio_that_salesforce_keeps() -> None:
    rows: list[Row] = [
        {"IsoCode": "USD", "ConversionRate": 1, "IsCorporate": True},
        {"IsoCode": "EUR", "ConversionRate": Decimal("0.909091"), "IsCorporate": False},
    ]
    (rate,) = records.rates(rows)
    assert (rate.currency, rate.units, rate.per) == ("EUR", Decimal(1), Decimal("0.909091"))


@pytest.mark.parametrize("value", ["about 50k", "NaN", "Infinity"])
def test_a_number_that_is_none_names_its_record(value: str) -> None:
    with pytest.raises(Incomplete, match=f"{DEAL}: Budget__c is no number"):
        number({"Id": DEAL, "Budget__c": value}, "Budget__c")
