"""`crm-audit break-glass`: one deal's gate, open at once and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from crm_audit.connectors.salesforce import own
from crm_audit.writeback.contested import A_DAY
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce
from tests.connectors.salesforce_bench import Bench

WHY = ("--why", "The CFO signed on paper")


@pytest.fixture
def org(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Two deals that may not enter the last stage, and whose verdicts say so."""
    with salesforce(desk, monkeypatch, ladder="block") as crm:
        crm.make("CustomPermission", DeveloperName="Pass", MasterLabel="Pass")
        text_ = desk.config.read_text("utf-8").replace('ladder = "block"', 'ladder = "block"\nbypass = "Pass"')
        desk.settle(f'{text_}"Negotiation/Review" = 5\n')
        for name in ("Acme rollout", "Birch rollout"):
            crm.deal(name, StageName="Prospecting")
        desk("sync")
        assert desk("writeback", "apply", "org").code == 0
        yield crm


def refused(crm: Bench) -> dict[object, object]:
    """What the gate keeps each deal out of, by its name."""
    names = {row["Id"]: row["Name"] for row in crm.org.rows("Opportunity")}
    return {names[row[own.KEY]]: row["Refused_Stages__c"] for row in crm.org.rows(own.VERDICT)}


def acme(crm: Bench) -> str:
    return str(next(row["Id"] for row in crm.org.rows("Opportunity") if row["Name"] == "Acme rollout"))


OPENED = '{"Refused_Stages__c": null}'
CLOSED = ";Negotiation/Review;"


def test_with_apply_it_opens_this_deal_in_the_crm_at_once_and_no_other(desk: Desk, org: Bench) -> None:
    assert refused(org) == {"Acme rollout": CLOSED, "Birch rollout": CLOSED}
    answer = desk("break-glass", acme(org), *WHY, "--apply")
    assert answer.code == 0
    assert "1 of 1 writes done and read back" in answer.out
    assert refused(org) == {"Acme rollout": None, "Birch rollout": CLOSED}
    assert desk("writeback", "plan", "org", "--json").json()["writes"] == []


def test_it_opens_at_once_however_often_something_in_the_crm_has_closed_it_or_we_have_written_today(
    desk: Desk, org: Bench
) -> None:
    engine = create_engine(f"sqlite:///{desk.database}")
    with engine.begin() as db:
        times = ", ".join(f"({number})" for number in range(100, 100 + A_DAY))
        columns = "connection, run, plan, deal, place, state, at, entry"
        same = f"SELECT column1, {columns}, '{{}}', '{OPENED}' FROM (VALUES {times}), journal"
        db.execute(
            text(f"INSERT INTO journal (id, {columns}, before, after) {same} WHERE deal = :deal AND place = :place"),
            {"deal": acme(org), "place": own.VERDICT},
        )
    engine.dispose()
    answer = desk("break-glass", acme(org), *WHY, "--apply")
    assert (answer.code, "1 of 1 writes done" in answer.out) == (0, True)
    assert refused(org)["Acme rollout"] is None


def test_without_apply_nothing_is_written_and_the_next_step_is_told(desk: Desk, org: Bench) -> None:
    answer = desk("break-glass", acme(org), *WHY)
    assert "Nothing is written to the CRM yet. Next: crm-audit writeback apply org" in answer.err
    assert refused(org)["Acme rollout"] == CLOSED
    desk("writeback", "apply", "org")
    assert refused(org) == {"Acme rollout": None, "Birch rollout": CLOSED}


def test_once_its_time_is_over_the_next_apply_closes_the_gate_again(desk: Desk, org: Bench) -> None:
    desk("break-glass", acme(org), *WHY, "--apply")
    engine = create_engine(f"sqlite:///{desk.database}")
    with engine.begin() as db:
        db.execute(text("UPDATE glass SET until = opened"))
    engine.dispose()
    assert "glass" not in desk("doctor").out
    desk("writeback", "apply", "org")
    assert refused(org) == {"Acme rollout": CLOSED, "Birch rollout": CLOSED}


def test_what_is_open_is_told_by_doctor_check_and_explain_and_logged(desk: Desk, org: Bench) -> None:
    deal = acme(org)
    desk("break-glass", deal, *WHY, "--by", "mia", "--hours", "3")
    until = datetime.now(UTC) + timedelta(hours=3)
    assert f"deal {deal} is open until {until:%Y-%m-%d}" in desk("doctor").out
    out = desk("check").out
    assert "keeps 1 deals out of a later stage" in out
    assert "Let off   1 gates broken open" in out
    assert "broken by mia: The CFO signed on paper" in desk("explain", deal).out
    entry = desk("log", "--json").json()["entries"][-1]
    assert (entry["act"], entry["by"], entry["what"]["why"]) == ("broke_glass", "mia", "The CFO signed on paper")


@pytest.mark.parametrize(("hours", "code"), [("72", 0), ("73", 2), ("0", 2)])
def test_it_lasts_as_long_as_the_setting_allows(desk: Desk, org: Bench, hours: str, code: int) -> None:
    assert desk("break-glass", acme(org), *WHY, "--hours", hours).code == code


def test_a_reason_is_needed(desk: Desk, org: Bench) -> None:
    assert desk("break-glass", acme(org), "--why", " ").code == 2
    assert "glass" not in desk("doctor").out


def test_in_shadow_nothing_is_written_at_once_either(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch, ladder="shadow") as crm:
        deal = crm.deal(dealstage="appointmentscheduled")
        desk("sync")
        answer = desk("break-glass", deal, *WHY, "--apply", "--json")
        assert (answer.code, answer.json()["receipts"]) == (0, [])
        assert crm.portal.value("deals", deal, "crm_audit_status") is None
