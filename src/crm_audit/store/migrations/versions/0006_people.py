"""What people decide: the audit log, and the words it refers to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables; what was journalled before there was a log is taken for logged."""
    _log()
    with op.batch_alter_table("journal") as journal:
        journal.add_column(sa.Column("entry", sa.Integer()))
    op.execute("UPDATE journal SET entry = 0")


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("at", "connection", "actor", "act", "what", "chain")
        ),
        sa.PrimaryKeyConstraint("number", name="pk_log"),
    )
    op.create_table(
        "said",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_said"),
    )
