"""What an admin may set for HubSpot, and which property stands for which of our fields."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import Field

from crm_audit.config import SET_UP_WITH, Connection
from crm_audit.connectors.hubspot.names import ACTIVITY_TYPE, CONNECTED, CONTACT, DEAL, SENT, TASK_TYPE
from crm_audit.connectors.mail import AUTOMATIC
from crm_audit.connectors.options import RECHECK, Frozen, checked
from crm_audit.connectors.titles import PRICING_WORDS
from crm_audit.errors import FixConfig
from crm_audit.near import near
from crm_audit.patterns import Pattern

ON_DEALS = ("budget", "budget_currency", "need", "solution_fit")
ON_COMPANIES = ("fit_tier", "fit_score", "fit_assessed")
ON_CONTACTS = ("left_on", "doc_viewed", "buying_role")
ON_ACTIVITIES = ("note_type", "task_type", "activity_type")
OVER_DEFAULTS = ("amount", "close_date", "next_step", "forecast_category", "probability", "currency")
FIELDS: Mapping[str, str] = {
    **dict.fromkeys((*OVER_DEFAULTS, *ON_DEALS), "deal"),
    **dict.fromkeys(ON_COMPANIES, "company"),
    **dict.fromkeys(ON_CONTACTS, "contact"),
    **dict.fromkeys(ON_ACTIVITIES, "activity"),
}
"""What `fields` may map, and the HubSpot object on which that property lies."""

LOGIN: Mapping[str, str] = {
    "access_token": "the access token of a private app or a service key",
    SET_UP_WITH: "another token, with the scope crm.schemas.deals.write, for `provision hubspot` alone; optional",
    "webhook_secret": "the client secret of the app, which signs what the receiver takes",
    "webhook_secret_old": "the secret before it, for as long as HubSpot may still sign with that",
}
"""What `login` names."""


class Options(Frozen):
    """`options` of a HubSpot connection in crm-audit.toml."""

    api: Literal["2026-09", "v3"] = "2026-09"  # the version of the API that is called
    app: str | None = None  # the id of the app whose token we use: what it wrote is never evidence
    connected: tuple[str, ...] = (CONNECTED,)  # call outcomes (GUIDs) that mean: somebody answered
    quote_sent: tuple[str, ...] = SENT  # quote states in which the buyer can see it
    titles: Mapping[str, Pattern] = {}  # topic -> what a title or subject must match, besides pricing
    pricing: Pattern = PRICING_WORDS  # what a title that speaks of pricing matches
    automatic: Pattern = AUTOMATIC  # subjects of automatic replies
    attestations: Mapping[str, tuple[str, ...]] = {}  # type of a note or task -> topics somebody vouches for
    rechecks: Mapping[str, tuple[str, ...]] = {}  # type of a task -> topics asked again
    share_topics: bool = False  # whether an activity's topics count for each of its several deals
    move_back: tuple[str, ...] = ()  # pipelines in which `serve` undoes a person's move into a stage that is refused
    overlap: int = Field(default=5, ge=0)  # minutes by which HubSpot's search may lag behind
    pass_stages: tuple[str, ...] = ()  # stages that ask for a pass of ours, filled while the deal may enter
    rates: Mapping[str, Decimal] = {}  # currency -> units of the corporate currency; empty: ask HubSpot


def for_setup(connection: Connection) -> Connection:
    """The same connection by the token that may define properties, where there is one of its own for that."""
    token = connection.login.get(SET_UP_WITH)
    return connection.model_copy(update={"login": {"access_token": token}}) if token else connection


def options(connection: Connection) -> Options:
    """The checked options; FixConfig says which one is wrong."""
    return checked(connection, Options)


def fields(connection: Connection) -> Mapping[str, str]:
    """Our name -> HubSpot's property, HubSpot's own included; FixConfig names a field nobody knows."""
    for name in connection.fields:
        if name not in FIELDS and not name.startswith(RECHECK):
            hint = near(name, FIELDS) or f"the fields are {', '.join(FIELDS)}, {RECHECK}<topic>"
            raise FixConfig(f"fields.{name}: HubSpot has no such field for us; {hint}")
    own = {name: CONTACT[name] for name in ("left_on", "buying_role")}
    return {
        **DEAL,
        **own,
        "task_type": TASK_TYPE,
        "note_type": ACTIVITY_TYPE,
        "activity_type": ACTIVITY_TYPE,
        **connection.fields,
    }
