"""`make bench`: what a night's audit of a large org takes, beside DuckDB by hand and beside the slow evaluator."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import polars as pl

from bench import loading, org
from bench.watch import spread

ROOT = Path(__file__).parents[1]
PHASES = ("load", "facts", "evaluate", "findings in words")
MODEST = 1024
"""MiB that an audit may take."""
SAVED = 20_000
"""Rows of a kind that are saved page by page, to tell what a first sync takes."""


def main() -> None:
    """Measure and print."""
    asked = _asked()
    size = org.Size().scaled(asked.scale)
    _machine()
    print(
        f"{size.deals:,} open deals, {size.events:,} activities, {size.links:,} roles, {size.history:,} history rows, "
        f"{size.people:,} people;\n{org.NULLS} % nulls, skewed; the core pack with supported rungs; "
        f"each measured {asked.runs} times: median (least–most)\n"
    )
    made = org.tables(size)
    peaks = []
    with TemporaryDirectory() as folder:
        peaks.append(_store("SQLite", loading.sqlite(Path(folder)), made=made, runs=asked.runs))
        _saving("SQLite", f"sqlite:///{folder}/saved.db", made)
    if asked.postgres:
        with loading.postgres() as url:
            peaks.append(_store("PostgreSQL", url, made=made, runs=asked.runs))
        with loading.postgres() as url:
            _saving("PostgreSQL", url, made)
    del made
    measured = _child("bench.compare", str(asked.scale), str(asked.runs))
    _goals(peaks, _compared(measured, deals=size.deals))
    sys.exit(bool(measured["differences"]))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="divide the org by this")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--postgres", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


def _machine() -> None:
    print(
        f"Python {platform.python_version()}, Polars {pl.__version__}, DuckDB {duckdb.__version__}, "
        f"{os.cpu_count()} cores, {platform.machine()}; load average {os.getloadavg()[0]:.1f} at the start\n"
    )


def _child(module: str, *arguments: str) -> dict[str, Any]:
    """What a fresh process measured."""
    said = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    answer: dict[str, Any] = json.loads(said.stdout)
    return answer


def _store(name: str, url: str, *, made: Mapping[str, pl.DataFrame], runs: int) -> float:
    """The audit out of one database, each time in a new process; its peak memory."""
    took = loading.filled(url, made)
    answers = [_child("bench.audit", url) for _ in range(runs)]
    print(f"{name} (filled in bulk in {took:.0f} s; {answers[0]['findings']:,} findings)")
    print(f"  {'':20}{'wall s':>22}{'processor s':>22}{'peak MiB by then':>24}")
    rows = [_phases(answer["phases"]) for answer in answers]
    for phase in (*PHASES, "all"):
        columns = [[row[phase][column] for row in rows] for column in ("wall", "cpu", "peak")]
        print(f"  {phase:20}{spread(columns[0]):>22}{spread(columns[1]):>22}{spread(columns[2], '.0f'):>24}")
    print()
    return max(row["all"]["peak"] for row in rows)


def _phases(said: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The phases one after the other: loading happens inside the building of facts."""
    both, load = said["load and facts"], said["load"]
    said = said | {"facts": {name: both[name] - load[name] for name in ("wall", "cpu")} | {"peak": both["peak"]}}
    total = {name: sum(said[phase][name] for phase in PHASES) for name in ("wall", "cpu")}
    return said | {"all": total | {"peak": max(said[phase]["peak"] for phase in PHASES)}}


def _saving(name: str, url: str, made: Mapping[str, pl.DataFrame]) -> None:
    rate = loading.saved(url, made, SAVED)
    rows = sum(frame.height for frame in made.values())
    print(f"  {name}: a first sync saves {rate:,.0f} rows a second page by page, so {rows:,} rows take "
          f"{rows / rate:.0f} s plus the CRM's own time\n")  # fmt: skip


class Ratios(NamedTuple):
    """Our seconds over DuckDB's (the worse of two), and the slow evaluator's over ours."""

    duckdb: float
    alone: float
    together: float


def _compared(measured: Mapping[str, Any], *, deals: int) -> Ratios:
    """Print the three evaluators side by side."""
    rounds = measured["rounds"]
    print("The same 19 rules at every rung with supported rungs, from the same frames in memory")
    print(f"  {'':40}{'wall s':>22}{'processor s':>22}")
    spent = {name: [one[name]["cpu"] for one in rounds] for name in rounds[0]}
    for name in spent:
        print(f"  {name:40}{spread([one[name]['wall'] for one in rounds]):>22}{spread(spent[name]):>22}")
    middle = {name: median(values) for name, values in spent.items()}
    ours, theirs = (middle[f"{who}: facts"] + middle[f"{who}: evaluate"] for who in ("ours", "duckdb"))
    alone, together = (measured["slow"][name] * deals for name in ("alone", "together"))
    print(f"  {'slow, each deal in a world of its own':40}{'':>22}{alone:>22,.0f}   scaled up from a sample")
    print(f"  {'slow, the sample as one world':40}{'':>22}{together:>22,.0f}   likewise; the org as one: far more")
    evaluating = middle["ours: evaluate"] / middle["duckdb: evaluate"]
    print(f"  ours / DuckDB: {ours / theirs:.2f} with facts and joins, {evaluating:.2f} evaluation alone (processor s)")
    print(f"  slow / ours: {alone / ours:.1f} each alone, {together / ours:,.0f} as one world (facts and evaluation)")
    wrong = measured["differences"]
    print(f"  verdicts: {'the same for every deal, rule and rung' if not wrong else '; '.join(wrong)}\n")
    return Ratios(max(ours / theirs, evaluating), alone / ours, together / ours)


def _goals(peaks: Sequence[float], ratios: Ratios) -> None:
    for goal, met, said in (
        ("within 3x of DuckDB by hand", ratios.duckdb <= 3, f"{ratios.duckdb:.2f}x"),
        ("100x the slow evaluator", ratios.together >= 100, f"{ratios.together:,.0f}x with the sample as one world"),
        ("", ratios.alone >= 100, f"{ratios.alone:.1f}x where each deal is cut out for it beforehand, uncounted"),
        ("under 1 GiB", max(peaks) < MODEST, f"{max(peaks):.0f} MiB at most"),
    ):
        print(f"  {'met' if met else 'fell short':12}{goal:30}{said}")


if __name__ == "__main__":
    main()
