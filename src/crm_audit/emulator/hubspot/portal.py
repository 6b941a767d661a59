"""The portal behind its address: one function from a request to an answer."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import unquote
from uuid import UUID

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import routes
from crm_audit.emulator.hubspot.calls import Call
from crm_audit.emulator.hubspot.gate import Calls, Gate, Limits
from crm_audit.emulator.hubspot.refusals import Refusal
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.server import Request, Response


class HubspotPortal(Portal):
    """A HubSpot account that answers HTTP; give it to `emulator.server.serve`."""

    def __init__(self, clock: Clock, *, zone: str = "America/New_York", currency: str = "USD") -> None:
        super().__init__(clock, zone=zone, currency=currency)
        self._gate = Gate(zone)

    @property
    def keys(self) -> set[str]:
        """The bearers it accepts; take one out to revoke it."""
        return self._gate.keys

    @property
    def limits(self) -> Limits:
        """The rate limits, to be set lower, or to `Limits.real()`."""
        return self._gate.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._gate.limits = limits

    @property
    def calls(self) -> Calls:
        """What was called how often."""
        return self._gate.calls

    @property
    def transcript(self) -> list[tuple[str, str, int]]:
        """Every call in order: method, path, status."""
        return self._gate.transcript

    def lend(self, key: str, *, seconds: float = 1800) -> None:
        """Accept a bearer for so long, as an OAuth app's; afterwards it is 401 EXPIRED_AUTHENTICATION."""
        self._gate.lent[key] = self.now() + timedelta(seconds=seconds)

    def break_down(self, status: int, *, seconds: float) -> None:
        """Answer every call for so long with 5xx (a page of HTML) or 477 (a migration, with Retry-After)."""
        self._gate.outage = status, self.now() + timedelta(seconds=seconds)

    def spend_elsewhere(self, *, searches: int = 0, calls: int = 0) -> None:
        """Let other apps of the account search in this second, and make other calls of the day."""
        self._gate.spend_elsewhere(searches=searches, calls=calls, now=self.now())

    def revoke(self, scope: str) -> None:
        """Take a scope, for example `crm.objects.deals.write`, from every token."""
        self._gate.revoked.add(scope)

    def grant(self, scope: str) -> None:
        """Give a revoked scope back."""
        self._gate.revoked.discard(scope)

    def answer(self, request: Request, *, base: str) -> Response:
        """Answer one call; errors are answers too."""
        correlation = str(UUID(int=len(self.transcript) + 1))
        self.sweep()
        self.automations.catch_up()
        try:
            response = self._answer(request, base)
        except Refusal as refusal:
            response = _refused(refusal, correlation)
        self.transcript.append((request.method, _without_addresses(request.path), response.status))
        stamps = {"date": format_datetime(self.now(), usegmt=True), "X-HubSpot-Correlation-Id": correlation}
        return Response(response.status, response.body, {**response.headers, **stamps})

    def _answer(self, request: Request, base: str) -> Response:
        found = routes.match(request)
        bucket, now = found.route.bucket, self.now()
        self._gate.count(found.kind, writes=found.route.scope in ("write", "define"))
        self._gate.refuse_while_down(now)
        key = self._gate.authenticate(request, now)
        try:
            self._gate.spend(bucket, key, now=now)
            self._gate.require(found.scope)
            response = found.route.endpoint(self, Call(request, base, found.names, found.types, found.version))
        except Refusal as refusal:
            refusal.headers.update(self._gate.headers(bucket, key, now=now))
            raise
        return Response(
            response.status, response.body, {**response.headers, **self._gate.headers(bucket, key, now=now)}
        )


def _without_addresses(path: str) -> str:
    """A path fit for the transcript: records may be addressed by e-mail."""
    return "/".join("…" if "@" in unquote(part) else part for part in path.split("/"))


def _refused(refusal: Refusal, correlation: str) -> Response:
    if isinstance(refusal.body, bytes):
        headers = {"content-type": "text/html;charset=iso-8859-1", **refusal.headers}
        return Response(refusal.status, refusal.body, headers)
    body = {**refusal.body, "correlationId": correlation}
    if "errorType" in body:  # the limiter's answers come from another place than all others
        body["requestId"] = correlation
    return Response(refusal.status, body, refusal.headers)
