"""A page that does not arrive is asked for again; the reading of which it is a part is not begun anew."""

from __future__ import annotations

import pytest

from crm_audit.emulator.faults import Action, Cut, Reset
from crm_audit.emulator.server import Response
from tests.connectors import hubspot_bench, salesforce_bench

TROUBLES: list[Action] = [Reset(), Reset(40), Cut(), Response(503, b"<html>busy</html>")]
MANY = 250
"""More than one page of a search (200)."""


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_fault_43_in_the_middle_of_a_walk_one_page_is_asked_again(trouble: Action) -> None:
    def read(*troubles: Action) -> tuple[int, set[str]]:
        with hubspot_bench.bench() as crm:
            for number in range(MANY):
                crm.person(f"Dana{number}")
            crm.deal()
            crm.faults.next("contacts/search", *troubles)
            told = hubspot_bench.told(connector := crm.connector())
            assert told.gaps == {}
            return connector.calls.by_name["contacts/search"], set(told.records["people"])

    calm, everybody = read()
    calls, people = read(trouble)
    assert (calls, people) == (calm + 1, everybody)
    assert len(people) == MANY


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_fault_43_a_round_of_queries_is_asked_again_as_it_was(trouble: Action) -> None:
    def read(*troubles: Action) -> tuple[int, int]:
        with salesforce_bench.bench() as sf:
            for number in range(5):
                sf.person(f"Dana{number}")
            sf.deal()
            connector = sf.connector()
            connector.account()
            sf.faults.next("POST /services/data/.*/composite", *troubles)
            people = salesforce_bench.pulled(connector, "people")
            return sum(connector.calls.by_name.values()), len(people)

    calm, everybody = read()
    assert read(trouble) == (calm + 1, everybody)
