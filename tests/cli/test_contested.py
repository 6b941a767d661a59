"""Against workflows and flows that change what is ours: written a few times, then left alone and told, until mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crm_audit.connectors.hubspot.names import OWN
from crm_audit.connectors.salesforce import own
from crm_audit.emulator.automation import Automation, Automations
from crm_audit.emulator.hubspot.automations import hostile as workflows
from crm_audit.emulator.salesforce.automations import hostile as flows
from crm_audit.writeback.contested import A_DAY, CONTESTED, ENOUGH, STRIKES
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce
from tests.connectors import hubspot_bench, salesforce_bench

LATER = 120
"""Seconds after which what runs later has run."""


class Side:
    """A CRM with one deal of which something is to be said, seen from outside."""

    def __init__(self, crm: hubspot_bench.Bench | salesforce_bench.Bench, name: str) -> None:
        self.crm, self.name = crm, name
        self.automations: Automations
        if isinstance(crm, hubspot_bench.Bench):
            self.automations, self.hostile, self.text = (
                crm.portal.automations,
                workflows(crm.portal),
                OWN["top_finding"],
            )
            self.deal, self.by = crm.deal(dealstage="qualifiedtobuy"), "INTEGRATION"
        else:
            self.automations, self.hostile, self.text = crm.org.automations, flows(crm.org), "Top_Finding__c"
            self.deal, self.by = crm.deal(StageName="Needs Analysis"), crm.org.integration_user

    def told(self) -> str:
        """The top finding as it is shown."""
        if isinstance(self.crm, hubspot_bench.Bench):
            return self.crm.portal.value("deals", self.deal, self.text) or ""
        (verdict,) = self.crm.org.rows(own.VERDICT)
        return str(verdict[self.text] or "")

    def move(self, back: bool) -> None:
        """A rep moves the deal to the stage of which nothing is asked, or back."""
        if isinstance(self.crm, hubspot_bench.Bench):
            self.crm.set("deals", self.deal, dealstage="qualifiedtobuy" if back else "appointmentscheduled")
        else:
            self.crm.change(self.deal, StageName="Needs Analysis" if back else "Prospecting")

    def written(self, *fields: str) -> int:
        """How often we wrote one of these fields, or anything at all on a deal."""
        ours = [each for each in self.automations.book if each.by == self.by and each.automation is None]
        on_deals = [each for each in ours if each.kind != own.CONNECTION]
        return len([each for each in on_deals if not fields or not each.after.keys().isdisjoint(fields)])


@contextmanager
def opened(vendor: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    if vendor == "hubspot":
        with hubspot(desk, monkeypatch) as portal:
            yield Side(portal, "portal")
    else:
        with salesforce(desk, monkeypatch) as org:
            yield Side(org, "org")


def rounds(desk: Desk, side: Side, times: int) -> list[int]:
    """So many rounds, and how many writes to deals each of them made."""
    made = []
    for _ in range(times):
        before = side.written()
        desk("run", side.name)
        made.append(side.written() - before)
        side.crm.clock.advance(seconds=LATER)
    return made


both = pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])


@both
@pytest.mark.parametrize("name", ["shouts later", "empties"])
def test_a_field_that_is_changed_back_is_written_three_times_and_then_left_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, vendor: str, name: str
) -> None:
    with opened(vendor, desk, monkeypatch) as side:
        side.automations.switch_on(side.hostile[name])
        made = rounds(desk, side, STRIKES + 2)
        assert made[STRIKES:] == [0, 0]
        assert all(made[:STRIKES])
        assert side.automations.ran[name] >= STRIKES


@both
def test_what_is_left_alone_is_told_with_what_to_do(desk: Desk, monkeypatch: pytest.MonkeyPatch, vendor: str) -> None:
    with opened(vendor, desk, monkeypatch) as side:
        side.automations.switch_on(side.hostile["shouts"])
        rounds(desk, side, STRIKES)
        answer = desk("run", side.name)
        assert "1 places are left alone" in answer.out
        assert answer.code == 4
        assert f"of deal {side.deal}: {side.text}: {CONTESTED}" in desk("writeback", "plan", side.name).out
        (left,) = desk("writeback", "plan", side.name, "--json").json()["left_alone"]
        assert (left["deal"], left["fields"]) == (side.deal, [side.text])


@both
def test_once_it_is_mended_the_admin_has_it_written_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    with opened(vendor, desk, monkeypatch) as side:
        side.automations.switch_on(side.hostile["shouts"])
        rounds(desk, side, STRIKES + 1)
        assert side.told().isupper()
        side.automations.switch_off()
        assert rounds(desk, side, 1) == [0]
        assert desk("writeback", "apply", side.name, "--contested").code == 0
        assert not side.told().isupper()
        assert desk("run", side.name).code == 0
        assert rounds(desk, side, 1) == [0]


@both
def test_another_finding_is_written_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch, vendor: str) -> None:
    with opened(vendor, desk, monkeypatch) as side:
        side.automations.switch_on(side.hostile["shouts"])
        rounds(desk, side, STRIKES + 1)
        side.automations.switch_off()
        side.move(back=False)
        rounds(desk, side, 1)
        assert side.told() == ""
        side.move(back=True)
        rounds(desk, side, 1)
        assert side.told() != ""


@both
def test_a_verdict_that_an_automation_turns_over_each_time_is_written_ten_times_a_day_at_most(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    with opened(vendor, desk, monkeypatch) as side:
        ours = lambda change: change.by == side.by and side.text in change.after  # noqa: E731
        kind = "deals" if vendor == "hubspot" else own.VERDICT
        flips = iter([False, True] * A_DAY)
        side.automations.switch_on(Automation("flips", kind, ours, lambda change: side.move(back=next(flips))))
        assert sum(rounds(desk, side, A_DAY + 1)) <= A_DAY + (vendor == "salesforce")  # and the link, once
        assert ENOUGH in desk("writeback", "plan", side.name).out


def test_a_lookup_that_a_flow_clears_is_not_set_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened("salesforce", desk, monkeypatch) as side:
        side.automations.switch_on(side.hostile["unlinks"])
        rounds(desk, side, STRIKES + 2)
        assert side.written(own.LOOKUP) == STRIKES


@both
def test_undo_restores_the_fields_of_a_write_that_a_workflow_has_changed_in_part(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    with opened(vendor, desk, monkeypatch) as side:
        side.automations.switch_on(side.hostile["shouts"])
        run = desk("run", side.name, "--json").json()["steps"][0]["run"]
        shouted = side.told()
        side.automations.switch_off()
        undone = desk("writeback", "undo", side.name, str(run), "--json").json()
        (receipt,) = undone["receipts"]
        assert receipt["ok"]
        assert side.text not in receipt["write"]["after"]
        assert set(receipt["write"]["after"].values()) == {None}
        assert side.told() == shouted
