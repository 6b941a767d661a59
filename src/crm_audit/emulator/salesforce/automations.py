"""Flows that an org may have and that an integration must survive: they answer its writes with their own.

A flow runs in the name of whoever set it off, so what these do bears the integration user's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from crm_audit.emulator.automation import Automation, Change
from crm_audit.emulator.salesforce.org import SalesforceOrg
from crm_audit.emulator.soql.schema import Value

DEAL, VERDICT, LOOKUP = "Opportunity", "CRM_Audit_Verdict__c", "CRM_Audit_Verdict__c"
SAID = ("Status__c", "Supported_Stage__c", "Stage_Gap__c", "Top_Finding__c", "Next_Step__c", "Details__c")
CUT = 40
"""Characters that are left of a text which a flow cuts."""


def hostile(org: SalesforceOrg) -> Mapping[str, Automation]:
    """By name, and none of them switched on: `org.automations.switch_on(hostile(org)["shouts"])`."""
    text, step, details = "Top_Finding__c", "Next_Step__c", "Details__c"
    made = (
        Automation("shouts", VERDICT, _changes(text), _rewriting(org, text, str.upper)),
        Automation("shouts later", VERDICT, _changes(text), _rewriting(org, text, str.upper), seconds=90),
        Automation("empties", VERDICT, _changes(step), _rewriting(org, step, lambda told: "")),
        Automation("cuts", VERDICT, _changes(details), _rewriting(org, details, lambda told: told[:CUT].rstrip())),
        Automation("moves the deal", VERDICT, _changes("Status__c"), _moving(org, "Qualification")),
        Automation("makes a task", VERDICT, _changes(*SAID), _tasking(org)),
        Automation("counts changes", DEAL, lambda change: True, _counting(org)),
        Automation("unlinks", DEAL, _changes(LOOKUP), _unlinking(org)),
        Automation("copies the deal", DEAL, _changes(LOOKUP), _copying(org)),
    )
    return {each.name: each for each in made}


def _changes(*names: str) -> Callable[[Change], bool]:
    return lambda change: not change.changed.isdisjoint(names)


def _field(org: SalesforceOrg, name: str, record: str, field: str) -> Value:
    return (org.row(name, record) or {}).get(field)


def _rewriting(org: SalesforceOrg, name: str, how: Callable[[str], str]) -> Callable[[Change], object]:
    def do(change: Change) -> None:
        told = str(_field(org, VERDICT, change.record, name) or "")
        if how(told) != told:
            org.flow(change.by, VERDICT, change.record, **{name: how(told) or None})

    return do


def _moving(org: SalesforceOrg, stage: str) -> Callable[[Change], object]:
    def do(change: Change) -> None:
        deal = _live(org, change)
        if deal and not _field(org, DEAL, deal, "IsClosed"):
            org.flow(change.by, DEAL, deal, StageName=stage)

    return do


def _tasking(org: SalesforceOrg) -> Callable[[Change], object]:
    """A task for tomorrow on the deal, which is touched, too."""

    def do(change: Change) -> None:
        due, deal = org.clock.now().date() + timedelta(days=1), _live(org, change)
        if deal:
            org.insert("Task", Subject="Look at the audit", ActivityDate=due, WhatId=deal, CreatedById=change.by)
            org.flow(change.by, DEAL, deal)

    return do


def _live(org: SalesforceOrg, change: Change) -> str | None:
    """The deal of a verdict, unless it was deleted."""
    deal = str(_field(org, VERDICT, change.record, "Opportunity__c") or "")
    row = org.row(DEAL, deal)
    return deal if row and not row.get("IsDeleted") else None


def _counting(org: SalesforceOrg) -> Callable[[Change], object]:
    """This changes the deal, and so sets itself off again."""

    def do(change: Change) -> None:
        count = int(str(_field(org, DEAL, change.record, "TotalOpportunityQuantity") or 0).partition(".")[0])
        org.flow(change.by, DEAL, change.record, TotalOpportunityQuantity=count + 1)

    return do


def _unlinking(org: SalesforceOrg) -> Callable[[Change], object]:
    def do(change: Change) -> None:
        if _field(org, DEAL, change.record, LOOKUP):
            org.flow(change.by, DEAL, change.record, **{LOOKUP: None})

    return do


def _copying(org: SalesforceOrg) -> Callable[[Change], object]:
    """Once per deal, and no copy is copied."""
    known: set[str] = set()

    def do(change: Change) -> None:
        if change.record not in known and change.before:  # one that is being created may itself be a copy
            known.add(change.record)
            known.add(org.clone(DEAL, change.record))

    return do
