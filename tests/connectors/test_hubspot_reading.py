"""Night after night: whatever happens in the portal in between, after one clean run the store has what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from crm_audit.connectors.hubspot.names import CONNECTED
from crm_audit.emulator.faults import Change, Fault
from crm_audit.store import Store
from tests.connectors.hubspot_bench import Bench, Nights, bench, equal

SETTINGS: dict[str, object] = {
    "fields": {"recheck_all": "asked_on", "doc_viewed": "price_page_seen", "fit_tier": "hs_ideal_customer_profile"},
    "roles": {"Signs": "authority", "Uses it": "user"},
    "options": {"attestations": {"PRICE_SEEN": ["pricing"]}, "rechecks": {"REASK": ["budget"]}},
}


class Small:
    """A portal with one of everything."""

    def __init__(self, crm: Bench) -> None:
        self.crm = crm
        portal = crm.portal
        portal.define_property("deals", "asked_on", "date")
        portal.define_property("contacts", "price_page_seen", "datetime")
        for label in ("Signs", "Uses it"):
            portal.define_label("deals", "contacts", label)
        self.acme = crm.make("companies", name="Acme", hs_ideal_customer_profile="tier_2")
        self.open, self.won = crm.deal(amount="100"), crm.deal("Acme pilot", dealstage="closedwon")
        self.dana, self.lee = crm.person("Dana", hs_buying_role="CHAMPION"), crm.person("Lee")
        for deal in (self.open, self.won):
            portal.associate("deals", deal, "companies", self.acme, label="Primary")
            portal.associate("deals", deal, "contacts", self.dana)
        portal.associate("deals", self.open, "contacts", self.lee, label="Signs")
        self.both = (self.dana, self.lee)
        self.meeting = crm.activity("meetings", (self.open,), self.both, hs_meeting_title="Pricing")
        self.call = crm.activity("calls", (self.open,), self.both, hs_call_disposition=CONNECTED)
        self.mail = crm.activity(
            "emails",
            (self.open,),
            self.both,
            hs_email_direction="INCOMING_EMAIL",
            hs_email_from_email="dana@acme.example",
        )
        self.task = crm.activity("tasks", (self.open,), self.both, hs_task_status="NOT_STARTED", hs_task_type="REASK")
        self.done = crm.activity("tasks", (self.open,), (), hs_task_status="COMPLETED", hs_task_type="REASK")
        self.quote = crm.activity("quotes", (self.open,), self.both, hs_status="APPROVED", hs_quote_amount="100")
        self.note = crm.activity("notes", (self.open,), self.both, hs_activity_type="PRICE_SEEN")


@pytest.fixture
def small() -> Iterator[Small]:
    with bench() as crm:
        yield Small(crm)


@pytest.fixture
def nights(small: Small, store_url: str) -> Iterator[Nights]:
    with Store.open(store_url) as store:
        yield Nights(small.crm, store, SETTINGS)


def test_the_first_night_reads_all_and_another_changes_nothing(nights: Nights) -> None:
    first = nights.night()
    assert equal(nights, first)
    second = nights.night()
    assert equal(nights, second)
    assert nights.known(second) == nights.known(first)


def _new(small: Small) -> None:
    crm = small.crm
    deal, noa = crm.deal("Acme expansion", asked_on="2026-03-16"), crm.person("Noa", hs_buying_role="BUDGET_HOLDER")
    crm.portal.associate("deals", deal, "contacts", noa)
    crm.activity("meetings", (deal, small.open), (noa,), hs_meeting_title="Demo for Acme expansion")
    crm.activity("emails", (deal,), (noa,), hs_email_direction="EMAIL", hs_email_to_email="noa@acme.example")
    crm.make("companies", name="Other")
    crm.portal.define_owner("rae@seller.example", "Rae", "Seller")


def _changed(small: Small) -> None:
    set_ = small.crm.set
    set_("deals", small.open, dealstage="closedlost", amount="90", asked_on="2026-03-15")
    set_("contacts", small.dana, firstname="Danielle", email="danielle@acme.example", hs_buying_role="BLOCKER")
    set_("contacts", small.lee, price_page_seen="2026-03-16T10:00:00Z")
    set_("companies", small.acme, hs_ideal_customer_profile="tier_1")
    set_("meetings", small.meeting, hs_meeting_outcome="NO_SHOW", hs_meeting_title="Kick-off")


def _looked_again(small: Small) -> None:
    small.crm.set("contacts", small.dana, price_page_seen="2026-03-16T10:00:00Z")
    small.crm.clock.advance(hours=2)
    small.crm.set("contacts", small.dana, price_page_seen="2026-03-16T16:30:00Z")


def _tells_no_more(small: Small) -> None:
    set_ = small.crm.set
    set_("calls", small.call, hs_call_disposition="9d9162e7-6cf3-4944-bf63-4dff82258764")
    set_("tasks", small.task, hs_task_status="COMPLETED")
    set_("tasks", small.done, hs_task_status="DEFERRED", hs_task_type="")
    set_("quotes", small.quote, hs_status="DRAFT")
    set_("notes", small.note, hs_activity_type="")
    set_("deals", small.open, asked_on="2026-03-14")


def _archived(small: Small) -> None:
    for kind, record in (("deals", small.won), ("contacts", small.lee), ("companies", small.acme)):
        small.crm.portal.archive(kind, record)
    for kind, record in (("meetings", small.meeting), ("quotes", small.quote), ("tasks", small.task)):
        small.crm.portal.archive(kind, record)


def _merged(small: Small) -> None:
    crm = small.crm
    twin, other = crm.person("Twin"), crm.make("companies", name="Acme Inc")
    crm.portal.associate("deals", small.won, "contacts", twin, label="Signs")
    crm.portal.merge("contacts", small.dana, twin, fresh_id=True)
    crm.portal.merge("companies", other, small.acme)
    crm.portal.merge("deals", small.open, crm.deal("Acme renewal again"))


def _linked_without_a_stamp(small: Small) -> None:
    portal, noa = small.crm.portal, small.crm.person("Noa")
    portal.associate("deals", small.open, "contacts", noa, label="Uses it")
    portal.dissociate("deals", small.open, "contacts", small.dana)
    portal.associate("deals", small.open, "contacts", small.lee, label="Uses it")
    portal.dissociate("deals", small.open, "contacts", small.lee, label="Signs")


def _role_of_a_contact_on_a_closed_deal(small: Small) -> None:
    small.crm.set("contacts", small.dana, hs_buying_role="DECISION_MAKER;END_USER")


def _pipeline_edited(small: Small) -> None:
    stages = [(one.id, one.label, one.probability) for one in small.crm.portal.schema.pipelines["default"].stages]
    small.crm.portal.define_pipeline("default", "Sales", [*stages, ("legal", "Legal", "0.95")])


CHANGES = (
    _new, _changed, _looked_again, _tells_no_more, _archived, _merged, _linked_without_a_stamp,
    _role_of_a_contact_on_a_closed_deal, _pipeline_edited,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_a_night_after_a_change_has_what_the_portal_has(
    small: Small, nights: Nights, change: Callable[[Small], None]
) -> None:
    nights.night()
    small.crm.clock.advance(hours=12)
    change(small)
    assert equal(nights, nights.night())


def test_fault_20_what_was_archived_and_comes_back_is_the_same_again(small: Small, nights: Nights) -> None:
    first = nights.known(nights.night())
    _archived(small)
    gone = nights.night()
    assert equal(nights, gone)
    for kind, record in (("deals", small.won), ("contacts", small.lee), ("companies", small.acme)):
        small.crm.portal.restore(kind, record)
    for kind, record in (("meetings", small.meeting), ("quotes", small.quote), ("tasks", small.task)):
        small.crm.portal.restore(kind, record)
    back = nights.night()
    assert equal(nights, back)
    assert nights.known(back)["deals"] == first["deals"]


def test_fault_19_what_was_merged_away_is_nobodys_any_more(small: Small, nights: Nights) -> None:
    nights.night()
    twin = small.crm.person("Twin")
    small.crm.portal.associate("deals", small.won, "contacts", twin)
    nights.night()
    survivor = small.crm.portal.merge("contacts", small.dana, twin, fresh_id=True)
    run = nights.night()
    assert equal(nights, run)
    people = {row[0]: row for row in nights.known(run)["people"]}
    assert {people[one][-1] for one in (small.dana, twin)} == {survivor}
    on_deals = {(row[1], row[2]) for row in nights.known(run)["links"]}
    assert {(small.open, survivor), (small.won, survivor)} <= on_deals
    assert not {small.dana, twin} & {person for _, person in on_deals}


def test_fault_19_what_was_merged_away_is_gone_with_the_survivor_in_the_bin(small: Small, nights: Nights) -> None:
    nights.night()
    nights.crm.portal.merge("deals", small.open, small.won)
    nights.crm.portal.archive("deals", small.open)
    known = nights.known(nights.night())
    assert not {small.open, small.won} & {row[0] for row in known["deals"]}
    assert not {small.open, small.won} & {row[1] for row in known["links"]}


def test_what_is_deleted_for_privacy_is_gone_after_the_weeks_whole_pass(small: Small, nights: Nights) -> None:
    nights.night()
    small.crm.portal.purge("contacts", small.lee)
    small.crm.portal.purge("meetings", small.meeting)
    assert small.lee in {row[0] for row in nights.known(nights.night())["people"]}
    small.crm.clock.advance(days=8)
    assert equal(nights, nights.night())


def test_fault_14_a_late_index_hides_nothing_for_ever(small: Small, nights: Nights) -> None:
    portal = small.crm.portal
    portal.search_lag = timedelta(minutes=4)
    nights.night()
    for minute in range(3):
        small.crm.set("deals", small.open, amount=str(200 + minute))
        small.crm.set("contacts", small.dana, jobtitle=f"Head {minute}")
        small.crm.set("meetings", small.meeting, hs_meeting_title=f"Pricing {minute}")
        small.crm.person(f"New{minute}")
        small.crm.clock.advance(minutes=1)
        nights.run()
    small.crm.portal.archive("calls", small.call)
    assert equal(nights, nights.night())


def test_fault_14_what_the_index_shows_as_it_was_is_read_by_id(small: Small, nights: Nights) -> None:
    nights.night()
    small.crm.set("contacts", small.dana, jobtitle="Buyer")
    small.crm.clock.advance(minutes=2)
    small.crm.portal.search_lag = timedelta(minutes=1)
    small.crm.set("contacts", small.dana, jobtitle="Chief Buyer")
    titles = {row[0]: row[2] for row in nights.known(nights.run())["people"]}
    assert titles[small.dana] == "Chief Buyer"


@pytest.mark.parametrize("hours", [-1, 1])
def test_fault_25_whatever_our_clock_says(small: Small, nights: Nights, hours: int) -> None:
    late = timedelta(hours=hours)
    small.crm.clock.advance(hours=2)
    nights.run(late=late)
    for minute in range(2):
        small.crm.set("companies", small.acme, name=f"Acme {minute}")
        small.crm.clock.advance(minutes=10)
        assert equal(nights, nights.run(late=late))


def test_fault_15_what_changes_while_it_is_read_is_read_again(small: Small, nights: Nights) -> None:
    crm = small.crm

    def meanwhile() -> None:
        crm.clock.advance(minutes=20)
        crm.set("companies", small.acme, name="Acme Freight")
        crm.person("Late")
        crm.set("deals", small.open, amount="77")

    crm.faults.add(Fault("meetings/search", Change(before=meanwhile)))
    nights.night()
    assert equal(nights, nights.night())


def test_fault_41_text_of_every_sort(small: Small, nights: Nights) -> None:
    names = ("\u202eevil\u202c", "e\u0301", "\U0001f600", "0", "NUL\0here", "  ", "<b>&amp;", "null")
    for name in names:
        small.crm.person("Odd", firstname=name, lastname="", jobtitle=name)
        small.crm.deal(name, hs_next_step=name)
    small.crm.deal("Nothing", amount="0", closedate="", hs_next_step="")
    run = nights.night()
    assert equal(nights, run)
    deals = {row[1] for row in nights.known(run)["deals"]}
    assert {"\u202eevil\u202c", "e\u0301", "\U0001f600", "0", "NULhere", "<b>&amp;", "null"} <= deals
    assert equal(nights, nights.night())


def test_fault_40_a_deal_with_thousands_of_contacts(small: Small, nights: Nights) -> None:
    people = small.crm.portal.load("contacts", ({"firstname": f"P{number}"} for number in range(1_700)))
    small.crm.portal.link_all("deals", "contacts", ((small.open, one) for one in people))
    run = nights.night()
    assert len({row[2] for row in nights.known(run)["links"] if row[1] == small.open}) == 1_702
    assert nights.last is not None
    assert nights.last.calls.by_name["associations/deals/contacts/batch/read"] == 4  # 500 of a deal at a time
