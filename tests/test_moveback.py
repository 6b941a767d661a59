"""Moving a deal back: the few cases in which it happens, and the many in which it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crm_audit.connectors.base import Move
from crm_audit.connectors.hubspot import moveback
from crm_audit.emulator.faults import BROKEN, Action, Fault, Reset
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.emulator.hubspot.records import Source
from crm_audit.emulator.hubspot.state import APP
from crm_audit.emulator.server import Request, Response, serve
from crm_audit.errors import FixConfig
from crm_audit.moveback import A_DAY
from crm_audit.store import Store
from tests.cli.desk import Desk as Command
from tests.cli.portals import HUBSPOT
from tests.connectors.hubspot_bench import bench
from tests.store.records import query
from tests.test_live import Desk

LOW, HIGH, WON = "qualifiedtobuy", "contractsent", "closedwon"
LOCKED = Response(423, {"status": "error", "message": "The record is locked."})
BLOCK: dict[str, object] = {
    "ladder": "block",
    "bypass": "the deal desk",
    "every": "1m",
    "options": {"move_back": ["default"]},
}


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    with bench() as crm, Store.open(store_url) as store:
        crm.portal.install_kit()
        made = Desk(crm, store, dict(BLOCK), url=store_url)
        yield made
        assert [step.says for step in made.told if step.code == 70] == []


def judged(desk: Desk, stage: str = LOW, **properties: str) -> str:
    """A deal that a night has judged in a stage that it may have, an hour later."""
    deal = desk.crm.deal(dealstage=stage, amount="100", **properties)
    assert {step.code for step in desk.night()} == {0}
    desk.crm.clock.advance(hours=1)
    return deal


def bounces(desk: Desk) -> list[tuple[str, str, str, str]]:
    """Deal, stage it left, stage it goes back to, and state of every move back."""
    return query(desk.url, "SELECT deal, after, before, state FROM bounces ORDER BY at, deal")


def logged(desk: Desk) -> int:
    return sum(entry.act == "moved_back" for entry in desk.store.log.entries("portal"))


def look(desk: Desk, seconds: float = 5) -> None:
    """What a look a moment later does."""
    desk.crm.clock.advance(seconds=seconds)
    desk.live().look()


def stage(desk: Desk, deal: str) -> str | None:
    return desk.crm.portal.value("deals", deal, "dealstage")


def pushed(desk: Desk, deal: str, to: str = HIGH, **more: object) -> None:
    desk.crm.set("deals", deal, dealstage=to, **more)


def test_a_move_into_a_refused_stage_goes_back_and_nothing_else_changes(desk: Desk) -> None:
    deal, other = judged(desk, closedate="2026-06-30"), desk.crm.deal("Other", dealstage=LOW)
    desk.night()
    desk.crm.clock.advance(hours=1)
    before = dict(desk.crm.portal.shelves["deals"].rows[deal].values)
    pushed(desk, deal)
    look(desk)
    assert desk.said("plan")[0].endswith("; 1 deals moved back")
    after = dict(desk.crm.portal.shelves["deals"].rows[deal].values)
    stamps = {"hs_lastmodifieddate"}
    assert {name for name in after if after[name] != before.get(name)} - stamps == set()
    assert stage(desk, other) == LOW
    assert bounces(desk) == [(deal, HIGH, LOW, "done")]


def test_the_next_round_judges_it_where_it_is_and_leaves_it_there(desk: Desk) -> None:
    deal = judged(desk)
    pushed(desk, deal)
    look(desk)
    desk.told.clear()
    for _ in range(3):
        look(desk, seconds=120)
    assert stage(desk, deal) == LOW
    assert desk.store.due("portal") == set()
    assert len(bounces(desk)) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"options": {}},
        {"options": {"move_back": ["other"]}},
        {"ladder": "shadow"},
        {"ladder": "annotate"},
        {"ladder": "warn"},
        {"pipeline_ladders": {"default": "annotate"}},
        {"pipeline_ladders": {"default": "warn"}},
    ],
    ids=str,
)
def test_it_stays_where_nobody_asked_for_that(desk: Desk, settings: dict[str, object]) -> None:
    desk.settings.update(settings)
    deal = judged(desk)
    pushed(desk, deal)
    look(desk)
    assert stage(desk, deal) == HIGH
    assert bounces(desk) == []


def test_without_a_way_past_nothing_is_moved(desk: Desk) -> None:
    deal = judged(desk)
    desk.settings["bypass"] = None
    pushed(desk, deal)
    look(desk)
    assert stage(desk, deal) == HIGH
    assert "bypass" in desk.told[-1].says


def test_a_night_moves_nothing_back(desk: Desk) -> None:
    deal = judged(desk)
    pushed(desk, deal)
    desk.crm.clock.advance(seconds=5)
    desk.night()
    assert stage(desk, deal) == HIGH


@pytest.mark.parametrize("minutes", [14, 16])
def test_an_old_move_stays(desk: Desk, minutes: int) -> None:
    deal = judged(desk)
    pushed(desk, deal)
    look(desk, seconds=minutes * 60)
    assert stage(desk, deal) == (LOW if minutes < 15 else HIGH)


@pytest.mark.parametrize(
    "by",
    [APP, Source("API", "77"), Source("INTEGRATION", "77"), Source("IMPORT", "9"), Source("AUTOMATION_PLATFORM", "1"),
     Source("MIGRATION"), Source("CALCULATED")],
    ids=lambda by: by.kind,
)  # fmt: skip
def test_what_no_person_moved_stays(desk: Desk, by: Source) -> None:
    deal = judged(desk)
    desk.crm.portal.update("deals", deal, by=by, dealstage=HIGH)
    look(desk)
    assert stage(desk, deal) == HIGH
    assert bounces(desk) == []


def test_a_step_back_stays(desk: Desk) -> None:
    deal = judged(desk, stage=HIGH)
    pushed(desk, deal, LOW)
    look(desk)
    assert stage(desk, deal) == LOW
    assert bounces(desk) == []


@pytest.mark.parametrize("to", ["closedlost", WON])
def test_what_is_closed_stays_closed(desk: Desk, to: str) -> None:
    deal = judged(desk)
    pushed(desk, deal, to)
    look(desk)
    assert stage(desk, deal) == to


def test_a_deal_that_was_reopened_stays(desk: Desk) -> None:
    deal = judged(desk, stage="closedlost")
    pushed(desk, deal)
    look(desk)
    assert stage(desk, deal) == HIGH


def test_a_stage_that_is_not_refused_stays(desk: Desk) -> None:
    deal = judged(desk, stage="appointmentscheduled")
    pushed(desk, deal, LOW)
    look(desk)
    assert stage(desk, deal) == LOW
    assert bounces(desk) == []


def test_a_move_into_another_pipeline_stays(desk: Desk) -> None:
    desk.settings["options"] = {"move_back": ["default", "second"]}
    desk.settings["ladders"] = {"default": {LOW: 2, HIGH: 5}, "second": {"a": 2, "z": 5}}
    desk.crm.portal.define_pipeline("second", "Second", [("a", "A", "0.2"), ("z", "Z", "0.9")])
    deal = judged(desk)
    desk.crm.set("deals", deal, pipeline="second", dealstage="z")
    look(desk)
    assert stage(desk, deal) == "z"


def test_gaps_in_the_evidence_move_nothing(desk: Desk) -> None:
    deal = judged(desk)
    live = desk.live()
    desk.crm.portal.revoke("crm.objects.quotes.read")
    pushed(desk, deal)
    desk.crm.clock.advance(seconds=70)
    live.look()
    assert desk.runs()[0].status == "failed"
    assert stage(desk, deal) == HIGH


def test_a_portal_that_syncs_with_salesforce_moves_nothing_and_says_so(desk: Desk) -> None:
    desk.crm.portal.sync_with_salesforce()
    deal = judged(desk)
    pushed(desk, deal)
    look(desk)
    assert stage(desk, deal) == HIGH
    assert "sync with Salesforce" in desk.told[-1].says
    assert desk.told[-1].code == FixConfig.exit_code


def test_the_close_date_that_hubspot_set_with_the_move_goes_back_too(desk: Desk) -> None:
    desk.settings["gate_won"] = True
    desk.crm.portal.dates_closing = True
    deal = judged(desk, closedate="2026-06-30T00:00:00Z")
    close = desk.crm.portal.value("deals", deal, "closedate")
    pushed(desk, deal, WON)
    assert desk.crm.portal.value("deals", deal, "closedate") != close
    look(desk)
    assert (stage(desk, deal), desk.crm.portal.value("deals", deal, "closedate")) == (LOW, close)


def test_an_empty_close_date_is_empty_again(desk: Desk) -> None:
    desk.settings["gate_won"] = True
    desk.crm.portal.dates_closing = True
    deal = judged(desk)
    pushed(desk, deal, WON)
    look(desk)
    assert (stage(desk, deal), desk.crm.portal.value("deals", deal, "closedate")) == (LOW, None)


@pytest.mark.parametrize("seconds", [0, 6])
def test_a_close_date_that_a_person_set_stays(desk: Desk, seconds: int) -> None:
    deal = judged(desk, closedate="2026-06-30T00:00:00Z")
    pushed(desk, deal, **({} if seconds else {"closedate": "2026-12-31T00:00:00Z"}))
    if seconds:
        desk.crm.clock.advance(seconds=seconds)
        desk.crm.set("deals", deal, closedate="2026-12-31T00:00:00Z")
    look(desk)
    assert stage(desk, deal) == LOW
    assert str(desk.crm.portal.value("deals", deal, "closedate")).startswith("2026-12-31")


def test_twice_a_day_and_then_it_stays_and_says_whom_to_ask(desk: Desk) -> None:
    deal = judged(desk)
    for number in range(A_DAY + 1):
        pushed(desk, deal)
        look(desk, seconds=61)
        assert stage(desk, deal) == (LOW if number < A_DAY else HIGH)
        desk.crm.clock.advance(minutes=2)
    assert "ask the deal desk" in desk.said("plan")[-1]
    assert "ask the deal desk" in str(desk.crm.portal.value("deals", deal, "crm_audit_next_step"))
    assert len(bounces(desk)) == A_DAY
    desk.crm.set("deals", deal, dealstage=LOW)
    look(desk, seconds=24 * 3600)  # another day
    pushed(desk, deal)
    look(desk, seconds=61)
    assert stage(desk, deal) == LOW


def test_a_round_stops_after_its_number(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_audit.moveback.A_ROUND", 2)
    deals = [desk.crm.deal(f"Deal {number}", dealstage=LOW) for number in range(3)]
    judged(desk)
    for deal in deals:
        pushed(desk, deal)
    look(desk)
    assert [stage(desk, deal) for deal in deals] == [LOW, LOW, HIGH]
    assert "2 deals were moved back in this round" in desk.said("plan")[0]


def test_a_rule_of_the_admins_that_forbids_it_is_told_and_not_tried_again(desk: Desk) -> None:
    deal = judged(desk)
    pushed(desk, deal, description="given")
    desk.crm.set("deals", deal, description="")
    desk.crm.portal.require("deals", "description", when=("dealstage", LOW))
    look(desk)
    assert stage(desk, deal) == HIGH
    assert "conditional property rule" in desk.said("plan")[0]
    assert bounces(desk) == [(deal, HIGH, LOW, "refused")]
    desk.crm.set("deals", deal, amount="5")
    look(desk, seconds=61)
    assert stage(desk, deal) == HIGH
    assert len(bounces(desk)) == 1


def test_one_that_was_killed_on_the_way_is_not_repeated(desk: Desk) -> None:
    deal = judged(desk)
    pushed(desk, deal)
    at = desk.crm.clock.now()
    run, move = desk.runs()[0], Move(deal=deal, pipeline="default", before=LOW, after=HIGH, at=at)
    assert desk.store.bounces.claim(run, move, at=at, day=at.date(), most=A_DAY) == "ours"
    look(desk)
    assert stage(desk, deal) == HIGH
    assert bounces(desk) == [(deal, HIGH, LOW, "sending")]  # whoever began it may still be at it
    desk.crm.set("deals", deal, amount="5")
    look(desk, seconds=6 * 60)
    assert stage(desk, deal) == HIGH
    assert (bounces(desk), logged(desk)) == ([(deal, HIGH, LOW, "refused")], 1)


@pytest.mark.parametrize(
    ("action", "where", "state"), [(Reset(-1), LOW, "done"), (BROKEN[0], HIGH, "refused"), (LOCKED, HIGH, "refused")]
)
def test_where_the_answer_is_lost_the_stage_is_read_and_the_round_goes_on(
    desk: Desk, action: Action, where: str, state: str
) -> None:
    deal = judged(desk)
    pushed(desk, deal)

    def is_move(request: Request) -> bool:
        return b"dealstage" in request.body

    desk.crm.faults.add(Fault("deals/batch/update", action, every=1, where=is_move))
    look(desk)
    assert stage(desk, deal) == where
    assert (bounces(desk), logged(desk)) == ([(deal, HIGH, LOW, state)], 1)
    assert [step.step for step in desk.told] == ["sync", "check", "plan", "apply"]


def test_a_deal_that_moves_on_meanwhile_is_left_alone(desk: Desk) -> None:
    deal = judged(desk)
    looks = 0

    class Meddling:
        """Somebody moves the deal on between our look and our write."""

        def answer(self, request: Request, *, base: str) -> Response:
            nonlocal looks
            answer = desk.crm.portal.answer(request, base=base)
            if b'"propertiesWithHistory":["dealstage","pipeline","closedate"]' in request.body.replace(b" ", b""):
                looks += 1
                if looks == 1:
                    desk.crm.clock.advance(seconds=1)
                    desk.crm.set("deals", deal, dealstage="decisionmakerboughtin")
            return answer

    pushed(desk, deal)
    with serve(Meddling()) as base:
        desk.crm.base = base
        look(desk)
    assert looks == 2
    assert stage(desk, deal) == "decisionmakerboughtin"
    assert bounces(desk) == []


def test_nothing_but_stage_and_close_date_can_be_written(desk: Desk) -> None:
    deal, connector = desk.crm.deal(), desk.crm.connector(options={"move_back": ["default"]})
    move = Move(deal=deal, pipeline="default", before=LOW, after=HIGH, at=desk.crm.clock.now(), also={"amount": "1"})
    with pytest.raises(ValueError, match="amount"):
        connector.move_back(move)
    with pytest.raises(ValueError, match="nobody asks"):
        connector.move_back(replace(move, also={}, pipeline="other"))
    assert moveback.WRITTEN == ("dealstage", "closedate")
    assert desk.crm.portal.calls.write == 0


def test_a_clock_of_ours_that_runs_ahead_does_not_make_an_old_move_fresh(desk: Desk) -> None:
    deal = judged(desk)
    pushed(desk, deal)
    desk.crm.clock.advance(minutes=20)
    connector = desk.crm.connector(options={"move_back": ["default"]})
    assert connector.moves([deal], within=timedelta(minutes=15)) == {}
    assert deal in connector.moves([deal], within=timedelta(minutes=30))


def test_doctor_says_where_deals_are_moved_back_and_where_that_may_not_be(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", SERVICE_KEY)
    command = Command(tmp_path)
    command.settle(HUBSPOT.format(base=desk.crm.base, ladder="block").replace(
        'ladder = "block"', 'ladder = "block"\nbypass = "the deal desk"\noptions = { move_back = ["default"] }'
    ))  # fmt: skip
    told = {each["what"]: each for each in command("doctor", "--json").json()["checks"]}
    assert (told["move back"]["result"], told["move back"]["says"]) == ("PASS", "in default, between the nights")
    desk.crm.portal.sync_with_salesforce()
    told = {each["what"]: each for each in command("doctor", "--json").json()["checks"]}
    assert told["gate"]["result"] == "FAIL"
    assert "sync with Salesforce" in told["gate"]["says"]
