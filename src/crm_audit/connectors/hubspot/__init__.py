"""HubSpot through hubspot-api-client: reads a portal, and shows the verdict in six deal properties."""

from crm_audit.connectors.hubspot.connector import HubSpot, connect
from crm_audit.connectors.hubspot.options import FIELDS, LOGIN, Options

__all__ = ["FIELDS", "LOGIN", "HubSpot", "Options", "connect"]
