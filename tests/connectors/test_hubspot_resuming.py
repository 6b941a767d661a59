"""A run that is cut off anywhere loses nothing: the next one goes on there, until the store has what the portal has."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from crm_audit.connectors.hubspot import walks
from crm_audit.emulator.faults import BROKEN, Change, Fault
from crm_audit.emulator.server import Response
from crm_audit.errors import BadLogin
from crm_audit.store import Run, Store
from tests.connectors.hubspot_bench import Bench, Nights, bench, equal, told

GONE = Response(400, {"status": "error", "message": "after is not valid", "category": "VALIDATION_ERROR"})


@pytest.fixture
def nights(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """A portal that is read in several groups: as few as one call gives."""
    monkeypatch.setattr(walks, "GROUP", 1)
    with bench() as crm, Store.open(store_url) as store:
        _fill(crm)
        yield Nights(crm, store, {"options": {"rechecks": {"REASK": ["budget"]}}})


def _fill(crm: Bench) -> None:
    people = [crm.person(f"P{number}") for number in range(210)]
    deals = [crm.deal(f"Deal {number}") for number in range(60)]
    for number, person in enumerate(people):
        crm.portal.associate("deals", deals[number % len(deals)], "contacts", person)
        crm.activity("meetings", (deals[number % len(deals)],), (person,))
    crm.activity("tasks", (deals[0],), (), hs_task_status="COMPLETED", hs_task_type="REASK")
    crm.portal.archive("deals", deals[-1])


def test_fault_32_a_first_reading_cut_off_after_each_page_in_turn(nights: Nights) -> None:
    cuts = 0
    while True:
        try:
            run = nights.night(pages=cuts + 1)
            break
        except KeyboardInterrupt:
            cuts += 1
    assert cuts > 20
    assert equal(nights, run)


def test_fault_04_with_a_few_calls_a_day_it_takes_some_days_and_loses_nothing(nights: Nights) -> None:
    nights.crm.portal.limits.daily = 90
    runs: list[Run] = []
    while not runs or runs[-1].status == "partial":
        nights.crm.clock.advance(days=1)
        runs.append(nights.run())
        assert len(runs) < 10
    assert len(runs) > 1
    assert "quota_share" in runs[0].missing["events"]
    assert 429 not in {status for _, _, status in nights.crm.portal.transcript}
    nights.crm.portal.limits.daily = 10_000
    assert equal(nights, runs[-1])


def test_fault_04_when_others_use_the_day_up_the_rest_is_missing_and_read_the_next_day(nights: Nights) -> None:
    nights.crm.portal.limits.daily = 1_000
    use_up = Change(before=lambda: nights.crm.portal.spend_elsewhere(calls=2_000))
    nights.crm.faults.add(Fault("contacts/search", use_up))
    run = nights.night()
    assert run.status == "partial"
    assert run.missing.keys() == {"people", "deals", "links", "history", "events", "rechecks"}
    assert all("midnight" in reason for reason in run.missing.values())
    nights.crm.clock.advance(days=1)
    assert equal(nights, nights.night())


def test_fault_10_a_token_that_ends_in_the_middle_fails_the_run_and_the_next_goes_on(nights: Nights) -> None:
    portal, good = nights.crm.portal, nights.token
    portal.lend("pat-na1-lent", seconds=3_600 * 4)
    time_passes = Change(before=lambda: nights.crm.clock.advance(hours=5))
    nights.crm.faults.add(Fault("meetings/search", time_passes))
    nights.token = "pat-na1-lent"
    with pytest.raises(BadLogin, match="expired"):
        nights.night()
    nights.token = good
    assert equal(nights, nights.night())
    assert "deals" not in _listed_again(nights)


def _listed_again(nights: Nights) -> set[str]:
    """Objects of which the last night listed live records."""
    assert nights.last is not None
    return {name for name, times in nights.last.calls.by_name.items() if times > 1} & {"deals", "quotes"}


def test_fault_17_a_scope_that_is_taken_away_in_the_middle_is_a_gap_until_it_is_back(nights: Nights) -> None:
    portal = nights.crm.portal
    revoke = Change(before=lambda: portal.revoke("crm.objects.contacts.read"))
    nights.crm.faults.add(Fault("contacts/search", revoke))
    run = nights.night()
    assert run.status == "partial"
    assert "crm.objects.contacts.read" in run.missing["people"]
    unsure = nights.night()
    assert (unsure.status, unsure.survey.unmapped >= {"contacts", "roles"}) == ("complete", True)
    assert {kind for kind, rows in nights.known(unsure).items() if rows} == {"deals", "stages"}
    portal.grant("crm.objects.contacts.read")
    assert equal(nights, nights.night())


def test_a_place_in_a_list_that_is_not_honoured_any_more_is_given_up(nights: Nights) -> None:
    with pytest.raises(KeyboardInterrupt):
        nights.night(pages=_first_page_of_deals(nights))
    nights.crm.faults.add(Fault("GET .*/deals$", GONE, where=lambda request: request.first("after") is not None))
    assert equal(nights, nights.night())
    assert nights.crm.faults.counts["Response"] == 1


def _first_page_of_deals(nights: Nights) -> int:
    """The number of the page after which the list of deals is in the middle."""
    streams = [page.stream for page in told(nights.crm.connector(**nights.settings)).pages]
    return streams.index("deals") + 1


def test_fault_07_what_breaks_on_the_way_is_asked_for_again(nights: Nights) -> None:
    nights.crm.faults.random(Random(11), count=12, within=60)
    assert equal(nights, nights.night())
    assert len(nights.crm.faults.fired) >= 10


def test_fault_06_an_outage_in_the_middle_is_a_gap(nights: Nights) -> None:
    nights.crm.faults.add(Fault("deals/search", BROKEN[1], every=1))
    run = nights.night()
    assert run.status == "partial"
    assert "502" in run.missing["deals"]
    nights.crm.faults.clear()
    assert equal(nights, nights.night())
