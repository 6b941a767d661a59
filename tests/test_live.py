"""Between the nights: short runs read little, judge what moved, and never write from less than a night knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from crm_audit import packs
from crm_audit.config import Connection
from crm_audit.connectors.base import Connector, Hint
from crm_audit.connectors.hubspot import HubSpot, kit
from crm_audit.emulator.server import Response
from crm_audit.live import KEPT, REST, Live, least_interval
from crm_audit.pipeline import Job
from crm_audit.rounds import Edge, Step, carry_out
from crm_audit.store import Run, Start, Store
from crm_audit.store.hints import MOST
from crm_audit.store.waivers import By
from tests.connectors import salesforce_bench
from tests.connectors.hubspot_bench import Bench, bench

MINUTE = timedelta(minutes=1)
CORE = packs.load("core")
LADDER = {"default": {"appointmentscheduled": 0, "qualifiedtobuy": 2, "contractsent": 5}}
STATUS = "crm_audit_status"


@dataclass
class Desk:
    """One portal that is audited by night and in between, on the portal's own clock."""

    crm: Bench
    store: Store
    settings: dict[str, object] = field(default_factory=dict)
    told: list[Step] = field(default_factory=list)
    connected: list[HubSpot] = field(default_factory=list)
    url: str = ""

    @property
    def job(self) -> Job:
        given = {"vendor": "hubspot", "ladder": "annotate", "every": "2m", "ladders": LADDER, **self.settings}
        return Job("portal", Connection.model_validate(given), CORE)

    @property
    def edge(self) -> Edge:
        return Edge(connect=self.connect, now=self.crm.clock.now, bug=lambda error: f"{type(error).__name__}: {error}")

    def connect(self, job: Job) -> Connector:
        self.connected.append(HubSpot(job.connection, self.crm.gateway()))
        return self.connected[-1]

    def night(self) -> list[Step]:
        return list(carry_out(self.job, self.store, self.edge, lambda kind, done: None))

    def live(self) -> Live:
        return Live((self.job,), self.store, self.edge, self.told.append)

    def hint(self, record: str, kind: str = "deals") -> None:
        self.store.hear(
            "portal", [Hint(f"{kind} {record} {self.crm.clock.now()}", kind, record)], at=self.crm.clock.now()
        )

    def said(self, step: str) -> list[str]:
        return [each.says for each in self.told if each.step == step]

    def runs(self) -> list[Run]:
        return self.store.runs("portal", 100)

    def status(self, deal: str) -> str | None:
        return self.crm.portal.value("deals", deal, STATUS) or None


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    with bench() as crm, Store.open(store_url) as store:
        crm.portal.install_kit()
        made = Desk(crm, store)
        yield made
        assert [step.says for step in made.told if step.code == 70] == []


def worked(desk: Desk) -> str:
    """A deal that a night has judged, and an hour later."""
    deal = desk.crm.deal(dealstage="appointmentscheduled", amount="100")
    assert {step.code for step in desk.night()} == {0}
    desk.crm.clock.advance(hours=1)
    return deal


def test_a_change_is_shown_by_the_next_look_and_no_other_deal_is_judged(desk: Desk) -> None:
    deal, other = worked(desk), desk.crm.deal("Other", dealstage="appointmentscheduled")
    desk.night()
    before = desk.status(other)
    desk.crm.clock.advance(hours=1)
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.live().look()
    assert desk.said("check")[0].startswith("1 open deals")
    assert desk.said("apply") == ["1 of 1 writes done and read back, 0 refused"]
    assert desk.status(deal) != before
    assert desk.status(other) == before


def test_a_look_with_nothing_new_judges_and_writes_nothing(desk: Desk) -> None:
    worked(desk)
    live = desk.live()
    live.look()
    assert [step.step for step in desk.told] == ["sync"]
    writes = desk.crm.portal.calls.write
    desk.crm.clock.advance(minutes=3)
    live.look()
    assert [step.step for step in desk.told] == ["sync", "sync"]
    assert desk.crm.portal.calls.write == writes


def test_our_own_write_is_not_followed_by_another_round(desk: Desk) -> None:
    deal = worked(desk)
    live = desk.live()
    desk.crm.set("deals", deal, dealstage="contractsent")
    for _ in range(3):
        live.look()
        desk.crm.clock.advance(minutes=3)
    assert len(desk.said("apply")) == 1


def test_a_deal_that_refused_its_write_stays_due_until_it_takes_it(desk: Desk) -> None:
    deal = worked(desk)
    before = desk.status(deal)
    refused = {"status": "error", "category": "VALIDATION_ERROR", "message": "Not today", "context": {"ids": [deal]}}
    desk.crm.faults.next("deals/batch/update", Response(207, {"results": [], "errors": [refused]}))
    live = desk.live()
    desk.crm.set("deals", deal, dealstage="contractsent")
    live.look()
    assert "1 refused" in desk.told[-1].says
    assert (desk.status(deal), desk.store.due("portal")) == (before, {deal})
    desk.crm.clock.advance(minutes=3)
    live.look()  # nothing changed in between
    assert desk.status(deal) != before
    assert desk.store.due("portal") == set()


def test_a_broken_glass_is_closed_by_the_first_short_round_after_it(desk: Desk) -> None:
    passed = kit.passes(["contractsent"])["contractsent"]
    desk.crm.portal.define_property("deals", passed, "enumeration", options=(kit.FILLED,))
    desk.settings |= {"ladder": "block", "bypass": "the desk", "options": {"pass_stages": ["contractsent"]}}
    deal, live = worked(desk), desk.live()
    live.look()

    def is_open() -> bool:
        return desk.crm.portal.value("deals", deal, passed) == kit.FILLED

    assert not is_open()
    desk.crm.clock.advance(minutes=3)
    now = desk.crm.clock.now()
    by = By(name="mia", at=now)
    desk.store.waivers.break_glass("portal", deal, until=now + timedelta(hours=1), why="Signed", by=by)
    live.look()  # nothing changed in the portal, here as well as after it
    assert is_open()
    for minutes in (30, 28):
        desk.crm.clock.advance(minutes=minutes)
        live.look()
    assert is_open()
    desk.crm.clock.advance(minutes=3)
    told = len(desk.told)
    live.look()
    assert not is_open()
    desk.crm.clock.advance(minutes=3)
    live.look()
    assert [step.step for step in desk.told[told:]] == ["sync", "check", "plan", "apply", "sync"]


def test_between_two_looks_nothing_is_asked(desk: Desk) -> None:
    worked(desk)
    live = desk.live()
    live.look()
    calls = desk.crm.portal.calls.read
    desk.crm.clock.advance(minutes=1)
    live.look()
    assert desk.crm.portal.calls.read == calls
    desk.crm.clock.advance(minutes=1)
    live.look()
    assert desk.crm.portal.calls.read > calls


def test_a_connection_that_names_no_interval_is_not_polled(desk: Desk) -> None:
    desk.settings["every"] = None
    deal = worked(desk)
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.live().look()
    assert desk.told == []


def test_a_meeting_that_does_not_touch_its_deal_is_found(desk: Desk) -> None:
    deal, dana = desk.crm.deal(dealstage="qualifiedtobuy", amount="100"), desk.crm.person("Dana")
    desk.crm.portal.associate("deals", deal, "contacts", dana)
    desk.night()
    desk.crm.clock.advance(hours=1)
    desk.crm.activity("meetings", (deal,), (dana,), hs_meeting_title="Demo", hs_meeting_outcome="COMPLETED",
                      hs_meeting_start_time=(desk.crm.clock.now() - MINUTE).isoformat())  # fmt: skip
    assert desk.store.due("portal") == set()
    desk.live().look()
    assert desk.said("check")[0].startswith("1 open deals")


def test_a_hint_on_a_deal_reads_what_was_logged_on_it(desk: Desk) -> None:
    desk.settings["every"] = None
    deal, dana = desk.crm.deal(dealstage="qualifiedtobuy", amount="100"), desk.crm.person("Dana")
    desk.crm.portal.associate("deals", deal, "contacts", dana)
    desk.night()
    desk.crm.clock.advance(hours=1)
    desk.crm.portal.search_lag = timedelta(hours=2)  # the index knows nothing yet
    erin = desk.crm.person("Erin")
    desk.crm.portal.associate("deals", deal, "contacts", erin)
    desk.crm.activity("meetings", (deal,), (dana, erin), hs_meeting_title="Demo", hs_meeting_outcome="COMPLETED",
                      hs_meeting_start_time=(desk.crm.clock.now() - MINUTE).isoformat())  # fmt: skip
    desk.hint(deal)
    desk.live().look()
    run = desk.runs()[0]
    known = desk.store.frames(run)
    assert run.reach == "hints"
    assert known["events"]["kind"].to_list() == ["meeting_held"]
    assert erin in known["people"]["id"].to_list()
    assert {dana, erin} <= set(known["links"]["person"])


def test_a_hinted_round_asks_for_no_lists_and_no_searches(desk: Desk) -> None:
    desk.settings["every"] = None
    deal = worked(desk)
    live = desk.live()
    desk.hint(deal)
    live.look()
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.hint(deal)
    before = dict(desk.connected[-1].calls.by_name)
    desk.crm.clock.advance(seconds=1)
    desk.hint(deal, "meetings")
    live.look()
    after = desk.connected[-1].calls.by_name
    new = {name for name in after if after[name] > before.get(name, 0)}
    assert new
    assert not [name for name in new if name.endswith("/search") or "properties" in name or "owners" in name]


def test_a_short_run_that_can_read_less_than_the_night_fails_and_nothing_is_written(desk: Desk) -> None:
    deal = worked(desk)
    desk.crm.portal.revoke("crm.objects.quotes.read")
    live, before, night = desk.live(), desk.status(deal), desk.runs()[0]
    desk.crm.set("deals", deal, dealstage="contractsent")
    live.look()
    assert (desk.runs()[0].status, desk.told[-1].broke) == ("failed", True)
    assert "quotes" in desk.told[-1].says
    assert desk.store.latest("portal") == night  # what it knew stays the newest that is known
    assert desk.status(deal) == before
    desk.crm.portal.grant("crm.objects.quotes.read")
    desk.crm.clock.advance(minutes=3)
    live.look()  # nothing is new since, but the deal is still due
    assert (desk.runs()[0].status, desk.runs()[0].missing) == ("complete", {})
    assert desk.status(deal) != before


def test_a_gap_of_the_last_night_keeps_every_short_run_from_writing(desk: Desk) -> None:
    deal = worked(desk)
    run = desk.store.begin(Start(connection="portal", started=desk.crm.clock.now(), config=desk.runs()[0].config))
    run = desk.store.introduce(run, account=desk.runs()[1].account, survey=desk.runs()[1].survey)
    desk.store.finish(run, at=desk.crm.clock.now(), missing={"events": "planned"}, calls=desk.connected[0].calls)
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.crm.clock.advance(hours=1)
    for _ in range(2):
        desk.live().look()
        desk.crm.clock.advance(minutes=3)
    assert desk.runs()[0].missing == {"events": "planned"}
    assert desk.said("apply") == []
    assert {step.code for step in desk.night()} == {0}
    assert desk.store.due("portal") == set()


def test_before_the_first_night_and_after_other_settings_it_waits(desk: Desk) -> None:
    deal = desk.crm.deal(dealstage="appointmentscheduled")
    desk.hint(deal)
    desk.live().look()
    assert desk.runs() == []
    desk.night()
    desk.settings["topics"] = {"demo": ["pricing"]}
    desk.crm.clock.advance(hours=1)
    desk.live().look()
    assert [run.reach for run in desk.runs()] == ["all"]


def test_one_that_somebody_else_reads_is_left_to_the_next_look(desk: Desk) -> None:
    worked(desk)
    other = desk.store.begin(Start(connection="portal", started=desk.crm.clock.now(), reach="hints"))
    live = desk.live()
    live.look()
    assert desk.told == []
    desk.store.fail(other, at=desk.crm.clock.now(), reason="planned", calls=desk.connected[0].calls)
    live.look()
    assert [step.step for step in desk.told] == ["sync"]


def test_a_round_that_breaks_rests_and_what_was_due_stays_due(desk: Desk) -> None:
    deal = worked(desk)
    live, before = desk.live(), desk.status(deal)
    desk.crm.set("deals", deal, dealstage="contractsent")
    for name in ("crm_audit_status", "crm_audit_details"):
        desk.crm.portal.archive_property("deals", name)  # so that nothing can be shown
    live.look()
    assert (desk.told[-1].step, desk.told[-1].broke) == ("plan", True)
    assert desk.store.due("portal") == {deal}
    told = len(desk.told)
    live.look()
    assert len(desk.told) == told
    desk.crm.portal.install_kit()
    desk.crm.clock.advance(minutes=3)  # nothing changes in between
    live.look()
    assert desk.store.due("portal") == set()
    assert desk.status(deal) != before


def test_short_runs_are_no_nights_and_those_that_moved_nothing_are_forgotten(desk: Desk) -> None:
    deal = worked(desk)
    live = desk.live()
    for number in range(4):
        if number == 1:
            desk.crm.set("deals", deal, amount="7")
        live.look()
        desk.crm.clock.advance(minutes=10)
    reaches = [(run.reach, run.moved > 0) for run in desk.runs()]
    assert reaches == [("changes", False), ("changes", True), ("all", False)]
    assert [run.reach for run in desk.store.runs("portal", reach=("all",))] == ["all"]


def test_a_flood_becomes_one_round_over_what_changed(desk: Desk) -> None:
    desk.settings["every"] = None
    deal = worked(desk)
    for start in range(0, MOST + 200, 100):
        said = [Hint(f"key {number}", "deals", str(number)) for number in range(start, start + 100)]
        desk.store.hear("portal", said, at=desk.crm.clock.now())
    pending = desk.store.pending("portal")
    assert pending.flood
    assert pending.hints <= MOST
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.live().look()
    assert desk.runs()[0].reach == "changes"
    assert desk.said("apply") == ["1 of 1 writes done and read back, 0 refused"]
    assert desk.store.pending("portal").flood is False


def test_a_hint_that_met_a_fault_of_the_crm_is_not_lost(desk: Desk) -> None:
    desk.settings["every"] = None
    deal = worked(desk)
    live = desk.live()
    desk.hint(deal)
    live.look()  # knows the portal now
    desk.crm.clock.advance(seconds=1)
    before = desk.status(deal)
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.crm.portal.revoke("crm.objects.deals.read")
    desk.hint(deal)
    live.look()
    assert desk.runs()[0].status == "failed"
    assert (desk.status(deal), desk.store.pending("portal").hints) == (before, 1)
    desk.crm.portal.grant("crm.objects.deals.read")
    live.look()
    assert desk.status(deal) == before  # it rests
    desk.crm.clock.advance(seconds=REST.total_seconds())
    live.look()
    assert desk.runs()[0].reach == "hints"
    assert desk.status(deal) != before
    desk.crm.clock.advance(minutes=5)
    runs = len(desk.runs())
    live.look()
    assert len(desk.runs()) == runs


def test_a_deal_of_salesforce_is_shown_anew(store_url: str) -> None:
    with salesforce_bench.bench() as sf, Store.open(store_url) as store:
        sf.org.install_kit()
        ladders = {"*": {"Prospecting": 0, "Needs Analysis": 2, salesforce_bench.STAGE: 5}}
        job = Job("org", sf.connection(ladder="annotate", every="1m", ladders=ladders), CORE)
        edge = Edge(connect=lambda job: sf.connector(ladder="annotate", ladders=ladders), now=sf.clock.now, bug=str)
        deal = sf.deal(StageName="Prospecting")
        sf.clock.advance(hours=1)
        assert {step.code for step in carry_out(job, store, edge, lambda kind, done: None)} == {0}
        told: list[Step] = []
        live = Live((job,), store, edge, told.append)
        for stage in (salesforce_bench.STAGE, "Prospecting"):
            sf.clock.advance(minutes=5)
            sf.change(deal, StageName=stage)
            live.look()
        assert [step.says for step in told if step.step == "apply"] == [
            "1 of 1 writes done and read back, 0 refused"
        ] * 2
        assert {step.code for step in told} == {0}


def test_a_property_that_vanishes_between_two_looks_is_unknown_and_not_missing(desk: Desk) -> None:
    desk.settings["every"] = None
    deal, live = worked(desk), desk.live()
    desk.hint(deal)
    live.look()  # knows the portal now
    before, night = desk.status(deal), desk.store.latest("portal")
    desk.crm.clock.advance(seconds=1)
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.crm.portal.archive_property("deals", "amount")
    for _ in range(3):
        desk.hint(deal)
        live.look()
        assert (desk.runs()[0].status, desk.told[-1].broke) == ("failed", True)
        assert "amount" in desk.told[-1].says
        desk.crm.clock.advance(minutes=2)
    assert desk.store.latest("portal") == night
    assert desk.status(deal) == before
    assert {step.code for step in desk.night()} == {0}  # which knows that it cannot be told
    desk.crm.clock.advance(minutes=2)
    desk.hint(deal)
    live.look()
    assert desk.runs()[0].status == "complete"


def test_what_a_look_costs_in_calls(desk: Desk) -> None:
    """A change here is a change of what every customer pays, hundreds of times a day."""
    deal, live = worked(desk), desk.live()

    def spent() -> int:
        calls = desk.connected[-1].calls
        before = calls.read + calls.write
        live.look()
        return calls.read + calls.write - before

    live.look()
    desk.hint(deal)
    desk.crm.set("deals", deal, dealstage="qualifiedtobuy", closedate="2026-06-30")  # one without costs a look more
    live.look()  # knows now that our properties are there
    desk.crm.clock.advance(minutes=10)
    live.look()  # an increment sees once more what a hint told before
    desk.crm.clock.advance(minutes=10)
    assert spent() == 8
    desk.crm.clock.advance(seconds=10)
    desk.crm.set("deals", deal, dealstage="contractsent")
    desk.hint(deal)
    assert spent() == 13


def test_every_call_of_a_round_stands_in_the_ledger(desk: Desk) -> None:
    deal, live = worked(desk), desk.live()
    live.look()
    desk.crm.clock.advance(minutes=3)
    desk.crm.set("deals", deal, dealstage="contractsent")
    calls = desk.connected[-1].calls
    before = (calls.read, calls.write)
    live.look()
    run = desk.runs()[0]
    assert len(desk.said("apply")) == 1
    assert (run.calls_read, run.calls_write) == (calls.read - before[0], calls.write - before[1])


def test_hints_wait_until_the_round_before_them_is_paid_off_and_are_not_lost(desk: Desk) -> None:
    desk.settings["every"] = None
    deal, live = worked(desk), desk.live()
    desk.crm.portal.limits = replace(desk.crm.portal.limits, daily=86_400)  # half a call a second is ours
    desk.hint(deal)
    live.look()
    run = desk.runs()[0]
    share = timedelta(seconds=2 * (run.calls_read + run.calls_write))
    desk.crm.clock.advance(seconds=1)
    desk.hint(deal)
    live.look()
    assert desk.runs()[0] == run
    assert desk.store.pending("portal").hints == 1
    desk.crm.clock.advance(seconds=(run.started + share - desk.crm.clock.now()).total_seconds())
    live.look()
    assert desk.runs()[0].id > run.id
    assert desk.store.pending("portal").hints == 0


def test_a_connector_is_kept_for_an_hour(desk: Desk) -> None:
    worked(desk)
    live, made = desk.live(), len(desk.connected)
    for _ in range(3):
        live.look()
        desk.crm.clock.advance(minutes=5)
    assert len(desk.connected) == made + 1
    desk.crm.clock.advance(seconds=KEPT.total_seconds())
    live.look()
    assert len(desk.connected) == made + 2


@pytest.mark.parametrize(("calls", "allowed", "seconds"), [(10, 86_400, 20), (0, 86_400, 0), (10, None, 0)])
def test_polling_takes_no_more_than_its_share_of_the_day(calls: int, allowed: int | None, seconds: int) -> None:
    run = Run.__new__(Run)
    object.__setattr__(run, "calls_read", calls)
    object.__setattr__(run, "calls_write", 0)
    given = Connection.model_validate({"vendor": "hubspot", "quota_share": "0.5"})
    assert least_interval(given, run, allowed) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["0m", "30s", "2", "m", "-1m", "1.5m", 2])
def test_an_interval_is_whole_minutes(text: object) -> None:
    with pytest.raises(ValueError, match="no interval"):
        Connection.model_validate({"vendor": "hubspot", "every": text})
