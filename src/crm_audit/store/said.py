"""What people are called and what they wrote, apart from every record that refers to it by a keyed reference.

So a name or a reason can be erased, and what refers to it stays as it is: the chain of the audit log still fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from sqlalchemy import Connection, delete, select
from sqlmodel import Field

from crm_audit.store.keys import key
from crm_audit.store.rows import storable
from crm_audit.store.tables import INSERT, METADATA, TABLES, Base

SHORTEST = 3
"""Characters from which on a name is looked for in what people wrote; "Al" stands in too many words."""

ADDRESS = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")


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
    found = select(SAID.c.reference, SAID.c.words).where(SAID.c.reference.in_(list(references)))
    return {reference: words for reference, words in db.execute(found)}


def changed(db: Connection) -> set[str]:
    """References whose words are not those that were kept under them."""
    known = key(db)
    return {reference for reference, words in _all(db) if known.reference(words) != reference}


def naming(db: Connection, names_them: Callable[[str], bool]) -> set[str]:
    """References to words that name somebody."""
    return {reference for reference, words in _all(db) if names_them(words)}


def names(db: Connection, connection: str, people: Collection[str]) -> Callable[[str], bool]:
    """Whether words name any of these people: by id, by a name they ever had, or by an address."""
    table = TABLES["people"]
    theirs = select(table.c.name, table.c.addresses).where(table.c.connection == connection, table.c.id.in_(people))
    known = db.execute(theirs).all()
    called = {*people, *(row.name for row in known if len(row.name) >= SHORTEST)}
    addresses = "".join(row.addresses or "" for row in known)
    by_name = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(each) for each in sorted(called))})(?!\w)", re.IGNORECASE)
    hashed = key(db).hashed

    def names_them(words: str) -> bool:
        return bool(by_name.search(words)) or any(hashed(each.lower()) in addresses for each in ADDRESS.findall(words))

    return names_them


def erase(db: Connection, references: Collection[str]) -> int:
    """Take the words away for ever; how many there were."""
    return db.execute(delete(SAID).where(SAID.c.reference.in_(list(references)))).rowcount


def _all(db: Connection) -> Iterable[tuple[str, str]]:
    return [(row.reference, row.words) for row in db.execute(select(SAID.c.reference, SAID.c.words))]
