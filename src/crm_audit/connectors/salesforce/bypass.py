"""The way past the gate: a custom permission of the org."""

from __future__ import annotations

import re

from crm_audit.connectors.salesforce.asking import Query
from crm_audit.connectors.salesforce.org import Org

PERMISSION = "CustomPermission"
API_NAME = re.compile(r"[A-Za-z]\w{0,79}")
"""What Salesforce takes for a developer name; nothing else gets into a query."""


def lacks_permission(org: Org, name: str) -> str | None:
    """Why the org has no custom permission of that name, with what to do; None where it has."""
    if API_NAME.fullmatch(name) is None:
        return f"{name!r} is no API name; write that of a custom permission, such as CRM_Audit_Gate_Bypass"
    if not org.schema.reads(PERMISSION, "DeveloperName"):
        return "the integration user cannot read custom permissions; give it View Setup and Configuration"
    where = (f"DeveloperName = '{name}'",)
    query = Query(name=PERMISSION, object=PERMISSION, select=("Id", "DeveloperName"), where=where, order="none")
    if org.rows([query])[PERMISSION]:
        return None
    return (
        f"the org has no custom permission {name}; install it as connectors/salesforce/README.md says, or name another"
    )
