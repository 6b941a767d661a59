"""OAuth: the client-credentials and the JWT bearer flow, and the sessions they open."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

import jwt
from jwt.types import Options

from crm_audit.emulator.server import Request, Response

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
"""Whom an assertion may be for, besides the org's own My Domain."""


@dataclass(slots=True)
class Gatehouse:
    """The one app that may log in, and the sessions that are open. Nothing is fixed: each org makes up its own.

    `lifetime` is how long a session lasts (None: until it is expired). `revoked` takes the app away. For the JWT flow
    `public_key` is the app's certificate (PEM), `username` the user it is for, `approved` whether an admin has
    pre-authorised that user. Assertions run out by the emulator's clock.
    """

    client_id: str = field(default_factory=lambda: f"3MVG9{secrets.token_urlsafe(32)}")
    client_secret: str = field(default_factory=lambda: secrets.token_hex(32).upper())
    lifetime: timedelta | None = None
    revoked: bool = False
    public_key: str | None = None
    username: str = "crm-audit@seller.example"
    approved: bool = True
    sessions: dict[str, datetime] = field(default_factory=dict)

    def open(self, organisation: str, *, now: datetime) -> str:
        """A new access token."""
        token = f"{organisation[:15]}!{secrets.token_urlsafe(48)}"
        self.sessions[token] = now
        return token

    def expire(self) -> None:
        """Close every session, as when tokens are revoked or run out."""
        self.sessions.clear()

    def revoke(self) -> None:
        """Take the app away: its sessions end and no new one is opened."""
        self.revoked = True
        self.expire()

    def admits(self, request: Request, *, now: datetime) -> bool:
        """True if the call carries an open session as a Bearer token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        opened = self.sessions.get(token) if scheme.lower() == "bearer" else None
        return opened is not None and (self.lifetime is None or now < opened + self.lifetime)

    def refused(self, request: Request, *, now: datetime, domain: str) -> Response | None:
        """Why the token endpoint refuses, or None if it does not; `domain` is the org's My Domain."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        match form.get("grant_type"):
            case "client_credentials":
                refused = self._wrong_secret(request, form)
            case grant if grant == JWT_BEARER:
                refused = self._wrong_assertion(form.get("assertion", ""), now=now, domain=domain)
            case _:
                refused = _error(400, "unsupported_grant_type", description="grant type not supported")
        if refused is None and self.revoked:
            return _error(400, "invalid_grant", description="expired access/refresh token")
        return refused

    def _wrong_secret(self, request: Request, form: Mapping[str, str]) -> Response | None:
        basic = request.headers.get("authorization", "").startswith("Basic ")
        name, secret = _basic(request) if basic else (form.get("client_id", ""), form.get("client_secret", ""))
        if not hmac.compare_digest(name.encode(), self.client_id.encode()):
            return _error(400, "invalid_client_id", description="client identifier invalid")
        if not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            return _error(401 if basic else 400, "invalid_client", description="invalid client credentials")
        return None

    def _wrong_assertion(self, assertion: str, *, now: datetime, domain: str) -> Response | None:
        unchecked: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            claims = jwt.decode(assertion, self.public_key or "", algorithms=["RS256"], options=unchecked)
            expires = float(claims.get("exp", 0))
        except (jwt.PyJWTError, ValueError, TypeError):
            return _error(400, "invalid_grant", description="invalid assertion")
        if claims.get("iss") != self.client_id:
            return _error(400, "invalid_client_id", description="client identifier invalid")
        if claims.get("aud") not in (*AUDIENCES, f"https://{domain}.my.salesforce.com"):
            return _error(400, "invalid_grant", description="audience is invalid")
        if expires <= now.timestamp():
            return _error(400, "invalid_grant", description="expired authorization code")
        if claims.get("sub") != self.username or not self.approved:
            return _error(400, "invalid_grant", description="user hasn't approved this consumer")
        return None


def _basic(request: Request) -> tuple[str, str]:
    encoded = request.headers["authorization"].removeprefix("Basic ")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _error(status: int, error: str, *, description: str) -> Response:
    return Response(status, {"error": error, "error_description": description})
