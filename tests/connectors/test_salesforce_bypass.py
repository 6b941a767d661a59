"""The way past the gate in an org: a custom permission that is there, and nothing that only looks like one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.salesforce_bench import Bench, bench

NAME = "CRM_Audit_Gate_Bypass"


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as made:
        yield made


def test_a_custom_permission_of_that_name_is_a_way_past(crm: Bench) -> None:
    crm.make("CustomPermission", DeveloperName=NAME, MasterLabel="Pass the gate of CRM Audit")
    connector = crm.connector()
    assert connector.lacks_bypass(NAME) is None
    assert connector.calls.write == 0


def test_an_org_without_it_says_what_to_install(crm: Bench) -> None:
    crm.make("CustomPermission", DeveloperName="Another", MasterLabel="Another")
    assert (crm.connector().lacks_bypass(NAME) or "").startswith(f"the org has no custom permission {NAME}; install it")


@pytest.mark.parametrize("name", ["Ask Olga", "x' OR Name != '", "", "1st", "a" * 81])
def test_what_is_no_api_name_never_reaches_the_org(crm: Bench, name: str) -> None:
    connector = crm.connector()
    assert "is no API name" in (connector.lacks_bypass(name) or "")
    assert connector.calls.read == 0


def test_a_user_who_cannot_see_permissions_is_told_which_one_is_missing(crm: Bench) -> None:
    crm.org.hide("CustomPermission")
    assert "View Setup and Configuration" in (crm.connector().lacks_bypass(NAME) or "")
