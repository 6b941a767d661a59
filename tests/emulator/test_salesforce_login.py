"""Logging in with client credentials, in both forms, and every way in which it fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from crm_audit.emulator.transport import Loopback
from tests.emulator.org_bench import Served, an_org, served

FORM = {"grant_type": "client_credentials"}


@pytest.fixture
def crm() -> Iterator[Served]:
    with served(an_org()) as crm:
        yield crm


def token(crm: Served, form: dict[str, str], auth: tuple[str, str] | None = None) -> requests.Response:
    return crm.plain.post(f"{crm.base}/services/oauth2/token", data=form, auth=auth, timeout=5)


def test_the_client_library_logs_in_and_is_the_integration_user(crm: Served) -> None:
    client: Any = Salesforce(
        consumer_key=crm.org.gatehouse.client_id,
        consumer_secret=crm.org.gatehouse.client_secret,
        domain=crm.org.domain,
        session=Loopback(crm.base).session(),
        version="66.0",
    )
    assert client.sf_instance == f"{crm.org.domain}.salesforce.com"
    client.Account.create({"Name": "Acme"})
    assert crm.org.rows("Account")[0]["CreatedById"] == crm.org.integration_user


def test_credentials_may_stand_in_the_form(crm: Served) -> None:
    gate = crm.org.gatehouse
    answer = token(crm, {**FORM, "client_id": gate.client_id, "client_secret": gate.client_secret})
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["instance_url"]) == (200, "Bearer", crm.base)
    assert body["id"].endswith(f"/{crm.org.organisation}/{crm.org.integration_user}")
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    who = crm.plain.get(f"{crm.base}/services/oauth2/userinfo", headers=headers, timeout=5).json()
    assert (who["user_id"], who["organization_id"]) == (crm.org.integration_user, crm.org.organisation)


def test_nobody_is_told_who_is_not_logged_in(crm: Served) -> None:
    answer = crm.plain.get(f"{crm.base}/services/oauth2/userinfo", timeout=5)
    assert (answer.status_code, answer.text) == (403, "Bad_OAuth_Token")


def test_every_wrong_login_has_its_own_answer(crm: Served) -> None:
    gate = crm.org.gatehouse
    wrong = [
        token(crm, {"grant_type": "password"}),
        token(crm, {**FORM, "client_id": "nobody", "client_secret": gate.client_secret}),
        token(crm, {**FORM, "client_id": gate.client_id, "client_secret": "wrong"}),
        token(crm, FORM, auth=(gate.client_id, "wrong")),
        token(crm, FORM),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in wrong] == [
        (400, "unsupported_grant_type"),
        (400, "invalid_client_id"),
        (400, "invalid_client"),
        (401, "invalid_client"),
        (400, "invalid_client_id"),
    ]
    broken = crm.plain.post(
        f"{crm.base}/services/oauth2/token", data=FORM, headers={"Authorization": "Basic ***"}, timeout=5
    )
    assert broken.json()["error"] == "invalid_client_id"


def test_the_client_library_raises_what_it_raises_for_salesforce(crm: Served) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        Salesforce(
            consumer_key=crm.org.gatehouse.client_id,
            consumer_secret="wrong",
            domain=crm.org.domain,
            session=Loopback(crm.base).session(),
        )


def test_logging_in_is_no_api_call_and_leaves_no_secret_behind(crm: Served) -> None:
    gate = crm.org.gatehouse
    opened = token(crm, FORM, auth=(gate.client_id, gate.client_secret)).json()["access_token"]
    calls = crm.org.calls
    assert (calls.read, calls.write, calls.used(crm.org.clock.now())) == (0, 0, 0)
    assert calls.by_kind == {"/services/oauth2/token": 1}
    assert opened not in repr(calls)
    assert gate.client_secret not in repr(calls)


def test_every_org_has_credentials_of_its_own() -> None:
    assert an_org().gatehouse.client_secret != an_org().gatehouse.client_secret
