"""The gate refuses exactly what the slow evaluator refuses, and behaves as a gate must, on every generated world."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crm_audit import evaluate, packs, worlds
from crm_audit.domain import RUNGS
from crm_audit.evaluate import Audit
from crm_audit.gates import OPEN_GATE, HowFar, refused_stages
from crm_audit.yamls import Place

from .generate import seeded
from .sketch import LADDERS
from .slow import refused as slow

CORE = packs.load("core")
BLOCK = HowFar(default="block")
CHUNKS = 5
EACH = int(os.environ.get("CRM_AUDIT_WORLDS", "2000")) // 10 // CHUNKS


def audited(number: int) -> Audit:
    parsed = worlds.parse(Place(Path("world"), seeded(number), None), LADDERS)
    return evaluate.audit(parsed.facts(), CORE, parsed.as_of)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_refuse_the_same_stages(chunk: int) -> None:
    stopped = 0
    for number in range(chunk * EACH, (chunk + 1) * EACH):
        gates, theirs = refused_stages(audited(number), BLOCK), slow(seeded(number), LADDERS)
        ours = {deal: set(gates.get(deal, OPEN_GATE).refused) for deal in theirs}
        assert ours == theirs, f"world {number}"
        stopped += sum(map(bool, theirs.values()))
    assert stopped > EACH // 10  # or the worlds would prove nothing


@pytest.mark.parametrize("number", range(15))
def test_a_milder_step_never_refuses_more_and_a_waiver_never_closes(number: int) -> None:
    audit = audited(number)
    full = {deal: set(gate.refused) for deal, gate in refused_stages(audit, BLOCK).items()}
    mild = refused_stages(audit, HowFar(default="block", rules={"CQ-STK-AUTH": "annotate"}))
    let_off = refused_stages(audit, BLOCK, waived=[(deal, "CQ-STK-AUTH") for deal in full])
    for gates in (mild, let_off):
        assert all(set(gate.refused) <= full.get(deal, set()) for deal, gate in gates.items())


@pytest.mark.parametrize("number", range(15))
def test_a_step_back_a_stage_of_the_same_rung_and_lost_are_never_refused(number: int) -> None:
    audit = audited(number)
    claimed = dict(audit.verdicts.select("id", "claimed").iter_rows())
    pipelines = dict(audit.observed.scene.facts.deals.select("id", "pipeline").iter_rows())
    for deal, gate in refused_stages(audit, HowFar(default="block", won=True)).items():
        rungs = [LADDERS[pipelines[deal]][stage] for stage in gate.refused]
        assert all(rung == "won" or (isinstance(rung, int) and claimed[deal] < rung < len(RUNGS)) for rung in rungs)
