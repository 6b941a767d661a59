"""kill -9 of `writeback apply` at every step: the next ends with the CRM as planned, and writes nothing twice over."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from sqlalchemy import create_engine, text

from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce
from tests.connectors import hubspot_bench, salesforce_bench

Crm = hubspot_bench.Bench | salesforce_bench.Bench

POINTS = ("P0", "P1", "P2", "P3", "P4", "P5", "P6")
NAMES = {"hubspot": "portal", "salesforce": "org"}


@contextmanager
def opened(vendor: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    if vendor == "hubspot":
        with hubspot(desk, monkeypatch) as portal:
            for stage in ("appointmentscheduled", "contractsent"):
                portal.deal(dealstage=stage)
            yield portal
    else:
        with salesforce(desk, monkeypatch) as org:
            for name in ("Acme rollout", "Birch rollout"):
                org.deal(name, StageName="Prospecting")
            yield org


def rows(url: str, table: str) -> list[tuple[str, str, str]]:
    engine = create_engine(url)
    with engine.connect() as db:
        found = db.execute(text(f"SELECT deal, place, state FROM {table} ORDER BY id")).all()
    engine.dispose()
    return [(deal, place, state) for deal, place, state in found]


@pytest.mark.parametrize(("vendor", "point"), list(product(NAMES, POINTS)))
def test_fault_32_killed_at_any_step_of_writing_the_next_apply_ends_as_planned(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, store_url: str, vendor: str, point: str
) -> None:
    monkeypatch.setenv("CRM_AUDIT_STORE", store_url)
    name = NAMES[vendor]
    with opened(vendor, desk, monkeypatch):
        desk("sync")
        planned = desk("writeback", "plan", name, "--json").json()["writes"]
        killed = desk.process("writeback", "apply", name, CRM_AUDIT_CRASH_AT=f"{point}:1")
        assert killed.code == -signal.SIGKILL, killed.err
        again = desk("writeback", "apply", name, "--json").json()
        assert all(receipt["ok"] for receipt in again["receipts"])
        if point >= "P4":  # all of it had arrived, so nothing is sent a second time
            assert (again["receipts"], again["calls_that_wrote"]) == ([], 0)
        assert desk("writeback", "plan", name, "--json").json()["writes"] == []
        assert rows(store_url, "outbox") == []
        told = Counter((deal, place) for deal, place, _ in rows(store_url, "journal"))
        assert told == Counter((write["deal"], write["place"]) for write in planned)
