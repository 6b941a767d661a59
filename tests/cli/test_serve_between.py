"""`crm-audit serve` between the nights: polled, or woken by a webhook; and what `doctor` says of it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from crm_audit.store import Store
from tests.cli.desk import PLAIN, Desk
from tests.cli.patience import until
from tests.cli.portals import export, hubspot, nobody_there
from tests.cli.watchmen import Station
from tests.connectors.hubspot_bench import Bench

NIGHT = datetime(2026, 3, 16, 15, tzinfo=UTC)
URL, SECRET = "https://audit.seller.example", "invented-secret"
MOVED = "contractsent"


@pytest.fixture
def station(desk: Desk, store_url: str) -> Station:
    made = Station(desk, store_url, environ={"HOOK": SECRET})
    made.set(NIGHT)
    return made


@contextmanager
def portal(station: Station, monkeypatch: pytest.MonkeyPatch, more: str, top: str = "") -> Iterator[tuple[Bench, str]]:
    """A portal of one deal that serves with more settings, and the id of the deal."""
    with hubspot(station.desk, monkeypatch) as crm:
        monkeypatch.setenv("HOOK", SECRET)
        deal = crm.deal(dealstage="appointmentscheduled")
        station.settle(crm.base)
        text = station.desk.config.read_text().replace('nightly = "01:30"', f'nightly = "01:30"\n{more}')
        login = '{ access_token = "PORTAL_TOKEN", webhook_secret = "HOOK" }'
        text = text.replace('{ access_token = "PORTAL_TOKEN" }', login) if top else text
        station.desk.config.write_text(f"{text}\n{top}\n")
        yield crm, deal


def shows(crm: Bench, deal: str) -> object:
    return crm.portal.value("deals", deal, "crm_audit_top_finding")


def test_what_changed_is_shown_two_minutes_later(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    with portal(station, monkeypatch, 'every = "2m"') as (crm, deal), station.serving() as watchman:
        until(lambda: bool(watchman.said("night")))
        before = shows(crm, deal)
        crm.set("deals", deal, dealstage=MOVED)
        crm.clock.advance(minutes=2)
        station.set(NIGHT + timedelta(minutes=2))
        until(lambda: shows(crm, deal) != before)
        assert watchman.stop() == 0
    assert any(line.get("between") for line in watchman.said("sync"))
    with Store.open(station.store) as store:
        assert [night.state for night in store.nights.newest("portal")] == ["done"]


def test_a_webhook_wakes_it_and_a_signal_ends_it(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    listen = nobody_there().removeprefix("http://")
    receiver = f'[receiver]\nlisten = "{listen}"\nurl = "{URL}"'
    with portal(station, monkeypatch, "", receiver) as (crm, deal), station.serving() as watchman:
        crm.portal.subscribe("object.propertyChange", "deals")
        until(lambda: bool(watchman.said("night")))
        before = shows(crm, deal)
        crm.set("deals", deal, dealstage=MOVED)
        (said,) = crm.portal.deliveries(f"{URL}/webhooks/portal", SECRET)
        door = http.client.HTTPConnection(listen, timeout=30)
        door.request("POST", "/webhooks/portal", said.body, {**said.headers, "X-HubSpot-Signature-v3": "forged"})
        assert door.getresponse().status == 401
        door = http.client.HTTPConnection(listen, timeout=30)
        door.request("POST", "/webhooks/portal", said.body, dict(said.headers))
        assert door.getresponse().status == 204
        until(lambda: shows(crm, deal) != before)
        assert watchman.stop() == 0
    assert [line["status"] for line in watchman.said("message refused")] == [401]
    assert SECRET not in watchman.log.read_text()


def test_a_receiver_without_a_secret_does_not_start(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    with portal(station, monkeypatch, 'every = "2m"') as _:
        text = station.desk.config.read_text()
        station.desk.config.write_text(f'{text}\n[receiver]\nurl = "{URL}"\n')
        with station.serving() as watchman:
            assert watchman.process.wait(60) == 2
        assert "login.webhook_secret" in watchman.log.read_text()


def checks(desk: Desk, what: str) -> list[tuple[str, str]]:
    told = desk("doctor", "--json").json()["checks"]
    return [(each["result"], each["says"]) for each in told if each["what"] == what]


def test_doctor_tells_how_often_and_does_not_take_a_short_run_for_a_night(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_AUDIT_STORE", station.store)
    with portal(station, monkeypatch, 'every = "2m"') as (crm, _):
        assert checks(station.desk, "between") == [
            ("WARN", "waits for a first sync of everything under these settings")
        ]
        with station.serving() as watchman:
            until(lambda: bool(watchman.said("night")))
            crm.clock.advance(minutes=2)
            station.set(NIGHT + timedelta(minutes=2))
            until(lambda: any(line.get("between") for line in watchman.said("sync")))
            assert watchman.stop() == 0
        ((_, says),) = checks(station.desk, "last sync")
        assert "run 1" in says  # whatever its age: the clock of the test is not today's
        assert checks(station.desk, "between") == [("PASS", "every 2 minutes")]
        crm.portal.limits.daily = 700
        ((result, says),) = checks(station.desk, "between")
        assert result == "WARN"
        assert "instead of 2 minutes" in says


def test_doctor_tells_where_webhooks_are_taken(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_AUDIT_STORE", station.store)
    with portal(station, monkeypatch, "", f'[receiver]\nurl = "{URL}"') as _:
        assert checks(station.desk, "webhooks") == [("PASS", f"{URL}/webhooks/portal; waiting: 0 hints")]
        monkeypatch.delenv("HOOK")
        ((result, says),) = checks(station.desk, "webhooks")
        assert (result, "HOOK" in says) == ("FAIL", True)
        station.desk.config.write_text(station.desk.config.read_text().partition("[receiver]")[0])
        ((result, says),) = checks(station.desk, "webhooks")
        assert (result, "[receiver]" in says) == ("WARN", True)


def test_exports_are_not_read_between_nights(desk: Desk) -> None:
    export(desk)
    desk.settle(PLAIN.replace('vendor = "files"', 'vendor = "files"\nevery = "2m"'))
    assert checks(desk, "between") == [("FAIL", "files is read at night alone; take out every")]
