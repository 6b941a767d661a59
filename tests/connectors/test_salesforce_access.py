"""Logging in, being refused, being throttled, and what may not be read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crm_audit.connectors.salesforce.gateway import ATTEMPTS
from crm_audit.emulator.server import Response
from crm_audit.errors import BadLogin, CrmAuditError, FixConfig, FixInCrm, NoAccess, OutOfQuota, Retry
from tests.connectors.salesforce_bench import Bench, bench, events, pulled, the_deal

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
        list(connector.pages("deals"))


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
    sf.faults.next("/query", *[error("INVALID_SESSION_ID", 401)] * 2)
    with pytest.raises(BadLogin):
        pulled(connector, "users")
    assert sf.slept == []


@pytest.mark.parametrize("body", [{"error": "x"}, b"<html>login</html>", [], "text"])
def test_a_401_of_any_shape_is_an_expired_session(sf: Bench, body: object) -> None:
    connector = sf.connector()
    connector.account()
    sf.faults.next("/query", Response(401, body))
    assert pulled(connector, "users")


@pytest.mark.parametrize(
    "url", ["https://evil.example", "http://acme.my.salesforce.com", "https://salesforce.com.evil.example"]
)
def test_a_login_that_points_elsewhere_is_not_followed(sf: Bench, url: str) -> None:
    sf.faults.next("/token", Response(200, {"access_token": SECRET, "instance_url": url}))
    with pytest.raises(FixInCrm, match="not Salesforce's") as caught:
        sf.connector().account()
    assert SECRET not in str(caught.value)
    assert len(sf.faults.seen) == 1


def test_a_redirect_is_not_followed(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    calls = len(sf.faults.seen)
    sf.faults.next("/query", Response(302, None, {"location": "https://evil.example/steal"}))
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
        error("QUERY_TIMEOUT"),
        error("REQUEST_LIMIT_EXCEEDED", 403, "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        Response(200, b"<html>log in</html>"),
        Response(200, b""),
        Response(200, {"records": "many"}),
        Response(200, {"records": [], "done": False, "nextRecordsUrl": {"blob": 1}}),
        Response(
            200, {"records": [], "done": False, "nextRecordsUrl": "@evil.example/services/data/v66.0/query/0r8-1"}
        ),
    ],
)
def test_what_may_pass_is_tried_again_with_a_growing_wait(sf: Bench, trouble: Response) -> None:
    connector = sf.connector()
    connector.account()
    sf.faults.next("/query", trouble, trouble)
    assert pulled(connector, "users")
    assert len(sf.slept) == 2
    assert all(0 <= wait <= 30 for wait in sf.slept)


def test_attempts_come_to_an_end(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    before = len(sf.faults.seen)
    sf.faults.next("/query", *[Response(503, b"")] * 20)
    with pytest.raises(Retry, match="status 503"):
        pulled(connector, "stages")
    assert len(sf.faults.seen) - before <= ATTEMPTS + 8  # the rest are describes


@pytest.mark.parametrize(
    ("trouble", "raised", "said"),
    [
        (error("REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded."), OutOfQuota, "used up"),
        (error("INVALID_FIELD"), NoAccess, "INVALID_FIELD"),
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
    sf.faults.next("/query", trouble)
    with pytest.raises(raised, match=said) as caught:
        pulled(connector, "users")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert sf.slept == []


def test_the_quota_of_the_day_ends_the_pull_without_another_try(sf: Bench) -> None:
    deal, connector = sf.deal(), sf.connector()
    connector.account()
    sf.org.calls.daily = sf.org.calls.used(sf.clock.now())
    with pytest.raises(OutOfQuota):
        pulled(connector, "deals")
    sf.org.calls.daily = 100_000
    assert [each.id for each in pulled(sf.connector(), "deals")] == [deal]
    assert sf.slept == []


def test_usage_is_read_from_every_answer(sf: Bench) -> None:
    connector = sf.connector()
    assert connector.usage is None
    pulled(connector, "users")
    assert connector.usage == (sf.org.calls.used(sf.clock.now()), sf.org.calls.daily)


def test_every_call_is_counted_as_the_org_counts_it(sf: Bench) -> None:
    sf.deal()
    connector = sf.connector()
    for kind in ("deals", "events", "history"):
        pulled(connector, kind)
    assert connector.calls.read + connector.calls.write == len(sf.faults.seen)
    assert connector.calls.write == sf.org.calls.write == 0


def test_many_threads_renew_a_session_once(sf: Bench) -> None:
    connector = sf.connector()
    connector.account()
    sf.org.gatehouse.expire()
    gateway = connector._org.gateway
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: list(gateway.query("SELECT Id FROM User")), range(16)))
    assert all(len(rows) == 2 for rows in found)
    assert connector.calls.by_name["token"] == 2


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
    told = set(events(whole))
    sf.org.hide(name, field)
    connector = sf.connector()
    assert connector.survey().unconnected - whole.survey().unconnected == kinds
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
    sf.faults.next("/sobjects/Quote/describe", error("INSUFFICIENT_ACCESS", 403))
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


def test_each_object_is_described_once(sf: Bench) -> None:
    connector = sf.connector()
    connector.survey()
    described = connector.calls.by_name["describe"]
    connector.survey()
    pulled(connector, "deals")
    assert connector.calls.by_name["describe"] <= described + 5  # the org, users, record types, processes, stages
