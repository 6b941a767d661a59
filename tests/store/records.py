"""Invented records of every kind, and a run from beginning to end in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from crm_audit.connectors.base import Calls, Page
from crm_audit.domain import (
    KINDS,
    Account,
    Answer,
    Change,
    Company,
    Deal,
    Event,
    Link,
    Person,
    Rate,
    Recheck,
    Record,
    Stage,
    Survey,
    User,
)
from crm_audit.store import Run, Start, Store

NIGHT = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
"""When the first run starts: still 1 March, 23:30, in New York."""

ACCOUNT = Account(id="org-1", name="Orchard Tools", zone="America/New_York", currency="USD", user="robot")
MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)

DEAL = Deal(
    id="d1",
    name="Pruning robots",
    pipeline="default",
    stage="contractsent",
    created=MOMENT,
    amount=Decimal("100000.10"),
    currency="USD",
    probability=Decimal("0.9"),
    forecast_category="COMMIT",
    close_date=date(2026, 3, 31),
    budget=Decimal("95000"),
    budget_currency="EUR",
    company="c1",
    need="Half the harvest is lost",
    solution_fit="confirmed",
    owner="u1",
    next_step="Call Dana",
)
LINK = Link(id="l1", deal="d1", person="p1", role="authority", valid_from=date(2026, 1, 5), recorded_at=MOMENT)
EVENT = Event(
    id="e1",
    kind="meeting_held",
    at=MOMENT,
    ends_at=MOMENT + timedelta(hours=1),
    people=("p1", "p2"),
    declined=("p2",),
    deals=("d1",),
    named=("d1",),
    topics=("pricing",),
    outcome="COMPLETED",
    automatic=True,
    quoted_amount=Decimal("100000.10"),
    quoted_currency="USD",
    by="u1",
    recorded_at=MOMENT,
)

STAGE = Stage(
    id="default/contractsent",
    pipeline="default",
    stage="contractsent",
    label="Contract sent",
    position=5,
    probability=Decimal("0.90"),
    forecast_category="COMMIT",
)

RECORDS: Mapping[str, tuple[Record, ...]] = {
    "stages": (
        STAGE,
        Stage(id="default/won", pipeline="default", stage="won", label="Won", position=6, closed="won"),
    ),
    "users": (User(id="u1", name="Remy Sell"), User(id="u2", name="Gone Girl", active=False)),
    "rates": (
        Rate(id="EUR", currency="EUR", units=Decimal(1), per=Decimal("0.909"), valid_from=date(2026, 1, 1)),
        Rate(id="GBP", currency="GBP", units=Decimal("1.250000000000000000000000000001")),
    ),
    "companies": (
        Company(id="c1", name="Acme Orchards", fit_tier="A", fit_score=Decimal("87.5"), fit_assessed=date(2026, 1, 2)),
        Company(id="c2", name="Acme Orchard", deleted=True, merged_into="c1"),
    ),
    "people": (
        Person(id="p1", name="Dana Ruiz", title="VP Operations", domain="acme.example"),
        Person(id="p2", name="Lou Left", left_on=date(2026, 2, 1), deleted=True, merged_into="p1"),
    ),
    "deals": (
        DEAL,
        Deal(id="d2", name="Bare", pipeline="p", stage="s", created=None, close_date=MOMENT),
    ),
    "links": (LINK, Link(id="l2", deal="d1", person="p2", role="user", valid_to=date(2026, 2, 1))),
    "events": (EVENT, Event(id="e2", kind="email_in", at=date(2026, 2, 9), people=())),
    "rechecks": (
        Recheck(id="r1", deal="d1", on=date(2026, 2, 8), topics=("purchase_date",), by="u1", recorded_at=MOMENT),
        Recheck(id="r2", deal="d1", on=date(2026, 2, 9), topics=()),
    ),
    "answers": (
        Answer(
            id="a1", deal="d1", rule="CQ-OPP-BASICS", answer="asked", at=MOMENT, topics=("purchase_date",), by="u1",
            until=date(2026, 3, 1), reason="On the phone",
        ),
        Answer(id="a2", deal="d1", rule=None, answer="wrong", at=MOMENT),
    ),
    "history": (
        Change(id="h1", deal="d1", field="stage", at=MOMENT, old="1", new="2", by="u1", recorded_at=MOMENT),
        Change(id="h2", deal="d1", field="amount", at=MOMENT, old=None, new=None),
    ),
}  # fmt: skip


def night(number: int) -> datetime:
    """The start of the n-th nightly run, counted from 1."""
    return NIGHT + timedelta(days=number - 1)


def begin(store: Store, number: int = 1, *, connection: str = "orchard", survey: Survey | None = None) -> Run:
    """Open the run of a night."""
    start = Start(connection=connection, started=night(number), config="abc")
    return store.introduce(store.begin(start), account=ACCOUNT, survey=survey or Survey())


def finish(store: Store, run: Run, missing: Mapping[str, str] | None = None) -> Run:
    """End a run ten minutes after it began."""
    return store.finish(run, at=run.started + timedelta(minutes=10), missing=missing or {}, calls=Calls(7, 0))


def save(store: Store, run: Run, *records: Record) -> None:
    """Save records, one page per kind."""
    for kind, cls in KINDS.items():
        rows = tuple(record for record in records if type(record) is cls)
        if rows:
            store.save(run, Page(kind=kind, stream=kind, rows=rows, cursor=f"after {len(rows)} {kind}"))


def end(store: Store, run: Run, *kinds: str) -> None:
    """End the passes of these kinds, or of all: what they did not show is gone."""
    for kind in kinds or KINDS:
        store.save(run, Page(kind=kind, stream=kind, ended=True, sweep="all"))


def synced(store: Store, number: int, *records: Record, connection: str = "orchard") -> Run:
    """A whole complete run that shows these records and no others."""
    run = begin(store, number, connection=connection)
    save(store, run, *records)
    end(store, run)
    return finish(store, run)


def query(url: str, sql: str) -> list[Any]:
    """What the tables hold, seen past the Store."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as db:
        return [tuple(row) for row in db.execute(text(sql))]


def expire(url: str) -> None:
    """Let the lease of every run be over, as if its process had stood still for long."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as db:
        db.execute(text("UPDATE runs SET lease_until = 0"))


def named(deal: Deal, name: str) -> Deal:
    """The deal under another name."""
    return replace(deal, name=name)
