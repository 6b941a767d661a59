"""Transactions that commit late: their rows carry the stamps of when they were written, and show only afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crm_audit.emulator.salesforce.records import Records
from crm_audit.emulator.soql.schema import Entity, Row


@dataclass(frozen=True, slots=True)
class Late:
    """The changes of one transaction, from its beginning to its commit."""

    began: datetime
    due: datetime
    changes: Mapping[tuple[str, str], tuple[Entity, Row | None]]

    def commit(self, records: Records) -> None:
        """Let the changes be seen."""
        for (_, record), (entity, row) in self.changes.items():
            records.put(entity, record, row=row)
