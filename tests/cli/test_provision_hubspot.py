"""`crm-audit provision hubspot`: what is missing is made, once; nothing is deleted, and what is right stays."""

from __future__ import annotations

import pytest

from crm_audit.connectors.hubspot import kit
from crm_audit.connectors.hubspot.names import GROUP, OWN
from crm_audit.emulator.faults import Fault, Reset
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.emulator.hubspot.catalogue import KIT
from crm_audit.errors import NoAccess
from tests.cli.desk import Desk
from tests.cli.portals import HUBSPOT
from tests.connectors import hubspot_bench
from tests.connectors.hubspot_bench import Bench

PASSES = '\n[connections.portal.options]\npass_stages = ["qualifiedtobuy"]\n'


def settled(desk: Desk, crm: Bench, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    monkeypatch.setenv("PORTAL_TOKEN", SERVICE_KEY)
    desk.settle(HUBSPOT.format(base=crm.base, ladder="annotate") + more)


def test_an_empty_portal_gets_the_group_and_every_property_and_a_second_time_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hubspot_bench.bench() as crm:
        settled(desk, crm, monkeypatch)
        answer = desk("provision", "hubspot", "--json")
        assert (answer.code, answer.json()["missing"]) == (0, [])
        made = {name: one for name, one in crm.portal.schema.properties["deals"].items() if one.group == GROUP}
        assert {name: (one.kind, one.field_type, one.options) for name, one in made.items()} == dict(KIT)
        wrote = crm.portal.calls.write
        again = desk("provision", "hubspot")
        assert "the group and all properties are there" in again.out
        assert crm.portal.calls.write == wrote


def test_what_it_makes_is_what_write_back_needs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        settled(desk, crm, monkeypatch, PASSES)
        deal = crm.deal(dealstage="appointmentscheduled")
        desk("sync")
        with pytest.raises(NoAccess, match="run `crm-audit provision hubspot --dry-run`"):
            desk("writeback", "apply", "portal")
        desk("provision", "hubspot")
        assert desk("writeback", "apply", "portal").code == 0
        assert crm.portal.value("deals", deal, "crm_audit_pass_qualifiedtobuy") == kit.FILLED


def test_a_dry_run_makes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        settled(desk, crm, monkeypatch)
        answer = desk("provision", "hubspot", "--dry-run")
        assert answer.code == 4
        assert "0 done, 10 missing" in answer.out
        assert f"create {OWN['status']} (enumeration, select)" in answer.out
        assert "without --dry-run" in answer.err
        assert crm.portal.calls.write == 0


def test_an_archived_property_of_ours_comes_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        crm.portal.archive_property("deals", OWN["details"])
        settled(desk, crm, monkeypatch)
        (done,) = desk("provision", "hubspot", "--json").json()["done"]
        assert (done["kind"], done["name"]) == ("restore", OWN["details"])
        assert not crm.portal.schema.properties["deals"][OWN["details"]].archived


def test_options_of_the_admins_own_stay_and_ours_are_added(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        crm.portal.define_property("deals", kit.ANSWER, "enumeration", options=("later", "fixed"))
        settled(desk, crm, monkeypatch)
        assert desk("provision", "hubspot").code == 0
        options = crm.portal.schema.properties["deals"][kit.ANSWER].options
        assert options == ("later", "fixed", "asked", "wrong", "not_applicable")


def test_a_property_of_another_type_is_told_and_left_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        crm.portal.define_property("deals", OWN["stage_gap"], "string")
        settled(desk, crm, monkeypatch)
        answer = desk("provision", "hubspot")
        assert answer.code == 4
        assert f"{OWN['stage_gap']} is of the type string, not number: rename or archive it" in answer.out
        assert crm.portal.calls.write == 0


def test_a_token_that_may_not_define_properties_names_the_scope(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        settled(desk, crm, monkeypatch)
        crm.portal.revoke("crm.schemas.deals.write")
        with pytest.raises(NoAccess, match=r"add the scope crm\.schemas\.deals\.write"):
            desk("provision", "hubspot")


def test_a_token_of_its_own_defines_the_properties(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        settled(desk, crm, monkeypatch)
        monkeypatch.setenv("PORTAL_TOKEN", "no token at all")
        monkeypatch.setenv("SETUP_TOKEN", SERVICE_KEY)
        text = desk.config.read_text("utf-8")
        desk.settle(text.replace('"PORTAL_TOKEN" }', '"PORTAL_TOKEN", setup_token = "SETUP_TOKEN" }'))
        assert desk("provision", "hubspot").code == 0


def test_a_property_whose_answer_was_lost_is_no_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as crm:
        settled(desk, crm, monkeypatch)
        crm.faults.add(Fault("POST .*/properties/", Reset(-1), nth=3))
        answer = desk("provision", "hubspot", "--json")
        assert (answer.code, answer.json()["missing"]) == (0, [])
