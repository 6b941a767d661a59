"""What was odd about one file, counted and said in plain words: never a value, which may be anybody's data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from crm_audit.errors import FixConfig

TOO_MANY = 20  # unreadable values of one column, when they are also most of it: then the mapping is wrong, not the data


@dataclass(slots=True)
class Tally:
    """The rows of one table and what became of those that were not as they should be."""

    file: str
    path: str
    cells: Counter[str] = field(default_factory=Counter)  # column -> cells that were not empty
    unreadable: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # (column, what it should hold) -> lines
    odd: dict[str, list[int]] = field(default_factory=dict)  # what was odd -> count, first line

    def unread(self, column: str, expected: str, *, line: int) -> None:
        """A cell that does not hold what its column is mapped to."""
        _count(self.unreadable.setdefault((column, expected), [0, line]))

    def note(self, what: str, line: int) -> None:
        """A row that was odd in a way that `what` says; it follows the words `1 row` or `3 rows`."""
        _count(self.odd.setdefault(what, [0, line]))

    def refuse_wrong_columns(self) -> None:
        """FixConfig where most values of a column cannot be read: nobody's deals are judged by a wrong mapping."""
        for (column, expected), (count, line) in self.unreadable.items():
            total = self.cells[column]
            if count >= TOO_MANY and 2 * count > total:
                raise FixConfig(
                    f"{self.path}:{line}: column {column!r}: {count:,} of {total:,} values are not {expected}; "
                    "is it the right column, and do dates, decimal and percent in the options say how it is written?"
                )

    def notes(self) -> tuple[str, ...]:
        """One sentence per oddity, with its first line."""
        cells = (
            f"{self.file}:{line}: {_many(count, 'value')} in column {column!r} "
            f"{'is' if count == 1 else 'are'} not {expected}; read as empty"
            for (column, expected), (count, line) in self.unreadable.items()
        )
        rows = (f"{self.file}:{line}: {_many(count, 'row')} {what}" for what, (count, line) in self.odd.items())
        return (*cells, *rows)


def _count(entry: list[int]) -> None:
    entry[0] += 1


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
