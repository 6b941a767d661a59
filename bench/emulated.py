"""The reference org in a process of its own, so that its memory is not taken for the connector's.

    python -m bench.emulated salesforce 20

Prints one JSON line when it is ready, then answers one JSON line for each that it is told on stdin.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

from bench import reference
from bench.watch import peak
from crm_audit.emulator.server import serve

Said = dict[str, object]


def main(vendor: str, scale: int) -> None:
    """Build, serve, and do what is told until stdin ends."""
    began = time.perf_counter()
    org = reference.build(vendor, scale=scale)
    with serve(org.crm) as base:
        told: Said = {
            "base": base,
            "settings": org.settings(base),
            "environ": org.environ(),
            "started": org.clock.now().isoformat(),
            "records": org.records,
            "seconds": time.perf_counter() - began,
            "MiB": peak(),
        }
        _say(told)
        for line in sys.stdin:
            asked: Mapping[str, object] = json.loads(line)
            _say(DO[str(asked["do"])](org, asked))


def _advance(org: reference.Reference, asked: Mapping[str, object]) -> Said:
    org.clock.advance(seconds=float(str(asked["seconds"])))
    return {}


def _day(org: reference.Reference, asked: Mapping[str, object]) -> Said:
    org.a_day()
    return {}


def _calls(org: reference.Reference, asked: Mapping[str, object]) -> Said:
    """How many calls came in since this was last asked, and of what kind."""
    return {"calls": org.calls(), "MiB": peak(), "now": org.clock.now().isoformat()}


DO: Mapping[str, Callable[[reference.Reference, Mapping[str, object]], Said]] = {
    "advance": _advance,
    "day": _day,
    "calls": _calls,
}


def _say(told: Said) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
