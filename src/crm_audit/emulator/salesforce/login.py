"""OAuth: the client-credentials flow and the sessions it opens."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from crm_audit.emulator.server import Request, Response


@dataclass(slots=True)
class Gatehouse:
    """The one app that may log in, and the sessions that are open. Nothing is fixed: each org makes up its own."""

    client_id: str = field(default_factory=lambda: f"3MVG9{secrets.token_urlsafe(32)}")
    client_secret: str = field(default_factory=lambda: secrets.token_hex(32).upper())
    sessions: set[str] = field(default_factory=set)

    def open(self, organisation: str) -> str:
        """A new access token."""
        token = f"{organisation[:15]}!{secrets.token_urlsafe(48)}"
        self.sessions.add(token)
        return token

    def admits(self, request: Request) -> bool:
        """True if the call carries an open session as a Bearer token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and token in self.sessions

    def refused(self, request: Request) -> Response | None:
        """Why the token endpoint refuses, or None if it does not."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return _error(400, "unsupported_grant_type", description="grant type not supported")
        basic = request.headers.get("authorization", "").startswith("Basic ")
        name, secret = _basic(request) if basic else (form.get("client_id", ""), form.get("client_secret", ""))
        if not hmac.compare_digest(name.encode(), self.client_id.encode()):
            return _error(400, "invalid_client_id", description="client identifier invalid")
        if not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            return _error(401 if basic else 400, "invalid_client", description="invalid client credentials")
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
