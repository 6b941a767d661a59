"""The first schema: run ledger, cursors, and the versions of every kind of record."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

EXACT = sa.Text().with_variant(sa.Numeric(), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create every table."""
    _ledger()
    _definitions()
    _parties()
    _deals()
    _evidence()


def _ledger() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("connection"),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("finished", INSTANT),
        _text("status"),
        sa.Column("reason", sa.String()),
        _text("missing"),
        _text("account"),
        _text("survey"),
        _text("config"),
        _text("version"),
        sa.Column("calls_read", sa.Integer(), nullable=False),
        sa.Column("calls_write", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_connection", "runs", ["connection"])
    op.create_table(
        "cursors",
        sa.Column("run", sa.Integer(), nullable=False),
        _text("kind"),
        sa.Column("cursor", sa.String()),
        sa.PrimaryKeyConstraint("run", "kind", name="pk_cursors"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_cursors_run_runs"),
    )


def _definitions() -> None:
    _versions(
        "stages",
        _text("pipeline"),
        _text("stage"),
        _text("label"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("probability", EXACT),
        sa.Column("forecast_category", sa.String()),
        sa.Column("closed", sa.String()),
    )
    _versions("users", _text("name"), _flag("active"))
    _versions(
        "rates",
        _text("currency"),
        sa.Column("units", EXACT, nullable=False),
        sa.Column("per", EXACT, nullable=False),
        sa.Column("valid_from", sa.Date()),
    )


def _parties() -> None:
    _versions(
        "companies",
        _text("name"),
        sa.Column("fit_tier", sa.String()),
        sa.Column("fit_score", EXACT),
        sa.Column("fit_assessed", sa.Date()),
        _flag("deleted"),
        sa.Column("merged_into", sa.String()),
    )
    _versions(
        "people",
        _text("name"),
        sa.Column("title", sa.String()),
        sa.Column("domain", sa.String()),
        sa.Column("left_on", sa.Date()),
        _flag("deleted"),
        sa.Column("merged_into", sa.String()),
    )
    _versions(
        "links",
        _text("deal"),
        _text("person"),
        _text("role"),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_to", sa.Date()),
        sa.Column("recorded_at", INSTANT),
    )


def _deals() -> None:
    _versions(
        "deals",
        _text("name"),
        _text("pipeline"),
        _text("stage"),
        sa.Column("created", INSTANT),
        sa.Column("amount", EXACT),
        sa.Column("currency", sa.String()),
        sa.Column("probability", EXACT),
        sa.Column("forecast_category", sa.String()),
        sa.Column("close_date", sa.String()),
        sa.Column("budget", EXACT),
        sa.Column("budget_currency", sa.String()),
        sa.Column("company", sa.String()),
        sa.Column("need", sa.String()),
        sa.Column("solution_fit", sa.String()),
        sa.Column("owner", sa.String()),
        sa.Column("next_step", sa.String()),
    )
    _versions(
        "history",
        _text("deal"),
        _text("field"),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("old", sa.String()),
        sa.Column("new", sa.String()),
        sa.Column("by", sa.String()),
        sa.Column("recorded_at", INSTANT),
    )


def _evidence() -> None:
    _versions(
        "events",
        _text("kind"),
        sa.Column("at", INSTANT),
        sa.Column("day", sa.Date()),
        sa.Column("ends_at", INSTANT),
        _text("people"),
        _text("declined"),
        _text("deals"),
        _text("named"),
        _text("topics"),
        sa.Column("outcome", sa.String()),
        _flag("automatic"),
        sa.Column("quoted_amount", EXACT),
        sa.Column("quoted_currency", sa.String()),
        sa.Column("by", sa.String()),
        sa.Column("recorded_at", INSTANT),
    )
    _versions(
        "rechecks",
        _text("deal"),
        sa.Column("on", sa.Date(), nullable=False),
        _text("topics"),
        sa.Column("by", sa.String()),
        sa.Column("recorded_at", INSTANT),
    )


def _versions(name: str, *columns: sa.Column[Any]) -> None:
    """A table of versions: the key, the runs and the digest, then what the record says."""
    op.create_table(
        name,
        _text("connection"),
        _text("id"),
        sa.Column("opened_run", sa.Integer(), nullable=False),
        sa.Column("closed_run", sa.Integer()),
        sa.Column("seen_run", sa.Integer(), nullable=False),
        _text("digest"),
        *columns,
        sa.PrimaryKeyConstraint("connection", "id", "opened_run", name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    current = sa.text("closed_run IS NULL")
    op.create_index(
        f"uq_{name}_current", name, ["connection", "id"], unique=True, sqlite_where=current, postgresql_where=current
    )


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)
