"""`python -m bench.reference [--divisor 20] [--crm salesforce]`: how long the reference org loads, and its memory."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from bench.reference import Org, Plan, Portal, Size, a_day
from bench.watch import peak

CRMS: Mapping[str, type[Org] | type[Portal]] = {"salesforce": Org, "hubspot": Portal}


def resident() -> float:
    """The memory of this process now, in MiB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) / 1024


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.reference", description=__doc__)
    asked.add_argument("--divisor", type=int, default=20, help="1 is the full size; 20 a twentieth of it")
    asked.add_argument("--crm", choices=CRMS, default="salesforce")
    given = asked.parse_args()
    empty = resident()
    began = perf_counter()
    crm = CRMS[given.crm].built(Plan(Size().scaled(given.divisor)))
    gc.collect()
    print(f"{given.crm} at 1/{given.divisor}: loaded in {perf_counter() - began:.1f} s, "
          f"{resident() - empty:,.0f} MiB resident for it, {peak():,.0f} MiB at most")  # fmt: skip
    began = perf_counter()
    done = a_day(crm)
    print(f"a day played in {perf_counter() - began:.1f} s, {peak():,.0f} MiB at most")
    print("  " + ", ".join(f"{count:,} {what}" for what, count in done.items()))


if __name__ == "__main__":
    main()
