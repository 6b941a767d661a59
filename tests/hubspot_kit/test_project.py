"""The project: HubSpot's own reading of it, and what it promises against what the program does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from crm_audit.connectors.hubspot import names
from crm_audit.connectors.hubspot.hints import hints
from crm_audit.emulator.hubspot import catalogue
from tests.hubspot_kit.kit import APP, CARDS, HERE, KIT, properties, subscriptions, told, words
from tests.node import node
from tests.salesforce_kit.kit import MAIN as SALESFORCE

GENERIC = {"creation", "deletion", "merge", "restore", "propertyChange", "associationChange"}
OBJECTS = {
    "deal": "0-3", "contact": "0-1", "meeting_event": "0-47", "call": "0-48", "email": "0-49", "task": "0-27",
    "note": "0-46", "quote": "0-14",
}  # fmt: skip
"""Of the objects that HubSpot lists for subscriptions of the generic form, the ones that can tell us something: the
words of that list, and the type ids that events bear."""
ANSWER = ("crm_audit_answer", "crm_audit_answer_until", "crm_audit_answer_reason")
FOR_PROVISION = "crm.schemas.deals.write"


def parts(project: Path) -> dict[str, Mapping[str, Any]]:
    """The components that HubSpot's own library finds in a project, by uid."""
    ran = node("project.mjs", str(project), project=HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    assert found["skipped"] == []
    return {part["uid"]: part for part in found["parts"]}


def test_hubspots_own_reading_finds_an_app_and_what_belongs_to_it() -> None:
    found = parts(KIT)
    assert {uid: part["componentType"] for uid, part in found.items()} == {
        "crm_audit_app": "APPLICATION", "crm_audit_deal_card": "CARD", "crm_audit_webhooks": "WEBHOOKS",
    }  # fmt: skip
    belongs = {uid for uid, part in found.items() if part["componentDeps"].get("app") == "crm_audit_app"}
    assert belongs == {"crm_audit_deal_card", "crm_audit_webhooks"}
    assert [part["fault"] for part in found.values()] == [None, None, None]


@pytest.mark.parametrize("spoilt", ["crm_audit_deal_card", "not json"])
def test_a_planted_fault_is_found_by_that_reading(tmp_path: Path, spoilt: str) -> None:
    project = shutil.copytree(KIT, tmp_path / "kit")
    webhooks = project / "src/app/webhooks/webhooks-hsmeta.json"
    if spoilt == "not json":
        webhooks.write_text("{", "utf-8")
    else:
        webhooks.write_text(webhooks.read_text("utf-8").replace("crm_audit_webhooks", spoilt), "utf-8")
    ran = node("project.mjs", str(project), project=HERE)
    assert ran.returncode or "crm_audit_webhooks" not in ran.stdout


def test_the_app_is_for_one_account_and_nothing_in_it_calls_out() -> None:
    config = told(APP / "app-hsmeta.json")["config"]
    assert (config["distribution"], config["auth"]["type"]) == ("private", "static")
    assert set(map(tuple, config["permittedUrls"].values())) == {()}


def test_the_app_has_the_scopes_that_reading_and_annotating_need_and_no_other() -> None:
    auth = told(APP / "app-hsmeta.json")["config"]["auth"]
    reading = {scope for need in names.SCOPES.values() for scope in need.split(" or ")}
    assert set(auth["requiredScopes"]) == {*reading, "crm.objects.deals.write"}
    assert FOR_PROVISION not in json.dumps(auth)  # a static app can require scopes, never ask for more at times
    assert (auth["optionalScopes"], auth["conditionallyRequiredScopes"]) == ([], [])


def test_the_readme_tells_every_scope() -> None:
    readme = (KIT / "README.md").read_text("utf-8")
    for scope in (*told(APP / "app-hsmeta.json")["config"]["auth"]["requiredScopes"], FOR_PROVISION):
        assert f"| `{scope}` |" in readme


def test_the_card_is_in_the_middle_of_a_deal_where_its_fields_are_allowed() -> None:
    config = told(CARDS / "deal-card-hsmeta.json")["config"]
    assert (config["location"], config["objectTypes"]) == ("crm.record.tab", ["deals"])
    assert (KIT / "src" / config["entrypoint"].lstrip("/")).is_file()


def test_the_card_runs_on_what_it_was_tested_with() -> None:
    tested = told(HERE / "package.json")["devDependencies"]
    own = told(CARDS / "package.json")
    assert {**own["dependencies"], **own["devDependencies"]}.items() <= tested.items()


def test_the_card_reads_what_the_program_writes_and_the_rep_answers() -> None:
    assert properties() == {"dealstage", *names.OWN.values(), *ANSWER}
    assert properties() - {"dealstage"} == set(catalogue.KIT)


def test_every_answer_of_the_portal_has_its_words() -> None:
    text = (CARDS / "words.ts").read_text("utf-8")
    assert set(re.findall(r"value: '(\w+)'", text)) == set(catalogue.KIT["crm_audit_answer"][2])


def test_every_status_of_the_portal_has_its_tag() -> None:
    text = (CARDS / "pill.ts").read_text("utf-8")
    tagged = {*re.findall(r"^ {4}(\w+): \{", text, re.MULTILINE), *re.findall(r"status === '(\w+)'", text)}
    assert tagged == set(catalogue.KIT["crm_audit_status"][2])


@pytest.mark.parametrize("table", ["SEEN", "WHY"])
def test_both_crms_say_it_in_the_same_words(table: str) -> None:
    ours = words(CARDS / "words.ts", table)
    assert ours == words(SALESFORCE / "lwc/crmAuditFinding/words.js", table)
    assert len(ours) > 10


def test_the_address_of_the_receiver_is_one_that_leads_nowhere_until_somebody_sets_it() -> None:
    settings = told(APP / "webhooks/webhooks-hsmeta.json")["config"]["settings"]
    assert settings["targetUrl"] == "https://crm-audit.example/webhooks/NAME"
    assert settings["targetUrl"] in (KIT / "README.md").read_text("utf-8")


def test_every_subscription_is_of_a_form_and_an_object_that_hubspot_has() -> None:
    for one in subscriptions():
        kind, _, event = one["subscriptionType"].partition(".")
        assert (kind, event in GENERIC, one["objectType"] in OBJECTS, one["active"]) == ("object", True, True, True)
        assert ("propertyName" in one) == (event == "propertyChange")
    listed = [tuple(sorted(one.items())) for one in subscriptions()]
    assert len(listed) == len(set(listed))


def test_the_program_knows_what_to_read_again_for_every_subscription() -> None:
    for number, one in enumerate(subscriptions(), start=501):
        event = {**one, "objectTypeId": OBJECTS[one["objectType"]], "objectId": number}
        if one["subscriptionType"].endswith("associationChange"):
            ends = {"fromObjectTypeId": "0-3", "fromObjectId": number, "toObjectTypeId": "0-1", "toObjectId": 7}
            event = {"subscriptionType": one["subscriptionType"], **ends}
        assert str(number) in {hint.record for hint in hints(json.dumps([event]).encode())}, one


def test_a_deal_is_heard_of_when_what_it_is_judged_by_changes() -> None:
    of_deals = [one for one in subscriptions() if one["objectType"] == "deal"]
    heard = {one["propertyName"] for one in of_deals if "propertyName" in one}
    assert heard == {*(names.DEAL[each] for each in ("stage", "pipeline", "amount", "close_date")), *ANSWER}
    assert {one["subscriptionType"].removeprefix("object.") for one in of_deals} == GENERIC


def test_our_own_writes_are_not_heard_of() -> None:
    """Six properties are written in a night to thousands of deals; hearing of that would judge them all again."""
    assert not {one.get("propertyName") for one in subscriptions()} & set(names.OWN.values())


def test_every_object_that_can_prove_something_is_heard_of() -> None:
    assert {one["objectType"] for one in subscriptions() if one["subscriptionType"] == "object.creation"} == (
        set(OBJECTS) - {"contact"}
    )


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (HERE / "package-lock.json").read_text("utf-8")
