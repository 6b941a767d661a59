"""Where a stream of a walk goes on, as text for the store. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from crm_audit.connectors.base import Stand
from crm_audit.frames import written


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """One pass over one HubSpot object."""

    mark: datetime  # HubSpot's time when the pass began: changes from here on are the next pass's
    since: datetime | None = None  # an increment reads what changed since then; None: a whole pass
    after: str | None = None  # the last record read, in HubSpot's terms; None at the beginning
    lacks: tuple[str, ...] = ()  # properties asked for that the portal did not have

    def at(self, after: str | None) -> Self:
        """The same pass, further on."""
        return replace(self, after=after)

    @property
    def depth(self) -> int:
        """How far the pass has come, to compare streams that are fed by the same walk."""
        return int(self.after) if self.after and self.after.isdecimal() else 0

    def text(self) -> str:
        """The cursor as the store keeps it."""
        since = written(self.since) if self.since else None
        return json.dumps(
            {"mark": written(self.mark), "since": since, "after": self.after, "lacks": self.lacks},
            separators=(",", ":"),
        )


def cursor(stand: Stand | None) -> Cursor | None:
    """The cursor of a stand; None where there is none, or where it was not written here."""
    try:
        said = json.loads(stand.cursor if stand else "")
        since = said["since"]
        return Cursor(
            mark=datetime.fromisoformat(said["mark"]),
            since=datetime.fromisoformat(since) if since else None,
            after=said["after"],
            lacks=tuple(said["lacks"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
