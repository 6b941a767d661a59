"""What a portal cannot tell us, found out before anything is pulled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from crm_audit.connectors.hubspot.gateway import Gateway, Json, Refused
from crm_audit.connectors.hubspot.names import ANSWER, BUYING_ROLES, CONTACT, SCOPES
from crm_audit.connectors.hubspot.options import ON_COMPANIES
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.sources import Source
from crm_audit.connectors.options import RECHECK
from crm_audit.domain import Survey
from crm_audit.errors import NoAccess
from crm_audit.near import aside

KINDS: Mapping[str, tuple[str, ...]] = {
    "meetings": ("meeting_held",),
    "calls": ("call_connected",),
    "emails": ("email_in", "email_out"),
    "quotes": ("quote_sent", "quote_reported", "quote_accepted"),
    "tasks": ("task_open",),
}
"""The kinds of events that each object can become."""

NEVER: Mapping[tuple[str, ...], str] = {
    ("quote_viewed",): "HubSpot does not say who viewed a quote; use an attestation or an e-signature",
    ("email_open", "link_click"): "opens and clicks of tracked mail are roll-ups in HubSpot and prove nothing",
    ("doc_open", "doc_shared"): "HubSpot does not say who opened or was sent a shared document",
    ("esign_viewed", "esign_completed"): "e-signatures arrive as accepted quotes; other signature tools are not read",
}
"""What HubSpot can never produce here, and why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which objects can be read, with the names of their properties, and how deals and contacts may be labelled."""

    properties: Mapping[str, frozenset[str]]  # objects that cannot be read are missing
    refusals: Mapping[str, str]  # what cannot be read -> HubSpot's words
    labels: Sequence[Json] = ()
    owners: Sequence[Json] | None = None  # archived ones too; None: not to be read
    rates: Sequence[Json] | None = None  # None: not to be read, or not asked for
    bins: Mapping[str, tuple[list[Json], str | None]] = field(default_factory=dict)  # first pages of archived records

    def has(self, kind: str, name: str | None) -> bool:
        """The object can be read and has this property."""
        return name is not None and name in self.properties.get(kind, ())

    def lacks(self, source: Source) -> tuple[str, ...]:
        """What is asked for and not there."""
        return tuple(sorted(set(source.properties) - self.properties[source.kind]))


def glance(gateway: Gateway, sources: Mapping[str, Source]) -> Shape:
    """As much of a portal as its increments need: properties, labels, and whose user is which owner."""
    properties: dict[str, frozenset[str]] = {}
    refusals: dict[str, str] = {}
    for kind in sources:
        try:
            properties[kind] = frozenset(str(one["name"]) for one in gateway.properties(kind))
        except NoAccess as error:
            refusals[kind] = str(error)
    owners = None
    with suppress(NoAccess):  # the last night has told
        owners = [owner for archived in (False, True) for owner in gateway.all_owners(archived=archived)]
    return Shape(properties, refusals, labels=_labels(gateway, properties), owners=owners)


def look(gateway: Gateway, sources: Mapping[str, Source], *, rates: bool) -> Shape:
    """Ask for the properties of every object and for its records, since either may need a scope that we lack.

    The records are archived ones: their first page has to be read every night anyway, and the reading begins with it.
    """
    properties: dict[str, frozenset[str]] = {}
    refusals: dict[str, str] = {}
    bins: dict[str, tuple[list[Json], str | None]] = {}
    for kind, source in sources.items():
        try:
            listed = gateway.properties(kind)
            bins[kind] = gateway.page(source.binned())
        except NoAccess as error:
            refusals[kind] = str(error)
            continue
        properties[kind] = frozenset(str(one["name"]) for one in listed)
    owners = worth = None
    try:
        owners = [owner for archived in (False, True) for owner in gateway.all_owners(archived=archived)]
    except NoAccess as error:
        refusals["owners"] = str(error)
    try:
        worth = gateway.rates() if rates else None
    except (NoAccess, Refused) as error:
        refusals["exchange rates"] = f"{error}; or set options.rates"
    return Shape(properties, refusals, labels=_labels(gateway, properties), owners=owners, rates=worth, bins=bins)


def _labels(gateway: Gateway, properties: Collection[str]) -> Sequence[Json]:
    return gateway.labels("deals", "contacts") if {"deals", "contacts"} <= set(properties) else []


def survey(shape: Shape, portal: Portal) -> Survey:
    """What is not mapped or not connected, each with one sentence for the admin. Pure."""
    findings = [*_refused(shape), *_unmapped(shape, portal), *_disconnected(shape, portal)]
    return Survey(
        unmapped=frozenset(name for names, _, _ in findings for name in names),
        unconnected=frozenset(kind for _, kinds, _ in findings for kind in kinds),
        notes=tuple(dict.fromkeys(note for _, _, note in findings if note)),
        shared_topics=portal.options.share_topics,
    )


Finding = tuple[tuple[str, ...], tuple[str, ...], str]
"""Unmapped names, unconnected kinds, and the sentence that says so."""

LOST_WITH: Mapping[str, tuple[str, ...]] = {
    "contacts": ("contacts", "roles"),
    "companies": ("company", "fit"),
    "deals": ("close_date", "amount", "history", "rechecks", "need", "budget", "solution_fit"),
}


def _refused(shape: Shape) -> Iterator[Finding]:
    for kind, why in shape.refusals.items():
        scope = "" if SCOPES[kind] in why else f" (needs {SCOPES[kind]})"
        yield LOST_WITH.get(kind, ()), KINDS.get(kind, ()), f"{kind} cannot be read{scope}: {why}"


def _unmapped(shape: Shape, portal: Portal) -> Iterator[Finding]:
    for name in ("amount", "close_date", "budget", "need", "solution_fit"):
        yield from _field(shape, portal, name=name, kind="deals", lost=(name,))
    yield from _fit(shape, portal)
    yield from _roles(shape, portal)
    yield from _rechecks(shape, portal)
    for name in ("next_step", "forecast_category", "currency", "budget_currency"):
        if name in portal.fields:
            yield from _field(shape, portal, name=name, kind="deals", lost=())
    if "left_on" in portal.fields and portal.fields["left_on"] != CONTACT["left_on"]:
        yield from _field(shape, portal, name="left_on", kind="contacts", lost=())


def _field(shape: Shape, portal: Portal, *, name: str, kind: str, lost: tuple[str, ...]) -> Iterator[Finding]:
    mapped = portal.fields.get(name)
    if kind not in shape.properties or shape.has(kind, mapped):
        return
    if mapped is None:
        yield lost, (), f"{name} is not mapped: name a {kind} property in fields.{name}"
    else:
        yield lost, (), f"fields.{name}: {kind} have no property {mapped!r}; HubSpot leaves unknown ones out silently"


def _fit(shape: Shape, portal: Portal) -> Iterator[Finding]:
    mapped = [name for name in ON_COMPANIES if name in portal.fields]
    if not {"fit_tier", "fit_score"} & set(mapped):
        yield ("fit",), (), "fit is not mapped: name a companies property in fields.fit_tier or fields.fit_score"
    for name in mapped:
        yield from _field(shape, portal, name=name, kind="companies", lost=("fit",))


def _roles(shape: Shape, portal: Portal) -> Iterator[Finding]:
    if "contacts" not in shape.properties:
        return
    texts = {str(one.get("label")) for one in shape.labels if one.get("label")}
    labels = texts | {f"{one.get('category')}:{one.get('typeId')}" for one in shape.labels}
    has_buying_role = shape.has("contacts", portal.fields["buying_role"])
    for name in portal.roles:
        if name not in labels and name not in BUYING_ROLES:  # a slip here would unseat every decider there is
            hint = aside(name, (*texts, *BUYING_ROLES))
            told = f"roles.{name}: no label between deals and contacts and no buying role is called that{hint}"
            yield ("roles",), (), f"{told}; until it is mended, roles are unknown"
    for label in sorted(texts - portal.roles.keys()):
        if not {f"{one.get('category')}:{one.get('typeId')}" for one in _called(shape, label)} & portal.roles.keys():
            yield (), (), f"the label {label!r} between deals and contacts is mapped to no role; add it under roles"
    if not has_buying_role and not labels & portal.roles.keys():
        yield ("roles",), (), "roles are not mapped: neither an association label nor a buying role tells who is what"


def _called(shape: Shape, label: str) -> Iterator[Json]:
    return (one for one in shape.labels if one.get("label") == label)


def _rechecks(shape: Shape, portal: Portal) -> Iterator[Finding]:
    mapped = [name for name in portal.fields if name.startswith(RECHECK)]
    for name in mapped:
        yield from _field(shape, portal, name=name, kind="deals", lost=("rechecks",))
    by_date = any(shape.has("deals", portal.fields[name]) for name in mapped)
    by_task = bool(portal.options.rechecks) and shape.has("tasks", portal.fields["task_type"])
    if not by_date and not by_task and not shape.has("deals", ANSWER):
        yield (
            ("rechecks",),
            (),
            "re-checks are not mapped: name a date property in fields.recheck_<topic> or a task type",
        )


def _disconnected(shape: Shape, portal: Portal) -> Iterator[Finding]:
    for kinds, why in NEVER.items():
        yield (), kinds, why
    if not _attested(shape, portal):
        yield (
            (),
            ("attestation",),
            "notes are not read, and no attestations: map the type of a note or task in options.attestations",
        )
    viewed = portal.fields.get("doc_viewed")
    if not shape.has("contacts", viewed):
        said = f"contacts have no property {viewed!r}" if viewed else "map a contact property in fields.doc_viewed"
        yield (), ("doc_viewed",), f"document views are not read: {said}"


def _attested(shape: Shape, portal: Portal) -> bool:
    typed = shape.has("notes", portal.fields["note_type"]) or shape.has("tasks", portal.fields["task_type"])
    return bool(portal.options.attestations) and typed
