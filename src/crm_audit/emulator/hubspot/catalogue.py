"""What every portal has from its first day: types, properties, association types and a pipeline, as plain tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

APP_ID = "4711000"
"""The id under which our own writes stand in property histories."""

SERVICE_KEY = "pat-na1-emulator"
"""The bearer that a fresh portal accepts."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A kind of record: its names in paths, its stamps, the properties shown unasked, and the scope family it needs."""

    plural: str
    singular: str
    type_id: str
    created: str
    modified: str
    shown: tuple[str, ...]
    scope: str

    @property
    def stamps(self) -> tuple[str, ...]:
        """The properties that every answer carries, asked for or not."""
        return (self.created, self.modified, "hs_object_id")

    def needs(self, verb: str) -> str:
        """The scope for `read` or `write`."""
        return f"crm.objects.{self.scope}.{verb}"


def _activity(plural: str, singular: str, type_id: str) -> ObjectType:
    return ObjectType(plural, singular, type_id, "hs_createdate", "hs_lastmodifieddate", (), "contacts")


TYPES: Mapping[str, ObjectType] = {
    kind.plural: kind
    for kind in (
        ObjectType(
            "contacts", "contact", "0-1", "createdate", "lastmodifieddate", ("email", "firstname", "lastname"),
            "contacts",
        ),
        ObjectType(
            "companies", "company", "0-2", "createdate", "hs_lastmodifieddate", ("domain", "name"), "companies",
        ),
        ObjectType(
            "deals", "deal", "0-3", "createdate", "hs_lastmodifieddate",
            ("amount", "closedate", "dealname", "dealstage", "pipeline"), "deals",
        ),
        ObjectType(
            "quotes", "quote", "0-14", "hs_createdate", "hs_lastmodifieddate",
            ("hs_expiration_date", "hs_public_url_key", "hs_status", "hs_title"), "quotes",
        ),
        _activity("calls", "call", "0-48"),
        _activity("emails", "email", "0-49"),
        _activity("meetings", "meeting", "0-47"),
        _activity("notes", "note", "0-46"),
        _activity("tasks", "task", "0-27"),
    )
}  # fmt: skip

_BY_NAME = {name: kind for kind in TYPES.values() for name in (kind.plural, kind.singular, kind.type_id)}


def object_type(name: str) -> ObjectType:
    """The type under any name HubSpot takes (`deals`, `Deal`, `0-3`); raises KeyError."""
    return _BY_NAME[name.lower()]


READ_ONLY = frozenset({
    "hs_object_id", "hs_createdate", "hs_lastmodifieddate", "lastmodifieddate", "hs_merged_object_ids",
    "hs_calculated_merged_vids", "hs_created_by_user_id", "hs_updated_by_user_id", "hs_object_source",
    "hs_object_source_id", "hs_object_source_label", "hs_deal_stage_probability", "hs_is_closed", "hs_is_closed_won",
    "amount_in_home_currency", "hs_all_owner_ids", "hs_body_preview", "hs_esign_date", "hs_task_completion_date",
    "hs_task_is_completed", "hs_meeting_source",
})  # fmt: skip
"""Standard properties that HubSpot sets itself and refuses to take."""

_EVERYWHERE = {
    "hs_object_id": "number", "hs_merged_object_ids": "enumeration", "hs_created_by_user_id": "number",
    "hs_updated_by_user_id": "number", "hs_object_source": "string", "hs_object_source_id": "string",
    "hs_object_source_label": "string", "hubspot_owner_id": "enumeration", "hs_all_owner_ids": "enumeration",
}  # fmt: skip

_ACTIVITY = {
    "hs_createdate": "datetime", "hs_lastmodifieddate": "datetime", "hs_timestamp": "datetime",
    "hs_activity_type": "enumeration", "hs_body_preview": "string",
}  # fmt: skip

PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "deals": _EVERYWHERE | {
        "amount": "number", "amount_in_home_currency": "number", "closed_lost_reason": "string",
        "closed_won_reason": "string", "closedate": "datetime", "createdate": "datetime",
        "deal_currency_code": "enumeration", "dealname": "string", "dealstage": "enumeration",
        "dealtype": "enumeration", "description": "string", "hs_createdate": "datetime",
        "hs_deal_stage_probability": "number", "hs_is_closed": "bool", "hs_is_closed_won": "bool",
        "hs_lastmodifieddate": "datetime", "hs_manual_forecast_category": "enumeration", "hs_next_step": "string",
        "hs_pinned_engagement_id": "number", "hs_priority": "enumeration", "pipeline": "enumeration",
    },
    "contacts": _EVERYWHERE | {
        "company": "string", "createdate": "datetime", "email": "string", "firstname": "string",
        "hs_additional_emails": "enumeration", "hs_buying_role": "enumeration",
        "hs_calculated_merged_vids": "enumeration",
        "hs_sales_email_last_opened": "datetime", "hs_sales_email_last_replied": "datetime",
        "hs_document_last_revisited": "datetime", "jobtitle": "string", "lastmodifieddate": "datetime",
        "lastname": "string", "lifecyclestage": "enumeration", "phone": "string",
    },
    "companies": _EVERYWHERE | {
        "annualrevenue": "number", "country": "string", "createdate": "datetime", "domain": "string",
        "hs_ideal_customer_profile": "enumeration", "hs_lastmodifieddate": "datetime", "industry": "enumeration",
        "name": "string", "numberofemployees": "number", "type": "enumeration",
    },
    "calls": _EVERYWHERE | _ACTIVITY | {
        "hs_call_body": "string", "hs_call_direction": "enumeration", "hs_call_disposition": "enumeration",
        "hs_call_duration": "number", "hs_call_status": "enumeration", "hs_call_title": "string",
    },
    "emails": _EVERYWHERE | _ACTIVITY | {
        "hs_email_direction": "enumeration", "hs_email_from_email": "string", "hs_email_headers": "string",
        "hs_email_html": "string", "hs_email_status": "enumeration", "hs_email_subject": "string",
        "hs_email_text": "string", "hs_email_to_email": "string", "hs_email_cc_email": "string",
        "hs_attachment_ids": "enumeration",
    },
    "meetings": _EVERYWHERE | _ACTIVITY | {
        "hs_internal_meeting_notes": "string", "hs_meeting_body": "string", "hs_meeting_end_time": "datetime",
        "hs_meeting_outcome": "enumeration", "hs_meeting_source": "enumeration", "hs_meeting_start_time": "datetime",
        "hs_meeting_title": "string",
    },
    "notes": _EVERYWHERE | _ACTIVITY | {"hs_note_body": "string", "hs_attachment_ids": "enumeration"},
    "tasks": _EVERYWHERE | _ACTIVITY | {
        "hs_task_body": "string", "hs_task_completion_date": "datetime", "hs_task_is_completed": "number",
        "hs_task_priority": "enumeration", "hs_task_reminders": "string", "hs_task_status": "enumeration",
        "hs_task_subject": "string", "hs_task_type": "enumeration",
    },
    "quotes": _EVERYWHERE | {
        "hs_createdate": "datetime", "hs_currency": "enumeration", "hs_esign_date": "datetime",
        "hs_esign_enabled": "bool", "hs_expiration_date": "datetime", "hs_lastmodifieddate": "datetime",
        "hs_public_url_key": "string", "hs_quote_amount": "number", "hs_status": "enumeration", "hs_title": "string",
    },
}  # fmt: skip
"""Standard properties of each type with the kind of their values; only those that an audit may read."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "hs_buying_role": (
        "BLOCKER", "BUDGET_HOLDER", "CHAMPION", "DECISION_MAKER", "END_USER", "EXECUTIVE_SPONSOR", "INFLUENCER",
        "LEGAL_AND_COMPLIANCE", "OTHER",
    ),
    "hs_call_direction": ("INBOUND", "OUTBOUND"),
    "hs_email_direction": ("EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL", "DRAFT_EMAIL"),
    "hs_email_status": ("BOUNCED", "FAILED", "SCHEDULED", "SENDING", "SENT"),
    "hs_ideal_customer_profile": ("tier_1", "tier_2", "tier_3"),
    "hs_manual_forecast_category": ("OMIT", "PIPELINE", "BEST_CASE", "COMMIT", "CLOSED"),
    "hs_meeting_outcome": ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"),
    "hs_status": (
        "DRAFT", "APPROVAL_NOT_NEEDED", "PENDING_APPROVAL", "APPROVED", "REJECTED", "PENDING_BUYER_ACTION", "ACCEPTED",
    ),
    "hs_task_priority": ("NONE", "LOW", "MEDIUM", "HIGH"),
    "hs_task_status": ("NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"),
}  # fmt: skip
"""Closed lists of standard enumerations; what is not here takes any value."""

CHECKBOXES = frozenset({"hs_buying_role"})
"""Standard enumerations that hold several values, joined by semicolons."""

GROUPS: Mapping[str, str] = {
    "deals": "dealinformation", "contacts": "contactinformation", "companies": "companyinformation",
    "calls": "call", "emails": "email", "meetings": "engagement", "notes": "note", "tasks": "task",
    "quotes": "quoteinformation",
}  # fmt: skip

LINKS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("deals", "contacts"): (3, 4), ("deals", "companies"): (341, 342), ("deals", "quotes"): (63, 64),
    ("deals", "calls"): (205, 206), ("deals", "emails"): (209, 210), ("deals", "meetings"): (211, 212),
    ("deals", "notes"): (213, 214), ("deals", "tasks"): (215, 216),
    ("contacts", "companies"): (279, 280), ("contacts", "quotes"): (70, 69),
    ("contacts", "calls"): (193, 194), ("contacts", "emails"): (197, 198), ("contacts", "meetings"): (199, 200),
    ("contacts", "notes"): (201, 202), ("contacts", "tasks"): (203, 204),
    ("companies", "quotes"): (72, 71),
    ("companies", "calls"): (181, 182), ("companies", "emails"): (185, 186), ("companies", "meetings"): (187, 188),
    ("companies", "notes"): (189, 190), ("companies", "tasks"): (191, 192),
}  # fmt: skip
"""Unlabelled association types, there and back."""

LABELS: Mapping[tuple[str, str], tuple[int, int, str]] = {
    ("deals", "companies"): (5, 6, "Primary"),
    ("contacts", "companies"): (1, 2, "Primary"),
    ("quotes", "contacts"): (702, 701, "Contract signer"),
}
"""Labels that HubSpot brings along, there and back."""

STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)
"""The stages of the pipeline `default`: id, label, probability."""

KIT_GROUP = "crm_audit"
KIT: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "crm_audit_status": (
        "enumeration", "select", ("supported", "overstated", "unverifiable", "not_applicable", "unmapped"),
    ),
    "crm_audit_supported_stage": ("string", "text", ()),
    "crm_audit_stage_gap": ("number", "number", ()),
    "crm_audit_top_finding": ("string", "text", ()),
    "crm_audit_next_step": ("string", "text", ()),
    "crm_audit_details": ("string", "textarea", ()),
    "crm_audit_answer": ("enumeration", "select", ("fixed", "asked", "wrong", "not_applicable")),
    "crm_audit_answer_until": ("date", "date", ()),
    "crm_audit_answer_reason": ("string", "text", ()),
}  # fmt: skip
"""Our own deal properties as the admin installs them: kind, field type, options."""
