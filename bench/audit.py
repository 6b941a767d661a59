"""One night's audit in a process of its own: load, facts, evaluate, findings in words; called with a store's URL."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from bench.org import AS_OF, CONNECTION, TERMS
from bench.watch import Watch
from crm_audit import evaluate, facts, packs
from crm_audit.explain import explain
from crm_audit.store import Store


@dataclass(frozen=True)
class Timed(Mapping[str, pl.DataFrame]):
    """A store's frames; reading one is a phase of its own inside the building of facts."""

    frames: Mapping[str, pl.DataFrame]
    watch: Watch

    def __getitem__(self, kind: str) -> pl.DataFrame:
        with self.watch.phase("load"):
            return self.frames[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)


def main(url: str) -> None:
    """Print the phases, and how many findings there are, as JSON."""
    watch, pack = Watch(), packs.load("core")
    with Store.open(url) as store:
        run = store.latest(CONNECTION)
        assert run is not None
        with watch.phase("imports"):  # what the process weighs before it does anything
            pass
        with watch.phase("load and facts"), store.known(run) as tables:
            known = facts.build(Timed(tables, watch), TERMS)
    with watch.phase("evaluate"):
        audit = evaluate.audit(known, pack, AS_OF)
    with watch.phase("findings in words"):
        findings = explain(audit)
    print(json.dumps({"phases": watch.phases, "findings": len(findings)}))


if __name__ == "__main__":
    main(sys.argv[1])
