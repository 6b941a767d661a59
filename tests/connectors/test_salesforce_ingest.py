"""Many records go as Bulk jobs: few calls, each refusal by its record, and nothing is taken for written that is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_audit.connectors.base import Receipt, Write
from crm_audit.connectors.salesforce import SalesforceConnector, connect, ingest, own
from crm_audit.connectors.salesforce.gateway import Call, an_object
from crm_audit.domain import Annotation
from crm_audit.emulator.faults import Fault, Reset
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.schema import Row
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import CrmAuditError, Retry
from crm_audit.store import Store
from crm_audit.writeback.apply import apply
from crm_audit.writeback.plan import Plan, plan
from tests.connectors.salesforce_bench import Bench, bench

SAID = Annotation(
    status="overstated", supported_stage="Proposal", stage_gap=1, top_finding='Dana said "no", twice.', next_step="NA",
    details="CQ-STK-PRICE\nnobody has seen the price;\n=1+1, שלום 🙂", refused=("Closed Won",),
)  # fmt: skip
MANY = 12


@pytest.fixture
def sf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(ingest, "WORTH", MANY - 1)
    with bench() as made:
        made.org.install_kit()
        yield made


def planned(connector: SalesforceConnector, deals: Sequence[str], said: Annotation = SAID) -> list[Write]:
    """The first writes of these deals."""
    return [Write(deal, place, None, after) for deal in deals for place, after in connector.wanted(deal, said).items()]


def receipts(connector: SalesforceConnector, deals: Sequence[str], said: Annotation = SAID) -> list[Receipt]:
    return list(connector.write(planned(connector, deals, said)))


def deals(sf: Bench, number: int = MANY) -> list[str]:
    return [sf.deal(f"Deal {at}") for at in range(number)]


def test_many_deals_are_two_jobs_written_linked_and_read_back(sf: Bench) -> None:
    connector, some = sf.connector(), deals(sf)
    assert all(receipt.ok for receipt in receipts(connector, some))
    assert {deal: places for deal, places in connector.shown(some).items()} == {
        deal: connector.wanted(deal, SAID) for deal in some
    }
    by_name = connector.calls.by_name
    assert (by_name["ingest/create"], by_name["ingest/upload"], by_name["ingest/state"]) == (2, 2, 2)
    assert "ingest/failed" not in by_name
    assert connector.calls.write == sf.org.calls.write == 1 + 2 * 3  # the connection record, and two jobs


def test_few_deals_are_no_job(sf: Bench) -> None:
    connector = sf.connector()
    assert all(receipt.ok for receipt in receipts(connector, deals(sf, MANY - 1)))
    assert "ingest/create" not in connector.calls.by_name


def test_a_field_that_is_emptied_is_empty_and_one_that_is_not_told_of_stays(sf: Bench) -> None:
    connector, some = sf.connector(), deals(sf)
    receipts(connector, some)
    other = [Write(deal, own.VERDICT, None, {"Next_Step__c": None}) for deal in some[:-1]]
    other.append(Write(some[-1], own.VERDICT, None, {"Stage_Gap__c": 3}))
    assert all(receipt.ok for receipt in connector.write(other))
    held = {str(row["Deal_Id__c"]): row for row in sf.org.rows(own.VERDICT)}
    assert [held[deal]["Next_Step__c"] for deal in some] == [None] * (MANY - 1) + ["NA"]
    assert [held[deal]["Stage_Gap__c"] for deal in some] == [1] * (MANY - 1) + [3]
    assert {row["Status__c"] for row in held.values()} == {"overstated"}


def test_fault_22_of_a_job_the_refused_records_are_told_and_the_others_written(sf: Bench) -> None:
    connector, some = sf.connector(), deals(sf)
    poison = some[3]

    def poisonous(before: Row | None, after: Row) -> bool:
        return after.get("Deal_Id__c") == poison

    sf.org.refuse(own.VERDICT, poisonous, message="Not this one: ask the desk, please")
    refused = {(each.write.deal, each.write.place): each.reason for each in receipts(connector, some) if not each.ok}
    assert refused == {
        (poison, own.VERDICT): "FIELD_CUSTOM_VALIDATION_EXCEPTION: Not this one: ask the desk, please",
        (poison, own.DEAL): "its verdict was refused, so there is nothing to point at",
    }
    assert len(sf.org.rows(own.VERDICT)) == MANY - 1


def test_fault_23_a_deal_whose_rules_refuse_the_link_has_its_verdict(sf: Bench) -> None:
    connector, some = sf.connector(), deals(sf)
    sf.org.refuse("Opportunity", lambda before, after: after["Id"] == some[0], message="no edits")
    refused = [(each.write.deal, each.write.place) for each in receipts(connector, some) if not each.ok]
    assert refused == [(some[0], own.DEAL)]
    assert len(sf.org.rows(own.VERDICT)) == MANY


@pytest.mark.parametrize("after", [None, -1])
@pytest.mark.parametrize("at", ["POST .*/jobs/ingest", "PUT .*/batches", "PATCH .*/jobs/ingest/"])
def test_fault_07_what_is_cut_off_before_a_job_is_under_way_begins_anew(sf: Bench, at: str, after: int | None) -> None:
    connector, some = sf.connector(), deals(sf)
    sf.faults.add(Fault(at, Reset(after)))
    assert all(receipt.ok for receipt in receipts(connector, some))
    assert len(sf.org.rows(own.VERDICT)) == MANY


def test_a_job_that_salesforce_gives_up_is_unknown_and_never_taken_for_done(sf: Bench) -> None:
    sf.org.intakes.failing = "InternalServerError : something"
    with pytest.raises(Retry, match="gave a Bulk job up"):
        receipts(sf.connector(), deals(sf))


def test_a_job_that_never_ends_is_ended_in_time(sf: Bench) -> None:
    sf.org.intakes.polls = 10_000
    with pytest.raises(Retry, match="has not finished a Bulk job in ten minutes"):
        receipts(sf.connector(), deals(sf))
    assert ingest.PATIENCE < sum(sf.slept) < ingest.PATIENCE + 2 * ingest.LONGEST_WAIT
    (job,) = sf.org.intakes._kept.values()
    assert job.state.over
    assert sf.org.rows(own.VERDICT) == []


def test_a_job_without_all_records_is_not_complete(sf: Bench) -> None:
    connector, some = sf.connector(), deals(sf)
    short = {"id": "750000000000001AAA", "state": "JobComplete", "numberRecordsProcessed": MANY - 1}
    sf.faults.add(Fault("GET .*/jobs/ingest/", Response(200, short | {"numberRecordsFailed": 0})))
    with pytest.raises(CrmAuditError, match="gave a Bulk job up"):
        receipts(connector, some)


LINES = st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=20), min_size=1), min_size=1, max_size=30)


@given(LINES, st.integers(1, 400))
def test_sheets_hold_every_line_once_in_order_and_none_is_empty(lines: list[Mapping[str, str]], largest: int) -> None:
    made = list(ingest.sheets(lines, largest=largest))
    assert sum(sheet.records for sheet in made) == len(lines)
    heads = {sheet.text.split(b"\n")[0] for sheet in made}
    assert len(heads) == 1
    assert all(sheet.records == 1 or len(sheet.text) <= max(largest, len(made[0].text)) for sheet in made)


class Killed(BaseException):
    """The end of a process while it waits for a job."""


def test_fault_32_what_a_killed_process_left_to_salesforce_cannot_land_after_what_is_next(
    sf: Bench, tmp_path: Path
) -> None:
    def killed(seconds: float) -> None:
        raise Killed

    def made(crm: SalesforceConnector, note: Annotation) -> Plan:
        return replace(plan({deal: crm.wanted(deal, note) for deal in some}, crm.shown(some)), connection="org")

    some, session = deals(sf), Loopback(sf.base).session()
    first = connect(sf.connection(), environ=sf.environ(), session=session, sleep=killed)
    said = replace(SAID, top_finding="Dana has seen it.")
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        with pytest.raises(Killed):
            apply(made(first, SAID), first, store.outbox)
        (job,) = sf.org.intakes.all(sf.clock.now())
        second = sf.connector()
        assert all(each.ok for each in apply(made(second, said), second, store.outbox))
        assert store.outbox.left("org") == []
    for _ in range(3):  # whoever looks at it lets a job that is under way go on
        second._gateway.ask(Call("ingest/poll", f"{ingest.JOBS}/{job.id}"), an_object)
    assert {row["Top_Finding__c"] for row in sf.org.rows(own.VERDICT)} == {"Dana has seen it."}
    assert sf.org.intakes.get(job.id, now=sf.clock.now()).state == "Aborted"
