"""Getting an access token, and who it makes us. Nothing here is ever printed: a token is a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from crm_audit.config import Connection, secret
from crm_audit.connectors.salesforce.options import Options, allowed
from crm_audit.errors import BadLogin, FixInCrm, Retry

TIMEOUT = (5.0, 120.0)
"""Seconds to connect and between two bytes. Salesforce itself ends a call after ten minutes; a page takes seconds."""

_ERROR_NAME = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Login:
    """What we log in with: a client of an External Client App, or a session somebody else opened."""

    host: str
    consumer_key: str | None = field(default=None, repr=False)
    consumer_secret: str | None = field(default=None, repr=False)
    session_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """An open session: where it is valid and, if the answer said so, whose it is."""

    access: str = field(repr=False)
    instance: str = ""  # a host
    user: str | None = None


def login_of(connection: Connection, options: Options, *, environ: Mapping[str, str]) -> Login:
    """The login a connection describes; FixConfig says what is missing."""
    if "session_id" in connection.login:
        return Login(options.host, session_id=secret(connection, "session_id", environ))
    return Login(
        options.host,
        consumer_key=secret(connection, "consumer_key", environ),
        consumer_secret=secret(connection, "consumer_secret", environ),
    )


def token(login: Login, session: requests.Session) -> Token:
    """Log in; BadLogin where the org does not accept us, Retry where it cannot be reached."""
    if login.session_id is not None:
        return Token(login.session_id, login.host)
    try:
        answer = session.post(
            f"https://{login.host}/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(login.consumer_key or "", login.consumer_secret or ""),
            timeout=TIMEOUT,
            allow_redirects=False,
        )
        body = answer.json()
    except requests.RequestException as error:
        raise Retry(f"{login.host} cannot be reached to log in ({type(error).__name__})") from None
    if answer.status_code != requests.codes.ok:
        raise _refused(login.host, answer.status_code, body=body)
    return _opened(login.host, body)


def whoami(opened: Token, session: requests.Session) -> str | None:
    """The user a session belongs to; None where the org does not tell."""
    try:
        answer = session.get(
            f"https://{opened.instance}/services/oauth2/userinfo",
            headers={"Authorization": f"Bearer {opened.access}"},
            timeout=TIMEOUT,
            allow_redirects=False,
        )
        body = answer.json() if answer.status_code == requests.codes.ok else {}
    except requests.RequestException as error:
        raise Retry(f"{opened.instance} cannot be reached ({type(error).__name__})") from None
    return str(body["user_id"]) if isinstance(body, dict) and body.get("user_id") else None


def versions(opened: Token, session: requests.Session) -> list[str]:
    """The API versions the org offers, oldest first."""
    try:
        answer = session.get(f"https://{opened.instance}/services/data/", timeout=TIMEOUT, allow_redirects=False)
        body = answer.json() if answer.status_code == requests.codes.ok else None
    except requests.RequestException as error:
        raise Retry(f"{opened.instance} cannot be reached ({type(error).__name__})") from None
    if not isinstance(body, list):
        raise Retry(f"{opened.instance} did not say which API versions it offers")
    return [str(row["version"]) for row in body if isinstance(row, dict) and "version" in row]


def _refused(host: str, status: int, *, body: object) -> Exception:
    if status >= requests.codes.server_error or status == requests.codes.too_many_requests:
        return Retry(f"{host} is overloaded: logging in was answered with status {status}")
    name = str(body.get("error", "")) if isinstance(body, dict) else ""
    said = name if _ERROR_NAME.fullmatch(name) else f"status {status}"
    return BadLogin(
        f"{host} does not accept the consumer key and secret ({said}): check both, and that the External Client App "
        "allows the client-credentials flow with a run-as user"
    )


def _opened(host: str, body: object) -> Token:
    if not isinstance(body, dict) or not body.get("access_token"):
        raise Retry(f"{host} answered the login with something that is no token")
    url = urlsplit(str(body.get("instance_url", f"https://{host}")))
    if url.scheme != "https" or not allowed(url.netloc):
        raise FixInCrm(f"{host} sent us to a host that is not Salesforce's; nothing was sent there")
    identity = str(body.get("id", "")).rsplit("/", 1)[-1]  # https://login.salesforce.com/id/<org>/<user>
    return Token(str(body["access_token"]), url.netloc, identity if identity.startswith("005") else None)
