"""The verdict on the deal: six properties of ours, written only where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, log2

import pytest

from crm_audit.connectors.base import Fields, Write
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.gateway import BATCH
from crm_audit.connectors.hubspot.names import OWN
from crm_audit.domain import Annotation
from crm_audit.emulator.server import Request, Response, serve
from crm_audit.errors import NoAccess
from tests.connectors.hubspot_bench import Bench, bench

GAP = Annotation(
    status="overstated",
    supported_stage="Decision Maker Bought-In",
    stage_gap=1,
    top_finding="Dana Ruiz has not seen the price.",
    next_step="Show Dana the price.",
    details="CQ-STK-PRICE: no evidence\nwithin 90 days",
)
FINE = Annotation(status="supported", stage_gap=0)


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as served:
        served.portal.install_kit()
        yield served


def plan(connector: HubSpot, wanted: Mapping[str, Annotation]) -> list[Write]:
    """The smallest set of writes, as the plan makes it from what a connector says."""
    now = connector.shown(list(wanted))
    writes = []
    for deal, annotation in wanted.items():
        for place, fields in connector.wanted(deal, annotation).items():
            held = now.get(deal, {}).get(place, {})
            after = {name: value for name, value in fields.items() if held.get(name) != value}
            if after:
                writes.append(Write(deal, place, {name: held.get(name) for name in after}, after))
    return writes


def held(crm: Bench, deal: str) -> Mapping[str, str | None]:
    return {ours: crm.portal.value("deals", deal, name) for ours, name in OWN.items()}


def test_all_six_properties_arrive(crm: Bench) -> None:
    deal, connector = crm.deal(), crm.connector()
    (receipt,) = connector.write(plan(connector, {deal: GAP}))
    assert receipt.ok
    assert held(crm, deal) == {
        "status": "overstated",
        "supported_stage": "Decision Maker Bought-In",
        "stage_gap": "1",
        "top_finding": "Dana Ruiz has not seen the price.",
        "next_step": "Show Dana the price.",
        "details": "CQ-STK-PRICE: no evidence\nwithin 90 days",
    }


def test_a_second_time_nothing_is_written(crm: Bench) -> None:
    deal = crm.deal()
    first = crm.connector()
    first.write(plan(first, {deal: GAP}))
    stamp = crm.portal.value("deals", deal, "hs_lastmodifieddate")
    crm.clock.advance(days=1)
    second = crm.connector()
    assert plan(second, {deal: GAP}) == []
    assert second.write([]) == ()
    assert second.calls.write == 0
    assert crm.portal.value("deals", deal, "hs_lastmodifieddate") == stamp


def test_a_change_writes_only_what_differs_and_clears_what_is_gone(crm: Bench) -> None:
    deal, connector = crm.deal(), crm.connector()
    connector.write(plan(connector, {deal: GAP}))
    (write,) = plan(connector, {deal: FINE})
    assert write.after == {
        OWN["status"]: "supported",
        OWN["supported_stage"]: None,
        OWN["stage_gap"]: 0,
        OWN["top_finding"]: None,
        OWN["next_step"]: None,
        OWN["details"]: None,
    }
    (receipt,) = connector.write([write])
    assert receipt.ok
    assert connector.shown([deal])[deal]["deal"][OWN["stage_gap"]] == 0
    assert crm.portal.value("deals", deal, OWN["details"]) in (None, "")
    assert plan(connector, {deal: FINE}) == []


def test_white_space_at_the_ends_is_no_difference(crm: Bench) -> None:
    deal, connector = crm.deal(), crm.connector()
    padded = Annotation(status="supported", top_finding="  Ask Dana. \n", details="  ")
    connector.write(plan(connector, {deal: padded}))
    assert plan(connector, {deal: padded}) == []


def test_a_deal_never_annotated_shows_nothing(crm: Bench) -> None:
    deal = crm.deal()
    assert crm.connector().shown([deal]) == {deal: {"deal": dict.fromkeys(OWN.values())}}


def test_a_deal_that_is_gone_is_left_out(crm: Bench) -> None:
    keep, lose, gone = crm.deal("Keep"), crm.deal("Lose"), crm.deal("Gone")
    crm.portal.merge("deals", keep, lose)
    crm.portal.archive("deals", gone)
    assert crm.connector().shown([keep, lose, gone]).keys() == {keep}


def test_fault_18_a_deal_that_is_gone_holds_up_no_other(crm: Bench) -> None:
    good, gone, also = crm.deal("Good"), crm.deal("Gone"), crm.deal("Also")
    connector = crm.connector()
    writes = plan(connector, {good: GAP, gone: GAP, also: GAP})
    crm.portal.archive("deals", gone)
    receipts = connector.write(writes)
    assert [receipt.write for receipt in receipts] == writes
    assert [receipt.ok for receipt in receipts] == [True, False, True]
    assert "may be deleted" in (receipts[1].reason or "")
    assert connector.calls.by_name["deals/batch/update"] == 1
    assert held(crm, also)["status"] == "overstated"


def test_fault_22_one_poisonous_value_is_found_by_halving(crm: Bench) -> None:
    deals = [crm.deal(f"Deal {number}") for number in range(16)]
    connector = crm.connector()
    wanted = dict.fromkeys(deals, GAP) | {deals[5]: Annotation(status="splendid")}
    receipts = connector.write(plan(connector, wanted))
    assert [receipt.write.deal for receipt in receipts if not receipt.ok] == [deals[5]]
    assert "splendid" in (receipts[5].reason or "")
    assert connector.calls.by_name["deals/batch/update"] == 9
    assert {held(crm, deal)["status"] for deal in deals} == {"overstated", None}


@pytest.mark.parametrize("at", [0, 1, 49, 63, 64, 99])
def test_fault_22_poison_is_isolated_in_twice_the_logarithm_of_calls(crm: Bench, at: int) -> None:
    """Counted are the calls after the batch itself was refused."""
    deals = [crm.deal(f"Deal {number}") for number in range(BATCH)]
    connector = crm.connector()
    wanted = dict.fromkeys(deals, GAP) | {deals[at]: Annotation(status="splendid")}
    receipts = connector.write(plan(connector, wanted))
    assert [receipt.write.deal for receipt in receipts if not receipt.ok] == [deals[at]]
    assert connector.calls.by_name["deals/batch/update"] - 1 <= 2 * ceil(log2(BATCH))


def test_a_hundred_a_call(crm: Bench) -> None:
    deals = [crm.deal(f"Deal {number}") for number in range(BATCH + 1)]
    connector = crm.connector()
    assert all(receipt.ok for receipt in connector.write(plan(connector, dict.fromkeys(deals, GAP))))
    assert connector.calls.write == 2
    assert connector.calls.by_name == {"properties/deals": 1, "deals/batch/read": 4, "deals/batch/update": 2}


class Meddling:
    """A portal whose workflow answers each of our writes with one of its own."""

    def __init__(self, crm: Bench, deal: str) -> None:
        self.crm, self.deal = crm, deal

    def answer(self, request: Request, *, base: str) -> Response:
        response = self.crm.portal.answer(request, base=base)
        if request.path.endswith("/batch/update"):
            self.crm.set("deals", self.deal, **{OWN["top_finding"]: "Nothing to see"})
        return response


def test_what_reads_back_otherwise_is_no_success(crm: Bench) -> None:
    deal = crm.deal()
    with serve(Meddling(crm, deal)) as base:
        connector = Bench(crm.portal, crm.clock, base).connector()
        (receipt,) = connector.write(plan(connector, {deal: GAP}))
    assert not receipt.ok
    assert OWN["top_finding"] in (receipt.reason or "")


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("deal", {"dealstage": "closedlost"}),
        ("deal", {OWN["status"]: "supported", "amount": "1"}),
        ("contact", {OWN["status"]: "supported"}),
    ],
)
def test_nothing_but_our_own_can_be_written(crm: Bench, place: str, after: Fields) -> None:
    deal = crm.deal()
    connector = crm.connector()
    with pytest.raises(ValueError, match="not ours to write"):
        connector.write([Write(deal, place, None, after)])
    assert connector.calls.write == 0
    assert crm.portal.value("deals", deal, "dealstage") == "contractsent"


def test_missing_properties_are_named_with_what_creates_them(crm: Bench) -> None:
    crm.portal.archive_property("deals", OWN["details"])
    connector = crm.connector()
    for ask in (_shown, _write):
        with pytest.raises(NoAccess, match=r"crm_audit_details: run `crm-audit provision hubspot"):
            ask(connector, [crm.deal()])
    assert connector.calls.write == 0


def _shown(connector: HubSpot, deals: Sequence[str]) -> None:
    connector.shown(deals)


def _write(connector: HubSpot, deals: Sequence[str]) -> None:
    connector.write([Write(deal, "deal", None, {OWN["status"]: "supported"}) for deal in deals])


def test_without_the_scope_to_write_it_is_said(crm: Bench) -> None:
    crm.portal.revoke("crm.objects.deals.write")
    deal, connector = crm.deal(), crm.connector()
    with pytest.raises(NoAccess, match=r"crm\.objects\.deals\.write"):
        connector.write(plan(connector, {deal: GAP}))
    assert held(crm, deal)["status"] is None
