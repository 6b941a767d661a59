"""A local HubSpot portal: real HTTP, HubSpot's own bodies, limits and oddities, and a world that is played in time."""

from crm_audit.emulator.hubspot.catalogue import SERVICE_KEY
from crm_audit.emulator.hubspot.gate import Limits
from crm_audit.emulator.hubspot.portal import HubspotPortal
from crm_audit.emulator.hubspot.records import Source, Version
from crm_audit.emulator.hubspot.webhooks import Mischief

__all__ = ["SERVICE_KEY", "HubspotPortal", "Limits", "Mischief", "Source", "Version"]
