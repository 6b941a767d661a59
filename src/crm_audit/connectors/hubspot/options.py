"""What an admin may set for HubSpot, and which property stands for which of our fields."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.names import ACTIVITY_TYPE, CONNECTED, CONTACT, DEAL, SENT, TASK_TYPE
from crm_audit.domain import BASICS, TOPIC_ALIASES
from crm_audit.errors import FixConfig

PRICING = r"\b(pric\w*|quote|proposal|commercials?|order form|statement of work|SOW|budget review)\b"
"""Qualification 2.2."""

AUTOMATIC = r"^\s*(automatic reply|auto(matic)?[- ]?(reply|response)|out of (the )?office|undeliverable|abwesenheits)"

RECHECK = "recheck_"
"""`recheck_<topic>`, or `recheck_all`, maps a date property: asked again on that day."""

ON_DEALS = ("budget", "budget_currency", "need", "solution_fit")
ON_COMPANIES = ("fit_tier", "fit_score", "fit_assessed")
ON_CONTACTS = ("left_on", "doc_viewed", "buying_role")
ON_ACTIVITIES = ("note_type", "task_type", "activity_type")
OVER_DEFAULTS = ("amount", "close_date", "next_step", "forecast_category", "probability", "currency")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class Options(BaseModel):
    """`options` of a HubSpot connection in crm-audit.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: Literal["2026-09", "v3"] = "2026-09"
    app: str | None = None  # the id of the app whose token we use: what it wrote is never evidence
    connected: tuple[str, ...] = (CONNECTED,)  # call outcomes (GUIDs) that mean: somebody answered
    quote_sent: tuple[str, ...] = SENT  # quote states in which the buyer can see it
    titles: Mapping[str, Pattern] = {}  # topic -> what a title or subject must match, besides pricing
    pricing: Pattern = PRICING
    automatic: Pattern = AUTOMATIC  # subjects of automatic replies
    attestations: Mapping[str, tuple[str, ...]] = {}  # type of a note or task -> topics somebody vouches for
    rechecks: Mapping[str, tuple[str, ...]] = {}  # type of a task -> topics asked again
    share_topics: bool = False  # ruling 7: HubSpot attaches an activity to several deals by itself
    rates: Mapping[str, Decimal] = {}  # currency -> units of the corporate currency; empty: ask HubSpot


def options(connection: Connection) -> Options:
    """The checked options; FixConfig says which one is wrong."""
    try:
        return Options.model_validate(dict(connection.options))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("options", *first["loc"]))
        raise FixConfig(f"{where}: {first['msg']}") from None


def fields(connection: Connection) -> Mapping[str, str]:
    """Our name -> HubSpot's property, HubSpot's own included; FixConfig names a field nobody knows."""
    known = (*ON_DEALS, *ON_COMPANIES, *ON_CONTACTS, *ON_ACTIVITIES, *OVER_DEFAULTS)
    for name in connection.fields:
        if name not in known and not name.startswith(RECHECK):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(known)}, {RECHECK}<topic>"
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


def topics_of(name: str) -> tuple[str, ...]:
    """The topics that `recheck_<topic>` stands for, under the one name that every pack shares (ruling 31)."""
    topic = name.removeprefix(RECHECK)
    return BASICS if topic == "all" else (TOPIC_ALIASES.get(topic, topic),)
