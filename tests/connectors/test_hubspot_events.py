"""HubSpot's activities and quotes as events: one test for each row of the mapping."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.events import SOURCES, Activity, rechecks, view
from crm_audit.connectors.hubspot.names import CONNECTED
from crm_audit.connectors.hubspot.options import Options, fields
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.domain import Event, Person

AT = "2026-03-02T10:00:00Z"
WHEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
STORED = "2026-03-03T08:00:00Z"
DANA, LEE = "101", "102"
KNOWN = {
    DANA: Person(id=DANA, name="Dana", addresses=("dana@acme.example", "dana@old.example")),
    LEE: Person(id=LEE, name="Lee", addresses=("lee@acme.example",)),
}


def portal(
    mapped: dict[str, str] | None = None, topics: dict[str, tuple[str, ...]] | None = None, **set_: object
) -> Portal:
    return Portal(
        id="1",
        zone=ZoneInfo("America/New_York"),
        currency="USD",
        fields=fields(Connection(vendor="hubspot", fields=mapped or {})),
        options=Options.model_validate(set_),
        topics=topics or {},
        owners={"50": "5"},
    )


def activity(
    source: str, at_portal: Portal | None = None, deals: tuple[str, ...] = ("d1",), **properties: str
) -> Activity:
    past = properties.pop("past", None)
    own = {"hs_timestamp": AT, "hs_createdate": STORED, "hubspot_owner_id": "5", **properties}
    record: dict[str, Any] = {"id": "7", "properties": own}
    if past is not None:
        states = [one.split("@") for one in past.split(",")]
        record["propertiesWithHistory"] = {"hs_status": [{"value": value, "timestamp": at} for value, at in states]}
    return Activity(
        source=source,
        record=record,
        portal=at_portal or portal(),
        contacts=tuple({"toObjectId": int(one), "associationTypes": []} for one in (DANA, LEE)),
        deals=deals,
        known=KNOWN,
        names={"d1": "Acme renewal", "d2": "Acme", "d3": ""},
    )


def events(made: Activity) -> list[Event]:
    return list(SOURCES[made.source](made))


def only(made: Activity) -> Event:
    (event,) = events(made)
    return event


def test_a_meeting() -> None:
    start, end = "2026-03-01T15:00:00Z", "2026-03-01T16:00:00Z"
    event = only(
        activity("meetings", hs_meeting_start_time=start, hs_meeting_end_time=end, hs_meeting_outcome="COMPLETED")
    )
    assert (event.kind, event.at, event.ends_at) == (
        "meeting_held",
        datetime(2026, 3, 1, 15, tzinfo=UTC),
        datetime(2026, 3, 1, 16, tzinfo=UTC),
    )
    assert (event.people, event.declined, event.deals, event.outcome) == ((DANA, LEE), (), ("d1",), "COMPLETED")
    assert (event.by, event.recorded_at) == ("5", datetime(2026, 3, 3, 8, tzinfo=UTC))
    assert event.id == "meetings:7"


def test_a_meeting_without_a_start_is_when_its_stamp_says() -> None:
    event = only(activity("meetings"))
    assert (event.at, event.ends_at, event.outcome) == (WHEN, None, None)
    assert not events(activity("meetings", hs_timestamp=""))


def test_a_call_that_somebody_answered() -> None:
    assert only(activity("calls", hs_call_disposition=CONNECTED)).kind == "call_connected"
    assert not events(activity("calls", hs_call_disposition="no-answer"))
    assert not events(activity("calls"))
    own = portal(connected=("our-outcome",))
    assert only(activity("calls", own, hs_call_disposition="our-outcome")).at == WHEN
    assert not events(activity("calls", own, hs_call_disposition=CONNECTED))


def test_a_mail_of_the_buyers_is_its_senders_alone() -> None:
    event = only(activity("emails", hs_email_direction="INCOMING_EMAIL", hs_email_from_email="Dana@OLD.example"))
    assert (event.kind, event.people, event.automatic) == ("email_in", (DANA,), False)
    stranger = only(activity("emails", hs_email_direction="INCOMING_EMAIL", hs_email_from_email="x@acme.example"))
    assert stranger.people == ()
    assert only(activity("emails", hs_email_direction="INCOMING_EMAIL")).people == ()


def test_a_mail_of_ours_is_for_the_contacts_among_its_recipients() -> None:
    sent: dict[str, Any] = {
        "hs_email_direction": "EMAIL",
        "hs_email_status": "SENT",
        "hs_email_from_email": "dana@acme.example",
    }
    event = only(activity("emails", **sent, hs_email_to_email="lee@acme.example;x@acme.example"))
    assert (event.kind, event.people) == ("email_out", (LEE,))
    assert only(activity("emails", **sent, hs_email_cc_email="dana@acme.example")).people == (DANA,)
    assert only(activity("emails", **sent)).people == ()


@pytest.mark.parametrize("status", ["BOUNCED", "FAILED", "SCHEDULED"])
def test_a_mail_that_never_left_is_no_event(status: str) -> None:
    assert not events(activity("emails", hs_email_direction="EMAIL", hs_email_status=status))


@pytest.mark.parametrize("direction", ["FORWARDED_EMAIL", "DRAFT_EMAIL", ""])
def test_mail_without_a_usable_direction_is_no_event(direction: str) -> None:
    assert not events(activity("emails", hs_email_direction=direction))


@pytest.mark.parametrize(
    ("subject", "sender", "automatic"),
    [
        ("Automatic reply: pricing", "dana@acme.example", True),
        ("Out of Office", "dana@acme.example", True),
        ("Re: out of the office supplies", "dana@acme.example", False),
        ("Your invoice", "no-reply@acme.example", True),
        ("Your invoice", "noreply+7@acme.example", True),
        ("Delivery failed", "MAILER-DAEMON@acme.example", True),
        ("Re: pricing", "dana@acme.example", False),
    ],
)
def test_automatic_replies(subject: str, sender: str, automatic: bool) -> None:
    mail: dict[str, Any] = {
        "hs_email_direction": "INCOMING_EMAIL",
        "hs_email_from_email": sender,
        "hs_email_subject": subject,
    }
    assert only(activity("emails", **mail)).automatic is automatic


def quote(**properties: str) -> Activity:
    own: dict[str, Any] = {"hs_quote_amount": "100000", "hs_currency": "EUR", **properties}
    return activity("quotes", **own)


def test_a_quote_is_sent_when_it_came_to_be_visible() -> None:
    past = "APPROVED@2026-03-01T12:00:00Z,APPROVAL_NOT_NEEDED@2026-02-20T12:00:00Z,DRAFT@2026-02-01T12:00:00Z"
    event = only(quote(hs_status="APPROVED", past=past))
    assert (event.id, event.kind, event.at) == (
        "quotes:7:quote_sent",
        "quote_sent",
        datetime(2026, 2, 20, 12, tzinfo=UTC),
    )
    assert (event.topics, event.named, event.people) == (("pricing",), ("d1",), (DANA, LEE))
    assert (event.quoted_amount, event.quoted_currency) == (Decimal(100000), "EUR")


@pytest.mark.parametrize("status", ["DRAFT", "PENDING_APPROVAL", "REJECTED", ""])
def test_a_quote_nobody_can_see_is_no_event(status: str) -> None:
    assert not events(quote(hs_status=status))


def test_a_quote_without_a_total_has_no_currency_either() -> None:
    event = only(quote(hs_status="APPROVED", hs_quote_amount=""))
    assert (event.quoted_amount, event.quoted_currency) == (None, None)


@pytest.mark.parametrize("name", ["hs_accepted_date", "hs_esign_date"])
def test_an_accepted_quote(name: str) -> None:
    sent, accepted = events(quote(hs_status="APPROVED", **{name: "2026-03-05T09:30:00Z"}))
    assert (sent.kind, accepted.kind) == ("quote_sent", "quote_accepted")
    assert accepted.at == datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    (dated,) = [one for one in events(quote(**{name: "2026-03-05"})) if one.kind == "quote_accepted"]
    assert dated.at == date(2026, 3, 5)


def test_a_signed_quote_is_its_signers() -> None:
    made = quote(hs_esign_date="2026-03-05T09:30:00Z")
    signer = {"toObjectId": int(LEE), "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 702}]}
    signed = Activity(
        source="quotes", record=made.record, portal=made.portal, contacts=(made.contacts[0], signer), deals=("d1",)
    )
    assert only(signed).people == (LEE,)


def test_a_status_without_a_signature_is_a_report() -> None:
    past = "ACCEPTED@2026-03-05T12:00:00Z,APPROVED@2026-03-01T12:00:00Z,DRAFT@2026-02-01T12:00:00Z"
    sent, reported = events(quote(hs_status="ACCEPTED", past=past))
    assert (sent.kind, sent.at) == ("quote_sent", datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert (reported.kind, reported.at) == ("quote_reported", datetime(2026, 3, 5, 12, tzinfo=UTC))


def test_a_task_is_open_until_it_is_done_or_shelved() -> None:
    for status in ("NOT_STARTED", "IN_PROGRESS", "WAITING", ""):
        assert only(activity("tasks", hs_task_status=status)).kind == "task_open"
    assert not events(activity("tasks", hs_task_status="COMPLETED"))
    assert not events(activity("tasks", hs_task_status="DEFERRED"))


def test_a_done_task_of_a_mapped_type_vouches() -> None:
    own = portal(attestations={"PRICE_SEEN": ("pricing",)})
    done: dict[str, Any] = {
        "hs_task_status": "COMPLETED",
        "hs_task_type": "PRICE_SEEN",
        "hs_task_subject": "Proposal seen",
    }
    event = only(activity("tasks", own, **done))
    assert (event.kind, event.topics, event.people, event.by) == ("attestation", ("pricing",), (DANA, LEE), "5")
    assert only(activity("tasks", own, **{**done, "hs_task_status": "WAITING"})).kind == "task_open"
    assert not events(activity("tasks", own, **{**done, "hs_task_type": "TODO"}))


def test_a_note_of_a_mapped_type_vouches() -> None:
    own = portal({"note_type": "kind_of_note"}, attestations={"Price seen": ("pricing",)})
    assert only(activity("notes", own, kind_of_note="Price seen")).kind == "attestation"
    assert not events(activity("notes", own, kind_of_note="Chat"))
    assert not events(activity("notes", own))


def test_a_done_task_of_a_mapped_type_is_a_recheck_of_each_deal() -> None:
    own = portal(rechecks={"REASK": ("budget", "timing")})
    done = activity("tasks", own, ("d1", "d2"), hs_task_status="COMPLETED", hs_task_type="REASK")
    first, second = rechecks(done)
    assert (first.deal, second.deal) == ("d1", "d2")
    assert (first.on, first.by) == (date(2026, 3, 2), "5")
    assert first.topics == ("price_vs_budget", "purchase_date")
    assert not list(rechecks(activity("tasks", own, hs_task_status="WAITING", hs_task_type="REASK")))
    assert not list(rechecks(activity("tasks", own, hs_task_status="COMPLETED", hs_task_type="TODO")))


def test_a_visit_to_a_document() -> None:
    own = portal({"doc_viewed": "last_visit"}, topics={"doc_viewed": ("pricing",)})
    (event,) = view({"id": DANA, "properties": {"last_visit": AT}}, own)
    assert (event.kind, event.at, event.people, event.topics) == ("doc_viewed", WHEN, (DANA,), ("pricing",))
    (later,) = view({"id": DANA, "properties": {"last_visit": "2026-03-04T10:00:00Z"}}, own)
    assert later.id == event.id
    assert not list(view({"id": DANA, "properties": {"last_visit": ""}}, own))


@pytest.mark.parametrize(
    ("title", "topics"),
    [
        ("Pricing review", ("pricing",)),
        ("Our PROPOSAL for you", ("pricing",)),
        ("Statement of Work", ("pricing",)),
        ("Commercials", ("pricing",)),
        ("Unquoted", ()),
        ("Demo", ()),
        ("", ()),
    ],
)
def test_titles_that_speak_of_pricing(title: str, topics: tuple[str, ...]) -> None:
    assert only(activity("meetings", hs_meeting_title=title)).topics == topics


def test_topics_of_the_type_and_of_the_title_add_up() -> None:
    own = portal(topics={"Solution demo": ("demo",)}, titles={"contract": r"\bcontract\b"})
    made = activity("meetings", own, hs_activity_type="Solution demo", hs_meeting_title="Contract and pricing")
    assert only(made).topics == ("demo", "pricing", "contract")


def test_titles_never_leave() -> None:
    event = only(activity("meetings", hs_meeting_title="Quillaja pricing"))
    assert "Quillaja" not in repr(event)


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Pricing for Acme renewal", ("d1", "d2")),
        ("Pricing for acme", ("d2",)),
        ("Acmeology pricing", ()),
        ("Pricing", ()),
    ],
)
def test_deals_named_in_a_title(title: str, named: tuple[str, ...]) -> None:
    made = activity("meetings", deals=("d1", "d2", "d3", "d4"), hs_meeting_title=title)
    assert only(made).named == named


@pytest.mark.parametrize(
    ("own", "by"),
    [
        ({"hubspot_owner_id": "5"}, "5"),
        ({"hubspot_owner_id": "", "hs_created_by_user_id": "50"}, "5"),
        ({"hubspot_owner_id": "", "hs_created_by_user_id": "51"}, None),
        ({"hubspot_owner_id": "5", "hs_object_source_id": "4711"}, "4711"),
        ({"hubspot_owner_id": "5", "hs_object_source_id": "4712"}, "5"),
    ],
)
def test_who_recorded_it(own: dict[str, Any], by: str | None) -> None:
    assert only(activity("meetings", portal(app="4711"), **own)).by == by
