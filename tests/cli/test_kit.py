"""`crm-audit kit export` and `crm-audit provision salesforce`: what an admin gets, and what the org still lacks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from crm_audit import kits, shipped
from crm_audit.connectors.salesforce import own
from crm_audit.connectors.salesforce.kit import KIT
from crm_audit.errors import FixConfig
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce
from tests.connectors.salesforce_bench import Bench
from tests.salesforce_kit.kit import fields, objects

GATE = "force-app/main/default/objects/Opportunity/validationRules/CRM_Audit_Gate.validationRule-meta.xml"


def held(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_kit_is_written_whole_and_byte_for_byte(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "kit"
    answer = desk("kit", "export", "salesforce", str(folder))
    assert answer.code == 0
    assert f"in {folder}" in answer.out
    assert "sf project deploy start" in answer.err
    assert held(folder) >= {"sfdx-project.json", ".forceignore", "README.md", GATE, kits.MARK}
    source = shipped.crm_kits() / "salesforce"
    assert all((folder / name).read_bytes() == (source / name).read_bytes() for name in held(folder) - {kits.MARK})


def test_the_kit_of_hubspot_is_a_project_that_its_command_line_uploads(desk: Desk, tmp_path: Path) -> None:
    answer = desk("kit", "export", "hubspot", str(tmp_path / "kit"))
    assert answer.code == 0
    assert f"Next: cd {tmp_path / 'kit'} && hs project upload" in answer.err.replace("\n", "")
    project = json.loads((tmp_path / "kit" / "hsproject.json").read_text("utf-8"))
    metadata = {name for name in held(tmp_path / "kit") if name.endswith("-hsmeta.json")}
    assert metadata == {
        "src/app/app-hsmeta.json", "src/app/cards/deal-card-hsmeta.json", "src/app/webhooks/webhooks-hsmeta.json",
    }  # fmt: skip
    assert all(name.startswith(f"{project['srcDir']}/") for name in metadata)


def test_nothing_that_lies_about_in_a_checkout_is_exported(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "connectors"
    for name in ("salesforce/a.xml", "salesforce/src/cards/node_modules/x/index.js", "salesforce/org.local.json"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("text", encoding="utf-8")
    monkeypatch.setattr(shipped, "crm_kits", lambda: checkout)
    desk("kit", "export", "salesforce", str(tmp_path / "kit"))
    assert held(tmp_path / "kit") == {"a.xml", kits.MARK}


@pytest.mark.parametrize("name", ["notes.txt", ".git/config", kits.MARK])
def test_a_folder_with_anything_else_in_it_is_left_alone(desk: Desk, tmp_path: Path, name: str) -> None:
    (tmp_path / "full" / name).parent.mkdir(parents=True)
    (tmp_path / "full" / name).write_text("mine", encoding="utf-8")
    with pytest.raises(FixConfig, match="is not empty and holds no salesforce kit"):
        desk("kit", "export", "salesforce", str(tmp_path / "full"))
    assert held(tmp_path / "full") == {name}
    assert (tmp_path / "full" / name).read_text("utf-8") == "mine"


def test_an_older_kit_is_replaced_and_what_a_newer_one_dropped_is_gone(desk: Desk, tmp_path: Path) -> None:
    kits.export("salesforce", tmp_path / "kit")
    mark = json.loads((tmp_path / "kit" / kits.MARK).read_text("utf-8"))
    dropped = tmp_path / "kit" / "force-app" / "Old__c.xml"
    dropped.write_bytes(b"old")
    mark["files"]["force-app/Old__c.xml"] = hashlib.sha256(b"old").hexdigest()
    (tmp_path / "kit" / kits.MARK).write_text(json.dumps(mark), encoding="utf-8")
    (tmp_path / "kit" / "notes.txt").write_text("the admin's own", encoding="utf-8")
    assert desk("kit", "export", "salesforce", str(tmp_path / "kit")).code == 0
    assert not dropped.exists()
    assert (tmp_path / "kit" / "notes.txt").exists()


def test_a_kit_that_somebody_edited_is_not_written_over(desk: Desk, tmp_path: Path) -> None:
    """An admin who turned the gate on there would find it off after the next deploy."""
    kits.export("salesforce", tmp_path / "kit")
    gate = tmp_path / "kit" / GATE
    gate.write_text(gate.read_text("utf-8").replace(">false<", ">true<"), "utf-8")
    with pytest.raises(FixConfig, match=r"edited since it was exported: .*CRM_Audit_Gate"):
        desk("kit", "export", "salesforce", str(tmp_path / "kit"))
    assert ">true<" in gate.read_text("utf-8")


def test_a_mark_that_names_files_elsewhere_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine", encoding="utf-8")
    (tmp_path / "kit").mkdir()
    mark = {"vendor": "salesforce", "files": {"../precious.txt": "0"}}
    (tmp_path / "kit" / kits.MARK).write_text(json.dumps(mark), encoding="utf-8")
    with pytest.raises(FixConfig):
        desk("kit", "export", "salesforce", str(tmp_path / "kit"))
    assert precious.exists()


def test_the_kit_of_another_crm_is_not_written_over(desk: Desk, tmp_path: Path) -> None:
    kits.export("hubspot", tmp_path / "kit")
    with pytest.raises(FixConfig, match="holds no salesforce kit"):
        desk("kit", "export", "salesforce", str(tmp_path / "kit"))


def test_a_crm_without_a_kit_is_told(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(FixConfig, match=r"no kit for 'salesfroce' .*did you mean 'salesforce'"):
        desk("kit", "export", "salesfroce", str(tmp_path / "kit"))
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(FixConfig, match="is a file"):
        desk("kit", "export", "salesforce", str(tmp_path / "file"))


# provision


def lacks(desk: Desk) -> list[str]:
    missing: list[str] = desk("provision", "salesforce", "--json").json()["missing"]
    return missing


def test_a_deployed_kit_lacks_nothing_and_looking_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        answer = desk("provision", "salesforce")
        assert (answer.code, lacks(desk)) == (0, [])
        assert "org: the kit is there" in answer.out
        assert sf.org.calls.write == 0


def test_an_org_without_the_kit_is_told_all_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        for name in (own.VERDICT, own.CONNECTION, "CRM_Audit_Answer__c"):
            sf.org.hide(name)
        answer = desk("provision", "salesforce")
        assert answer.code == 4
        assert "3 things are missing" in answer.out
        assert "kit export salesforce" in answer.err
        assert lacks(desk) == [
            f"{name}: the object is not there, or the user may not read it"
            for name in (own.CONNECTION, own.VERDICT, "CRM_Audit_Answer__c")
        ]


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, needs in KIT.items() for field in (*needs.reads, *needs.writes)]
)
def test_each_field_that_is_hidden_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, field: str) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.org.hide(name, field)
        assert lacks(desk) == [f"{name}.{field}: the field is not there, or the user may not read it"]


@pytest.mark.parametrize(
    ("name", "field"), [(own.DEAL, own.LOOKUP), (own.VERDICT, "Refused_Stages__c"), (own.CONNECTION, own.HEARTBEAT)]
)
def test_a_field_that_may_only_be_read_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, field: str
) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.org.lock(name, field)
        assert lacks(desk) == [f"{name}.{field}: the user may not edit it"]


def test_every_field_of_the_kit_is_looked_for() -> None:
    assert set(KIT) == set(objects())
    for name, needs in KIT.items():
        assert {*needs.reads, *needs.writes} == {field for field, _ in fields(name)}


def test_provision_wants_a_connection_of_that_crm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch), pytest.raises(FixConfig, match="no connection is a salesforce connection"):
        desk("provision", "salesforce")


def test_of_several_orgs_one_is_to_be_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        desk.settle(twice(desk.config.read_text("utf-8"), sf))
        with pytest.raises(FixConfig, match="name one of org, emea"):
            desk("provision", "salesforce")
        assert desk("provision", "salesforce", "emea").code == 0


def twice(text: str, sf: Bench) -> str:
    assert sf.base in text
    return text + text.replace("connections.org", "connections.emea")
