"""Runs the migrations on the connection that `store.database` opened and will commit."""

from __future__ import annotations

from alembic import context

from crm_audit.store.database import VERSION_TABLE
from crm_audit.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,  # also in SQLite, where `store.database` begins the transaction itself
)
context.run_migrations()
