"""Events as one vendor's records can hold them: split, dated, without what has no place there, or replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from crm_audit.domain import STRENGTH, Event, When
from crm_audit.emulator.worlds.limits import Limits, Notes
from crm_audit.emulator.worlds.plot import Plot

PLANNED = ("meeting_held", "task_open")
"""What a CRM shows before it happens."""
QUOTES = ("quote_sent", "quote_reported", "quote_accepted")
DOCUMENTS = ("doc_shared", "doc_viewed")
PRICING = ("pricing",)

STAND_INS = {3: "email_in", 2: "attestation", 1: "email_out"}
"""By strength: an act of the same person that proves as much, for the same deal and topics."""
SAID = {
    "email_in": "a mail from the same contact about the same topics",
    "attestation": "a task in which the rep vouches for the same contact and topics",
    "email_out": "a mail to the same contact about the same topics",
    "doc_viewed": "the contact's last visit to a document about pricing",
}


@dataclass(slots=True)
class Encoder:
    """Re-encodes the events of one world; remembers whose one document visit is taken."""

    plot: Plot
    limits: Limits
    notes: Notes
    _visited: set[str] = field(default_factory=set)

    def held(self, events: Iterable[Event]) -> Iterator[Event]:
        """Every event as the vendor can hold it; one that no CRM shows by then is left out."""
        for event in events:
            if self._shown(event):
                whole = self._plain(event)
                yield from (one for part in self._split(whole) for one in self._split(self._nearest(part)))

    def _shown(self, event: Event) -> bool:
        what = self.notes.event(event)
        if event.automatic and event.kind != "email_in":
            self.notes.stands_in(what, "only incoming mail is marked as automatic", instead="nothing, it never counts")
            return False
        ahead = event.at > self.plot.world.as_of if isinstance(event.at, datetime) else event.at > self.plot.today
        if ahead and event.kind not in PLANNED:
            self.notes.stands_in(what, "no CRM shows it before it happens", instead="nothing, it does not count yet")
            return False
        return True

    def _plain(self, event: Event) -> Event:
        """Without an answer, an outcome, a total or a time that its record has no place for."""
        limits, what, vendor = self.limits, self.notes.event(event), self.limits.vendor
        if event.declined and not limits.declines:
            refused = {self.plot.survivor(one) for one in event.declined}
            people = tuple(one for one in event.people if self.plot.survivor(one) not in refused)
            who = " and ".join(map(self.notes.name, event.declined))
            why = f"{vendor} keeps no answer of a single attendee ({who} declined)"
            self.notes.stands_in(what, why, instead="the meeting without that contact")
            event = replace(event, people=people, declined=())
        gone = [one for one in event.people if limits.forgets_deleted and self.plot.survivor(one) in self.plot.deleted]
        for person in gone:
            self.notes.lost(what, f"{vendor} forgets the activities of {self.notes.name(person)}, who is deleted")
        if event.outcome and limits.outcomes is not None and event.outcome not in limits.outcomes:
            self.notes.lost(what, f"{vendor} has no outcome {event.outcome!r}")
            event = replace(event, outcome=None)
        if event.quoted_amount is not None and event.kind not in (*QUOTES, "quote_viewed"):
            self.notes.lost(what, f"only a quote carries a total ({event.quoted_amount})")
            event = replace(event, quoted_amount=None, quoted_currency=None)
        if event.recorded_at is not None and event.recorded_at > self.plot.world.as_of:
            self.notes.stands_in(what, "it was stored after the audit", instead="the moment of the audit")
        return replace(event, at=self._dated(event, what))

    def _dated(self, event: Event, what: str) -> When:
        if isinstance(event.at, datetime):
            if event.kind in self.limits.only_by_day:
                self.notes.stands_in(what, f"{self.limits.vendor} keeps its day alone", instead="that day")
                return self.plot.day(event.at)
            return event.at
        if event.kind in self.limits.by_day:
            return event.at
        self.notes.stands_in(what, f"{self.limits.vendor} wants a time of day", instead="noon, or the audit's moment")
        return self.plot.noon(event.at)

    def _split(self, event: Event) -> Iterator[Event]:
        """One record per deal and contact where a record names one of them only."""
        limits, what = self.limits, self.notes.event(event)
        deals: list[tuple[str, ...]] = [event.deals]
        people: list[tuple[str, ...]] = [event.people]
        if len(event.deals) > 1 and not limits.several_deals:
            deals = [(one,) for one in event.deals]
            self.notes.stands_in(what, f"in {limits.vendor} it is about one deal", instead="one record for each deal")
        if len(event.people) > 1 and event.kind in limits.alone:
            people = [(one,) for one in event.people]
            self.notes.stands_in(what, f"in {limits.vendor} it names one contact", instead="one record for each")
        several = len(deals) * len(people) > 1
        for number, (deal, who) in enumerate((deal, who) for deal in deals for who in people):
            yield replace(event, id=f"{event.id}.{number}" if several else event.id, deals=deal, people=who)

    def _nearest(self, event: Event) -> Event:
        """The event, or what stands in for it where no record of this vendor is such an event."""
        why, what = self._why_not(event), self.notes.event(event)
        if why is None:
            self._remark(event, what)
            return event
        kind, visit = STAND_INS[STRENGTH[event.kind]], replace(event, kind="doc_viewed")
        if event.kind == "quote_viewed" and self._why_not(visit) is None:
            kind = "doc_viewed"
        self.notes.stands_in(what, why, instead=SAID[kind])
        if kind == "doc_viewed":
            self._remark(visit, what)
        total = event.quoted_amount
        if total is not None and not self.plot.costs(event, total):
            self.notes.lost(what, f"its stand-in carries no total ({total})")
        return replace(event, kind=kind, quoted_amount=None, quoted_currency=None)

    def _why_not(self, event: Event) -> str | None:
        never = self.limits.never.get(event.kind)
        if never is not None:
            return never
        if event.kind in QUOTES:
            return self._no_quote(event)
        return self._no_document(event) if event.kind in DOCUMENTS else None

    def _no_quote(self, event: Event) -> str | None:
        if event.topics != PRICING:
            return f"a quote in {self.limits.vendor} is about pricing and nothing else"
        if not event.deals and not self.limits.loose_quotes:
            return f"a quote in {self.limits.vendor} belongs to a deal"
        return None

    def _no_document(self, event: Event) -> str | None:
        """Documents are shown to a contact, not on a deal: that is enough where the contact is on that deal alone."""
        (person,) = event.people or ("",)
        vendor = self.limits.vendor
        if event.deals and not self.plot.adopts(person, event):
            return (
                f"{vendor} knows the contact that a document was for, not the deal, and the contact is not on it alone"
            )
        if self.limits.one_visit and event.topics != PRICING:
            return f"the one document visit that {vendor} keeps is about pricing here"
        if self.limits.one_visit and self.plot.survivor(person) in self._visited:
            return f"{vendor} keeps a contact's last document visit only"
        return None

    def _remark(self, event: Event, what: str) -> None:
        """What comes along with a record that is such an event."""
        vendor = self.limits.vendor
        if event.kind in DOCUMENTS:
            self._visited.update(map(self.plot.survivor, event.people))
            if event.deals:
                why = f"{vendor} keeps no deal with a document"
                self.notes.stands_in(what, why, instead="the contact, who is on that deal alone")
            if event.kind == "doc_viewed" and not self.limits.one_visit:
                self.notes.stands_in(what, "a view needs the delivery of its file", instead="both")
        if event.kind == "email_open" and not self._was_sent(event):
            self.notes.stands_in(what, "an opened mail was sent before", instead="both")
        if event.kind in ("quote_accepted", "quote_reported") and self.limits.acceptance_is_sent:
            self.notes.stands_in(what, f"in {vendor} an accepted quote was also sent", instead="both")

    def _was_sent(self, event: Event) -> bool:
        """Whether the world has the mail that was opened: sent to the same people about the same, and no later."""
        whose = (event.deals, event.people, event.topics)
        mails = (mail for mail in self.plot.all(Event) if mail.kind == "email_out")
        return any((m.deals, m.people, m.topics) == whose and str(m.at) <= str(event.at) for m in mails)
