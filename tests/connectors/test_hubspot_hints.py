"""Deliveries of webhooks: each is only a reason to read a record again, however often and in whatever order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import permutations
from random import Random

import pytest

from crm_audit.connectors.base import Calls, Hint
from crm_audit.connectors.hubspot.hints import hints
from crm_audit.emulator.hubspot.webhooks import Mischief
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from tests.connectors.hubspot_bench import NOW, Bench, bench

URL, SECRET = "https://audit.seller.example/hubspot", "invented-secret"


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as made:
        for kind in ("deals", "contacts"):
            made.portal.subscribe("object.propertyChange", kind)
            made.portal.subscribe("object.deletion", kind)
            made.portal.subscribe("object.merge", kind)
        made.portal.subscribe("object.associationChange", "deals")
        yield made


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def heard(crm: Bench, store: Store, mischief: Mischief | None = None) -> int:
    """Everything the portal has to deliver, taken in; how much of it was new."""
    bodies = [each.body for each in crm.portal.deliveries(URL, SECRET, mischief)]
    return sum(store.hear("hubspot", hints(body), at=crm.clock.now()) for body in bodies)


def synced(crm: Bench, store: Store) -> tuple[Run, Calls]:
    connector = crm.connector()
    run = pull(connector, store, start=Start(connection="hubspot", started=crm.clock.now()), now=crm.clock.now)
    return run, connector.calls


def stages(store: Store, run: Run) -> dict[str, str]:
    return {row["id"]: row["stage"] for row in store.frames(run)["deals"].iter_rows(named=True)}


def test_fault_27_a_delivery_that_comes_twice_is_followed_once(crm: Bench, store: Store) -> None:
    deal = crm.deal()
    synced(crm, store)
    crm.set("deals", deal, dealstage="closedlost")
    (delivery,) = crm.portal.deliveries(URL, SECRET)
    told = [store.hear("hubspot", hints(delivery.body), at=crm.clock.now()) for _ in range(3)]
    assert told == [len(delivery.events), 0, 0]
    with_hint = synced(crm, store)[1].by_name["deals/batch/read"]
    assert store.hear("hubspot", hints(delivery.body), at=crm.clock.now()) == 0
    crm.clock.advance(hours=1)
    assert synced(crm, store)[1].by_name.get("deals/batch/read", 0) < with_hint


def test_a_hint_is_followed_before_the_index_knows(crm: Bench, store: Store) -> None:
    hinted, silent = crm.deal("Hinted"), crm.deal("Silent")
    heard(crm, store)
    synced(crm, store)
    crm.clock.advance(hours=1)
    synced(crm, store)
    crm.portal.search_lag = timedelta(minutes=10)
    crm.set("deals", hinted, dealstage="closedlost")
    heard(crm, store)
    crm.set("deals", silent, dealstage="closedlost")
    run, _ = synced(crm, store)
    assert stages(store, run) == {hinted: "closedlost", silent: "contractsent"}


@pytest.mark.parametrize("order", list(permutations(range(5))), ids=lambda order: "".join(map(str, order)))
def test_fault_28_the_order_of_deliveries_changes_nothing(order: Sequence[int], lying: Store) -> None:
    told = [Hint(f"key {number}", "deals", str(number % 2)) for number in range(5)]
    name = f"order {order}"
    for position in order:
        assert lying.hear(name, [told[position]], at=NOW) == 1
    run = lying.begin(Start(connection=name, started=NOW))
    hints = lying.reading(run).hints
    assert sorted(one.record for one in hints) == sorted(one.record for one in told)
    assert {one.object for one in hints} == {"deals"}


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('hints')}/store.db") as opened:
        yield opened


@pytest.mark.parametrize("seed", range(5))
def test_fault_28_out_of_order_twice_or_never_the_end_is_what_the_portal_says(
    crm: Bench, store: Store, seed: int
) -> None:
    deals = [crm.deal(f"Deal {number}") for number in range(3)]
    synced(crm, store)
    for stage in ("qualifiedtobuy", "closedlost", "appointmentscheduled"):
        for deal in deals:
            crm.set("deals", deal, dealstage=stage)
        crm.clock.advance(seconds=1)
    heard(crm, store, Mischief(Random(seed), duplicate=0.5, drop=0.3, reorder=True))
    run, _ = synced(crm, store)
    assert stages(store, run) == dict.fromkeys(deals, "appointmentscheduled")


def test_a_deal_that_is_gone_is_found_by_its_hint(crm: Bench, store: Store) -> None:
    deal, other = crm.deal(), crm.deal("Other")
    synced(crm, store)
    crm.portal.merge("deals", other, deal)
    assert heard(crm, store) > 0
    run, _ = synced(crm, store)
    assert set(stages(store, run)) == {other}


def test_a_run_that_fails_leaves_its_hints_to_the_next(store: Store) -> None:
    store.hear("hubspot", [Hint("key", "deals", "1")], at=NOW)
    first = store.begin(Start(connection="hubspot", started=NOW))
    assert [one.record for one in store.reading(first).hints] == ["1"]
    store.hear("hubspot", [Hint("later", "deals", "2")], at=NOW)
    store.fail(first, at=NOW, reason="planned", calls=Calls())
    second = store.begin(Start(connection="hubspot", started=NOW))
    assert sorted(one.record for one in store.reading(second).hints) == ["1", "2"]


def test_hints_of_one_connection_are_not_anothers(store: Store) -> None:
    store.hear("one", [Hint("key", "deals", "1")], at=NOW)
    run = store.begin(Start(connection="other", started=NOW))
    assert store.reading(run).hints == ()


def test_an_association_names_both_of_its_ends(crm: Bench, store: Store) -> None:
    deal, person = crm.deal(), crm.person("Dana")
    crm.portal.associate("deals", deal, "contacts", person)
    (delivery,) = crm.portal.deliveries(URL, SECRET)
    assert {(one.object, one.record) for one in hints(delivery.body)} >= {("deals", deal), ("contacts", person)}


def test_objects_nobody_reads_are_no_hints() -> None:
    ticket = [{"subscriptionType": "object.creation", "objectTypeId": "0-5", "objectId": 7}]
    assert hints(json.dumps(ticket).encode()) == ()


@pytest.mark.parametrize("body", [b"", b"{}x", b"7", b'["deal"]', b'[{"objectId": 7}]', b"\xff"])
def test_what_is_no_delivery_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="no delivery of HubSpot"):
        hints(body)
