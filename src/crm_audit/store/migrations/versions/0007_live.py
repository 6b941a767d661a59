"""Short runs between two nights, the deals that they leave to be judged, and moves back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Tell short runs from nights, keep what they moved, and find the hints that wait without a walk over all."""
    op.add_column("runs", sa.Column("reach", sa.String(), nullable=False, server_default="all"))
    op.add_column("runs", sa.Column("moved", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "due",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("deal", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "deal", name="pk_due"),
    )
    op.create_table(
        "bounces",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("connection", "deal", "before", "after", "state")),
        sa.Column("moved", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.PrimaryKeyConstraint("connection", "deal", "moved", name="pk_bounces"),
    )
    waiting = sa.text("run IS NULL")
    op.create_index("ix_hints_waiting", "hints", ["connection"], sqlite_where=waiting, postgresql_where=waiting)
