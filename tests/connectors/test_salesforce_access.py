"""Logging in, being refused, being throttled, and what may not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest
import requests

from crm_audit.connectors.base import Gap, Page
from crm_audit.connectors.salesforce.gateway import ATTEMPTS
from crm_audit.connectors.salesforce.transport import Held
from crm_audit.emulator.faults import (
    LOGIN_PAGE,
    NOTHING,
    Action,
    Change,
    Cut,
    CutGzip,
    Drip,
    Endless,
    Fault,
    NotGzip,
    Reset,
)
from crm_audit.emulator.server import Response
from crm_audit.errors import BadLogin, CrmAuditError, FixConfig, FixInCrm, NoAccess, Retry
from tests.connectors.salesforce_bench import (
    NOW,
    Bench,
    Edited,
    bench,
    events,
    first,
    gaps,
    pulled,
    read,
    the_deal,
)

SECRET = "canary-secret"


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        yield made


def error(code: str, status: int = 400, message: str = "canary message") -> Response:
    return Response(status, [{"errorCode": code, "message": message}])


# Settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"options": {}}, "options.domain is missing"),
        ({"options": {"domain": "acme.my", "colour": "red"}}, "options.colour"),
        ({"options": {"domain": "acme.my", "api_version": "66"}}, "options.api_version"),
        ({"options": {"domain": "acme.my", "mail_in": ["("]}}, "not a regular expression"),
        ({"options": {"domain": "acme.my", "quotes": {"object": "x; drop"}}}, "not the API name"),
        ({"options": {"instance": "acme.example"}}, "no Salesforce host"),
        ({"options": {"instance": "evil.example/.salesforce.com"}}, "no Salesforce host"),
        ({"options": {"instance": "user@acme.my.salesforce.com"}}, "no Salesforce host"),
        ({"options": {"domain": "acme.my"}, "fields": {"bugdet": "X__c"}}, "fields.bugdet"),
        (
            {"options": {"domain": "acme.my"}, "fields": {"budget": "Account.X__c"}},
            "must name one field of Opportunity",
        ),
        ({"options": {"domain": "acme.my"}, "fields": {"budget": "Id FROM User --"}}, "must name one field"),
        ({"options": {"domain": "acme.my"}, "login": {}}, "login.consumer_key is missing"),
        ({"options": {"domain": "acme.my"}, "login": {"session_id": "SF_NONE"}}, "SF_NONE"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_called(sf: Bench, settings: dict[str, Any], said: str) -> None:
    connection = sf.connection().model_copy(update=settings)
    with pytest.raises(FixConfig, match=said):
        sf.connect(connection, sf.environ())
    assert not sf.faults.seen


def test_an_api_version_the_org_does_not_offer_is_told(sf: Bench) -> None:
    with pytest.raises(FixConfig, match=r"offers .*66\.0.*not 99\.0"):
        sf.connector(options={"api_version": "99.0"}).account()


def test_an_org_that_does_not_tell_its_currency_asks_for_the_setting(sf: Bench) -> None:
    with pytest.raises(FixConfig, match="set `currency`"):
        sf.connector(currency=None).account()


# Logging in


def test_wrong_credentials_are_a_bad_login_and_stay_secret(sf: Bench) -> None:
    connector = sf.connect(sf.connection(), {"SF_KEY": "canary-key", "SF_SECRET": SECRET})
    with pytest.raises(BadLogin, match="invalid_client_id") as caught:
        connector.account()
    assert "canary" not in str(caught.value) + repr(connector) + repr(vars(connector))
    assert sf.slept == []


def test_an_open_session_will_do(sf: Bench) -> None:
    host = {"domain": None, "instance": f"{sf.org.domain}.salesforce.com"}
    connection = sf.connection(login={"session_id": "SF_SESSION"}, options=host)
    connector = sf.connect(connection, {"SF_SESSION": sf.org.login()})
    assert connector.account().user == sf.org.integration_user
    sf.org.gatehouse.expire()
    with pytest.raises(BadLogin, match="does not accept the session"):
        read(connector)


def test_an_expired_session_is_renewed_once(sf: Bench) -> None:
    deal, connector = sf.deal(), sf.connector()
    connector.account()
    sf.org.gatehouse.expire()
    assert [each.id for each in pulled(connector, "deals")] == [deal]
    assert connector.calls.by_name["token"] == 2
    assert connector.calls.by_name["versions"] == 1


def test_a_session_that_is_refused_again_is_a_bad_login(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    sf.faults.next("/composite", *[error("INVALID_SESSION_ID", 401)] * 2)
    with pytest.raises(BadLogin):
        pulled(connector, "users")
    assert sf.slept == []


@pytest.mark.parametrize("body", [{"error": "x"}, b"<html>login</html>", [], "text"])
def test_a_401_of_any_shape_is_an_expired_session(sf: Bench, body: object) -> None:
    connector = sf.connector()
    connector.account()
    sf.faults.next("/composite", Response(401, body))
    assert pulled(connector, "users")


@pytest.mark.parametrize(
    "url", ["https://evil.example", "http://acme.my.salesforce.com", "https://salesforce.com.evil.example"]
)
def test_a_login_that_points_elsewhere_is_not_followed(sf: Bench, url: str) -> None:
    sf.faults.next("/token", Response(200, {"access_token": SECRET, "instance_url": url}))
    with pytest.raises(FixInCrm, match="not Salesforce's") as caught:
        sf.connector().account()
    assert SECRET not in str(caught.value)
    assert [each.path for each in sf.faults.seen] == ["/services/data/", "/services/oauth2/token"]


def test_a_redirect_is_not_followed(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    calls = len(sf.faults.seen)
    sf.faults.next("/composite", Response(302, None, {"location": "https://evil.example/steal"}))
    with pytest.raises(CrmAuditError, match="302"):
        pulled(connector, "users")
    assert len(sf.faults.seen) > calls


def test_a_machine_that_does_not_answer_is_worth_another_try(sf: Bench) -> None:
    connector = sf.connector(emulator="http://127.0.0.1:1")
    with pytest.raises(Retry, match="cannot be reached"):
        connector.account()
    assert len(sf.slept) == ATTEMPTS - 1


# One retry layer


@pytest.mark.parametrize(
    "trouble",
    [
        Response(500, b"<html>oops</html>"),
        Response(502, b""),
        error("SERVER_UNAVAILABLE", 503),
        Response(429, {}),
        Response(420, b"Enhance your calm"),
        Response(406, b""),
        error("UNABLE_TO_LOCK_ROW"),
        error("REQUEST_LIMIT_EXCEEDED", 403, "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        LOGIN_PAGE,
        NOTHING,
        Response(200, {"records": "many"}),
        Response(200, {"compositeResponse": [{"httpStatusCode": 200, "body": {}}]}),
        Reset(),
        Reset(-1),
        Reset(10),
        Cut(0.5),
        CutGzip(0.5),
        NotGzip(),
    ],
    ids=repr,
)
def test_faults_02_06_07_08_what_may_pass_is_tried_again_with_a_growing_wait(sf: Bench, trouble: Action) -> None:
    connector = sf.connector()
    connector.account()
    sf.faults.next("/composite", trouble, trouble)
    assert pulled(connector, "users")
    assert len(sf.slept) == 2
    assert all(0 <= wait <= 30 for wait in sf.slept)


PART = [
    (200, {"records": "many"}),
    (200, {"records": [], "done": False, "nextRecordsUrl": {"blob": 1}}),
    (200, {"records": [], "done": False, "nextRecordsUrl": "@evil.example/services/data/v66.0/query/0r8-1"}),
    (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}]),
]


@pytest.mark.parametrize(("status", "body"), PART)
def test_fault_08_a_part_of_a_call_that_makes_no_sense_is_asked_again_alone(
    sf: Bench, status: int, body: object
) -> None:
    deal, connector = sf.deal(), sf.connector()
    connector.account()
    sf.faults.add(
        Fault("/composite", Edited(0, deal, status, body), where=lambda call: b"FROM%20Opportunity%20" in call.body)
    )
    assert [each.id for each in pulled(connector, "deals")] == [deal]
    assert sf.slept == [1.0]


def test_attempts_come_to_an_end_and_the_rest_is_read(sf: Bench) -> None:
    sf.deal()
    connector = sf.connector()
    connector.account()
    sf.faults.add(
        Fault("/composite", Response(503, b""), every=1, where=lambda call: b"FROM%20Contact%20" in call.body)
    )
    found = list(connector.read(first()))
    told = {each.kind: each.reason for each in found if isinstance(each, Gap)}
    assert "people" in told
    assert all("status 503" in reason for reason in told.values())
    assert [each for each in found if isinstance(each, Page) and each.kind == "events"]
    assert len(sf.faults.fired) == ATTEMPTS


@pytest.mark.parametrize(
    ("trouble", "raised", "said"),
    [
        (error("INVALID_TYPE"), NoAccess, "INVALID_TYPE"),
        (error("API_DISABLED_FOR_ORG", 403), NoAccess, "API_DISABLED"),
        (Response(403, b"no"), FixInCrm, "403"),
        (Response(410, []), FixConfig, "retired"),
        (error("MALFORMED_QUERY"), CrmAuditError, "MALFORMED_QUERY"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    sf: Bench, trouble: Response, raised: type[CrmAuditError], said: str
) -> None:
    connector = sf.connector()
    connector.account()
    sf.faults.next("/composite", trouble)
    with pytest.raises(raised, match=said) as caught:
        read(connector)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert sf.slept == []


def test_fault_17_a_query_that_is_refused_is_a_gap_and_the_others_are_read(sf: Bench) -> None:
    deal, dana = sf.deal(), sf.person()
    connector = sf.connector()
    connector.account()
    refused = [{"errorCode": "INVALID_FIELD", "message": "canary"}]
    sf.faults.add(
        Fault("/composite", Edited(0, dana, 400, refused), where=lambda call: b"FROM%20Contact%20" in call.body)
    )
    found = list(connector.read(first()))
    assert [each for each in found if isinstance(each, Gap)] == [Gap("people", next(iter(_reasons(found))))]
    assert "INVALID_FIELD" in next(iter(_reasons(found)))
    assert "canary" not in next(iter(_reasons(found)))
    assert deal in [row.id for each in found if isinstance(each, Page) for row in each.rows]


def _reasons(found: Sequence[Page | Gap]) -> list[str]:
    return [each.reason for each in found if isinstance(each, Gap)]


def test_a_field_that_goes_during_the_run_leaves_a_gap_and_the_next_run_knows(sf: Bench) -> None:
    sf.add("Opportunity", "Budget__c", spelling="currency 16.2")
    deal = sf.deal(Budget__c=5)
    connector = sf.connector(fields={"budget": "Budget__c"})
    assert "budget" not in connector.survey().unmapped
    sf.org.remove_field("Opportunity", "Budget__c")
    assert set(gaps(connector)) == {"deals"}
    connector.account()
    assert "budget" in connector.survey().unmapped
    assert [each.id for each in pulled(connector, "deals")] == [deal]


def test_a_query_that_takes_too_long_goes_by_bulk(sf: Bench) -> None:
    deal, connector = sf.deal(), sf.connector()
    connector.account()
    slow = Edited(0, deal, 400, [{"errorCode": "QUERY_TIMEOUT", "message": "x"}])
    sf.faults.add(Fault("/composite", slow, where=lambda call: b"FROM%20Opportunity%20" in call.body))
    assert [each.id for each in pulled(connector, "deals")] == [deal]
    assert connector.calls.by_name["bulk/create"] == 1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("7", 7), ("0", 0), ("-5", 0), ("soon", 0), ("Mon, 16 Mar 2026 15:00:40 GMT", 40), ("", 0),
        ("Mon, 16 Mar 2026 14:00:00 GMT", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_fault_01_we_wait_as_long_as_salesforce_asks(sf: Bench, status: int, asked: str, waits: float) -> None:
    connector = sf.connector()
    connector.account()
    now = format_datetime(sf.clock.now(), usegmt=True)
    sf.faults.next("/composite", Response(status, b"", {"Retry-After": asked, "date": now}))
    assert pulled(connector, "users")
    assert len(sf.slept) == 1
    assert waits <= sf.slept[0] <= max(waits, 1)


@pytest.mark.parametrize("asked", ["86400", "Tue, 17 Mar 2026 15:00:00 GMT"])
def test_fault_01_what_would_take_hours_is_left_to_the_next_run(sf: Bench, asked: str) -> None:
    connector = sf.connector()
    connector.account()
    before = len(sf.faults.seen)
    now = format_datetime(sf.clock.now(), usegmt=True)
    sf.faults.next("/composite", Response(429, b"", {"Retry-After": asked, "date": now}))
    told = gaps(connector)
    assert "wait 86400 seconds" in told["deals"]
    assert len(sf.faults.seen) == before + 1
    assert sf.slept == []


def test_fault_04_the_quota_of_the_day_ends_the_run_without_another_try(sf: Bench) -> None:
    deal, connector = sf.deal(), sf.connector(quota_share=1)
    connector.account()
    sf.org.calls.daily = sf.org.calls.used(sf.clock.now())
    told = gaps(connector)
    assert {"deals", "links", "events", "history"} <= set(told)
    assert "used up" in told["deals"]
    sf.org.calls.daily = 100_000
    assert [each.id for each in pulled(sf.connector(), "deals")] == [deal]
    assert sf.slept == []


def test_usage_is_read_from_every_answer(sf: Bench) -> None:
    sf.deal()
    connector = sf.connector(options={"bulk_above": 0})
    assert connector.usage is None
    read(connector)
    assert connector.calls.by_name["bulk/results"] > 0
    assert connector.usage == (sf.org.calls.used(sf.clock.now()), sf.org.calls.daily)


def test_every_call_is_counted_as_the_org_counts_it(sf: Bench) -> None:
    sf.deal()
    connector = sf.connector()
    read(connector)
    assert connector.calls.read + connector.calls.write == len(sf.faults.seen)
    assert connector.calls.write == sf.org.calls.write == 0


def test_fault_10_many_threads_renew_a_session_once(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    sf.org.gatehouse.expire()
    gateway = connector._gateway
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: gateway.composite("query", ["query/?q=SELECT%20Id%20FROM%20User"]), range(16)))
    assert all(part.error is None for parts in found for part in parts)
    assert connector.calls.by_name["token"] == 2


@pytest.mark.parametrize("options", [{}, {"bulk_above": 0, "bulk_records": 1}], ids=["pages", "bulk"])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_fault_10_a_session_that_ends_every_few_calls_is_renewed_each_time(
    sf: Bench, every: int, options: dict[str, int]
) -> None:
    deals = {sf.deal(f"Deal {number}") for number in range(3)}
    sf.faults.add(Fault("/services/data/v", Change(before=sf.org.gatehouse.expire), nth=2, every=every + 1))
    assert {each.id for each in pulled(sf.connector(options=options), "deals")} == deals
    assert sf.slept == [] or options


def test_a_session_that_moves_to_another_instance_is_followed(sf: Bench) -> None:
    deal, connector = sf.deal(), sf.connector()
    connector.account()
    sf.org.gatehouse.expire()
    sf.org.move("moved")
    assert [each.id for each in pulled(connector, "deals")] == [deal]
    assert sf.faults.seen[-1].headers["host"] == "moved.my.salesforce.com"


@pytest.mark.parametrize("trouble", [Endless(), Drip(0.001)], ids=["endless", "drip"])
def test_fault_09_an_answer_without_end_is_given_up(sf: Bench, trouble: Action) -> None:
    sf.faults.next("", trouble)
    ticks = count(step=100)
    session = requests.Session()
    session.mount("http://", Held(lambda: next(ticks)))
    with pytest.raises(requests.exceptions.ReadTimeout):
        session.get(f"{sf.base}/services/data/")


def test_fault_09_an_answer_that_is_too_large_is_given_up(sf: Bench) -> None:
    session = requests.Session()
    session.mount("http://", Held(largest=100))
    with pytest.raises(requests.exceptions.ContentDecodingError, match="no end"):
        session.get(f"{sf.base}/services/data/")


@pytest.mark.parametrize("hours", [-1, 1])
def test_fault_25_a_clock_of_ours_that_is_wrong_moves_no_mark(sf: Bench, hours: int) -> None:
    sf.deal()
    reading = replace(first(), started=NOW + timedelta(hours=hours))
    ended = [each for each in read(sf.connector(), reading) if each.ended]
    assert {json.loads(each.cursor)["mark"] for each in ended} == {"2026-03-16T15:00:00.000Z"}


# What may not be read


def standing(sf: Bench) -> None:
    deal, dana = sf.deal(AccountId=sf.account(), NextStep="x"), sf.person()
    sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=dana, Role="Decision Maker")
    sf.make("Event", Subject="x", WhatId=deal, WhoId=dana, StartDateTime="2026-03-10T12:00:00Z")


@pytest.mark.parametrize(
    ("field", "name"), [("Amount", "amount"), ("AccountId", "company"), ("NextStep", None), ("Probability", None)]
)
def test_a_hidden_field_is_unmapped_and_breaks_no_query(sf: Bench, field: str, name: str | None) -> None:
    standing(sf)
    sf.org.hide("Opportunity", field)
    connector = sf.connector()
    unmapped = connector.survey().unmapped
    assert (name in unmapped) if name else not unmapped & {"amount", "company", "close_date"}
    assert the_deal(connector).stage
    assert pulled(connector, "history") is not None


def test_a_bare_org_says_what_it_cannot_tell(sf: Bench) -> None:
    survey = sf.connector().survey()
    assert survey.unmapped == {"budget", "need", "solution_fit", "fit", "rechecks"}
    assert survey.unconnected == {
        "esign_viewed", "esign_completed", "quote_viewed", "link_click", "quote_accepted", "attestation",
    }  # fmt: skip
    assert all(name in " ".join(survey.notes) for name in survey.unmapped | survey.unconnected)


def test_what_is_mapped_and_readable_is_not_missing(sf: Bench) -> None:
    for name, spelling in (("Budget__c", "currency 16.2"), ("Need__c", "string 99"), ("Asked__c", "date")):
        sf.add("Opportunity", name, spelling=spelling)
    sf.add("Account", "Tier__c", spelling="picklist 9")
    survey = sf.connector(
        fields={
            "budget": "Budget__c", "need": "Need__c", "solution_fit": "StageName", "recheck_all": "Asked__c",
            "fit_tier": "Tier__c",
        },
        options={"attestations": {"Told us": ("pricing",)}},
    ).survey()  # fmt: skip
    assert survey.unmapped == frozenset()
    assert "attestation" not in survey.unconnected
    assert any("fit_assessed" in note for note in survey.notes)


@pytest.mark.parametrize(
    ("spelling", "field"),
    [("picklist 20", "Budget__c"), ("currency 16.2", "Bugdet__c")],
    ids=["wrong type", "no field"],
)
def test_a_budget_that_is_no_number_is_unmapped_and_not_empty(sf: Bench, spelling: str, field: str) -> None:
    sf.add("Opportunity", "Budget__c", spelling=spelling)
    sf.deal(**({"Budget__c": "green"} if spelling.startswith("picklist") else {}))
    connector = sf.connector(fields={"budget": field})
    survey = connector.survey()
    assert "budget" in survey.unmapped
    assert any(f"Opportunity.{field} (fields.budget)" in note for note in survey.notes)
    assert the_deal(connector).budget is None


@pytest.mark.parametrize(
    ("hidden", "unmapped", "unconnected"),
    [
        ("OpportunityContactRole", {"roles", "contacts"}, set()),
        ("Contact", {"contacts"}, set()),
        ("Event", set(), {"meeting_held"}),
        ("Task", set(), {"call_connected", "task_open"}),
        ("EmailMessage", set(), {"email_in", "email_out", "email_open"}),
        ("EmailMessageRelation", set(), {"email_in", "email_out", "email_open"}),
        ("Quote", set(), {"quote_sent", "quote_reported"}),
        ("ContentDistribution", set(), {"doc_shared", "doc_open", "doc_viewed"}),
        ("ContentDistributionView", set(), {"doc_open", "doc_viewed"}),
        ("EventRelation", set(), set()),
        ("OpportunityHistory", set(), set()),
    ],
)
def test_a_hidden_object_is_named_and_the_rest_is_read(
    sf: Bench, hidden: str, unmapped: set[str], unconnected: set[str]
) -> None:
    standing(sf)
    whole = sf.connector().survey()
    sf.org.hide(hidden)
    connector = sf.connector()
    survey = connector.survey()
    assert survey.unmapped - whole.unmapped == unmapped
    assert survey.unconnected - whole.unconnected == unconnected
    for kind in ("deals", "links", "people", "events", "history"):
        pulled(connector, kind)


@pytest.mark.parametrize(
    ("name", "field", "kinds"),
    [
        ("Event", "WhatId", {"meeting_held"}),
        ("Task", "WhoId", {"call_connected", "task_open"}),
        ("EmailMessage", "RelatedToId", {"email_in", "email_out", "email_open"}),
        ("EmailMessage", "FirstOpenedDate", {"email_open"}),
        ("Quote", "OpportunityId", {"quote_sent", "quote_reported"}),
        ("Quote", "ContactId", {"quote_sent", "quote_reported"}),
        ("ContentDistribution", "RelatedRecordId", {"doc_shared", "doc_open", "doc_viewed"}),
    ],
)
def test_activities_that_do_not_say_whose_they_are_are_not_evidence(
    sf: Bench, name: str, field: str, kinds: set[str]
) -> None:
    deal, dana = sf.deal(), sf.person()
    sf.make("Event", Subject="x", WhatId=deal, WhoId=dana, StartDateTime="2026-03-10T12:00:00Z")
    sf.make("Task", Subject="x", WhatId=deal, WhoId=dana, ActivityDate="2026-03-10")
    sf.make("EmailMessage", Incoming=False, RelatedToId=deal, MessageDate="2026-03-10T12:00:00Z")
    sf.make("Quote", Name="Q", OpportunityId=deal, ContactId=dana, Status="Presented")
    sf.make("ContentDistribution", Name="x", RelatedRecordId=deal)
    whole = sf.connector()
    before = whole.survey()
    told = set(events(whole))
    sf.org.hide(name, field)
    connector = sf.connector()
    assert connector.survey().unconnected - before.unconnected == kinds
    assert set(events(connector)) == told - kinds


@pytest.mark.parametrize(
    ("fields", "hidden", "lost"),
    [
        ({"fit_tier": "Tier__c", "fit_score": "Score__c"}, ("Account", "Tier__c"), "fit"),
        ({"fit_tier": "Tier__c", "fit_score": "Score__c"}, ("Account", "Score__c"), "fit"),
        ({"budget": "Budget__c", "budget_currency": "Money__c"}, ("Opportunity", "Money__c"), "budget"),
    ],
)
def test_what_is_known_by_half_is_unknown(
    sf: Bench, fields: dict[str, str], hidden: tuple[str, str], lost: str
) -> None:
    sf.add("Account", "Tier__c", spelling="picklist 9")
    sf.add("Account", "Score__c", spelling="double 5.2")
    sf.add("Opportunity", "Budget__c", spelling="currency 16.2")
    sf.add("Opportunity", "Money__c", spelling="string 3")
    assert lost not in sf.connector(fields=fields).survey().unmapped
    sf.org.hide(*hidden)
    survey = sf.connector(fields=fields).survey()
    assert lost in survey.unmapped
    assert any(".".join(hidden) in note for note in survey.notes)


def test_an_outcome_that_is_hidden_is_noted(sf: Bench) -> None:
    notes = sf.connector(fields={"meeting_outcome": "Outcome__c"}).survey().notes
    assert any("no-shows count as meetings" in note and "Event.Outcome__c" in note for note in notes)


def test_meetings_without_their_relations_are_noted(sf: Bench) -> None:
    sf.org.hide("EventRelation", "Status")
    assert any("not who declined" in note for note in sf.connector().survey().notes)


def test_an_object_that_describe_refuses_is_not_readable(sf: Bench) -> None:
    refused = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "x"}]
    sf.faults.next("/composite", Edited(0, "'name': 'Quote'", 403, refused))
    assert "quote_sent" in sf.connector().survey().unconnected


def test_an_org_that_does_not_say_who_we_are_is_noted(sf: Bench) -> None:
    sf.faults.next("/userinfo", Response(403, b"Bad_OAuth_Token"))
    host = {"domain": None, "instance": f"{sf.org.domain}.salesforce.com"}
    connection = sf.connection(login={"session_id": "SF_SESSION"}, options=host)
    connector = sf.connect(connection, {"SF_SESSION": sf.org.login()})
    assert connector.account().user is None
    assert any("who we are" in note for note in connector.survey().notes)


def test_without_any_history_it_is_unmapped(sf: Bench) -> None:
    sf.org.hide("OpportunityHistory")
    sf.org.hide("OpportunityFieldHistory")
    connector = sf.connector()
    assert "history" in connector.survey().unmapped
    assert pulled(connector, "history") == []


def test_mail_without_messages_is_connected_by_a_pattern(sf: Bench) -> None:
    sf.org.hide("EmailMessage")
    deal, dana = sf.deal(), sf.person()
    sf.make("Task", Subject="[In] Re: price", Status="Completed", TaskSubtype="Email", WhatId=deal, WhoId=dana)
    connector = sf.connector(options={"mail_in": [r"^\[In\]"]})
    assert not connector.survey().unconnected & {"email_in", "email_out"}
    assert events(connector)["email_in"].people == (dana,)


def test_a_mapped_lookup_that_is_hidden_makes_roles_unknown(sf: Bench) -> None:
    survey = sf.connector(roles={"Economic_Buyer__c": "authority"}).survey()
    assert "roles" in survey.unmapped
    assert any("Economic_Buyer__c" in note for note in survey.notes)


def test_a_hidden_recheck_field_makes_rechecks_unknown(sf: Bench) -> None:
    survey = sf.connector(fields={"recheck_all": "Nowhere__c"}, options={"rechecks": {"Re-check": ("all",)}}).survey()
    assert "rechecks" in survey.unmapped


def test_all_objects_are_described_in_one_call(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    connector.survey()
    pulled(connector, "deals")
    assert connector.calls.by_name["describe"] == 1


def test_a_session_of_somebody_elses_is_for_development_only(sf: Bench) -> None:
    host = {"domain": None, "instance": f"{sf.org.domain}.salesforce.com"}
    connection = sf.connection(login={"session_id": "SF_SESSION"}, options=host)
    notes = sf.connect(connection, {"SF_SESSION": sf.org.login()}).survey().notes
    assert any("development only" in note for note in notes)
