"""The portal behind its address: one function from a request to an answer."""

from __future__ import annotations

from email.utils import format_datetime
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
        """The rate limits, to be set lower."""
        return self._gate.limits

    @property
    def calls(self) -> Calls:
        """What was called how often."""
        return self._gate.calls

    @property
    def transcript(self) -> list[tuple[str, str, int]]:
        """Every call in order: method, path, status."""
        return self._gate.transcript

    def revoke(self, scope: str) -> None:
        """Take a scope, for example `crm.objects.deals.write`, from every token."""
        self._gate.revoked.add(scope)

    def grant(self, scope: str) -> None:
        """Give a revoked scope back."""
        self._gate.revoked.discard(scope)

    def answer(self, request: Request, *, base: str) -> Response:
        """Answer one call; errors are answers too."""
        number = len(self.transcript) + 1
        correlation = str(UUID(int=number))
        try:
            response = self._answer(request, base)
        except Refusal as refusal:
            response = _refused(refusal, correlation)
        self.transcript.append((request.method, request.path, response.status))
        stamps = {"date": format_datetime(self.now(), usegmt=True), "X-HubSpot-Correlation-Id": correlation}
        return Response(response.status, response.body, {**response.headers, **stamps})

    def _answer(self, request: Request, base: str) -> Response:
        found = routes.match(request)
        bucket = found.route.bucket
        self._gate.count(found.kind, writes=found.route.scope == "write")
        self._gate.authenticate(request)
        try:
            self._gate.spend(bucket, now=self.now())
            self._gate.require(found.scope)
            response = found.route.endpoint(self, Call(request, base, found.names, found.types))
        except Refusal as refusal:
            refusal.headers.update(self._gate.headers(bucket))
            raise
        return Response(response.status, response.body, {**response.headers, **self._gate.headers(bucket)})


def _refused(refusal: Refusal, correlation: str) -> Response:
    if isinstance(refusal.body, bytes):
        return Response(refusal.status, refusal.body, {"content-type": "text/html;charset=utf-8", **refusal.headers})
    return Response(refusal.status, {**refusal.body, "correlationId": correlation}, refusal.headers)
