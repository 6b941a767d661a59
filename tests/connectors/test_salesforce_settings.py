"""Settings, error answers and schema: the pure parts around the gateway, as tables."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import requests

from crm_audit.config import Connection
from crm_audit.connectors.salesforce.login import Login, Token, login_of
from crm_audit.connectors.salesforce.options import (
    Options,
    allowed,
    mapped_fields,
    options,
)
from crm_audit.connectors.salesforce.reading import Row, is_id, kind_of, of_kind, text, value, when
from crm_audit.connectors.salesforce.refusals import (
    Expired,
    Overloaded,
    TooSlow,
    Vanished,
    code_and_message,
    reason,
    refusal,
    unreachable,
)
from crm_audit.connectors.salesforce.schema import OBJECTS, Schema
from crm_audit.errors import CrmAuditError, FixConfig, FixInCrm, Incomplete, NoAccess, OutOfQuota, Retry


def connection(**settings: object) -> Connection:
    return Connection.model_validate({"vendor": "salesforce", "options": {"domain": "acme.my"}, **settings})


# Options


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({"domain": "acme.my"}, "acme.my.salesforce.com"),
        ({"domain": "acme--uat.sandbox.my"}, "acme--uat.sandbox.my.salesforce.com"),
        ({"instance": "acme.my.salesforce.com"}, "acme.my.salesforce.com"),
        ({"domain": "ignored", "instance": "eu1.force.com"}, "eu1.force.com"),
    ],
)
def test_the_host_comes_from_my_domain_or_is_given_whole(given: Mapping[str, str], host: str) -> None:
    assert Options.model_validate(given).host == host


@pytest.mark.parametrize(
    "host",
    [
        "salesforce.com",  # nobody's own
        "evilsalesforce.com",
        "acme.my.salesforce.com.evil.example",
        "acme.my.salesforce.com:8443",
        "evil.example/.salesforce.com",
        "evil.example?.salesforce.com",
        "evil.example#.salesforce.com",
        "user@acme.my.salesforce.com",
        "ACME.my.salesforce.com\n",
        "",
    ],
)
def test_a_token_goes_nowhere_else(host: str) -> None:
    assert not allowed(host)


def test_options_have_working_defaults() -> None:
    chosen = options(connection())
    assert (chosen.api_version, chosen.connected) == ("66.0", ("Connected",))
    assert (chosen.quotes.object, chosen.quotes.sent, chosen.quotes.accepted) == (
        "Quote",
        ("Presented",),
        ("Accepted",),
    )


@pytest.mark.parametrize(
    ("name", "field", "place"),
    [
        ("budget", "Budget__c", ("Opportunity", "Budget__c")),
        ("budget", "Opportunity.Budget__c", ("Opportunity", "Budget__c")),
        ("fit_tier", "Account.Tier__c", ("Account", "Tier__c")),
        ("fit_score", "Score__c", ("Account", "Score__c")),
        ("left_on", "Contact.Left__c", ("Contact", "Left__c")),
        ("meeting_outcome", "Outcome__c", ("Event", "Outcome__c")),
        ("recheck_all", "Asked__c", ("Opportunity", "Asked__c")),
        ("recheck_something_of_a_pack", "Asked__c", ("Opportunity", "Asked__c")),
        ("amount", "ARR__c", ("Opportunity", "ARR__c")),
    ],
)
def test_a_field_lies_on_the_object_its_name_belongs_to(name: str, field: str, place: tuple[str, str]) -> None:
    assert mapped_fields(connection(fields={name: field}))[name] == place


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("stage", "StageName"),
        ("budget", "Account.Budget__c"),
        ("fit_tier", "Opportunity.Tier__c"),
        ("budget", "Opportunity.Account.Budget__c"),
        ("budget", ""),
        ("budget", "Budget__c, Amount"),
        ("budget", "1Budget"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_told(name: str, field: str) -> None:
    with pytest.raises(FixConfig, match=f"fields.{name}"):
        mapped_fields(connection(fields={name: field}))


def test_every_org_has_the_standard_fields() -> None:
    assert mapped_fields(connection()) == {
        "amount": ("Opportunity", "Amount"),
        "close_date": ("Opportunity", "CloseDate"),
        "company": ("Opportunity", "AccountId"),
        "next_step": ("Opportunity", "NextStep"),
    }


# Secrets


def test_what_we_log_in_with_is_never_shown() -> None:
    environ = {"KEY": "canary-key", "SECRET": "canary-secret", "SESSION": "canary-session"}
    client = connection(login={"consumer_key": "KEY", "consumer_secret": "SECRET"})
    session = connection(login={"session_id": "SESSION"})
    logins = [login_of(each, options(each), environ=environ) for each in (client, session)]
    assert [each.session_id for each in logins] == [None, "canary-session"]
    assert logins[0].consumer_secret == "canary-secret"
    assert "canary" not in repr([*logins, Token("canary-token", "acme.my.salesforce.com")])


def test_a_login_says_which_variable_is_missing() -> None:
    wanted = connection(login={"consumer_key": "KEY", "consumer_secret": "SECRET"})
    with pytest.raises(FixConfig, match="SECRET"):
        login_of(wanted, options(wanted), environ={"KEY": "x", "SECRET": " "})
    assert "secret" not in repr(Login("acme.my.salesforce.com"))


# Error answers


def answer(code: str, message: str = "canary") -> list[Row]:
    return [{"errorCode": code, "message": message}]


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (401, answer("INVALID_SESSION_ID"), Expired),
        (401, "<html>", Expired),
        (400, answer("UNABLE_TO_LOCK_ROW"), Overloaded),
        (400, answer("QUERY_TIMEOUT"), TooSlow),
        (500, answer("UNKNOWN_EXCEPTION"), Overloaded),
        (503, "busy", Overloaded),
        (520, b"", Overloaded),
        (406, None, Overloaded),
        (420, None, Overloaded),
        (429, None, Overloaded),
        (403, answer("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), OutOfQuota),
        (403, answer("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), Overloaded),
        (400, answer("INVALID_QUERY_LOCATOR"), Vanished),
        (404, answer("NOT_FOUND"), NoAccess),
        (404, "gone", NoAccess),
        (400, answer("INVALID_FIELD"), NoAccess),
        (403, answer("INSUFFICIENT_ACCESS"), NoAccess),
        (403, answer("SOMETHING_NEW"), FixInCrm),
        (410, answer("UNSUPPORTED_API_VERSION"), FixConfig),
        (400, answer("MALFORMED_QUERY"), CrmAuditError),
        (302, "", CrmAuditError),
        (418, {"unexpected": ["shape"]}, CrmAuditError),
    ],
)
def test_an_error_answer_is_classed_by_what_to_do_next(status: int, content: object, kind: type[Exception]) -> None:
    error = refusal("query", status, content=content)
    assert type(error) is kind
    assert "canary" not in str(error)


@pytest.mark.parametrize("code", ["lower_case", "A" * 200, "WITH SPACE", "EVIL<script>", 7, None])
def test_only_what_looks_like_a_code_is_repeated(code: object) -> None:
    assert code_and_message([{"errorCode": code, "message": "m"}]) == ("", "m")


def test_a_cut_connection_names_the_host_and_nothing_of_the_call() -> None:
    error = unreachable("acme.my.salesforce.com", requests.ConnectionError("canary https://x/?q=SELECT"))
    assert isinstance(error, Retry)
    assert "acme.my.salesforce.com" in str(error)
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"success": True, "id": "x", "errors": []}, None),
        ({"success": False, "errors": [{"statusCode": "A_CODE", "message": "Words."}]}, "A_CODE: Words."),
        ({"success": False, "errors": [{"message": "Words."}]}, "Words."),
        ({"success": False, "errors": []}, "refused without a reason"),
        ({"success": "true"}, "refused without a reason"),
        ({}, "refused without a reason"),
        ("yes", "no outcome was given"),
        (None, "no outcome was given"),
    ],
)
def test_only_a_plain_yes_is_a_yes(outcome: object, said: str | None) -> None:
    assert reason(outcome) == said


# Values


@pytest.mark.parametrize(
    ("text_", "fine"),
    [
        ("006000000000001", True),
        ("006000000000001AAA", True),
        ("006000000000001AA", False),
        ("", False),
        ("006000000000001' OR", False),
        ("006-00000000001AAA", False),
    ],
)
def test_only_an_id_may_stand_in_a_query(text_: str, fine: bool) -> None:
    assert is_id(text_) is fine


def test_an_id_tells_its_object() -> None:
    dana, lead, rep = "003000000000001AAA", "00Q000000000001AAA", "005000000000001AAA"
    assert [kind_of(each) for each in (dana, lead, rep, None, "")] == ["Contact", None, "User", None, None]
    assert of_kind("Contact", [dana, None, lead, rep, dana]) == (dana,)


def test_a_path_goes_through_what_is_there() -> None:
    row: Row = {"What": {"Name": "Acme"}, "Owner": None, "Name": "x\0y"}
    assert value(row, "What.Name") == "Acme"
    assert value(row, "Owner.Name") is None
    assert value(row, "Name.First") is None
    assert text(row, "Name") == "xy"


@pytest.mark.parametrize("given", ["2026-02-30", "soon", "2026-13-01T00:00:00Z"])
def test_a_date_that_is_none_names_its_record(given: str) -> None:
    with pytest.raises(Incomplete, match="record 006: CloseDate is no date"):
        when({"Id": "006", "CloseDate": given}, "CloseDate")


# Schema


def described(*names: str, **more: object) -> Row:
    return {"fields": [{"name": name, "type": "string"} for name in names], **more}


def test_only_what_describe_lists_is_asked_for() -> None:
    asked: list[str] = []

    def describe(name: str) -> Row | None:
        asked.append(name)
        return described("Id", "Name", "IsActive", "SystemModstamp", "Secret__c", "Mapped__c")

    schema = Schema(describe, {"User": frozenset({"Mapped__c", "Hidden__c"})})
    assert schema.selected("User") == ("Id", "Name", "SystemModstamp", "IsActive", "Mapped__c")
    assert schema.reads("User")
    assert schema.reads("User", "IsActive")
    assert not schema.reads("User", "Email")
    assert asked == ["User"]


@pytest.mark.parametrize(
    "answered",
    [
        None,
        {},
        {"fields": "many"},
        described("Id", "Name", "SystemModstamp", queryable=False),
        described("Id"),
        {"fields": [7]},
    ],
)
def test_an_object_without_its_needed_fields_is_not_readable(answered: Row | None) -> None:
    assert not Schema(lambda _: answered).reads("User")


def test_a_name_is_asked_through_a_relationship_that_is_listed() -> None:
    what = {"name": "WhatId", "type": "reference"}
    listed = {"fields": [{"name": "Id"}, what]}
    with_what = {"fields": [{"name": "Id"}, {**what, "relationshipName": "What"}]}
    assert "What.Name" not in Schema(lambda _: listed).selected("Event")
    assert "What.Name" in Schema(lambda _: with_what).selected("Event")


def test_every_object_is_asked_by_its_id() -> None:
    assert all("Id" in asked.needed for asked in OBJECTS.values())
    assert not any(set(asked.needed) & set(asked.wished) for asked in OBJECTS.values())
