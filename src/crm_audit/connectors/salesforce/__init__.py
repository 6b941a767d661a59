"""Salesforce: read with one integration user, written to only where fields are ours.

What an admin installs in the org for it lies in the top-level `connectors/salesforce/`.
"""

from crm_audit.connectors.salesforce.connector import SalesforceConnector, connect
from crm_audit.connectors.salesforce.options import FIELDS, LOGIN, Options

__all__ = ["FIELDS", "LOGIN", "Options", "SalesforceConnector", "connect"]
