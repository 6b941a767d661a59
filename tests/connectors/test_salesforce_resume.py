"""A run may end after any page; the next goes on there, and then the store holds what the org holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from crm_audit.connectors.base import Gap, Page, Reading
from crm_audit.connectors.salesforce import SalesforceConnector
from crm_audit.emulator.faults import Change, Fault
from crm_audit.store import Store
from tests.connectors.salesforce_bench import Bench, bench
from tests.connectors.salesforce_sync import BULK, PAGES, Nights, small


class Cut(Exception):
    """The end of a run, wherever it is."""


class CutOff:
    """A connector whose run ends after so many pages, or so many with rows of one stream."""

    def __init__(self, whole: SalesforceConnector, after: int, stream: str) -> None:
        self._whole = whole
        self.left = after
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._whole, name)

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        for each in self._whole.read(reading):
            if self.left == 0:
                raise Cut
            if isinstance(each, Page) and (not self._stream or (each.stream == self._stream and each.rows)):
                self.left -= 1
            yield each


@pytest.fixture(params=[PAGES, BULK], ids=["pages", "bulk"])
def nights(store_url: str, request: pytest.FixtureRequest) -> Iterator[Nights]:
    with bench() as sf, Store.open(store_url) as store:
        yield Nights(sf, store, {"options": {**request.param}})


def cut_off(nights: Nights, after: int, stream: str = "") -> bool:
    """A run that ends after so many pages; False where it came to its own end before."""
    connector: object = CutOff(nights.connector(), after, stream)
    try:
        nights.sync(connector)  # type: ignore[arg-type]  # it answers for the connector that it cuts off
    except Cut:
        return True
    return False


def test_a_first_reading_goes_on_from_every_page(nights: Nights) -> None:
    made = small(nights.sf)
    runs = 0
    while cut_off(nights, 5 + runs):
        runs += 1
        nights.sf.change(made.deal, Amount=runs)
        nights.sf.org.update("Event", made.event, Subject=f"{runs}")
    assert runs > 2
    nights.agrees()


@pytest.mark.parametrize("after", [1, 3, 8, 13, 17])
def test_an_increment_goes_on_from_any_page(nights: Nights, after: int) -> None:
    made = small(nights.sf)
    nights.sync()
    nights.sf.change(made.deal, Amount=1)
    nights.sf.org.update("EventRelation", made.relation, Status="Declined")
    nights.sf.org.delete("Task", made.task)
    nights.sf.org.delete("OpportunityContactRole", made.role)
    assert cut_off(nights, after)
    nights.sf.change(made.deal, Amount=2)
    nights.sync(days=1)
    nights.agrees()


@pytest.mark.parametrize("after", [5, 8])
def test_a_contact_in_the_bin_that_was_shown_before_the_cut_is_not_taken_for_purged(nights: Nights, after: int) -> None:
    made = small(nights.sf)
    nights.sf.org.delete("Contact", made.lee)
    nights.sync(minutes=1)  # within the overlap, so the next increment is shown the contact again
    assert cut_off(nights, after)
    assert cut_off(nights, 10)
    nights.sync(hours=25)
    nights.agrees()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_what_changes_behind_a_whole_pass_is_read_when_it_has_ended(store_url: str, sf: Bench, after: int) -> None:
    deals = [sf.deal(f"Deal {number}") for number in range(7)]
    with Store.open(store_url) as store:
        nights = Nights(sf, store, {"options": {**BULK}})
        assert cut_off(nights, after, "deals/Opportunity")
        sf.clock.advance(hours=3)
        sf.change(deals[0], Amount=1)
        sf.org.delete("Opportunity", deals[1])
        before = nights.sf.org.calls.by_kind["POST /jobs/query"]
        nights.sync()
        nights.agrees()
        assert nights.calls.by_name["bulk/create"] < before, "the job of the deals was gone on with"


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        yield made


def many(sf: Bench, count: int) -> Sequence[str]:
    """Contacts with one stamp."""
    return sf.org.load("Contact", [{"LastName": f"Invented {number}"} for number in range(count)])


def test_fault_13_equal_stamps_over_several_pages_are_each_read(store_url: str, sf: Bench) -> None:
    with Store.open(store_url) as store:
        nights = Nights(sf, store)
        nights.sync()
        sf.clock.advance(hours=1)
        made = many(sf, 4_500)
        assert cut_off(nights, 1, "people/Contact")
        nights.sync()
        nights.agrees()
        assert nights.run is not None
        assert set(store.frames(nights.run)["people"]["id"]) == set(made)


def test_fault_12_a_place_that_has_run_out_is_gone_on_from_by_the_last_row(sf: Bench, store_url: str) -> None:
    many(sf, 4_500)
    with Store.open(store_url) as store:
        nights = Nights(sf, store)
        expire = Fault("/composite", Change(before=sf.org.expire_cursors), where=lambda call: b"0r8" in call.body)
        sf.faults.add(expire)
        nights.sync()
        assert len(sf.faults.fired) == 1
        nights.agrees()


def test_fault_12_a_job_that_is_gone_begins_anew(sf: Bench, store_url: str) -> None:
    made = small(sf)
    with Store.open(store_url) as store:
        nights = Nights(sf, store, {"options": {**BULK}})
        assert cut_off(nights, 40)
        sf.org.delete("Event", made.event)
        nights.sync(days=8)  # a week is how long Salesforce keeps a job
        nights.agrees()


def test_fault_15_what_changes_between_two_pages_is_there_after_the_next_run(sf: Bench, store_url: str) -> None:
    people = many(sf, 4_500)
    with Store.open(store_url) as store:
        nights = Nights(sf, store)

        def change() -> None:
            sf.clock.advance(seconds=5)
            sf.org.update("Contact", people[0], LastName="Changed")
            sf.org.delete("Contact", people[-1])

        sf.faults.add(Fault("/composite", Change(before=change), where=lambda call: b"0r8" in call.body))
        nights.sync()
        nights.sync()
        nights.agrees()
