"""Our, DuckDB's and the slow evaluator's verdicts on one org, timed in one process; called with scale and runs."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Mapping
from typing import Any

import polars as pl

from bench.agreement import differences
from bench.duckdb_rules import Yardstick
from bench.org import AS_OF, TERMS, Size, tables
from bench.slow_sample import Related, chosen, judged, together
from bench.watch import Watch
from crm_audit import evaluate, facts, packs, worlds

SAMPLE = 150
FEW = 5
"""Deals of the sample that are judged in one world: it takes seconds for each."""
CORE = packs.load("core")


def main(scale: int, runs: int) -> None:
    """Print what was measured, and every difference, as JSON."""
    made = tables(Size().scaled(scale))
    rounds = [_round(made) for _ in range(runs)]
    slow = _slow(made)
    found = [line for one in rounds for line in one["differences"]] + slow.pop("differences")
    print(json.dumps({"rounds": [one["phases"] for one in rounds], "slow": slow, "differences": found}))


def _round(made: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    watch = Watch()
    with watch.phase("ours: facts"):
        known = facts.build(made, TERMS)
    with watch.phase("ours: evaluate"):
        audit = evaluate.audit(known, CORE, AS_OF)
    yardstick = Yardstick(made)
    with watch.phase("duckdb: facts"):
        yardstick.build()
    with watch.phase("duckdb: evaluate"):
        yardstick.judge()
    found = differences(audit, yardstick.judged(), yardstick.supported())
    yardstick.close()
    gc.collect()
    return {"phases": watch.phases, "differences": found}


def _slow(made: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Seconds per deal, alone and in one world with the others of the sample; and where it says something else."""
    watch, ids = Watch(), chosen(made, SAMPLE)
    related = Related(made, ids)
    each = {deal: related.world(deal) for deal in ids}
    one = together(list(each.values()))
    with watch.phase("alone"):
        theirs = {deal: judged(each[deal], deal) for deal in ids}
    few = ids[:: SAMPLE // FEW]
    with watch.phase("together"):
        again = {deal: judged(one, deal) for deal in few}
    ours = worlds.answers(evaluate.audit(facts.build(made, TERMS), CORE, AS_OF, ids))
    found = [deal for deal in ids if ours[deal] != theirs[deal] or theirs[deal] != again.get(deal, theirs[deal])]
    return {
        "alone": watch.phases["alone"]["cpu"] / len(ids),
        "together": watch.phases["together"]["cpu"] / len(few),
        "differences": [f"{deal}: the slow evaluator says something else" for deal in found],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
