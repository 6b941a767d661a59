"""Our deal properties, and what of them a portal lacks. Nothing is ever deleted or renamed. Pure.

A pass is a property per stage that is filled only while the deal may enter it. An admin makes it required there, so
that HubSpot itself refuses the move of a deal without one (stage-required properties, Professional).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.names import GROUP, OWN
from crm_audit.errors import FixConfig

LABEL = "CRM audit"
FILLED = "yes"
"""What a pass holds while the deal may enter."""
ANSWER, ANSWER_UNTIL, ANSWER_REASON = "crm_audit_answer", "crm_audit_answer_until", "crm_audit_answer_reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A property as we need it; `options` are the internal values with their labels, in order."""

    name: str
    label: str
    type: str
    field_type: str
    description: str
    options: Mapping[str, str]

    def body(self) -> Json:
        """The property as HubSpot takes it."""
        told = {"name": self.name, "label": self.label, "type": self.type, "fieldType": self.field_type}
        return told | {"groupName": GROUP, "description": self.description, "options": _options(self.options, at=0)}


def _text(name: str, label: str, description: str, *, long: bool = False) -> Definition:
    kind = "textarea" if long else "text"
    return Definition(
        name=name, label=label, type="string", field_type=kind, description=description, options={}
    )  # fmt: skip


def _choice(name: str, label: str, description: str, options: Mapping[str, str]) -> Definition:
    return Definition(
        name=name, label=label, type="enumeration", field_type="select", description=description, options=options
    )


STATUSES = {
    "supported": "Supported", "overstated": "Ahead of its evidence", "unverifiable": "Cannot be verified",
    "not_applicable": "Not audited", "unmapped": "Stage not mapped",
}  # fmt: skip
ANSWERS = {
    "fixed": "Done, please check again", "asked": "I asked them again today", "wrong": "This is not right",
    "not_applicable": "Does not apply to this deal",
}  # fmt: skip
"""The card explains the answers by these labels."""

SHOWN: Sequence[Definition] = (
    _choice(OWN["status"], "Audit status", "Whether the evidence carries the stage. Written by crm-audit.", STATUSES),
    _text(OWN["supported_stage"], "Supported stage", "The stage that the evidence carries. Written by crm-audit."),
    Definition(
        name=OWN["stage_gap"], label="Stage gap", type="number", field_type="number", options={},
        description="How many stages the deal is ahead of its evidence. Written by crm-audit.",
    ),
    _text(OWN["top_finding"], "Top finding", "What matters most. Written by crm-audit."),
    _text(OWN["next_step"], "Audit's next step", "What to do about the top finding. Written by crm-audit."),
    _text(OWN["details"], "Audit details", "All findings, as the card reads them. Written by crm-audit.", long=True),
)  # fmt: skip
ANSWERED: Sequence[Definition] = (
    _choice(ANSWER, "Answer to the audit", "Yours to set; crm-audit only reads it.", ANSWERS),
    Definition(
        name=ANSWER_UNTIL, label="Answer holds until", type="date", field_type="date", options={},
        description="With the answer that it does not apply. Yours to set; crm-audit only reads it.",
    ),
    _text(ANSWER_REASON, "Reason of the answer", "The reason of your answer. Yours to set; crm-audit only reads it."),
)  # fmt: skip


def passes(stages: Iterable[str]) -> dict[str, str]:
    """The pass property of each stage; FixConfig where two stages would share one."""
    found = {stage: f"{GROUP}_pass_{re.sub(r'[^a-z0-9_]', '_', stage.lower())}" for stage in stages}
    if len(set(found.values())) < len(found):
        raise FixConfig("options.pass_stages: two of these stages would have one and the same pass property")
    return found


def definitions(stages: Iterable[str]) -> tuple[Definition, ...]:
    """All properties of a portal whose passes are for these stages."""
    told = "Filled by crm-audit while the evidence carries a move to the stage {}; make it required there."
    doors = [
        _choice(name, f"May enter {stage}", told.format(stage), {FILLED: "The evidence carries it"})
        for stage, name in passes(stages).items()
    ]
    return (*SHOWN, *ANSWERED, *doors)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do in a portal, or that nobody can do for its admin."""

    kind: Literal["group", "create", "restore", "options", "conflict"]
    name: str
    says: str
    body: Json | None = None


def changes(
    wanted: Sequence[Definition], live: Sequence[Json], *, archived: Sequence[Json], groups: Sequence[Json]
) -> list[Change]:
    """What is to be done, in order; none where the kit is whole. What is live and ours already is never touched."""
    known, gone = {one["name"]: one for one in live}, {one["name"] for one in archived}
    found: list[Change] = []
    if GROUP not in {one["name"] for one in groups}:
        found.append(Change("group", GROUP, f"create the group {GROUP}", {"name": GROUP, "label": LABEL}))
    for each in wanted:
        found.extend(_change(each, known.get(each.name), restored=each.name in gone))
    return found


def _change(wanted: Definition, live: Json | None, *, restored: bool) -> Iterator[Change]:
    name = wanted.name
    if live is None:
        says = (
            f"restore {name}, which is archived" if restored else f"create {name} ({wanted.type}, {wanted.field_type})"
        )
        yield Change("restore" if restored else "create", name, says, wanted.body())
        return
    if live.get("type") != wanted.type:
        told = f"is of the type {live.get('type')}, not {wanted.type}"
        yield Change("conflict", name, f"{name} {told}: rename or archive it in HubSpot, then run this again")
        return
    there = {str(one.get("value")): one for one in live.get("options") or ()}
    lacking = {value: label for value, label in wanted.options.items() if value not in there}
    if lacking:
        kept = [*there.values(), *_options(lacking, at=len(there))]  # HubSpot replaces the whole list
        yield Change("options", name, f"add to {name} the options {', '.join(lacking)}", {"options": kept})


def _options(labels: Mapping[str, str], *, at: int) -> list[Json]:
    return [
        {"value": value, "label": label, "displayOrder": order, "hidden": False}
        for order, (value, label) in enumerate(labels.items(), at)
    ]
