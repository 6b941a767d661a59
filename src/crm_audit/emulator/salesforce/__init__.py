"""A local Salesforce: REST over HTTP, SOQL, describe, history, merges, field-level security."""

from __future__ import annotations

from crm_audit.emulator.salesforce.org import SalesforceOrg
from crm_audit.emulator.soql.refusal import Refusal

__all__ = ["Refusal", "SalesforceOrg"]
