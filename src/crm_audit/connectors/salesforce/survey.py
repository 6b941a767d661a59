"""What this org cannot tell under this mapping, in words an admin can act on."""

from __future__ import annotations

from collections.abc import Iterator

from crm_audit.connectors.options import ALL_BASICS, RECHECK
from crm_audit.connectors.salesforce.kit import ANSWER
from crm_audit.connectors.salesforce.org import Org, is_lookup
from crm_audit.connectors.salesforce.terms import NO_PROCESS
from crm_audit.domain import Survey

NEVER = ("esign_viewed", "esign_completed", "quote_viewed", "link_click")
"""Kinds that no standard object of Salesforce records; an e-signature package has its own."""

PLAIN = ("budget", "need", "solution_fit", "company", "close_date", "amount")
MAIL = ("email_in", "email_out")
DOCUMENTS = ("doc_shared", "doc_open", "doc_viewed")


def survey(org: Org) -> Survey:
    """The survey of one org; describes each object once and pulls nothing."""
    unmapped = dict(_unmapped(org))
    unconnected = dict(_unconnected(org))
    lost = [f"{name} cannot be judged: {why}" for name, why in unmapped.items()]
    silent: dict[str, list[str]] = {}
    for kind, why in unconnected.items():
        silent.setdefault(why, []).append(kind)
    deaf = [f"no {', no '.join(kinds)}: {why}" for why, kinds in silent.items()]
    return Survey(
        unmapped=frozenset(unmapped),
        unconnected=frozenset(unconnected),
        notes=(*lost, *deaf, *_remarks(org)),
    )


def _unmapped(org: Org) -> Iterator[tuple[str, str]]:
    for name in PLAIN:
        if not org.tells(name):
            yield name, _why(org, name)
    if org.tells("budget") and _hidden(org, "budget_currency"):
        yield "budget", _why(org, "budget_currency")
    if _hidden(org, "fit_tier") or _hidden(org, "fit_score"):
        yield "fit", _why(org, "fit_tier" if _hidden(org, "fit_tier") else "fit_score")
    elif not org.tells("fit_tier") and not org.tells("fit_score"):
        yield "fit", "neither fields.fit_tier nor fields.fit_score is mapped"
    yield from _people(org)
    hidden = [name for name in org.mapped if name.startswith(RECHECK) and _hidden(org, name)]
    asked = [name for name in org.mapped if name.startswith(RECHECK)]
    if hidden:
        yield "rechecks", _why(org, hidden[0])
    elif not asked and not org.options.rechecks and not org.schema.reads(ANSWER):
        yield (
            "rechecks",
            f"map fields.{RECHECK}{ALL_BASICS} to a date field, or options.rechecks to a type of task",
        )
    by_state, by_field = org.tracked
    if "stage" not in (*by_state, *by_field.values()):
        yield "history", "neither OpportunityHistory nor OpportunityFieldHistory can be read"


def _people(org: Org) -> Iterator[tuple[str, str]]:
    reads, roles = org.schema.reads, "OpportunityContactRole"
    if not reads(roles) or not reads("Contact"):
        yield "contacts", "contact roles or contacts cannot be read; give access to both objects"
    readable = org.schema.fields("Opportunity")
    hidden = [name for name in org.connection.roles if is_lookup(name) and name not in readable]
    if hidden:
        yield "roles", f"Opportunity.{hidden[0]}, mapped in roles, cannot be read; give access or correct the name"
    elif not reads(roles, "Role"):
        yield "roles", "OpportunityContactRole.Role cannot be read; give access to the field"


def _unconnected(org: Org) -> Iterator[tuple[str, str]]:
    reads, options = org.schema.reads, org.options
    for kind in NEVER:
        yield kind, "Salesforce keeps no record of it that could be read"
    if not reads("Event"):
        yield "meeting_held", "Event cannot be read; give access to the object"
    if not reads("Task"):
        yield from (
            (kind, "Task cannot be read; give access to the object") for kind in ("call_connected", "task_open")
        )
    stored = reads("EmailMessage") and reads("EmailMessageRelation")
    patterns = {"email_in": options.mail_in, "email_out": options.mail_out}
    if not stored and not (reads("Task") and any(patterns.values())):
        why = "EmailMessage or EmailMessageRelation cannot be read; give access, or set options.mail_in and mail_out"
        yield from ((kind, why) for kind in MAIL)
    if not stored or not reads("EmailMessage", "FirstOpenedDate"):
        yield "email_open", "EmailMessage.FirstOpenedDate cannot be read"
    if not options.attestations or not reads("Task"):
        yield "attestation", "name the type of task that records a report in options.attestations"
    yield from _papers(org)


def _papers(org: Org) -> Iterator[tuple[str, str]]:
    quotes = org.options.quotes
    if not org.schema.reads(quotes.object) or not org.quotes_tell(quotes.object):
        why = f"{quotes.object} cannot be read; give access, or name your quoting tool's object in options.quotes"
        yield from ((kind, why) for kind in ("quote_sent", "quote_reported", "quote_accepted"))
    elif quotes.signed_on is None or not org.schema.reads(quotes.object, quotes.signed_on):
        yield "quote_accepted", "name the field that only a signature fills in options.quotes.signed_on"
    needed = {"doc_shared": "ContentDistribution", "doc_open": "ContentDistributionView"}
    shared = org.schema.reads("ContentDistribution")
    for kind in DOCUMENTS:
        name = needed.get(kind, needed["doc_open"])
        if not shared or not org.schema.reads(name):
            yield kind, f"{name if shared else 'ContentDistribution'} cannot be read; give access to the object"


def _remarks(org: Org) -> Iterator[str]:
    if org.gateway.development:
        yield "the login is a session that somebody else opened: for development only, it ends without notice"
    silent = sorted(set(org.terms.pipelines.values()) - {NO_PROCESS})[:1]
    if silent and org.stages_of(silent[0]) is None:
        yield f"which stages the sales process {silent[0]!r} has cannot be told, so every process counts as having all"
    if org.account.user is None:
        yield "the org does not tell who we are logged in as, so what we write ourselves cannot be told from evidence"
    if (org.tells("fit_tier") or org.tells("fit_score")) and not org.tells("fit_assessed"):
        yield "how fresh a fit is cannot be told: map fields.fit_assessed to a date on Account"
    if org.schema.reads("Task") and not org.schema.reads("Task", "CallDisposition"):
        yield "Task.CallDisposition cannot be read, so no call counts as a conversation"
    if org.schema.reads("Event") and not org.schema.reads("EventRelation"):
        yield "EventRelation cannot be read: of a meeting only the first contact is known, and not who declined"
    if _hidden(org, "meeting_outcome"):
        yield f"no-shows count as meetings: {_why(org, 'meeting_outcome')}"
    if not org.tells("left_on"):
        yield "contacts who left their company cannot be told: map fields.left_on to a date on Contact"
    if not org.schema.reads("OpportunityHistory") and org.tracked[1]:
        yield "OpportunityHistory cannot be read; changes come from tracked fields, which go back 18 to 24 months"


def _hidden(org: Org, name: str) -> bool:
    """Whether something is mapped, but to a field that tells us nothing: unknown, and not empty."""
    return name in org.mapped and not org.tells(name)


def _why(org: Org, name: str) -> str:
    owner, field = org.mapped.get(name, ("", ""))
    if not owner:
        return f"fields.{name} is not mapped"
    found = org.schema.fields(owner).get(field)
    if found is None:
        return f"{owner}.{field} (fields.{name}) cannot be read; give access to the field or correct its name"
    return f"{owner}.{field} (fields.{name}) is of the type {found.type}, which does not fit"
