"""The writes that are under way, and the journal of those whose outcome is known."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "outbox",
        *_write(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal",
        *_write(),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    for table in ("outbox", "journal"):
        op.create_index(f"ix_{table}_connection", table, ["connection"])


def _write() -> Iterator[sa.Column[object]]:
    for name in ("connection", "plan", "deal", "place", "after", "state"):
        yield sa.Column(name, sa.String(), nullable=False)
    for name in ("before", "reason"):
        yield sa.Column(name, sa.String())
    yield sa.Column("run", sa.Integer())
