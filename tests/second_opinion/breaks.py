"""Ways to break a clean deal, each as close to the line as it can be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .break_fields import FIELD_BREAKS
from .break_people import PEOPLE_BREAKS
from .sketch import LADDERS, Sketch, lost, written
from .slow_facts import BUYER_ACTS, STRENGTH, TERMINAL, Row, instant

Break = Callable[[Sketch, Row], None]

KINDS = tuple(STRENGTH)
TOPICS = ("pricing", "demo", "evaluation", "pilot", "discovery", "business_case")
PEOPLE = ("p1", "p2", "p3", "p4", "p5")


def move_event(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(sketch.events_of(deal), 3):
        event["at"] = sketch.at(sketch.edge())


def move_all_events(sketch: Sketch, deal: Row) -> None:
    age = sketch.edge()
    for event in sketch.events_of(deal):
        event["at"] = sketch.at(age)


def drop_event(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(sketch.events_of(deal), 3):
        sketch.world["events"].remove(event)


def other_kind(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(sketch.events_of(deal), 2):
        event["kind"] = sketch.pick(KINDS)


def add_event(sketch: Sketch, deal: Row) -> None:
    sketch.world["events"].append(
        {
            "at": sketch.at(sketch.edge()),
            "kind": sketch.pick(KINDS),
            "contacts": sketch.some(PEOPLE, 2),
            "topics": sketch.some(TOPICS, 2),
            "deal": deal["id"],
        }
    )


def unlink_event(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(sketch.events_of(deal), 3):
        event.pop("deals", None)
        event["deal"] = None


def event_before_deal(sketch: Sketch, deal: Row) -> None:
    """Events linked to no deal, on the day of the creation (even hours before it) or on a day beside it."""
    day = sketch.pick((30, 0, 60))
    deal["created"] = sketch.at(day)
    step = sketch.pick((0, 0, 1, -1))
    for event in sketch.events_of(deal):
        event.pop("deals", None)
        event |= {"deal": None, "at": sketch.at(max(0, day + step))}


def several_deals(sketch: Sketch, deal: Row) -> None:
    """On two or three deals, of which one may be closed or of no known stage."""
    others = [row for row in sketch.world["deals"] if row is not deal]
    for event in sketch.some(sketch.events_of(deal), 3):
        event.pop("deal", None)
        event["deals"] = [deal["id"], *(row["id"] for row in sketch.some(others, 2))]
    for other in others:
        other["stage"] = sketch.pick((other["stage"], other["stage"], lost(other), "Somewhere new"))


def meeting_not_held(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(_meetings(sketch, deal), 2):
        event["outcome"] = sketch.pick(("SCHEDULED", "NO_SHOW", "CANCELED", "RESCHEDULED", ""))


def declined(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(_meetings(sketch, deal), 2):
        event["declined"] = sketch.some(event["contacts"], 2)


def meeting_end(sketch: Sketch, deal: Row) -> None:
    """The end exactly at the audit, or a second after it."""
    for event in sketch.some(_meetings(sketch, deal), 2):
        late = timedelta(seconds=sketch.pick((0, 1)))
        event["ends_at"] = written(max(sketch.as_of, instant(event["at"])) + late)


def not_yet(sketch: Sketch, deal: Row) -> None:
    """Planned: a second after the audit, or tomorrow."""
    soon = written(sketch.as_of + timedelta(seconds=1))
    for event in sketch.some(sketch.events_of(deal), 2):
        event["at"] = sketch.pick((soon, sketch.at(-1)))


def automatic(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(sketch.events_of(deal), 2):
        event["auto"] = sketch.pick((True, True, False))
        event["kind"] = sketch.pick(("email_in", "email_in", "email_out", event["kind"]))


def quoted(sketch: Sketch, deal: Row) -> None:
    """The event carries its own total: a tenth below the amount, just more than that, or absurd."""
    for event in sketch.some(_priced(sketch, deal), 2):
        event["quoted_amount"] = sketch.pick(("100000", "99999.99", "90909.09", "90909.10", "0", "-1", "36363.63"))
        event["quoted_currency"] = sketch.pick(("USD", "USD", "EUR", "GBP", "JPY"))
        deal["amount"] = sketch.pick((deal["amount"], "110000", "110000.01", "121000"))


def price_by_kind(sketch: Sketch, deal: Row) -> None:
    """The price reached the decider in another way."""
    weak = [kind for kind, strength in STRENGTH.items() if strength < 3]
    for event in _priced(sketch, deal):
        event["kind"] = sketch.pick((*weak, *KINDS))
        event["contacts"] = [*event["contacts"][:1]]


def no_topics(sketch: Sketch, deal: Row) -> None:
    for event in sketch.some(sketch.events_of(deal), 2):
        event["topics"] = sketch.pick(([], ["discovery"], ["pricing", "demo"], ["pilot"]))


def recorded_late(sketch: Sketch, deal: Row) -> None:
    """Stored days after it happened, even after the audit: a live audit asks only when it happened."""
    for rows in ("events", "links", "history", "assessments"):
        for row in sketch.world[rows]:
            if row.get("deal") == deal["id"]:
                row["recorded_at"] = sketch.at(sketch.pick((0, -1)))


def unmapped(sketch: Sketch, deal: Row) -> None:
    names = ("roles", "amount", "history", "budget", "rechecks", "fit", "close_date", "contacts", "company", "need")
    sketch.world["unmapped"] = sketch.some((*names, "solution_fit"), 2)


def unconnected(sketch: Sketch, deal: Row) -> None:
    """No source at all, none for one rule, or all but one of a rule's kinds."""
    reports = [kind for kind, strength in STRENGTH.items() if strength == 2]
    choices = (list(KINDS), sorted(BUYER_ACTS), ["meeting_held"], [*sorted(BUYER_ACTS), *reports], list(KINDS[1:]))
    sketch.world["unconnected"] = sketch.pick((*choices, sketch.some(KINDS, 4)))


def nothing_connected(sketch: Sketch, deal: Row) -> None:
    """No source, and of the events only some are left."""
    sketch.world["unconnected"] = list(KINDS)
    for event in sketch.some(sketch.events_of(deal), 2):
        event["at"] = sketch.at(sketch.pick((61, 91, 22, 15, 121)))


def other_stage(sketch: Sketch, deal: Row) -> None:
    stages = LADDERS.get(deal["pipeline"], {})
    closed = [stage for stage, rung in stages.items() if rung in TERMINAL]
    deal["stage"] = sketch.pick((*closed, "Somewhere new", *stages))


def other_pipeline(sketch: Sketch, deal: Row) -> None:
    deal["pipeline"] = sketch.pick(("sf:Unheard", "hs:default", "sf:Renewal"))


def _meetings(sketch: Sketch, deal: Row) -> list[Row]:
    return [event for event in sketch.events_of(deal) if event["kind"] == "meeting_held"]


def _priced(sketch: Sketch, deal: Row) -> list[Row]:
    return [event for event in sketch.events_of(deal) if "pricing" in event["topics"]]


EVENT_BREAKS: tuple[Break, ...] = (
    move_event,
    move_all_events,
    drop_event,
    other_kind,
    add_event,
    unlink_event,
    event_before_deal,
    several_deals,
    several_deals,
    meeting_not_held,
    declined,
    meeting_end,
    not_yet,
    automatic,
    quoted,
    quoted,
    price_by_kind,
    no_topics,
    recorded_late,
)

SCOPE_BREAKS: tuple[Break, ...] = (unmapped, unconnected, nothing_connected, other_stage, other_pipeline)

BREAKS: tuple[Break, ...] = (*EVENT_BREAKS, *SCOPE_BREAKS, *FIELD_BREAKS, *PEOPLE_BREAKS)
