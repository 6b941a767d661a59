"""Whether DuckDB's verdicts are ours: every rule at every rung it applies to, and the supported range, deal by deal."""

from __future__ import annotations

import polars as pl

from crm_audit.domain import TOP
from crm_audit.evaluate import Audit, judged, statuses


def differences(audit: Audit, theirs: pl.DataFrame, supported: pl.DataFrame) -> list[str]:
    """One line per rule and rung (or end of the range) on which any deal differs; also when a deal is missing."""
    ids = audit.observed.table.select("m").join(audit.verdicts.select("m", "id"), on="m", maintain_order="left")
    found = [
        f"{rule} at rung {rung}: {count} deals"
        for rung in range(1, TOP + 1)
        for rule, count in _at(rung, audit, ids, theirs.filter(pl.col("rung") == rung))
    ]
    both = ids.join(audit.verdicts, on="m").join(supported, on="id", how="left", suffix="_theirs")
    for end in ("supported_min", "supported_max"):
        count = both.filter(pl.col(end).ne_missing(pl.col(f"{end}_theirs"))).height
        found += [f"{end}: {count} deals"] if count else []
    return found


def _at(rung: int, audit: Audit, ids: pl.DataFrame, theirs: pl.DataFrame) -> list[tuple[str, int]]:
    told = {"holds": True, "not_applicable": True, "fails": False, "unknown": None}
    ours = ids.hstack(statuses(audit.pack, rung, audit.observed).drop("m"))
    both = ours.join(theirs, on="id", how="left", suffix="_theirs")
    rules = [rule.id for rule in judged(audit.pack, rung)]
    expected = {rule: pl.col(rule).replace_strict(told, return_dtype=pl.Boolean) for rule in rules}
    missing = both.filter(pl.col("rung").is_null()).height
    counts = {rule: both.filter(expected[rule].ne_missing(pl.col(f"{rule}_theirs"))).height for rule in rules}
    return [(rule, count + missing) for rule, count in counts.items() if count + missing]
