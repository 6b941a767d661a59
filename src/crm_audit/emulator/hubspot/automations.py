"""Workflows that a portal may have and that an integration must survive: they answer its writes with their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from crm_audit.emulator.automation import Automation, Change
from crm_audit.emulator.hubspot.catalogue import KIT
from crm_audit.emulator.hubspot.state import WORKFLOW, Portal

DEALS = "deals"
CUT = 40
"""Characters that are left of a text which a workflow cuts."""
COUNTED = "workflow_runs"
"""The property that counts changes; `hostile` defines it."""


def hostile(portal: Portal) -> Mapping[str, Automation]:
    """By name, and none of them switched on: `portal.automations.switch_on(hostile(portal)["shouts"])`."""
    if portal.schema.active(DEALS, COUNTED) is None:
        portal.define_property(DEALS, COUNTED, "number")
    text, step, details, status = (f"crm_audit_{name}" for name in ("top_finding", "next_step", "details", "status"))
    made = (
        Automation("shouts", DEALS, _changes(text), _rewriting(portal, text, str.upper)),
        Automation("shouts later", DEALS, _changes(text), _rewriting(portal, text, str.upper), seconds=90),
        Automation("empties", DEALS, _changes(step), _rewriting(portal, step, lambda told: "")),
        Automation("cuts", DEALS, _changes(details), _rewriting(portal, details, lambda told: told[:CUT].rstrip())),
        Automation("moves the deal", DEALS, _changes(status), _moving(portal, "qualifiedtobuy")),
        Automation("makes a task", DEALS, _changes(*KIT), _tasking(portal)),
        Automation("counts changes", DEALS, lambda change: True, _counting(portal)),
        Automation("copies the deal", DEALS, _changes(status), _copying(portal)),
    )
    return {each.name: each for each in made}


def _changes(*names: str) -> Callable[[Change], bool]:
    return lambda change: not change.changed.isdisjoint(names)


def _rewriting(portal: Portal, name: str, how: Callable[[str], str]) -> Callable[[Change], object]:
    def do(change: Change) -> None:
        told = portal.value(DEALS, change.record, name) or ""
        if how(told) != told:
            portal.update(DEALS, change.record, by=WORKFLOW, **{name: how(told)})

    return do


def _moving(portal: Portal, stage: str) -> Callable[[Change], object]:
    def do(change: Change) -> None:
        if portal.value(DEALS, change.record, "hs_is_closed") != "true":
            portal.update(DEALS, change.record, by=WORKFLOW, dealstage=stage)

    return do


def _tasking(portal: Portal) -> Callable[[Change], object]:
    """A task for tomorrow on the deal, which is touched, too."""

    def do(change: Change) -> None:
        due = (portal.now() + timedelta(days=1)).isoformat()
        task = portal.create("tasks", by=WORKFLOW, hs_task_subject="Look at the audit", hs_timestamp=due)
        portal.associate("tasks", task, DEALS, change.record)
        portal.update(DEALS, change.record, by=WORKFLOW)

    return do


def _counting(portal: Portal) -> Callable[[Change], object]:
    """This changes the deal, and so sets itself off again."""

    def do(change: Change) -> None:
        count = int(portal.value(DEALS, change.record, COUNTED) or 0)
        portal.update(DEALS, change.record, by=WORKFLOW, **{COUNTED: count + 1})

    return do


def _copying(portal: Portal) -> Callable[[Change], object]:
    """Once per deal, and no copy is copied."""
    known: set[str] = set()

    def do(change: Change) -> None:
        if change.record not in known and change.before:  # one that is being created may itself be a copy
            known.add(change.record)
            known.add(portal.clone(DEALS, change.record))

    return do
