"""What is ours in the org, and nothing else: the verdict record and the one lookup to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from crm_audit.connectors.base import Fields, Write
from crm_audit.connectors.salesforce.reading import Row, value
from crm_audit.domain import Annotation

VERDICT, DEAL, CONNECTION = "CRM_Audit_Verdict__c", "Opportunity", "CRM_Audit_Connection__c"
KEY, CONNECTION_KEY = "Deal_Id__c", "Key__c"
HEARTBEAT = "Last_Run__c"
CONNECTION_NAME = "crm-audit"
"""The key of the connection record, where the settings give no other."""
LOOKUP = "CRM_Audit_Verdict__c"
LINK = f"CRM_Audit_Verdict__r.{KEY}"
"""The deal's lookup to its verdict, told by the deal id that the verdict bears: a copied deal copies the lookup."""
BEATS = f"Connection__r.{CONNECTION_KEY}"
"""The verdict's lookup to the connection record, whose heartbeat the gate reads."""

ANNOTATION: Mapping[str, str] = {
    "status": "Status__c",
    "supported_stage": "Supported_Stage__c",
    "stage_gap": "Stage_Gap__c",
    "top_finding": "Top_Finding__c",
    "next_step": "Next_Step__c",
    "details": "Details__c",
}
STAGES: Mapping[str, str] = {"refused": "Refused_Stages__c", "warned": "Warned_Stages__c"}
"""The lists of stages that the gate reads (rulings 36 and 37)."""
LONGEST = {"Status__c": 40, "Supported_Stage__c": 255, "Top_Finding__c": 255, "Next_Step__c": 255, "Details__c": 32_768}
"""Characters that each text field takes."""
LONGEST_LIST = 255
"""Characters that a list of stages takes; a longer one is not written, and the deal is not gated (ruling 36)."""

SAID = (*ANNOTATION.values(), *STAGES.values())
"""What a verdict says, without what ties it to its deal."""

PLACES: Mapping[str, tuple[str, ...]] = {
    VERDICT: (KEY, "Opportunity__c", BEATS, *SAID),
    DEAL: (LINK,),
}
"""Every field that is ever written (ruling 34)."""


def wanted(deal: str, annotation: Annotation, key: str = CONNECTION_NAME) -> dict[str, Fields]:
    """What the verdict and the lookup must hold, as Salesforce gives it back; `key` names the connection."""
    shown = {name: _kept(name, getattr(annotation, said)) for said, name in ANNOTATION.items()}
    gated = {name: listed(getattr(annotation, said)) for said, name in STAGES.items()}
    return {VERDICT: {KEY: deal, "Opportunity__c": deal, BEATS: key, **shown, **gated}, DEAL: {LINK: deal}}


def listed(stages: Sequence[str]) -> str | None:
    """`;Name;Name;`; None where there are none, or where the field cannot hold all of them."""
    text = f";{';'.join(stages)};"
    return text if stages and len(text) <= LONGEST_LIST and not any(";" in name for name in stages) else None


def ungated(annotation: Annotation) -> str | None:
    """Why a deal that should be gated is not; None where it is, or need not be."""
    lost = [
        name for said, name in STAGES.items() if getattr(annotation, said) and not listed(getattr(annotation, said))
    ]
    return f"{', '.join(lost)} cannot hold all stages ({LONGEST_LIST} characters): not gated" if lost else None


def heartbeat(key: str, at: datetime | None = None) -> Mapping[str, object]:
    """The connection record as Salesforce takes it; without an instant it is only there."""
    beats = {HEARTBEAT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")} if at else {}
    return {"attributes": {"type": CONNECTION}, CONNECTION_KEY: key, **beats}


def shown(row: Row, place: str) -> Fields:
    """Our fields of a place, out of its row."""
    return {name: _plain(value(row, name)) for name in PLACES[place]}


def record(write: Write) -> Mapping[str, object]:
    """A write as the record that Salesforce takes; ValueError for anything that is not ours."""
    allowed = PLACES.get(write.place, ())
    foreign = [name for name in write.after if name not in allowed]
    if foreign or not allowed:
        raise ValueError(f"{write.place}.{', '.join(foreign) or '*'} is not ours to write")
    if any(write.after.get(name, write.deal) != write.deal for name in (KEY, "Opportunity__c", LINK)):
        raise ValueError(f"{write.place} of {write.deal} cannot point at another deal")
    attributes = {"type": write.place}
    if write.place == DEAL:
        return {"attributes": attributes, "id": write.deal, "CRM_Audit_Verdict__r": {KEY: write.deal}}
    fields = {name: content for name, content in write.after.items() if name != BEATS}
    beats = {"Connection__r": {CONNECTION_KEY: write.after[BEATS]}} if BEATS in write.after else {}
    return {"attributes": attributes, **fields, **beats, KEY: write.deal}


def differing(after: Fields, now: Fields | None) -> list[str]:
    """The fields that do not hold what was written."""
    return [name for name, content in after.items() if now is None or now.get(name) != content]


def linked(write: Write) -> bool:
    """Whether the deal already points at its own verdict, so that it need not be touched."""
    return write.before is not None and write.before.get(LINK) == write.deal


def _kept(name: str, content: str | int | None) -> str | int | None:
    """A value as Salesforce keeps it: trimmed, cut, and null instead of empty."""
    if not isinstance(content, str):
        return content
    longest = LONGEST[name]
    whole = content.replace("\r\n", "\n").replace("\0", "").strip()
    return (whole if len(whole) <= longest else whole[: longest - 1].rstrip() + "…") or None


def _plain(content: object) -> str | int | None:
    if isinstance(content, (int, Decimal)):
        return int(content)
    return None if content is None else str(content).replace("\r\n", "\n")
