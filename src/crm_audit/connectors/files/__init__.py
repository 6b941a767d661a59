"""A folder of CSV exports as a CRM that can only be read: audit last night's export before granting a token."""

from crm_audit.connectors.files.connector import Files, connect

__all__ = ["Files", "connect"]
