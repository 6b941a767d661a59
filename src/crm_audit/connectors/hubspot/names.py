"""HubSpot's own words, as data: objects, properties, association types and scopes."""

from __future__ import annotations

from collections.abc import Mapping

HOST = "https://api.hubapi.com"
VERSION = "2026-09"

SCOPES: Mapping[str, str] = {
    "deals": "crm.objects.deals.read",
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "meetings": "crm.objects.contacts.read",
    "calls": "crm.objects.contacts.read",
    "emails": "crm.objects.contacts.read or sales-email-read",
    "quotes": "crm.objects.quotes.read",
    "notes": "crm.objects.contacts.read",
    "tasks": "crm.objects.contacts.read",
    "owners": "crm.objects.owners.read",
    "exchange rates": "settings.currencies.read",
}
"""What reading each object needs; named where HubSpot's refusal does not say it."""

RECORD_PAGES = {"deals": "0-3", "people": "0-1", "companies": "0-2"}
"""Object type ids in the address of a record's page."""

DEAL: Mapping[str, str] = {
    "name": "dealname",
    "pipeline": "pipeline",
    "stage": "dealstage",
    "created": "createdate",
    "amount": "amount",
    "currency": "deal_currency_code",
    "probability": "hs_deal_stage_probability",
    "forecast_category": "hs_manual_forecast_category",
    "close_date": "closedate",
    "owner": "hubspot_owner_id",
    "next_step": "hs_next_step",
}
CONTACT: Mapping[str, str] = {
    "first": "firstname",
    "last": "lastname",
    "title": "jobtitle",
    "address": "email",
    "more_addresses": "hs_additional_emails",
    "left_on": "hs_job_change_detected_date",
    "buying_role": "hs_buying_role",
    "merged": "hs_merged_object_ids",
    "merged_vids": "hs_calculated_merged_vids",  # contacts only: `vid:timestamp`, joined by semicolons
}
MODIFIED: Mapping[str, str] = {"contacts": "lastmodifieddate"}
MODIFIED_ELSEWHERE = "hs_lastmodifieddate"
"""The stamp of the last change, by object. A search by the wrong one finds nothing, and says nothing."""
MERGED = "hs_merged_object_ids"
COMPANY: Mapping[str, str] = {"name": "name", "merged": "hs_merged_object_ids"}

HISTORY = ("stage", "close_date", "amount")
"""The deal fields (keys of DEAL) whose past is read."""

ACTIVITY_TYPE = "hs_activity_type"  # meetings and calls; a portal may have it elsewhere
ACTIVITY = ("hs_timestamp", "hs_createdate", "hubspot_owner_id", "hs_created_by_user_id", "hs_object_source_id")
"""Read on every activity: when, stored when, by whom."""

TITLES: Mapping[str, str] = {
    "meetings": "hs_meeting_title",
    "calls": "hs_call_title",
    "emails": "hs_email_subject",
    "tasks": "hs_task_subject",
    "quotes": "hs_title",
}
"""Read to find topics and deal names; never handed on."""

TASK_TYPE = "hs_task_type"
QUOTE_STATUS = "hs_status"
MORE: Mapping[str, tuple[str, ...]] = {
    "meetings": ("hs_meeting_start_time", "hs_meeting_end_time", "hs_meeting_outcome"),
    "calls": ("hs_call_disposition",),
    "emails": (
        "hs_email_direction", "hs_email_status", "hs_email_from_email", "hs_email_to_email", "hs_email_cc_email",
    ),
    "notes": (),
    "tasks": ("hs_task_status",),
    "quotes": (QUOTE_STATUS, "hs_quote_amount", "hs_currency", "hs_accepted_date", "hs_esign_date"),
}  # fmt: skip
"""What else is read of each source of events; bodies never are."""
ACCEPTED_ON = ("hs_accepted_date", "hs_esign_date")

INCOMING, OUTGOING = "INCOMING_EMAIL", "EMAIL"  # FORWARDED_EMAIL has no usable direction
NEVER_SENT = ("BOUNCED", "FAILED", "SCHEDULED")
TASK_DONE = "COMPLETED"
TASK_SHELVED = "DEFERRED"
CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"  # the default call outcome "Connected"
ACCEPTED = "ACCEPTED"
SENT = ("APPROVAL_NOT_NEEDED", "APPROVED", "PENDING_BUYER_ACTION", ACCEPTED)  # states in which the buyer can see it

PRIMARY_COMPANY = ("HUBSPOT_DEFINED", 5)
PRIMARY_INLINE = "deal_to_company"  # how a listed deal names that type; the plain one ends in `_unlabeled`
SIGNER = ("HUBSPOT_DEFINED", 702)  # quote to the contact who signs it

BUYING_ROLES: Mapping[str, str] = {
    "CHAMPION": "champion",
    "BLOCKER": "blocker",
    "INFLUENCER": "influencer",
    "END_USER": "user",
    "LEGAL_AND_COMPLIANCE": "procurement_legal",
    "DECISION_MAKER": "authority",
    "BUDGET_HOLDER": "authority",
    "EXECUTIVE_SPONSOR": "sponsor",
    "OTHER": "other",
}
"""Ruling 10."""

FIT_TIERS: Mapping[str, str] = {"tier_1": "A", "tier_2": "B", "tier_3": "C", "1": "A", "2": "B", "3": "C"}
"""Ruling 12."""

GROUP = "crm_audit"
OWN: Mapping[str, str] = {
    "status": "crm_audit_status",
    "supported_stage": "crm_audit_supported_stage",
    "stage_gap": "crm_audit_stage_gap",
    "top_finding": "crm_audit_top_finding",
    "next_step": "crm_audit_next_step",
    "details": "crm_audit_details",
}
"""The only properties this program ever writes, by the field of `Annotation` they show."""
ANSWER, ANSWER_UNTIL, ANSWER_REASON = "crm_audit_answer", "crm_audit_answer_until", "crm_audit_answer_reason"
"""What a rep answers to the finding on top; this program only reads them."""
