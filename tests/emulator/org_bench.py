"""A served org and two ways to call it: the client library that everybody uses, and plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import requests
from simple_salesforce.api import Salesforce

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.server import serve
from crm_audit.emulator.transport import Loopback

NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
API = "/services/data/v66.0"


def an_org(**settings: Any) -> SalesforceOrg:  # noqa: ANN401  # the constructor's own settings
    """A new org at noon."""
    return SalesforceOrg(Clock(NOON), **settings)


def a_deal(org: SalesforceOrg, **fields: object) -> str:
    """An open deal with a name, a stage and a date, unless told otherwise."""
    usual: dict[str, Any] = {"Name": "Forklifts", "StageName": "Prospecting", "CloseDate": date(2026, 6, 30)}
    return org.insert("Opportunity", **{**usual, "Amount": 1000, **fields})


@dataclass(frozen=True)
class Served:
    """An org behind a running server."""

    org: SalesforceOrg
    base: str
    token: str
    plain: requests.Session

    def client(self, version: str = "66.0") -> Any:  # noqa: ANN401  # the library's own types are wrong: it is all unions
        """simple-salesforce, logged in by a session id as our gateway does it."""
        return Salesforce(
            session_id=self.token,
            instance=f"{self.org.domain}.salesforce.com",
            session=Loopback(self.base).session(),
            version=version,
        )

    def call(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401  # passed on
        """One call below the API's root, with nothing of a client library in it."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self.plain.request(method, f"{self.base}{API}{path}", headers=headers, timeout=10, **more)


@contextmanager
def served(org: SalesforceOrg) -> Iterator[Served]:
    """Serve an org on a free port."""
    with serve(org) as base, requests.Session() as plain:
        plain.trust_env = False
        yield Served(org, base, org.login(), plain)
