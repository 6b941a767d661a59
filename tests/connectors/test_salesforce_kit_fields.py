"""What the gate reads: the lists of stages on the verdict, and the heartbeat of the connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from crm_audit.connectors.salesforce import own
from crm_audit.domain import Annotation
from crm_audit.errors import NoAccess
from tests.connectors.salesforce_bench import NOW, Bench, bench
from tests.connectors.test_salesforce_writing import applied, planned

SAID = Annotation(status="overstated", refused=("Negotiation/Review", "Closed Won"), warned=("Proposal/Price Quote",))
LATER = NOW + timedelta(days=1)


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        made.org.install_kit()
        yield made


def test_the_stages_stand_on_the_verdict_as_the_rules_look_for_them(sf: Bench) -> None:
    assert all(each.ok for each in applied(sf.connector(), sf.deal(), said=SAID))
    (verdict,) = sf.org.rows(own.VERDICT)
    assert verdict["Refused_Stages__c"] == ";Negotiation/Review;Closed Won;"
    assert verdict["Warned_Stages__c"] == ";Proposal/Price Quote;"


def test_a_deal_that_nothing_keeps_out_has_no_list(sf: Bench) -> None:
    deal = sf.deal()
    applied(sf.connector(), deal, said=SAID)
    applied(sf.connector(), deal, said=replace(SAID, refused=(), warned=()))
    (verdict,) = sf.org.rows(own.VERDICT)
    assert (verdict["Refused_Stages__c"], verdict["Warned_Stages__c"]) == (None, None)


@pytest.mark.parametrize(
    ("stages", "kept"),
    [
        ((), None),
        (("x" * 253,), ";" + "x" * 253 + ";"),
        (("x" * 254,), None),
        (("a", "b"), ";a;b;"),
        (("a;b", "c"), None),
    ],
)
def test_a_list_is_written_whole_or_not_at_all(stages: tuple[str, ...], kept: str | None) -> None:
    """Half a list would let a deal into the other half and look like a gate."""
    assert own.listed(stages) == kept
    assert (own.ungated(replace(SAID, refused=stages)) is None) is (kept is not None or not stages)


def test_a_deal_that_cannot_be_gated_is_told_with_the_field() -> None:
    told = own.ungated(replace(SAID, warned=("x" * 300,)))
    assert told is not None
    assert "Warned_Stages__c" in told
    assert "Refused_Stages__c" not in told


def test_every_verdict_points_at_the_connection_record(sf: Bench) -> None:
    applied(sf.connector(), sf.deal("One"), sf.deal("Two"), said=SAID)
    (connection,) = sf.org.rows(own.CONNECTION)
    assert {row["Connection__c"] for row in sf.org.rows(own.VERDICT)} == {connection["Id"]}
    assert (connection.get("Key__c"), connection.get("Last_Run__c")) == ("crm-audit", None)


def test_a_beat_is_one_write_and_touches_no_verdict(sf: Bench) -> None:
    deal = sf.deal()
    applied(sf.connector(), deal, said=SAID)
    before = sf.org.rows(own.VERDICT), sf.org.row("Opportunity", deal)
    sf.clock.advance(days=1)
    connector = sf.connector()
    connector.beat(LATER)
    assert connector.calls.write == 1
    assert (sf.org.rows(own.VERDICT), sf.org.row("Opportunity", deal)) == before
    (connection,) = sf.org.rows(own.CONNECTION)
    assert connection["Last_Run__c"] == LATER


def test_a_beat_leaves_the_hours_that_an_admin_has_set(sf: Bench) -> None:
    sf.make(own.CONNECTION, Key__c="crm-audit", Gate_Opens_After_Hours__c=6)
    sf.connector().beat(LATER)
    (connection,) = sf.org.rows(own.CONNECTION)
    assert (connection["Gate_Opens_After_Hours__c"], connection["Last_Run__c"]) == (6, LATER)


def test_a_write_does_not_beat(sf: Bench) -> None:
    """Only a complete run does: a gate held shut by a broken auditor would stop a sales team."""
    sf.connector().beat(NOW)
    sf.clock.advance(days=3)
    applied(sf.connector(), sf.deal(), said=SAID)
    (connection,) = sf.org.rows(own.CONNECTION)
    assert connection["Last_Run__c"] == NOW


def test_two_installations_have_a_heartbeat_each(sf: Bench) -> None:
    sf.connector().beat(NOW)
    sf.connector(options={"connection_key": "emea"}).beat(LATER)
    assert {row["Key__c"]: row["Last_Run__c"] for row in sf.org.rows(own.CONNECTION)} == {
        "crm-audit": NOW,
        "emea": LATER,
    }


def test_a_heartbeat_that_is_refused_says_where_to_look(sf: Bench) -> None:
    sf.org.refuse(own.CONNECTION, lambda before, row: True, message="Not now.")
    with pytest.raises(NoAccess, match=r"Not now.*provision salesforce"):
        sf.connector().beat(NOW)
    with pytest.raises(NoAccess, match=r"Not now.*provision salesforce"):
        applied(sf.connector(), sf.deal())


def test_the_reason_of_a_rep_is_never_ours(sf: Bench) -> None:
    deal = sf.deal(CRM_Audit_Reason__c="the customer asked for it")
    applied(sf.connector(), deal, said=SAID)
    row = sf.org.row("Opportunity", deal)
    assert row is not None
    assert row["CRM_Audit_Reason__c"] == "the customer asked for it"
    assert planned(sf.connector(), deal, said=SAID) == []
