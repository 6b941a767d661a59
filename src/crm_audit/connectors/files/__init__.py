"""A folder of CSV exports as a CRM that can only be read: audit last night's export before granting a token."""

from crm_audit.connectors.files.connector import Files, connect
from crm_audit.connectors.files.mapping import Options

__all__ = ["Files", "Options", "connect"]
