"""How many calls a night costs, exactly: a set of queries is asked in lockstep, whatever it finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from crm_audit.errors import OutOfQuota
from crm_audit.store import Store
from tests.connectors.salesforce_bench import bench
from tests.connectors.salesforce_sync import Nights, small

OPENING = {"versions": 1, "token": 1, "describe": 1}


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with bench() as sf, Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield Nights(sf, store)


def spent(nights: Nights, **later: float) -> dict[str, int]:
    """The calls of one more run, which must be those that the org counted, but for logging in."""
    nights.sf.org.calls.forget()
    nights.sync(None, **later)
    assert nights.run is not None
    assert nights.run.status == "complete"
    counted = nights.sf.org.calls
    free = nights.calls.by_name["versions"] + nights.calls.by_name["token"]
    assert (nights.calls.read - free, nights.calls.write) == (counted.read, counted.write)
    return nights.calls.by_name


def test_a_small_org_costs_a_handful_of_calls(nights: Nights) -> None:
    made = small(nights.sf)
    assert spent(nights) == OPENING | {"query": 5}
    assert spent(nights, days=1) == OPENING | {"query": 5}, "nothing changed"
    nights.sf.change(made.deal, Amount=1)
    nights.sf.org.update("Event", made.event, Subject="y")
    assert spent(nights, days=1) == OPENING | {"query": 6}, "and what lies beside the meeting that changed"
    assert spent(nights, days=7) == OPENING | {"query": 5}, "everything anew, once a week"


def test_pages_of_different_queries_share_their_calls(nights: Nights) -> None:
    sf = nights.sf
    for name in ("Account", "Contact", "Opportunity"):
        given = {"Name": "x"} if name != "Contact" else {"LastName": "x"}
        more = {"StageName": "Prospecting", "CloseDate": "2026-06-30"} if name == "Opportunity" else {}
        sf.org.load(name, [{**given, **more} for _ in range(4_100)])
    assert spent(nights)["query"] == 5 + 2, "five sets of first pages, and three queries with two more pages each"


def test_more_rows_than_pages_are_for_come_by_bulk(nights: Nights) -> None:
    nights.settings["options"] = {"bulk_above": 100, "bulk_records": 2_000}
    nights.sf.org.load("Contact", [{"LastName": f"Invented {n}"} for n in range(4_100)])
    jobs = {"bulk/create": 1, "bulk/poll": 2, "bulk/results": 3}
    assert spent(nights) == OPENING | {"query": 5} | jobs
    assert spent(nights, days=1) == OPENING | {"query": 5}


def test_where_bulk_is_refused_pages_have_to_do(nights: Nights) -> None:
    nights.settings["options"] = {"bulk_above": 100}
    nights.sf.org.load("Contact", [{"LastName": f"Invented {n}"} for n in range(2_100)])
    nights.sf.org.jobs.daily = 0
    nights.sync()
    nights.agrees()
    assert nights.calls.by_name["bulk/create"] == 1
    assert "bulk/results" not in nights.calls.by_name


def test_stages_are_asked_for_when_they_may_have_changed(nights: Nights) -> None:
    sf = nights.sf
    small(sf)
    process = sf.make("BusinessProcess", Name="Renewal", TableEnumOrId="Opportunity")
    kinds = {"SobjectType": "Opportunity", "BusinessProcessId": process}
    for name in ("One", "Two"):
        sf.make("RecordType", Name=name, DeveloperName=name, **kinds)
    other = sf.make("BusinessProcess", Name="Sale", TableEnumOrId="Opportunity")
    sf.make("RecordType", Name="Sale", DeveloperName="Sale", **{**kinds, "BusinessProcessId": other})
    asked = [spent(nights)["picklist"], spent(nights, days=1)["picklist"]]
    sf.org.update("BusinessProcess", other, Description="x")
    asked.append(spent(nights, days=1)["picklist"])
    assert asked == [2, 1, 2], "one for each process; on quiet nights one, to see whether they are told at all"


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_is_a_share(nights: Nights, share: float) -> None:
    with pytest.raises(ValueError, match="quota_share"):
        nights.sf.connection(quota_share=share)


def test_fault_05_a_run_stops_before_it_has_used_more_than_its_share(nights: Nights) -> None:
    small(nights.sf)
    nights.sf.org.calls.daily = 12
    nights.settings["quota_share"] = 0.25
    run = nights.sync()
    assert run.status == "partial"
    assert "quota_share 0.25" in run.missing["deals"]
    assert nights.sf.org.calls.used(nights.sf.clock.now()) == 3
    nights.sf.org.calls.daily = 100_000
    nights.settings["quota_share"] = 0.5
    nights.sync()
    nights.agrees()


def test_fault_04_whatever_quota_is_left_runs_add_up(nights: Nights) -> None:
    small(nights.sf)
    nights.settings |= {"quota_share": 1, "options": {"bulk_above": 2, "bulk_records": 2}}
    for quota in range(1, 60, 3):
        nights.sf.clock.advance(days=1)
        nights.sf.org.calls.daily = quota
        with suppress(OutOfQuota):  # too few calls even to say who we are
            nights.sync()
    nights.sf.org.calls.daily = 100_000
    nights.sync()
    nights.agrees()
