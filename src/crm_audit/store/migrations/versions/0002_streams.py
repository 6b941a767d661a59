"""Streams: where each stands, which of them showed a row, who reads, and who is to be forgotten."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KINDS = ("stages", "users", "rates", "companies", "people", "deals", "links", "events", "rechecks", "history")


def upgrade() -> None:
    """Give every version its stream and every connection one run at a time; all records stay as they are."""
    _runs()
    _cursors()
    _people()
    for kind in KINDS:
        op.add_column(kind, sa.Column("stream", sa.String(), nullable=False, server_default=""))
    for table, column in (("links", "deal"), ("links", "person"), ("rechecks", "deal")):
        current = sa.text("closed_run IS NULL")
        name = f"ix_{table}_{column}"
        op.create_index(name, table, ["connection", column], sqlite_where=current, postgresql_where=current)


def _runs() -> None:
    op.execute(
        "UPDATE runs SET status = 'failed', finished = started, "
        "reason = 'cut off: the store was upgraded before it had finished' WHERE status = 'running'"
    )
    op.add_column("runs", sa.Column("holder", sa.String()))
    op.add_column("runs", sa.Column("lease_until", sa.BigInteger()))
    running = sa.text("status = 'running'")
    op.create_index(
        "uq_runs_running", "runs", ["connection"], unique=True, sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "counts",
        sa.Column("run", sa.Integer(), nullable=False),
        _text("kind"),
        sa.Column("shown", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "kind", name="pk_counts"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_counts_run_runs"),
    )


def _cursors() -> None:
    """Nothing ever went on at a cursor of the first schema, so each stream begins anew."""
    op.drop_table("cursors")
    op.create_table(
        "cursors",
        _text("connection"),
        _text("stream"),
        _text("kind"),
        _text("cursor"),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("began", sa.Integer(), nullable=False),
        sa.Column("whole_at", sa.DateTime(timezone=True)),
        sa.Column("swept", sa.Integer()),
        _text("config"),
        sa.Column("run", sa.Integer(), nullable=False),
        _text("page"),
        sa.PrimaryKeyConstraint("connection", "stream", name="pk_cursors"),
    )


def _people() -> None:
    op.add_column("people", sa.Column("roles", sa.String()))
    op.add_column("people", sa.Column("addresses", sa.String()))
    keys = op.create_table("keys", _text("name"), _text("value"), sa.PrimaryKeyConstraint("name", name="pk_keys"))
    op.bulk_insert(keys, [{"name": "hash", "value": secrets.token_hex(32)}])
    op.create_table(
        "forgotten",
        _text("connection"),
        _text("mark"),
        sa.PrimaryKeyConstraint("connection", "mark", name="pk_forgotten"),
    )


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)
