"""`python -m bench.reference [--divisor 20] [--crm salesforce]`: how long the reference org loads, and its memory."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Mapping
from pathlib import Path

from bench.reference import Org, Plan, Portal, Size, a_day
from bench.watch import Watch

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
    empty, watch = resident(), Watch()
    with watch.phase("loaded"):
        crm = CRMS[given.crm].built(Plan(Size().scaled(given.divisor)))
    gc.collect()
    held = resident() - empty
    with watch.phase("a day played"):
        done = a_day(crm)
    print(f"{given.crm} at 1/{given.divisor}: {held:,.0f} MiB resident for the loaded org")
    for name, spent in watch.phases.items():
        print(
            f"  {name} in {spent['wall']:.1f} s ({spent['cpu']:.1f} s of a processor), {spent['peak']:,.0f} MiB at most"
        )
    print("  " + ", ".join(f"{count:,} {what}" for what, count in done.items()))


if __name__ == "__main__":
    main()
