"""The stages that a record type allows, as UI API tells them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_audit.emulator.salesforce.picklists import MASTER
from tests.emulator.org_bench import API, Served, an_org, served


@pytest.fixture
def crm() -> Iterator[Served]:
    with served(an_org()) as crm:
        yield crm


def path(kind: str, field: str = "StageName", object: str = "Opportunity") -> str:
    return f"/ui-api/object-info/{object}/picklist-values/{kind}/{field}"


def stages(crm: Served, kind: str) -> list[str]:
    return [each["value"] for each in crm.call("GET", path(kind)).json()["values"]]


def test_a_record_type_has_the_stages_of_its_process(crm: Served) -> None:
    process = crm.org.insert("BusinessProcess", Name="Renewals", TableEnumOrId="Opportunity")
    kind = crm.org.insert(
        "RecordType", Name="Renewal", DeveloperName="Renewal", SobjectType="Opportunity", BusinessProcessId=process
    )
    assert stages(crm, kind) == stages(crm, MASTER)
    crm.org.restrict(process, ["Closed Won", "Prospecting", "Closed Lost"])
    assert stages(crm, kind) == stages(crm, kind[:15]) == ["Prospecting", "Closed Won", "Closed Lost"]
    assert len(stages(crm, MASTER)) == 10


def test_inactive_stages_are_not_offered(crm: Served) -> None:
    (stage,) = [row["Id"] for row in crm.org.rows("OpportunityStage") if row["ApiName"] == "Qualification"]
    crm.org.update("OpportunityStage", str(stage), IsActive=False)
    assert "Qualification" not in stages(crm, MASTER)


def test_the_answer_has_salesforces_form(crm: Served) -> None:
    body = crm.call("GET", path(MASTER)).json()
    assert (body["controllerValues"], body["defaultValue"], body["url"]) == ({}, None, API + path(MASTER))
    assert body["values"][-2] == {
        "attributes": {
            "closed": True,
            "defaultProbability": 100.0,
            "forecastCategoryName": "Closed",
            "picklistAtrributesValueType": "OpportunityStage",
            "won": True,
        },
        "label": "Closed Won",
        "validFor": [],
        "value": "Closed Won",
    }
    roles = crm.call("GET", path(MASTER, "Role", "OpportunityContactRole")).json()["values"]
    assert roles[1] == {"attributes": None, "label": "Decision Maker", "validFor": [], "value": "Decision Maker"}


def test_unknown_types_fields_and_objects(crm: Served) -> None:
    other = crm.org.insert("RecordType", Name="x", DeveloperName="x", SobjectType="Account")
    for asked in (path("012ak0000000099AAA"), path(other), path("x"), path(MASTER, "Nmae"), path(MASTER, object="X")):
        answer = crm.call("GET", asked)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")
