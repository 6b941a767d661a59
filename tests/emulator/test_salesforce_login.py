"""Logging in with client credentials or a signed assertion, how sessions end, and every way in which it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from crm_audit.emulator.salesforce.login import JWT_BEARER
from crm_audit.emulator.transport import Loopback
from tests.emulator.org_bench import Served, an_org, served
from tests.shared import shared

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


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certified(crm: Served, key: rsa.RSAPrivateKey) -> None:
    """Set the public half of a key in the gatehouse."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    crm.org.gatehouse.public_key = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def asserted(crm: Served, key: rsa.RSAPrivateKey, **claims: object) -> requests.Response:
    gate = crm.org.gatehouse
    until = int((crm.org.clock.now() + timedelta(minutes=3)).timestamp())
    usual: dict[str, object] = {"iss": gate.client_id, "sub": gate.username, "aud": "https://login.salesforce.com"}
    assertion = jwt.encode({**usual, "exp": until, **claims}, key, algorithm="RS256")
    return token(crm, {"grant_type": JWT_BEARER, "assertion": assertion})


def test_a_signed_assertion_logs_in(crm: Served, key: rsa.RSAPrivateKey) -> None:
    certified(crm, key)
    body = asserted(crm, key).json()
    assert body["instance_url"] == crm.base
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert crm.call("GET", "/limits", headers=headers).status_code == 200
    own = f"https://{crm.org.domain}.salesforce.com"
    assert asserted(crm, key, aud=own, exp=str(int(crm.org.clock.now().timestamp()) + 60)).status_code == 200


def test_the_client_library_signs_such_assertions(crm: Served, key: rsa.RSAPrivateKey) -> None:
    certified(crm, key)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    client: Any = Salesforce(
        username=crm.org.gatehouse.username,
        consumer_key=crm.org.gatehouse.client_id,
        privatekey=private.decode(),
        domain="login",
        session=Loopback(crm.base).session(),
        version="66.0",
    )
    assert client.query("SELECT Id FROM Account")["totalSize"] == 0


def test_every_wrong_assertion_has_its_own_answer(crm: Served, key: rsa.RSAPrivateKey) -> None:
    def said(answer: requests.Response) -> tuple[str, str]:
        assert answer.status_code == 400
        return answer.json()["error"], answer.json()["error_description"]

    assert said(asserted(crm, key)) == ("invalid_grant", "invalid assertion")
    certified(crm, key)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert said(asserted(crm, stranger)) == ("invalid_grant", "invalid assertion")
    assert said(asserted(crm, key, iss="nobody")) == ("invalid_client_id", "client identifier invalid")
    assert said(asserted(crm, key, aud="https://elsewhere.example")) == ("invalid_grant", "audience is invalid")
    past = int(crm.org.clock.now().timestamp())
    assert said(asserted(crm, key, exp=past)) == ("invalid_grant", "expired authorization code")
    assert said(asserted(crm, key, exp="soon")) == ("invalid_grant", "invalid assertion")
    unapproved = ("invalid_grant", "user hasn't approved this consumer")
    assert said(asserted(crm, key, sub="stranger@seller.example")) == unapproved
    crm.org.gatehouse.approved = False
    assert said(asserted(crm, key)) == unapproved


def test_a_session_ends_when_its_time_is_over(crm: Served) -> None:
    crm.org.gatehouse.lifetime = timedelta(hours=2)
    crm.org.clock.advance(minutes=119)
    assert crm.call("GET", "/limits").status_code == 200
    crm.org.clock.advance(minutes=1)
    answer = crm.call("GET", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_a_revoked_app_is_told_so(crm: Served) -> None:
    gate = crm.org.gatehouse
    gate.revoke()
    assert crm.call("GET", "/limits").status_code == 401
    answer = token(crm, FORM, auth=(gate.client_id, gate.client_secret))
    recorded = json.loads(shared("data/recordings/restforce/refresh_error_response.json").read_text())
    assert (answer.status_code, answer.json()) == (400, recorded)


def test_an_org_that_moved_names_its_new_address(crm: Served) -> None:
    gate, session = crm.org.gatehouse, Loopback(crm.base).session()
    crm.org.move("moved")
    body = session.post(
        "https://login.salesforce.com/services/oauth2/token",
        data=FORM,
        auth=(gate.client_id, gate.client_secret),
        timeout=5,
    ).json()
    assert body["instance_url"] == "https://moved.my.salesforce.com"
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    new, old = (
        session.get(f"https://{host}.my.salesforce.com/services/data/v66.0/limits", headers=headers, timeout=5)
        for host in ("moved", "emulated")
    )
    assert (new.status_code, old.status_code) == (200, 401)
