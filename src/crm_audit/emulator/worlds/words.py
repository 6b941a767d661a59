"""Names and titles that a world does not have and a CRM wants; said so that no rule reads anything into them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from crm_audit.domain import Event, Recheck

PLAIN = "Catch-up"
"""A title about nothing."""
AUTOMATIC = "Automatic reply"


def family(name: str) -> tuple[str | None, str]:
    """First and last name, so that put together they are the name again."""
    first, _, last = name.strip().partition(" ")
    return (first, last) if last else (None, first or "Unnamed")


def subject(event: Event) -> str:
    """The subject of a mail: what it is about, and whether a machine wrote it."""
    about = ", ".join(event.topics) or PLAIN
    return f"{AUTOMATIC}: {about}" if event.automatic else about


def patterns(events: Iterable[Event]) -> Mapping[str, str]:
    """What an admin has a title searched for: the topics' own names, pricing being searched for anyway."""
    topics = dict.fromkeys(topic for event in events for topic in event.topics if topic != "pricing")
    return {topic: rf"(?<!\w){re.escape(topic)}(?!\w)" for topic in topics}


def attestation_type(event: Event) -> str:
    """The type of task by which somebody vouches for these topics."""
    return f"Attested {activity_type(event.topics)}".strip()


def recheck_type(row: Recheck) -> str:
    """The type of task that says that these topics were asked again."""
    return f"Asked again {activity_type(row.topics)}"


def activity_types(events: Iterable[Event]) -> Mapping[str, tuple[str, ...]]:
    """The activity types that tell these events' topics: what an admin maps in `topics`."""
    return {activity_type(event.topics): event.topics for event in events if event.topics}


def activity_type(topics: tuple[str, ...]) -> str:
    """The name of the type for these topics."""
    return " and ".join(topics)
