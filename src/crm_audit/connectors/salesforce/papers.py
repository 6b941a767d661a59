"""Mail, quotes and delivered files: what was put before the buyer, and what the buyer did with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from crm_audit.connectors.salesforce.activities import Around, scope_of, topics
from crm_audit.connectors.salesforce.reading import (
    Row,
    flag,
    instant,
    kind_of,
    number,
    of_kind,
    present,
    required,
    text,
    when,
)  # fmt: skip
from crm_audit.connectors.salesforce.terms import Terms
from crm_audit.connectors.titles import PRICING
from crm_audit.domain import Event

DRAFT = "5"
"""EmailMessage.Status of a mail nobody has sent."""
SENDER = ("FromAddress",)
RECIPIENTS = ("ToAddress", "CcAddress")


def mail(rows: Iterable[Row], around: Around, *, terms: Terms) -> Iterator[Event]:
    """Stored mail: incoming belongs to its sender alone, outgoing to each recipient, an open to each recipient."""
    for row in rows:
        scope = scope_of(row, around, what="RelatedToId")
        if scope is None or text(row, "Status") == DRAFT:
            continue
        incoming = flag(row, "Incoming")
        roles = SENDER if incoming else RECIPIENTS
        record_id, created = required(row, "Id"), instant(row, "CreatedDate")
        relations = around.relations.get(record_id, ())
        subject, sender = text(row, "Subject"), text(row, "FromAddress")
        event = Event(
            id=record_id,
            kind="email_in" if incoming else "email_out",
            at=present(row, "MessageDate", found=when(row, "MessageDate") or created),
            people=of_kind("Contact", (text(each, "RelationId") for each in relations if _is(each, roles))),
            deals=scope.deals,
            named=scope.named,
            topics=topics(row, scope, titles=around.attached.get(record_id, ()), terms=terms),
            automatic=incoming and terms.automatic(subject, sender, headers=text(row, "Headers")),
            by=text(row, "CreatedById"),
            recorded_at=created,
        )
        yield event
        opened = None if incoming else instant(row, "FirstOpenedDate")
        if opened is not None:
            yield replace(event, id=f"{record_id}:open", kind="email_open", at=opened, recorded_at=opened)


def quotes(rows: Iterable[Row], terms: Terms) -> Iterator[Event]:
    """Quotes by their status: set by the seller it is sent or reported, only a signature makes it accepted.

    The standard object keeps no time of sending; the last change stands for it.
    """
    asked = terms.options.quotes
    for row in rows:
        status, signed = text(row, asked.status) or "", when(row, asked.signed_on) if asked.signed_on else None
        kind = _quote_kind(status, terms) if signed is None else "quote_accepted"
        if kind is None:
            continue
        created, deals = instant(row, "CreatedDate"), of_kind("Opportunity", (text(row, asked.deal),))
        total = number(row, asked.total)
        changed = signed or instant(row, "LastModifiedDate") or created
        yield Event(
            id=required(row, "Id"),
            kind=kind,
            at=present(row, "LastModifiedDate", found=changed),
            people=of_kind("Contact", (text(row, asked.contact),)),
            deals=deals,
            named=deals,
            topics=(PRICING,),
            quoted_amount=total,
            quoted_currency=(text(row, "CurrencyIsoCode") or terms.currency) if total is not None else None,
            by=text(row, "CreatedById"),
            recorded_at=created,
        )


def deliveries(rows: Iterable[Row], terms: Terms) -> Iterator[Event]:
    """Files put behind a link for a contact or a deal."""
    for row in rows:
        created = instant(row, "CreatedDate")
        yield Event(
            id=required(row, "Id"),
            kind="doc_shared",
            at=present(row, "CreatedDate", found=created),
            people=of_kind("Contact", (text(row, "RelatedRecordId"),)),
            deals=of_kind("Opportunity", (text(row, "RelatedRecordId"),)),
            topics=terms.topics_of(None, (text(row, "Name"),)),
            by=text(row, "CreatedById"),
            recorded_at=created,
        )


def views(rows: Iterable[Row], delivered: Mapping[str, Sequence[Row]], *, terms: Terms) -> Iterator[Event]:
    """Views of delivered files by somebody outside. Salesforce does not say by whom.

    Only a delivery made for one contact names its viewer (ruling 4); `delivered` has the deliveries by their id.
    """
    for row in rows:
        if flag(row, "IsInternal"):
            continue
        for delivery in delivered.get(required(row, "DistributionId"), ()):
            shared_with = text(delivery, "RelatedRecordId")
            at = present(row, "CreatedDate", found=instant(row, "CreatedDate"))
            yield Event(
                id=required(row, "Id"),
                kind="doc_viewed" if kind_of(shared_with) == "Contact" else "doc_open",
                at=at,
                people=of_kind("Contact", (shared_with,)),
                deals=of_kind("Opportunity", (shared_with,)),
                topics=terms.topics_of(None, (text(delivery, "Name"),)),
                recorded_at=at,
            )


def _is(relation: Row, roles: tuple[str, ...]) -> bool:
    return text(relation, "RelationType") in roles


def _quote_kind(status: str, terms: Terms) -> str | None:
    if status in terms.options.quotes.accepted:
        return "quote_reported"
    return "quote_sent" if status in terms.options.quotes.sent else None
