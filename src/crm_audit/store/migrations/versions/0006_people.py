"""What people decide: waivers and broken glass, the audit log, the words that these refer to; and what reps answer."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables; what was journalled before there was a log is taken for logged."""
    _log()
    _exceptions()
    _answers()
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


def _exceptions() -> None:
    for name, columns in (("waivers", _waiver()), ("glass", _glass())):
        op.create_table(
            name,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("connection", sa.String(), nullable=False),
            sa.Column("deal", sa.String(), nullable=False),
            sa.Column("why", sa.String(), nullable=False),
            *columns,
            sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
            sqlite_autoincrement=True,
        )
        op.create_index(f"ix_{name}_connection", name, ["connection"])


def _waiver() -> Iterator[sa.Column[object]]:
    for name in ("rule", "requester"):
        yield sa.Column(name, sa.String(), nullable=False)
    yield sa.Column("until", sa.Date(), nullable=False)
    yield sa.Column("requested", sa.DateTime(timezone=True), nullable=False)
    yield sa.Column("approver", sa.String())
    for name in ("approved", "withdrawn"):
        yield sa.Column(name, sa.DateTime(timezone=True))


def _glass() -> Iterator[sa.Column[object]]:
    yield sa.Column("opener", sa.String(), nullable=False)
    for name in ("opened", "until"):
        yield sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _answers() -> None:
    op.create_table(
        "answers",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("connection", "id", "digest", "stream")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("opened_run", "seen_run")),
        sa.Column("closed_run", sa.Integer()),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("deal", "answer", "topics")),
        *(sa.Column(name, sa.String()) for name in ("rule", "reason", "by")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.Date()),
        sa.PrimaryKeyConstraint("connection", "id", "opened_run", name="pk_answers"),
        sqlite_with_rowid=False,
    )
    current = sa.text("closed_run IS NULL")
    for name, column, unique in (("uq_answers_current", "id", True), ("ix_answers_deal", "deal", False)):
        op.create_index(
            name, "answers", ["connection", column], unique=unique, sqlite_where=current, postgresql_where=current
        )
