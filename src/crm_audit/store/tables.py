"""The tables: one per kind of record, each row one version of a record, beside the run ledger and the streams.

A version is current while `closed_run` is null. Its other columns are those of `frames.SCHEMAS` and
`frames.UNSHOWN`. Rows never come to mean something else: a change closes one version and opens another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import BigInteger, Index, MetaData, Numeric, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from crm_audit.domain import KINDS


class Exact(TypeDecorator[str]):
    """A decimal as written: TEXT in SQLite, whose numbers are floats, and NUMERIC without a scale in PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str] | TypeEngine[Decimal]:
        """The column type of this database."""
        return Numeric() if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | Decimal | None:
        """Hand PostgreSQL a Decimal and SQLite the text."""
        return Decimal(value) if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: str | Decimal | None, dialect: Dialect) -> str | None:
        """Give back the text, never in exponent notation."""
        return format(value, "f") if isinstance(value, Decimal) else value


class Base(SQLModel):
    """Keeps our tables apart from any other SQLModel tables of the process, and names every constraint."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Runs(Base, table=True):
    """The run ledger; an id is never used twice, because versions are ordered by it."""

    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    connection: str = Field(index=True)
    started: datetime
    finished: datetime | None
    status: str  # running | complete | partial | failed
    reason: str | None  # why it failed
    missing: str  # JSON: kind -> reason
    account: str  # JSON of domain.Account
    survey: str  # JSON of domain.Survey
    config: str  # digest of the settings it ran with
    version: str  # of this program
    calls_read: int
    calls_write: int
    reach: str  # all | changes | hints
    moved: int = Field(sa_type=BigInteger)  # versions that a short run opened or closed; a night does not count them
    holder: str | None  # host:pid:token of the process that reads, while it is running
    lease_until: int | None = Field(sa_type=BigInteger)  # seconds since 1970 by the database's clock


class Counts(Base, table=True):
    """How many records of a kind a run was shown so far, and how many it found gone."""

    run: int = Field(primary_key=True, foreign_key="runs.id")
    kind: str = Field(primary_key=True)
    shown: int = Field(sa_type=BigInteger)
    closed: int = Field(sa_type=BigInteger)


class Cursors(Base, table=True):
    """Where each stream of a connection stands; written in the transaction of the page that it follows."""

    connection: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    kind: str
    cursor: str
    ended: bool  # the pass has come to its end
    began: int  # run in which the pass began
    whole_at: datetime | None  # when the last whole pass that came to its end began
    swept: int | None  # run in which it came to its end
    config: str  # digest of the settings under which the stream was read
    run: int  # that saved the last page
    page: str  # names that page, so that it is not saved again when the answer to its commit was lost


class Keys(Base, table=True):
    """Random keys of this store alone, made with it."""

    name: str = Field(primary_key=True)
    value: str  # hexadecimal


class Forgotten(Base, table=True):
    """People who asked to be forgotten, by a keyed hash of their id: they do not come back."""

    connection: str = Field(primary_key=True)
    mark: str = Field(primary_key=True)


class Version(Base):
    """What every version of a record carries beside the record itself."""

    # Stored in key order: a connection's rows lie together. With a rowid, SQLite would hop through an index to each row
    # of a connection, and reading a million of them took 1.7 times as long.
    __table_args__ = {"sqlite_with_rowid": False}

    connection: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    opened_run: int = Field(primary_key=True)
    closed_run: int | None
    seen_run: int
    digest: str
    stream: str  # that showed it last; only a pass of that stream can miss it. '' before there were streams


class Stages(Version, table=True):
    """Versions of `domain.Stage`."""

    pipeline: str
    stage: str
    label: str
    position: int = Field(sa_type=BigInteger)
    probability: str | None = Field(sa_type=Exact)
    forecast_category: str | None
    closed: str | None


class Users(Version, table=True):
    """Versions of `domain.User`."""

    name: str
    active: bool


class Rates(Version, table=True):
    """Versions of `domain.Rate`."""

    currency: str
    units: str = Field(sa_type=Exact)
    per: str = Field(sa_type=Exact)
    valid_from: date | None


class Companies(Version, table=True):
    """Versions of `domain.Company`."""

    name: str
    fit_tier: str | None
    fit_score: str | None = Field(sa_type=Exact)
    fit_assessed: date | None
    deleted: bool
    merged_into: str | None


class People(Version, table=True):
    """Versions of `domain.Person`."""

    name: str
    title: str | None
    domain: str | None
    left_on: date | None
    deleted: bool
    merged_into: str | None
    roles: str | None  # JSON, as `addresses`; null where there are none
    addresses: str | None


class Deals(Version, table=True):
    """Versions of `domain.Deal`; `close_date` is text, because a date and an instant mean different things."""

    name: str
    pipeline: str
    stage: str
    created: datetime | None
    amount: str | None = Field(sa_type=Exact)
    currency: str | None
    probability: str | None = Field(sa_type=Exact)
    forecast_category: str | None
    close_date: str | None
    budget: str | None = Field(sa_type=Exact)
    budget_currency: str | None
    company: str | None
    need: str | None
    solution_fit: str | None
    owner: str | None
    next_step: str | None


class Links(Version, table=True):
    """Versions of `domain.Link`; closed ones are how a removed role is remembered."""

    deal: str
    person: str
    role: str
    valid_from: date | None
    valid_to: date | None
    recorded_at: datetime | None


class Events(Version, table=True):
    """Versions of `domain.Event`; lists are JSON text."""

    kind: str
    at: datetime | None
    day: date | None
    ends_at: datetime | None
    people: str
    declined: str
    deals: str
    named: str
    topics: str
    outcome: str | None
    automatic: bool
    quoted_amount: str | None = Field(sa_type=Exact)
    quoted_currency: str | None
    by: str | None
    recorded_at: datetime | None


class Rechecks(Version, table=True):
    """Versions of `domain.Recheck`."""

    deal: str
    on: date
    topics: str
    by: str | None
    recorded_at: datetime | None


class Answers(Version, table=True):
    """Versions of `domain.Answer`; the list is JSON text."""

    deal: str
    rule: str | None
    answer: str
    at: datetime
    topics: str
    until: date | None
    reason: str | None
    by: str | None


class History(Version, table=True):
    """Versions of `domain.Change`; never closed because the CRM forgot."""

    deal: str
    field: str
    at: datetime
    old: str | None
    new: str | None
    by: str | None
    recorded_at: datetime | None


METADATA = Base.metadata
RUNS = METADATA.tables["runs"]
COUNTS = METADATA.tables["counts"]
CURSORS = METADATA.tables["cursors"]
KEYS = METADATA.tables["keys"]
FORGOTTEN = METADATA.tables["forgotten"]
TABLES = {kind: METADATA.tables[kind] for kind in KINDS}

INSERT: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The databases that can be a store; SQL has no upsert that both understand."""

DEAL_OF: Mapping[str, str] = {"deals": "id", "links": "deal", "rechecks": "deal", "answers": "deal", "history": "deal"}
"""The column that names the one deal of a row; an event may have several, other kinds have none."""

_running = RUNS.c.status == "running"  # a connection is read by one run at a time, whoever begins it
Index("uq_runs_running", RUNS.c.connection, unique=True, sqlite_where=_running, postgresql_where=_running)

for _table in TABLES.values():  # a record has one current version, whoever writes
    _current = _table.c.closed_run.is_(None)
    Index(
        f"uq_{_table.name}_current",
        _table.c.connection,
        _table.c.id,
        unique=True,
        sqlite_where=_current,
        postgresql_where=_current,
    )

for _name, _column in (("links", "deal"), ("links", "person"), ("rechecks", "deal"), ("answers", "deal")):
    _current = TABLES[_name].c.closed_run.is_(None)
    Index(
        f"ix_{_name}_{_column}",
        TABLES[_name].c.connection,
        TABLES[_name].c[_column],
        sqlite_where=_current,
        postgresql_where=_current,
    )
