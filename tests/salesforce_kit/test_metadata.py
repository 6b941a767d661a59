"""The kit's metadata: each file against Salesforce's own schema, the whole through Salesforce's own converter, and in
step with what the program writes and the emulator has."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
import simple_salesforce
from lxml import etree

from crm_audit.connectors.salesforce import own
from tests.node import node
from tests.salesforce_kit.kit import HERE, KIT, MAIN, NAMESPACE, fields, metadata, objects, told

WSDL = Path(simple_salesforce.__file__).parent / "metadata.wsdl"
XSD = "{http://www.w3.org/2001/XMLSchema}"
TNS = NAMESPACE.strip("{}")
EMULATED = tomllib.loads(files("crm_audit.emulator.salesforce").joinpath("kit.toml").read_text(encoding="utf-8"))
FOREIGN = {"LightningComponentBundle": ("targetConfigs",)}
"""What the schema has as base64, for Salesforce packs it, and what lies in a file as plain XML."""


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The types of the Metadata API (version 63), with an element for each type that a file may hold."""
    (held,) = (each for each in etree.parse(WSDL).iter(f"{XSD}schema") if each.get("targetNamespace") == TNS)
    whole = etree.Element(f"{XSD}schema", dict(held.attrib), nsmap={"xsd": XSD.strip("{}"), "tns": TNS})
    whole[:] = list(held)
    for name in {root(path) for path in metadata()}:
        etree.SubElement(whole, f"{XSD}element", name=name, type=f"tns:{name}")
    return etree.XMLSchema(whole)


def root(path: Path) -> str:
    tag = ElementTree.parse(path).getroot().tag
    return str(tag).removeprefix(NAMESPACE)


def in_order(element: etree._Element, kind: str) -> None:
    """The schema wants children in its own order; Salesforce does not."""
    for foreign in FOREIGN.get(kind, ()):
        for child in element.findall(f"{NAMESPACE}{foreign}"):
            element.remove(child)
    sort(element)


def sort(element: etree._Element) -> None:
    element[:] = sorted(element, key=lambda child: (child.tag != f"{NAMESPACE}fullName", str(child.tag)))
    for child in element:
        sort(child)


def faults(path: Path, schema: etree.XMLSchema) -> list[str]:
    """What the schema says against a file."""
    tree = etree.parse(path)
    in_order(tree.getroot(), root(path))
    schema.validate(tree)
    return [f"{path.name}: {error.message}" for error in schema.error_log]


@pytest.mark.parametrize("path", metadata(), ids=lambda path: path.name)
def test_every_file_is_of_its_type(path: Path, schema: etree.XMLSchema) -> None:
    assert not faults(path, schema)


def test_a_misspelt_element_is_found(schema: etree.XMLSchema, tmp_path: Path) -> None:
    source = MAIN / "objects/CRM_Audit_Verdict__c/fields/Status__c.field-meta.xml"
    for right, wrong in (("<label>", "<lable>"), ("Text</type>", "Txt</type>"), ("<length>40<", "<length>forty<")):
        planted = tmp_path / source.name
        text = (
            source.read_text("utf-8").replace(right, wrong).replace(right.replace("<", "</"), wrong.replace("<", "</"))
        )
        planted.write_text(text, "utf-8")
        assert faults(planted, schema), wrong


def test_salesforces_own_converter_takes_all_of_it(tmp_path: Path) -> None:
    converted = node(
        str(HERE / "sf.mjs"),
        "project",
        "convert",
        "source",
        "--output-dir",
        str(tmp_path / "out"),
        project=HERE,
        cwd=KIT,
    )
    assert converted.returncode == 0, converted.stdout + converted.stderr
    package = ElementTree.parse(tmp_path / "out" / "package.xml").getroot()
    members = {
        str(types.findtext(f"{NAMESPACE}name")): {str(each.text) for each in types.iter(f"{NAMESPACE}members")}
        for types in package.iter(f"{NAMESPACE}types")
    }
    assert members["ValidationRule"] == {"Opportunity.CRM_Audit_Gate", "Opportunity.CRM_Audit_Warn"}
    assert members["PermissionSet"] == {"CRM_Audit_Integration", "CRM_Audit_Viewer"}
    assert members["LightningComponentBundle"] == {"crmAuditFinding", "crmAuditVerdict"}
    assert members["CustomField"] == {f"{name}.{field}" for name in objects() for field, _ in fields(name)}
    assert not any("ExternalClient" in name or "ApexClass" in name for name in members)


# In step with the program and the emulator


@pytest.mark.parametrize("name", objects())
def test_the_emulator_has_the_fields_of_the_kit(name: str) -> None:
    emulated = {field: text for field, text in EMULATED[name]["fields"].items() if field != "Name"}
    assert {field: alike(field, spec) for field, spec in fields(name)} == {
        field: frozenset(word for word in re.sub(r" (as|children)=\S+", "", text).split() if word != "long")
        for field, text in emulated.items()
    }


TYPES = {
    "Text": "string", "LongTextArea": "textarea", "Number": "double", "DateTime": "datetime", "Date": "date",
    "Lookup": "reference", "Picklist": "picklist",
}  # fmt: skip


def alike(field: str, spec: dict[str, str]) -> frozenset[str]:
    """A field of the kit in the emulator's notation; a formula that gives text is 1,300 long in every org."""
    words = {TYPES[spec["type"]]}
    if spec["type"] == "Number":
        words.add(f"{spec['precision']}.{spec['scale']}")
    elif "length" in spec or "formula" in spec:
        words.add(spec.get("length", "1300"))
    elif spec["type"] == "Picklist":
        words.add("255")
    if spec["type"] == "Lookup":
        words.add(f"to={spec['referenceTo']}")
    words |= {"readonly"} if "formula" in spec else set()
    words |= {word for element, word in WORDS.items() if spec.get(element) == "true"}
    return frozenset(words)


WORDS = {"required": "required", "externalId": "external", "unique": "unique"}


def test_relationships_have_the_names_that_the_program_uses() -> None:
    assert dict(fields("Opportunity"))[own.LOOKUP]["relationshipName"] == "Opportunities"
    assert dict(fields(own.VERDICT))["Opportunity__c"]["relationshipName"] == "CRM_Audit_Verdicts"
    assert dict(fields("CRM_Audit_Answer__c"))["Verdict__c"]["relationshipName"] == "CRM_Audit_Answers"


def test_everything_that_is_written_is_in_the_kit_and_may_be_written() -> None:
    verdict, connection = dict(fields(own.VERDICT)), dict(fields(own.CONNECTION))
    written = {name.split(".")[0].replace("__r", "__c") for name in own.PLACES[own.VERDICT]}
    assert written == set(verdict)
    assert {own.CONNECTION_KEY, own.HEARTBEAT} <= set(connection)
    editable = granted("CRM_Audit_Integration")
    assert {f"{own.VERDICT}.{name}" for name in written} <= editable
    assert f"{own.CONNECTION}.{own.HEARTBEAT}" in editable


def granted(name: str) -> set[str]:
    """The fields that a permission set lets people edit."""
    sheet = ElementTree.parse(MAIN / "permissionsets" / f"{name}.permissionset-meta.xml").getroot()
    rows = sheet.iter(f"{NAMESPACE}fieldPermissions")
    return {str(row.findtext(f"{NAMESPACE}field")) for row in rows if row.findtext(f"{NAMESPACE}editable") == "true"}


def test_on_the_opportunity_the_integration_edits_the_lookup_and_nothing_else() -> None:
    edited = {field for field in granted("CRM_Audit_Integration") if field.startswith("Opportunity.")}
    assert edited == {f"Opportunity.{own.LOOKUP}"}


def test_people_edit_their_answers_and_their_reason_and_no_verdict() -> None:
    edited = granted("CRM_Audit_Viewer")
    assert "Opportunity.CRM_Audit_Reason__c" in edited
    assert not any(field.startswith((own.VERDICT, own.CONNECTION)) for field in edited)


def test_nobody_is_given_the_right_to_all_data() -> None:
    for path in (MAIN / "permissionsets").iterdir():
        text = path.read_text("utf-8")
        assert "<modifyAllRecords>true" not in text
        assert "<allowDelete>true" not in text
        assert "ViewAllData" not in text
        assert "ModifyAllData" not in text


@pytest.mark.parametrize(("name", "longest"), [*own.LONGEST.items(), ("Refused_Stages__c", own.LONGEST_LIST)])
def test_no_text_is_longer_than_its_field(name: str, longest: int) -> None:
    assert int(dict(fields(own.VERDICT))[name]["length"]) == longest


def test_the_gate_and_the_warning_are_off_until_an_admin_turns_them_on() -> None:
    rules = sorted((MAIN / "objects/Opportunity/validationRules").iterdir())
    assert [told(rule)["active"] for rule in rules] == ["false", "false"]
    assert all(len(told(rule)["errorMessage"]) <= 255 for rule in rules)


def test_there_is_no_apex() -> None:
    assert not [path for path in KIT.rglob("*") if path.suffix in (".cls", ".trigger")]
