"""Logging in by JWT: what is signed, for whom, and what is said where it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm_audit.connectors.salesforce import Options, SalesforceConnector
from crm_audit.errors import BadLogin, FixConfig
from tests.connectors.salesforce_bench import Bench, bench

JWT = {"consumer_key": "SF_KEY", "username": "SF_USER", "private_key": "SF_PEM"}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def sf(key: rsa.RSAPrivateKey) -> Iterator[Bench]:
    with bench() as made:
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        made.org.gatehouse.public_key = public.decode()
        yield made


@pytest.fixture
def pem(key: rsa.RSAPrivateKey) -> str:
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none).decode()


def logged_in(sf: Bench, environ: Mapping[str, str], **settings: object) -> SalesforceConnector:
    usual = {"SF_KEY": sf.org.gatehouse.client_id, "SF_USER": sf.org.gatehouse.username}
    return sf.connect(sf.connection(**{"login": JWT, **settings}), {**usual, **environ})


def test_a_key_and_a_user_are_enough(sf: Bench, pem: str) -> None:
    assert logged_in(sf, {"SF_PEM": pem}).account().user == sf.org.integration_user


def test_a_key_may_stand_in_one_line(sf: Bench, pem: str) -> None:
    assert logged_in(sf, {"SF_PEM": pem.replace("\n", "\\n")}).account().id


def test_a_key_may_lie_in_a_file(sf: Bench, pem: str, tmp_path: Path) -> None:
    place = tmp_path / "invented.pem"
    login = {"consumer_key": "SF_KEY", "username": "SF_USER", "private_key_file": "SF_FILE"}
    with pytest.raises(FixConfig, match=r"invented\.pem cannot be read"):
        logged_in(sf, {"SF_FILE": str(place)}, login=login)
    place.write_text(pem)
    assert logged_in(sf, {"SF_FILE": str(place)}, login=login).account().id


def test_a_session_is_renewed_by_a_new_assertion_in_salesforces_own_time(sf: Bench, pem: str) -> None:
    connector = logged_in(sf, {"SF_PEM": pem})
    connector.account()
    sf.org.gatehouse.expire()
    sf.clock.advance(hours=5)
    connector.account()
    assert connector.calls.by_name["token"] == 2


@pytest.mark.parametrize(
    ("domain", "asked"),
    [
        ("acme.my", "login.salesforce.com"),
        ("acme--dev.sandbox.my", "test.salesforce.com"),
        ("acme--old.my", "test.salesforce.com"),
    ],
)
def test_sandboxes_log_in_elsewhere(domain: str, asked: str) -> None:
    assert Options(domain=domain).audience == asked
    assert Options(domain=domain, login_host="acme.my.salesforce.com").audience == "acme.my.salesforce.com"


def test_a_jwt_is_for_nobody_but_salesforce(sf: Bench, pem: str) -> None:
    options = {"domain": sf.org.domain, "login_host": "login.example"}
    with pytest.raises(FixConfig, match="no Salesforce host"):
        logged_in(sf, {"SF_PEM": pem}, options=options)


def test_what_is_no_key_is_told_and_not_shown(sf: Bench) -> None:
    with pytest.raises(FixConfig, match="no RSA private key") as caught:
        logged_in(sf, {"SF_PEM": "canary"}).account()
    assert "canary" not in str(caught.value)


def test_fault_11_a_user_nobody_has_approved_is_a_bad_login_without_another_try(sf: Bench, pem: str) -> None:
    sf.org.gatehouse.approved = False
    with pytest.raises(BadLogin, match=r"invalid_grant.*pre-authorized"):
        logged_in(sf, {"SF_PEM": pem}).account()
    assert sf.slept == []


def test_fault_11_an_app_that_is_taken_away_is_a_bad_login(sf: Bench, pem: str) -> None:
    connector = logged_in(sf, {"SF_PEM": pem})
    connector.account()
    sf.org.gatehouse.revoke()
    with pytest.raises(BadLogin, match="invalid_grant"):
        connector.account()
    assert sf.slept == []
