"""Getting an access token, and who it makes us. Nothing here is ever printed: a token is a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import requests

from crm_audit.config import Connection, secret
from crm_audit.connectors.salesforce.options import Options, allowed
from crm_audit.connectors.salesforce.transport import TIMEOUT
from crm_audit.errors import BadLogin, FixConfig, FixInCrm, Retry

VALID = timedelta(minutes=3)
"""How long a JWT holds, the most that Salesforce takes."""

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ERROR_NAME = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Login:
    """What we log in with: a client of an External Client App, or a session somebody else opened."""

    host: str
    audience: str = ""
    username: str | None = None
    consumer_key: str | None = field(default=None, repr=False)
    consumer_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    session_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """An open session: where it is valid and, if the answer said so, whose it is."""

    access: str = field(repr=False)
    instance: str = ""  # a host
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What an org says to anybody who asks: the API versions it has, and what time it is there."""

    versions: tuple[str, ...]
    now: datetime


def login_of(connection: Connection, options: Options, *, environ: Mapping[str, str]) -> Login:
    """The login a connection describes; FixConfig says what is missing."""
    named = connection.login
    if "session_id" in named:
        return Login(options.host, session_id=secret(connection, "session_id", environ))
    key = secret(connection, "consumer_key", environ)
    if "username" not in named and "private_key" not in named and "private_key_file" not in named:
        return Login(options.host, consumer_key=key, consumer_secret=secret(connection, "consumer_secret", environ))
    user = secret(connection, "username", environ)
    private = _private_key(connection, environ)
    return Login(options.host, options.audience, username=user, consumer_key=key, private_key=private)


def _private_key(connection: Connection, environ: Mapping[str, str]) -> str:
    if "private_key_file" not in connection.login:
        return secret(connection, "private_key", environ).replace("\\n", "\n")  # as many tools keep it in one line
    place = Path(secret(connection, "private_key_file", environ))
    try:
        return place.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no PEM text"
        raise FixConfig(f"login.private_key_file: {place} cannot be read: {said}") from None


def offer(host: str, session: requests.Session) -> Offer:
    """The API versions of an org, oldest first, and its clock; needs no login and costs no call."""
    try:
        answer = session.get(f"https://{host}/services/data/", timeout=TIMEOUT, allow_redirects=False)
        body = answer.json() if answer.status_code == requests.codes.ok else None
        now = parsedate_to_datetime(answer.headers.get("Date", ""))
    except requests.RequestException as error:
        raise Retry(f"{host} cannot be reached ({type(error).__name__})") from None
    except ValueError:
        raise Retry(f"{host} did not say what time it is") from None
    if not isinstance(body, list):
        raise Retry(f"{host} did not say which API versions it offers")
    return Offer(tuple(str(row["version"]) for row in body if isinstance(row, dict) and "version" in row), now)


def token(login: Login, session: requests.Session, *, now: datetime) -> Token:
    """Log in; BadLogin where the org does not accept us, Retry where it cannot be reached. `now` is the org's time."""
    if login.session_id is not None:
        return Token(login.session_id, login.host)
    credentials = (login.consumer_key or "", login.consumer_secret or "")
    form = {"grant_type": "client_credentials"}
    if login.private_key is not None:
        form = {"grant_type": _JWT_GRANT, "assertion": _assertion(login, login.private_key, now=now)}
    try:
        answer = session.post(
            f"https://{login.host}/services/oauth2/token",
            data=form,
            auth=None if login.private_key else credentials,
            timeout=TIMEOUT,
            allow_redirects=False,
        )
        body = answer.json()
    except requests.RequestException as error:
        raise Retry(f"{login.host} cannot be reached to log in ({type(error).__name__})") from None
    if answer.status_code != requests.codes.ok:
        raise _refused(login, answer.status_code, body=body)
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


def _assertion(login: Login, private_key: str, *, now: datetime) -> str:
    claims = {
        "iss": login.consumer_key,
        "sub": login.username,
        "aud": f"https://{login.audience}",
        "exp": int((now + VALID).timestamp()),
    }
    try:
        return jwt.encode(claims, private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise FixConfig("login.private_key is no RSA private key in PEM form without a passphrase") from None


def _refused(login: Login, status: int, *, body: object) -> Exception:
    if status >= requests.codes.server_error or status == requests.codes.too_many_requests:
        return Retry(f"{login.host} is overloaded: logging in was answered with status {status}")
    name = str(body.get("error", "")) if isinstance(body, dict) else ""
    said = name if _ERROR_NAME.fullmatch(name) else f"status {status}"
    if login.private_key is not None:
        return BadLogin(
            f"{login.host} does not accept the JWT ({said}): check consumer key, username and private key, that the "
            "External Client App has the certificate, and that the user is pre-authorized for it"
        )
    return BadLogin(
        f"{login.host} does not accept the consumer key and secret ({said}): check both, and that the External Client "
        "App allows the client-credentials flow with a run-as user"
    )


def _opened(host: str, body: object) -> Token:
    if not isinstance(body, dict) or not body.get("access_token"):
        raise Retry(f"{host} answered the login with something that is no token")
    url = urlsplit(str(body.get("instance_url", f"https://{host}")))
    if url.scheme != "https" or not allowed(url.netloc):
        raise FixInCrm(f"{host} sent us to a host that is not Salesforce's; nothing was sent there")
    identity = str(body.get("id", "")).rsplit("/", 1)[-1]  # https://login.salesforce.com/id/<org>/<user>
    return Token(str(body["access_token"]), url.netloc, identity if identity.startswith("005") else None)
