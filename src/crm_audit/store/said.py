"""What people are called and what they wrote, apart from every record that refers to it by a keyed reference.

So a name or a reason can be erased, and what refers to it stays as it is: the chain of the audit log still fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from sqlalchemy import Connection, delete, select
from sqlmodel import Field

from crm_audit.store.current import chunks
from crm_audit.store.keys import key
from crm_audit.store.rows import storable
from crm_audit.store.tables import INSERT, METADATA, TABLES, Base

SHORTEST = 3
"""Characters from which on a name is looked for in what people wrote; "Al" stands in too many words."""

ADDRESS = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")

Names = Callable[[str], bool]
"""Whether words name somebody."""


class Said(Base, table=True):
    """Names and reasons by their reference; a reference without a row is somebody's who was forgotten."""

    reference: str = Field(primary_key=True)
    words: str


SAID = METADATA.tables["said"]


def refer(db: Connection, words: str) -> str:
    """Keep what somebody is called, or wrote, and give the reference to it."""
    kept = storable(words)
    reference = key(db).reference(kept)
    new = INSERT[db.dialect.name](SAID).on_conflict_do_nothing()
    db.execute(new, {"reference": reference, "words": kept})
    return reference


def words_of(db: Connection, references: Collection[str]) -> dict[str, str]:
    """The words that are still there."""
    words = select(SAID.c.reference, SAID.c.words)
    found = (row for some in chunks(references) for row in db.execute(words.where(SAID.c.reference.in_(some))))
    return {row.reference: row.words for row in found}


def changed(db: Connection) -> set[str]:
    """References whose words are not those that were kept under them."""
    known = key(db)
    return {reference for reference, words in _all(db) if known.reference(words) != reference}


def naming(db: Connection, references: Collection[str], names_them: Names) -> set[str]:
    """Those of the references whose words name somebody."""
    return {reference for reference, words in words_of(db, references).items() if names_them(words)}


def called(db: Connection, connection: str, people: Collection[str]) -> list[str]:
    """The names that these people ever had, but for those that are too short to be looked for."""
    table = TABLES["people"]
    theirs = select(table.c.name).where(table.c.connection == connection, table.c.id.in_(people)).distinct()
    return sorted({name for each in db.scalars(theirs) if len(name := each.strip()) >= SHORTEST})


def names(people: Collection[str], by_name: Names) -> Names:
    """Whether words name any of these people: by id, or as `called_so` tells.

    An id that is a bare number has to be all of the words: it counts weeks and money, too.
    """
    by_id = _any_of({each for each in people if not each.isdecimal()})
    return lambda words: words.strip() in people or bool(by_id.search(words)) or by_name(words)


def called_so(db: Connection, connection: str, people: Collection[str]) -> Names:
    """Whether words name any of these people by a name they ever had, or by an address."""
    table = TABLES["people"]
    theirs = select(table.c.addresses).where(table.c.connection == connection, table.c.id.in_(people))
    addresses = "".join(each or "" for each in db.scalars(theirs))
    by_name, hashed = _any_of(called(db, connection, people)), key(db).hashed

    def names_them(words: str) -> bool:
        return bool(by_name.search(words)) or any(hashed(each.lower()) in addresses for each in ADDRESS.findall(words))

    return names_them


def _any_of(words: Collection[str]) -> re.Pattern[str]:
    """Finds any of these as whole words, and nothing where there are none."""
    either = "|".join(re.escape(each) for each in sorted(words)) or "(?!)"
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def erase(db: Connection, references: Collection[str]) -> int:
    """Take the words away for ever; how many there were."""
    return sum(db.execute(delete(SAID).where(SAID.c.reference.in_(some))).rowcount for some in chunks(references))


def _all(db: Connection) -> Iterable[tuple[str, str]]:
    return [(row.reference, row.words) for row in db.execute(select(SAID.c.reference, SAID.c.words))]
