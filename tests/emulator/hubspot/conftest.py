"""A portal on loopback, called by HubSpot's own client and by bare HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from hubspot import HubSpot

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.server import serve

NOW = datetime(2026, 3, 16, 15, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Wire:
    """Bare HTTP with a token, one request per call."""

    pool: urllib3.PoolManager
    base: str
    key: str | None = SERVICE_KEY

    def __call__(self, method: str, path: str, body: object = None) -> Answer:
        headers = {} if self.key is None else {"authorization": f"Bearer {self.key}"}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else self.base + path
        answer = self.pool.request(method, url, body=content, headers=headers, retries=False)
        is_json = "json" in answer.headers.get("content-type", "") and answer.data
        return Answer(answer.status, json.loads(answer.data) if is_json else answer.data, answer.headers)

    def get(self, path: str) -> Answer:
        return self("GET", path)

    def post(self, path: str, body: object) -> Answer:
        return self("POST", path, body)

    def search(self, plural: str, **body: object) -> list[str]:
        """The ids found, in order."""
        answer = self.post(f"/crm/objects/2026-09/{plural}/search", body)
        assert answer.status == 200, answer.body
        return [row["id"] for row in answer.body["results"]]


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def portal(clock: Clock) -> HubspotPortal:
    return HubspotPortal(clock)


@pytest.fixture
def base(portal: HubspotPortal) -> Iterator[str]:
    with serve(portal) as address:
        yield address


@pytest.fixture
def wire(base: str) -> Iterator[Wire]:
    with urllib3.PoolManager() as pool:
        yield Wire(pool, base)


@pytest.fixture
def client(base: str) -> HubSpot:
    return HubSpot(access_token=SERVICE_KEY, host=base, retry=False)
