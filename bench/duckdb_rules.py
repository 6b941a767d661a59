"""The core pack written by hand in DuckDB's SQL: the yardstick for the evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl

from bench.org import AS_OF, LADDER, TERMS
from crm_audit.domain import STRENGTH
from crm_audit.facts import today

HERE = Path(__file__).parent
THREADS = 2

LIMITS = [(1, 0, 0, 0, 30), (2, 0, 0, 45, 45), (3, 45, 0, 30, 60), (4, 30, 60, 21, 45), (5, 14, 30, 14, 30)]
"""Rung, and the windows there that differ by rung: basics, authority in touch, silence, days in stage."""


class Yardstick:
    """One connection in memory that reads the raw frames of an org as Arrow."""

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        self.db = duckdb.connect()
        self.db.execute(f"SET threads = {THREADS}")
        for kind, frame in tables.items():
            self.db.register(kind, frame.to_arrow())
        self._terms()

    def _terms(self) -> None:
        day, zone = today(AS_OF, TERMS.zone), TERMS.zone
        self.db.execute(f"""
            CREATE MACRO as_of() AS TIMESTAMPTZ '{AS_OF.isoformat()}';
            CREATE MACRO today() AS DATE '{day}';
            CREATE MACRO day_of(instant) AS (instant AT TIME ZONE '{zone}')::DATE;
            CREATE TABLE ladder(pipeline VARCHAR, stage VARCHAR, rung INT);
            CREATE TABLE closed_stage(stage VARCHAR);
            CREATE TABLE strength(kind VARCHAR, strength INT);
            CREATE TABLE limits(rung INT, asked INT, engaged INT, silent INT, in_stage INT);
        """)
        rungs = [("Master", stage, rung if isinstance(rung, int) else None) for stage, rung in LADDER.items()]
        self.db.executemany("INSERT INTO ladder VALUES (?, ?, ?)", rungs)
        self.db.execute("INSERT INTO closed_stage SELECT stage FROM ladder WHERE rung IS NULL")
        self.db.executemany("INSERT INTO strength VALUES (?, ?)", list(STRENGTH.items()))
        self.db.executemany("INSERT INTO limits VALUES (?, ?, ?, ?, ?)", LIMITS)

    def build(self) -> None:
        """What `facts.build` does."""
        self.db.execute((HERE / "facts.sql").read_text())

    def judge(self) -> None:
        """What `evaluate.audit` does, without findings and reasons."""
        self.db.execute((HERE / "judge.sql").read_text())

    def judged(self) -> pl.DataFrame:
        """id, rung and one column per rule: true, false or null."""
        return self._frame("SELECT * EXCLUDE claimed FROM judged")

    def supported(self) -> pl.DataFrame:
        """id and both ends of the supported range."""
        return self._frame("SELECT * FROM supported")

    def _frame(self, query: str) -> pl.DataFrame:
        return pl.DataFrame(self.db.sql(query).to_arrow_table())

    def close(self) -> None:
        """Let go of the memory."""
        self.db.close()
