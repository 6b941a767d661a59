"""What is ours in the org, and nothing else: the verdict record and the one lookup to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from crm_audit.connectors.base import Fields, Write
from crm_audit.connectors.salesforce.reading import Row, value
from crm_audit.domain import Annotation

VERDICT, DEAL = "CRM_Audit_Verdict__c", "Opportunity"
KEY = "Deal_Id__c"
LOOKUP = "CRM_Audit_Verdict__c"
LINK = f"CRM_Audit_Verdict__r.{KEY}"
"""The deal's lookup to its verdict, told by the deal id that the verdict bears: a copied deal copies the lookup."""

ANNOTATION: Mapping[str, str] = {
    "status": "Status__c",
    "supported_stage": "Supported_Stage__c",
    "stage_gap": "Stage_Gap__c",
    "top_finding": "Top_Finding__c",
    "next_step": "Next_Step__c",
    "details": "Details__c",
}
LONGEST = {"Status__c": 40, "Supported_Stage__c": 255, "Top_Finding__c": 255, "Next_Step__c": 255, "Details__c": 32_768}
"""Characters that each text field takes."""

PLACES: Mapping[str, tuple[str, ...]] = {
    VERDICT: (KEY, "Opportunity__c", *ANNOTATION.values()),
    DEAL: (LINK,),
}
"""Every field that is ever written (ruling 34)."""


def wanted(deal: str, annotation: Annotation) -> dict[str, Fields]:
    """What the verdict and the lookup must hold, in the form in which Salesforce gives it back."""
    shown = {name: _kept(name, getattr(annotation, said)) for said, name in ANNOTATION.items()}
    return {VERDICT: {KEY: deal, "Opportunity__c": deal, **shown}, DEAL: {LINK: deal}}


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
    return {"attributes": attributes, **write.after, KEY: write.deal}


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
