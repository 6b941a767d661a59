"""A folder of invented exports for the tests of the files connector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from crm_audit.config import Connection
from crm_audit.connectors.base import Page, Stand
from crm_audit.connectors.files import Files, connect
from crm_audit.domain import Deal
from crm_audit.errors import FixConfig
from tests.shelf import first_reading

Table = Mapping[str, object]

COLUMNS = {"stage": "Stage", "amount": "Amount", "close_date": "Close", "company": "Account"}
DEALS: Table = {"file": "deals.csv", "id": "Id", "columns": COLUMNS, "constants": {"pipeline": "default"}}
CSV = "Id,Stage,Amount,Close,Account\nd1,Open,1000,2026-05-01,a1\nd2,Open,2000,2026-06-01,a2\n"
NO_SETTINGS: Table = {}
NO_OPTIONS: Table = {"tables": {"deals": DEALS}}
LINKS: Table = {"file": "l.csv", "columns": {"deal": "deal", "person": "person", "role": "role"}}
MEETINGS: Table = {
    "file": "m.csv",
    "id": "id",
    "columns": {"at": "start", "ends_at": "end", "title": "title", "type": "type", "outcome": "outcome"},
    "constants": {"kind": "meeting_held"},
    "joins": {
        "people": {"file": "mp.csv", "key": "meeting", "value": "person"},
        "deals": {"file": "md.csv", "key": "meeting", "value": "deal"},
    },
}
MEETING_FILES = {
    "m.csv": "id,start,end,title,type,outcome\n"
    "m1,2026-03-01 14:00:00,2026-03-01 15:00:00,Proposal for Acme renewal,demo,COMPLETED\n"
    "m2,2026-03-02,,Statement of work,,\nm3,2026-03-03,,Lunch,,\n",
    "mp.csv": "meeting,person\nm1,p1\nm1,p2\nm1,p1\nm2,p1\n",
    "md.csv": "meeting,deal\nm1,d1\nm1,d2\n",
}


class Opener(Protocol):
    """Connects to files with this text; deals are there unless the test brings its own."""

    def __call__(
        self, files: Mapping[str, str] = ..., *, tables: Mapping[str, object] = ..., **options: object
    ) -> Files: ...


def opener(folder: Path) -> Opener:
    """Opens exports in that folder, after writing them."""

    def opened(files: Mapping[str, str] = {}, *, tables: Mapping[str, object] = {}, **options: object) -> Files:
        for name, text in {"deals.csv": CSV, **files}.items():
            (folder / name).write_text(text, encoding="utf-8")
        return open_folder(folder, {"tables": {"deals": DEALS, **tables}, **options})

    return opened


def open_folder(folder: Path, options: Mapping[str, object] = NO_OPTIONS, *, settings: Table = NO_SETTINGS) -> Files:
    """Connect to what lies in a folder; `settings` stand on the connection, `options` below it."""
    chosen = {"folder": str(folder), "name": "Invented exports", **options}
    terms = {"vendor": "files", "zone": "America/New_York", "currency": "USD", **settings, "options": chosen}
    return connect(Connection.model_validate(terms), environ={})


def changed(**keys: object) -> Mapping[str, object]:
    """The mapping of the deals with some keys changed."""
    return {"deals": {**DEALS, **keys}}


def pages(files: Files, stands: Mapping[str, Stand] | None = None) -> list[Page]:
    """All pages, from where the streams stand."""
    return [page for page in files.read(first_reading(stands)) if isinstance(page, Page)]


def pulled(files: Files, kind: str) -> list[Any]:
    """All records of a kind, whatever their pages."""
    return [row for page in pages(files) if page.kind == kind for row in page.rows]


def deals(files: Files) -> dict[str, Deal]:
    """The deals by their id."""
    return {deal.id: deal for deal in pulled(files, "deals")}


def mentions(files: Files, *words: str) -> bool:
    """Whether one note of the survey holds all of these words."""
    return any(all(word in note for word in words) for note in files.survey().notes)


def refusal(open_it: Callable[[], object]) -> str:
    """What FixConfig says."""
    with pytest.raises(FixConfig) as refused:
        open_it()
    return str(refused.value)
