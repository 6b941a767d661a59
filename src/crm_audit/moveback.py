"""The gate of a CRM that refuses no stage: what a person has just moved into a refused stage goes back (ruling 24).

Off unless the admin names pipelines, and then only between the nights, minutes after the move, where the ladder of a
rule says block. Everything else stays where it is; whether a move is refused is asked of the same gate as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from crm_audit import evaluate, pipeline
from crm_audit.connectors.base import Connector, Move, MovesBack
from crm_audit.errors import CrmAuditError
from crm_audit.facts import Facts, standing, today
from crm_audit.gates import refused_stages
from crm_audit.pipeline import Report
from crm_audit.store import Store

FRESH = timedelta(minutes=15)
"""A move that is older stays: by then people have gone on from it."""
SLACK = timedelta(minutes=5)
"""By how much our clock may differ from the CRM's, which has the last word."""
LEFT = timedelta(minutes=5)
"""So long after it began, whoever moved a deal back is no longer at it."""
A_DAY, A_ROUND = 2, 20
"""How often a deal is moved back in a day of the organisation's, and how many deals in one round."""
UNKNOWN = "unknown"
"""In the place of a reason: the CRM cannot say just now; a later round asks again."""


@dataclass(slots=True)
class Bounced:
    """What became of the moves into refused stages."""

    back: list[str] = field(default_factory=list)  # deals that are in their former stage again
    stays: dict[str, str] = field(default_factory=dict)  # deal -> why it stays where it was moved, for whoever moved it

    @property
    def says(self) -> str:
        """For the line of a step; empty where there was nothing to do."""
        told = [f"{len(self.back):,} deals moved back"] if self.back else []
        return "; ".join([*told, *(f"deal {deal} stays: {why}" for deal, why in self.stays.items())])


def moved_back(report: Report, crm: Connector, store: Store, *, at: datetime) -> Bounced:
    """Undo fresh moves of people into refused stages; FixConfig where that may not be done here at all."""
    if not isinstance(crm, MovesBack) or not crm.moves_back or not pipeline.blocking(report.job):
        return Bounced()
    round_ = _Round(report, crm, store, at)
    round_.recover()
    asked = _fresh(report, crm.moves_back, at=at)
    if not asked:
        return round_.done
    pipeline.accept(report.job, crm)
    found = crm.moves(asked, within=FRESH)
    for move in _refused(report, {deal: move for deal, move in found.items() if move.pipeline in crm.moves_back}):
        round_.undo(move)
    return round_.done


@dataclass(frozen=True, slots=True)
class _Round:
    """The moves back of one round."""

    report: Report
    crm: MovesBack
    store: Store
    at: datetime
    done: Bounced = field(default_factory=Bounced)

    def undo(self, move: Move) -> None:
        """Undo a move that is refused, unless it has been dealt with, or there were enough."""
        if len(self.done.back) >= A_ROUND:
            self._leave(move, f"{A_ROUND} deals were moved back in this round")
            return
        if self.crm.moves([move.deal], within=FRESH).get(move.deal) != move:
            return  # somebody has moved it on in between
        day = today(self.at, self.report.facts.terms.zone)
        claim = self.store.bounces.claim(self.report.run, move, at=self.at, day=day, most=A_DAY)
        if claim == "enough":
            self._leave(move, f"it was moved back {A_DAY} times today")
        if claim == "ours":
            self._send(move)

    def recover(self) -> None:
        """Learn what became of the moves back that a killed process, or a lost answer, left under way."""
        for move in self.store.bounces.left(self.report.job.name, before=self.at - LEFT):
            self._close(move, self._unless_back(move, "nobody was told what became of it"))

    def _send(self, move: Move) -> None:
        try:
            reason = self.crm.move_back(move)
        except CrmAuditError as error:
            reason = self._learnt(move, str(error))
        if reason != UNKNOWN:
            self._close(move, reason)
        if reason is None:
            self.done.back.append(move.deal)

    def _learnt(self, move: Move, why: str) -> str | None:
        """Why a deal is not back, where the answer was lost; UNKNOWN where that cannot be read either."""
        try:
            return self._unless_back(move, why)
        except CrmAuditError as error:
            self._leave(move, f"whether it went back is not known yet: {error}")
            return UNKNOWN

    def _unless_back(self, move: Move, why: str) -> str | None:
        now = self.crm.stage(move.deal)
        if now == move.before:
            return None
        return why if now == move.after else "the deal is in another stage when it is read back"

    def _close(self, move: Move, reason: str | None) -> None:
        self.store.bounces.close(self.report.run, move, reason=reason)
        if reason is not None:
            self._leave(move, f"the CRM does not let it go back: {reason}")

    def _leave(self, move: Move, why: str) -> None:
        self.done.stays[move.deal] = f"{why}; ask {self.report.job.connection.bypass}"


def _fresh(report: Report, pipelines: frozenset[str], *, at: datetime) -> list[str]:
    """The deals of this round that changed their stage lately, as far as the store knows."""
    facts = report.facts
    moved = facts.history.filter((pl.col("field") == "stage") & (pl.col("at") >= at - FRESH - SLACK))["deal"].unique()
    judged = report.audit.verdicts.filter(pl.col("deal").is_in(moved.implode()))["deal"]
    deals = facts.deals.filter(pl.col("deal").is_in(judged.implode()) & pl.col("pipeline").is_in(sorted(pipelines)))
    return sorted(deals["id"])


def _refused(report: Report, moves: Mapping[str, Move]) -> list[Move]:
    """The moves, in the order of the deals, that the gate would not have let pass from where the deal stood."""
    known = {deal: (place, stage) for deal, place, stage in report.facts.deals.select("id", "pipeline", "stage").rows()}
    current = {deal: move for deal, move in moves.items() if known.get(deal) == (move.pipeline, move.after)}
    if not current:
        return []
    before = _standing_before(report.facts, current)
    audit = evaluate.audit(before, report.job.pack, report.as_of, current)
    gates = refused_stages(audit, pipeline.how_far(report.job.connection), waived=report.waived)
    refused = [move for deal, move in current.items() if deal in gates and not gates[deal].may_enter(move.after)]
    return sorted((move for move in refused if move.deal not in report.opened), key=lambda move: move.deal)


def _standing_before(facts: Facts, moves: Mapping[str, Move]) -> Facts:
    """The same facts, with these deals still in the stage that they came from: a gate looks forward from there."""
    was = pl.DataFrame({"id": list(moves), "was": [move.before for move in moves.values()]})
    deals = facts.deals.drop("state", "rung").join(was, on="id", how="left", maintain_order="left")
    deals = deals.with_columns(stage=pl.coalesce("was", "stage")).drop("was")
    places = standing(deals, facts.stages, facts.terms)
    deals = deals.join(places, on=["pipeline", "stage"], how="left", maintain_order="left")
    return replace(facts, deals=deals.select(facts.deals.columns))
