"""An invented company that sells in both CRMs: for the demo, for tests, and for people who write plugins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from string import Template

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.company.deal import Deal
from crm_audit.emulator.company.invent import SEED_STORY, Company, invent
from crm_audit.emulator.company.org import OrgCrm
from crm_audit.emulator.company.play import play
from crm_audit.emulator.company.portal import PortalCrm
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.salesforce import SalesforceOrg

__all__ = ["SEED_STORY", "Company", "Crms", "Deal", "furnish", "invent"]

SECRETS = ("DEMO_SALESFORCE_KEY", "DEMO_SALESFORCE_SECRET", "DEMO_HUBSPOT_TOKEN")
"""The environment variables that the demo's settings name."""


@dataclass(frozen=True, slots=True)
class Crms:
    """Both CRMs with the company's past in them, and what was planted: the deals by their id there."""

    org: SalesforceOrg
    portal: HubspotPortal
    in_org: dict[str, Deal]
    in_portal: dict[str, Deal]

    def secrets(self) -> dict[str, str]:
        """What opens them, under the names of SECRETS; worthless anywhere else."""
        house = self.org.gatehouse
        return dict(zip(SECRETS, (house.client_id, house.client_secret, SERVICE_KEY), strict=True))

    def settings(self, *, org_at: str, portal_at: str) -> str:
        """A crm-audit.toml for both, served at these addresses."""
        template = Template(files("crm_audit.emulator.company").joinpath("settings.toml").read_text(encoding="utf-8"))
        return template.substitute(org_at=org_at, portal_at=portal_at, domain=self.org.domain)


def furnish(company: Company, now: datetime) -> Crms:
    """Play the company's past into a fresh org and a fresh portal, up to an aware instant at which both then stand."""
    org_clock, portal_clock = Clock(now), Clock(now)
    org, portal = OrgCrm(org_clock, company.org), PortalCrm(portal_clock, company.portal)
    return Crms(
        org=org.org,
        portal=portal.portal,
        in_org=play(company.org, org, clock=org_clock),
        in_portal=play(company.portal, portal, clock=portal_clock),
    )
