"""What has to be known about a portal and our settings for it before its records can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.names import BUYING_ROLES
from crm_audit.connectors.hubspot.options import Options
from crm_audit.connectors.mail import automatic
from crm_audit.connectors.titles import PRICING, spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """One portal as we agreed to read it."""

    id: str
    zone: ZoneInfo
    currency: str
    fields: Mapping[str, str]
    options: Options = field(default_factory=Options)
    roles: Mapping[str, str] = field(default_factory=dict)  # buying role, label or `category:typeId` -> role
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # activity type -> topics
    owners: Mapping[str, str] = field(default_factory=dict)  # user id -> owner id

    def role(self, buying_role: str) -> str:
        """The role that a buying role stands for."""
        return self.roles.get(buying_role) or BUYING_ROLES.get(buying_role, "other")

    def label_role(self, association: Json) -> str | None:
        """The role an association type is mapped to, by `category:typeId` or by its text."""
        exact = f"{association.get('category')}:{association.get('typeId')}"
        return self.roles.get(exact) or self.roles.get(association.get("label") or "")

    def topics_in(self, title: str | None, activity_type: str | None) -> tuple[str, ...]:
        """The topics of an activity: its type's, then those its title speaks of (qualification 2.2)."""
        told = spoken((title,), {PRICING: self.options.pricing, **self.options.titles})
        return tuple(dict.fromkeys((*self.topics.get(activity_type or "", ()), *told)))

    def is_automatic(self, subject: str | None, sender: str | None) -> bool:
        """An out-of-office reply or a machine's mail, as far as subject and sender tell."""
        return automatic(subject, sender, pattern=self.options.automatic)

    def writer(self, entry: Json) -> str | None:
        """Who wrote a value, from an entry of a property's history: an owner, a user without one, or an app."""
        source, who = str(entry.get("sourceType") or ""), str(entry.get("sourceId") or "")
        if source in ("INTEGRATION", "API"):
            return who or None
        user = str(entry.get("updatedByUserId") or who.removeprefix("userId:"))
        return self.owners.get(user, f"user:{user}") if user.isdigit() else None

    def author(self, record: Json) -> str | None:
        """Who recorded an activity: our own app where it did, else the owner, else the user who created it."""
        own = record.get("properties") or {}
        app = self.options.app
        if app and own.get("hs_object_source_id") == app:
            return app
        return own.get("hubspot_owner_id") or self.owners.get(str(own.get("hs_created_by_user_id")))


def owners_by_user(owners: Iterable[Json]) -> dict[str, str]:
    """User id -> owner id; deals name owners, property history names users."""
    found = {}
    for owner in owners:
        user = owner.get("userIdIncludingInactive") or owner.get("userId")
        if user is not None:
            found[str(user)] = str(owner["id"])
    return found
