"""Ways into the journal: by deal, by run, and to what the log does not tell of yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Find the writes of a deal or of a run, and those that are not logged, without a walk over all that were made."""
    op.create_index("ix_journal_deal", "journal", ["connection", "deal"])
    op.create_index("ix_journal_run", "journal", ["connection", "run"])
    unlogged = sa.text("entry IS NULL")
    op.create_index("ix_journal_unlogged", "journal", ["connection"], sqlite_where=unlogged, postgresql_where=unlogged)
