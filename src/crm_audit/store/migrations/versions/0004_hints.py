"""What was said to have changed, until a run has read it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "hints",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", sa.Integer()),
        sa.PrimaryKeyConstraint("connection", "key", name="pk_hints"),
    )
