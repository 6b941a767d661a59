"""How Salesforce says no."""

from __future__ import annotations


class Refusal(Exception):
    """One error as Salesforce words it: a code, a message, the fields concerned, and its HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400, fields: tuple[str, ...] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


def at(text: str, position: int, *, code: str, reason: str) -> Refusal:
    """A refusal of a query that quotes the place: an excerpt, a caret below it, row and column."""
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    row = text.count("\n", 0, position) + 1
    start = max(begin, position - 32)
    excerpt = text[start : end if end >= 0 else len(text)][:75]
    caret = " " * (position - start) + "^"
    place = f"ERROR at Row:{row}:Column:{position - begin + 1}"
    return Refusal(code, f"\n{excerpt}\n{caret}\n{place}\n{reason}")
