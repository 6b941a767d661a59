"""HubSpot through hubspot-api-client: reads a portal, and shows the verdict in six deal properties."""

from crm_audit.connectors.hubspot.connector import HubSpot, connect

__all__ = ["HubSpot", "connect"]
