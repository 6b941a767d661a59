"""Contract samples: what each connector says to its CRM and what it makes of the answers, played without any CRM.

`CRM_AUDIT_RECORD=1 pytest tests/test_tape.py` records them anew from the emulated CRMs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import requests
import urllib3

from crm_audit.config import Connection
from crm_audit.connectors import salesforce
from crm_audit.connectors.base import Calls, Connector
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.domain import KINDS, Annotation
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.server import serve
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import OutOfQuota
from crm_audit.pull import pull
from crm_audit.store import Start, Store
from crm_audit.writeback.plan import plan
from tests.tape import RECORDING, ROOT, scrub, tape

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not (RECORDING or ROOT.is_dir()), reason="the recordings are in a checkout only")

ORG, PORTAL = "acme.my.salesforce.com", "api.hubapi.com"
SAID = Annotation(status="overstated", stage_gap=1, top_finding="Dana Invented has not seen the pricing.")
SECRETS = re.compile(
    r"(?i)bearer\s+\S|authorization|set-cookie|eyJ[\w-]{8}|00D\w{12,15}![\w.]{8}|3MVG9|pat-\w{2,4}-|-----BEGIN"
    r"|[\w.+-]+@(?!\S*\.example)[\w-]+\.\w+|/root/|/home/|127\.0\.0\.1|localhost"
)
"""What must not be in a recording: tokens, keys, addresses of people, places of a machine."""


@contextmanager
def org(sample: str) -> Iterator[Connector]:
    """A connector to a small org that is there while it is recorded, and on tape afterwards."""
    login = {"consumer_key": "SF_KEY", "consumer_secret": "SF_SECRET"}
    connection = Connection.model_validate(
        {"vendor": "salesforce", "currency": "USD", "login": login, "options": {"instance": ORG}}
    )
    with ExitStack() as stack:
        session, environ = requests.Session(), {"SF_KEY": "played", "SF_SECRET": "played"}
        if RECORDING:
            crm = SalesforceOrg(Clock(NOW), name="Invented Sales Org")
            crm.move("acme")
            _fill_org(crm, busy=sample == "quota")
            base = stack.enter_context(serve(crm))
            session = Loopback(base).session()
            environ = {"SF_KEY": crm.gatehouse.client_id, "SF_SECRET": crm.gatehouse.client_secret}
            stack.enter_context(tape("salesforce", sample, hosts={base.removeprefix("http://"): ORG}))
        else:
            stack.enter_context(tape("salesforce", sample, hosts={}))
        yield salesforce.connect(connection, environ=environ, session=stack.enter_context(session), sleep=_never)


@contextmanager
def portal(sample: str) -> Iterator[Connector]:
    """The same of a small portal."""
    connection = Connection.model_validate({"vendor": "hubspot", "login": {"access_token": "HS_TOKEN"}})
    with ExitStack() as stack:
        pool: urllib3.PoolManager = urllib3.PoolManager()
        if RECORDING:
            crm = HubspotPortal(Clock(NOW))
            _fill_portal(crm, busy=sample == "quota")
            base = stack.enter_context(serve(crm))
            pool = Loopback(base).pool()
            stack.enter_context(tape("hubspot", sample, hosts={base.removeprefix("http://"): PORTAL}))
        else:
            stack.enter_context(tape("hubspot", sample, hosts={}))
        clock = Clock(NOW)
        pace = Pace(
            share=Decimal(1),
            monotonic=lambda: clock.now().timestamp(),
            sleep=lambda seconds: clock.advance(seconds=seconds),
        )
        yield HubSpot(connection, Gateway(SERVICE_KEY, pool=stack.enter_context(pool), pace=pace))


def _fill_org(crm: SalesforceOrg, *, busy: bool) -> None:
    crm.install_kit()
    account = crm.insert("Account", Name="Acme Freight")
    dana = crm.insert("Contact", FirstName="Dana", LastName="Invented", Email="dana@acme.example", AccountId=account)
    deal = crm.insert(
        "Opportunity", Name="Acme rollout", StageName="Negotiation/Review", CloseDate="2026-06-30", Amount=100_000,
        AccountId=account,
    )  # fmt: skip
    crm.insert("OpportunityContactRole", OpportunityId=deal, ContactId=dana, Role="Economic Decision Maker")
    crm.insert("Event", Subject="Pricing", StartDateTime=NOW, DurationInMinutes=30, WhatId=deal, WhoId=dana)
    if busy:
        crm.calls.daily = 0


def _fill_portal(crm: HubspotPortal, *, busy: bool) -> None:
    crm.install_kit()
    company = crm.create("companies", name="Acme Freight")
    dana = crm.create("contacts", firstname="Dana", lastname="Invented", email="dana@acme.example")
    deal = crm.create("deals", dealname="Acme rollout", pipeline="default", dealstage="contractsent", amount="100000")
    meeting = crm.create("meetings", hs_timestamp=NOW.isoformat(), hs_meeting_title="Pricing")
    crm.associate("deals", deal, "companies", company, label="Primary")
    crm.associate("deals", deal, "contacts", dana)
    crm.associate("meetings", meeting, "deals", deal)
    crm.associate("meetings", meeting, "contacts", dana)
    if busy:
        crm.spend_elsewhere(calls=crm.limits.daily - 1)


def _never(seconds: float) -> None:
    raise AssertionError(f"nothing here has to be waited for, yet {seconds} s were to be slept")


def synced(crm: Connector, store: Store) -> str:
    """A first sync; what became of it."""
    run = pull(crm, store, start=Start(connection="tape", started=NOW), now=lambda: NOW)
    assert not run.missing or run.status == "partial"
    return run.status


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/tape.db") as opened:
        yield opened


CRMS = pytest.mark.parametrize("crm", [org, portal], ids=["salesforce", "hubspot"])
Crm = Callable[[str], AbstractContextManager[Connector]]


@CRMS
def test_a_first_sync_reads_every_kind_that_is_there(crm: Crm, store: Store) -> None:
    with crm("first_sync") as connector:
        assert synced(connector, store) == "complete"
    (run,) = store.runs("tape")
    shown = {kind for kind, count in store.counts(run).items() if count.shown}
    assert shown >= {"stages", "users", "companies", "people", "deals", "links", "events"} - (
        {"users"} if connector.vendor == "hubspot" else set()
    )
    assert shown <= set(KINDS)


@CRMS
def test_a_verdict_is_written_and_read_back(crm: Crm, store: Store) -> None:
    with crm("annotate") as connector:
        assert synced(connector, store) == "complete"
        (run,) = store.runs("tape")
        deals = store.frames(run)["deals"]["id"].to_list()
        wanted = {deal: connector.wanted(deal, SAID) for deal in deals}
        receipts = connector.write(plan(wanted, connector.shown(deals)).writes)
        assert [receipt.reason for receipt in receipts if not receipt.ok] == []
        assert not plan(wanted, connector.shown(deals)).writes


@CRMS
def test_calls_that_are_used_up_end_a_run_early(crm: Crm, store: Store) -> None:
    with crm("quota") as connector:
        try:
            assert synced(connector, store) == "partial"
        except OutOfQuota:  # before it was known what there is to read
            assert store.runs("tape")[0].status == "failed"
        assert isinstance(connector.calls, Calls)


def test_nothing_secret_is_on_tape() -> None:
    tapes = sorted(ROOT.rglob("*.yaml"))
    assert len(tapes) == 6
    for each in tapes:
        text = each.read_text(encoding="utf-8")
        assert SECRETS.findall(text) == [], each
        assert scrub(text) == text, each


@pytest.mark.parametrize(
    "secret",
    ['{"access_token": "00Dinvented!token"}', "grant_type=x&client_secret=ABCDEF&a=b", '"signature":"abc="'],
)
def test_secrets_are_scrubbed_wherever_they_stand(secret: str) -> None:
    for value in ("00Dinvented!token", "ABCDEF", "abc="):
        assert value not in scrub(secret)


@pytest.mark.skipif(RECORDING, reason="recording")
def test_the_tapes_play_where_there_is_no_network() -> None:
    """In a network namespace of its own not even loopback is up: whatever is called for real fails."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("unshare and root are needed to play the tapes without a network", pytrace=False)
        pytest.skip("unshare and root are needed")
    chosen = "first_sync or verdict or used_up"
    command = [unshare, "-n", sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", __file__, "-k", chosen]
    played = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout[-2_000:]
    assert "6 passed" in played.stdout
