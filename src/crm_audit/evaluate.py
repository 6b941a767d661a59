"""3 · Evaluate: facts and a pack become verdicts. Pure: no clock, no store, no network.

Every predicate is observed once per moment; a rung is then one selection of expressions over what was observed. A deal
that breaks an observation is found by halving, becomes `error` for the rules that asked, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crm_audit.domain import TOP
from crm_audit.facts import OPEN, UNMAPPED, Facts, cases
from crm_audit.policy import UNMAPPED_STAGE, Combined, Leaf, Node, Pack, Rule
from crm_audit.predicates import PREDICATES
from crm_audit.predicates.base import Judgement, Seen
from crm_audit.scene import Scene, moments

STATUS = pl.Enum(["holds", "fails", "unknown", "not_applicable", "error"])
RANK = (
    "unmapped", "no_source", "no_rate", "superseded_amount", "past", "too_far", "over_budget", "over_amount", "low",
    "high", "differs", "stale", "only_sent", "contact_left", "contact_deleted", "contact_removed", "role_changed",
    "count", "old", "amount_missing", "budget_missing", "missing", "none",
)  # fmt: skip
"""Which of several reasons a combined requirement gives: the most particular one."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen at each moment: one column per quantity, and which leaves broke where."""

    scene: Scene
    table: pl.DataFrame
    names: Mapping[str, str]  # leaf key -> column prefix
    broken: Mapping[str, frozenset[int]]  # leaf key -> moments

    def seen(self, leaf: Leaf) -> Seen:
        """The columns of one leaf."""
        prefix = self.names[leaf.key]
        return lambda column: pl.col(f"{prefix}.{column}")


def observe(facts: Facts, pack: Pack, asked: Iterable[tuple[int, datetime]]) -> Observed:
    """Observe everything the pack asks about, once per moment."""
    scene = Scene(facts, moments(facts, asked))
    table = scene.moments
    names: dict[str, str] = {}
    broken: dict[str, frozenset[int]] = {}
    for leaf in {leaf.key: leaf for rule in pack.rules for leaf in rule.leaves()}.values():
        columns, bad = _observe_safely(leaf, scene)
        prefix = f"{leaf.predicate}{len(names)}"
        names[leaf.key], broken[leaf.key] = prefix, bad
        table = table.hstack(columns.rename({name: f"{prefix}.{name}" for name in columns.columns}))
    return Observed(scene, table, names, broken)


def _observe_safely(leaf: Leaf, scene: Scene) -> tuple[pl.DataFrame, frozenset[int]]:
    """Halve the moments until the one that breaks stands alone; its row is null and it is named."""
    try:
        return PREDICATES[leaf.predicate].observe(leaf.args, scene), frozenset()
    except Exception:
        if scene.moments.is_empty():
            raise  # nobody's record is at fault: this is ours
        if scene.moments.height == 1:
            return _nothing(leaf, scene), frozenset(scene.moments["m"])
    half = scene.moments.height // 2
    parts = [_observe_safely(leaf, scene.of(part)) for part in (scene.moments[:half], scene.moments[half:])]
    return pl.concat([columns for columns, _ in parts], how="vertical_relaxed"), parts[0][1] | parts[1][1]


def _nothing(leaf: Leaf, scene: Scene) -> pl.DataFrame:
    empty = scene.of(scene.moments.clear())
    blank = PREDICATES[leaf.predicate].observe(leaf.args, empty)
    return blank.clear(n=1)


def judge(node: Node, rung: int, observed: Observed) -> Judgement:
    """A requirement at a rung, as expressions over what was observed."""
    if isinstance(node, Leaf):
        return PREDICATES[node.predicate].judge(node.args, rung, observed.seen(node))
    return combine(node, [judge(part, rung, observed) for part in node.parts])


def combine(node: Combined, parts: Sequence[Judgement]) -> Judgement:
    """Kleene's logic; of several reasons the most particular one is given."""
    details = {name: expr for part in reversed(parts) for name, expr in part.details.items()}
    holds = [part.holds for part in parts]
    if node.how == "not":
        return Judgement(~holds[0], pl.when(holds[0]).then(pl.lit("differs")).otherwise(parts[0].reason), details)
    if node.how == "all":
        value = pl.all_horizontal(holds)
    elif node.how == "any":
        value = pl.any_horizontal(holds)
    else:
        yes = pl.sum_horizontal([part.fill_null(value=False) for part in holds])
        could = pl.sum_horizontal([part.fill_null(value=True) for part in holds])
        value = pl.when(yes >= node.k).then(pl.lit(value=True)).when(could < node.k).then(pl.lit(value=False))
    return Judgement(value, _particular(value, parts), details)


def _particular(value: pl.Expr, parts: Sequence[Judgement]) -> pl.Expr:
    """The best-ranked reason among the parts that share the outcome: failing ones where it fails, unknown ones else."""
    rank = {reason: position for position, reason in enumerate(RANK)}
    ranks = [
        pl.when(part.holds.eq_missing(value)).then(
            part.reason.replace_strict(rank, return_dtype=pl.Int16, default=len(RANK))
        )
        for part in parts
    ]
    back = dict(enumerate(RANK))
    return pl.min_horizontal(ranks).replace_strict(back, return_dtype=pl.String, default="none")


def status(rule: Rule, rung: int, observed: Observed) -> pl.Expr:
    """`holds`, `fails`, `unknown`, `not_applicable` or `error` at a rung."""
    assert rule.require is not None  # rules without a requirement are never judged
    required = judge(rule.require, rung, observed).holds
    answer = pl.when(required).then(pl.lit("holds")).when(~required).then(pl.lit("fails")).otherwise(pl.lit("unknown"))
    if rule.when is not None:
        guard = judge(rule.when, rung, observed).holds
        answer = pl.when(~guard).then(pl.lit("not_applicable")).when(guard).then(answer).otherwise(pl.lit("unknown"))
    broken = frozenset().union(*(observed.broken[leaf.key] for leaf in rule.leaves()))
    if broken:
        answer = pl.when(pl.col("m").is_in(sorted(broken))).then(pl.lit("error")).otherwise(answer)
    return answer.cast(STATUS)


def reason(rule: Rule, rung: int, observed: Observed) -> pl.Expr:
    """Why a rule does not hold at a rung."""
    assert rule.require is not None  # as above
    required = judge(rule.require, rung, observed)
    told = pl.lit(rule.reason) if rule.reason else required.reason
    why = pl.when(~required.holds).then(told).otherwise(required.reason)
    if rule.when is None:
        return why
    guard = judge(rule.when, rung, observed)
    return pl.when(guard.holds).then(why).otherwise(guard.reason)


def statuses(pack: Pack, rung: int, observed: Observed, *, gates_only: bool = False) -> pl.DataFrame:
    """`m` and one column of statuses per rule that applies at the rung."""
    rules = [rule for rule in judged(pack, rung) if rule.gate or not gates_only]
    return observed.table.select("m", *[status(rule, rung, observed).alias(rule.id) for rule in rules])


def judged(pack: Pack, rung: int) -> list[Rule]:
    """The rules with a requirement that apply at a rung."""
    return [rule for rule in pack.rules if rule.require is not None and rule.applies(rung)]


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit: `verdicts` has a row per deal, `findings` one per deal and reported rule."""

    verdicts: pl.DataFrame  # m, deal, id, state, claimed, supported_min, supported_max, once_fixed, verdict, action
    findings: pl.DataFrame  # m, deal, rule, status, reason, action, position in the pack
    tally: pl.DataFrame  # rule, status, n: how often each rule could be judged at the claimed rung
    observed: Observed
    pack: Pack


def audit(facts: Facts, pack: Pack, as_of: datetime, deals: Iterable[str] | None = None) -> Audit:
    """Judge the deals as of an instant: claimed against supported, with findings (qualification 3.10)."""
    chosen = cases(facts, deals)
    opened = chosen.filter(pl.col("state") == OPEN)
    observed = observe(facts, pack, ((deal, as_of) for deal in opened["deal"]))
    supported = _supported(pack, observed)
    judged_ = [(rung, _judged(pack, rung, observed, rows)) for rung, rows in _by_rung(opened, observed)]
    found = [_findings(pack, rung, observed, table) for rung, table in judged_]
    unmapped = chosen.filter(pl.col("state") == UNMAPPED)
    findings = pl.concat([_EMPTY, *found, _unmapped(pack, unmapped)]).sort("deal", "position")
    verdicts = _verdicts(chosen, observed, supported, findings)
    return Audit(verdicts, findings, _tally([table for _, table in judged_]), observed, pack)


def _by_rung(opened: pl.DataFrame, observed: Observed) -> Iterable[tuple[int, pl.DataFrame]]:
    numbered = opened.join(observed.table.select("m", "deal"), on="deal", maintain_order="left")
    for (rung,), rows in numbered.partition_by("rung", as_dict=True, maintain_order=True).items():
        yield int(str(rung)), rows


def _supported(pack: Pack, observed: Observed) -> pl.DataFrame:
    """m, supported_min, supported_max, once_fixed: the highest rung whose gates all hold, counted from 1 up."""
    table = observed.table.select("m")
    for rung in range(1, TOP + 1):
        gates = statuses(pack, rung, observed, gates_only=True)
        names = [name for name in gates.columns if name != "m"]
        quick = [name for name in names if not pack.rule(name).quick_fix]
        table = table.hstack(
            gates.select(
                "m",  # keeps one row per moment where no gate stands at the rung
                _all(names, ["holds", "not_applicable"]).alias(f"min{rung}"),
                (~_any(names, ["fails"])).alias(f"max{rung}"),
                (~_any(quick, ["fails"])).alias(f"fix{rung}"),
            ).drop("m")
        )
    return table.select("m", supported_min=_climb("min"), supported_max=_climb("max"), once_fixed=_climb("fix"))


def _all(names: Sequence[str], wanted: Sequence[str]) -> pl.Expr:
    return pl.all_horizontal([pl.lit(value=True), *[pl.col(name).is_in(wanted) for name in names]])


def _any(names: Sequence[str], wanted: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal([pl.lit(value=False), *[pl.col(name).is_in(wanted) for name in names]])


def _climb(prefix: str) -> pl.Expr:
    """The last rung reached without a gap."""
    steps = [pl.all_horizontal([pl.col(f"{prefix}{r}") for r in range(1, rung + 1)]) for rung in range(1, TOP + 1)]
    return pl.sum_horizontal([step.cast(pl.Int8) for step in steps]).cast(pl.Int8)


FINDING = {
    "m": pl.UInt32, "deal": pl.UInt32, "rule": pl.String, "status": pl.String, "reason": pl.String, "action": pl.String,
    "position": pl.UInt32,
}  # fmt: skip
_EMPTY = pl.DataFrame(schema=FINDING)


def _judged(pack: Pack, rung: int, observed: Observed, rows: pl.DataFrame) -> pl.DataFrame:
    """`m`, `deal` and the status of every rule at the rung these deals claim."""
    table = observed.table.join(rows.select("m"), on="m", how="semi")
    return table.select("m", "deal", *[status(rule, rung, observed).alias(rule.id) for rule in judged(pack, rung)])


def _tally(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    counts = [
        table.select(name).group_by(status=name).agg(n=pl.len()).select(pl.lit(name).alias("rule"), "status", "n")
        for table in tables
        for name in table.columns[2:]
    ]
    empty = pl.DataFrame(schema={"rule": pl.String, "status": STATUS, "n": pl.UInt32})
    return pl.concat([empty, *counts]).group_by("rule", "status").agg(pl.col("n").sum())


def _findings(pack: Pack, rung: int, observed: Observed, table: pl.DataFrame) -> pl.DataFrame:
    """What is reported at the claimed rung: rules that do not hold, unless another finding explains them."""
    reported = []
    for rule in judged(pack, rung):
        stands_out = pl.col(rule.id).is_in(["fails", "unknown", "error"])
        hidden = _any([name for name in rule.suppressed_by if name in table.columns], ["fails", "unknown", "error"])
        hit = table.filter(stands_out & ~hidden).select("m", "deal", status=rule.id)
        if hit.height:
            reported.append(_reported(rule, rung, observed, hit, position=pack.rules.index(rule)))
    return pl.concat([_EMPTY, *reported])


def missing(audit: Audit) -> pl.DataFrame:
    """The gates that do not hold at the first rung which the evidence does not support (qualification 6.1).

    The columns are those of `Audit.findings`, and `rung`.
    """
    found: list[pl.DataFrame] = []
    for rung, rows in _at_next(audit):
        lacks = _findings(audit.pack, rung, audit.observed, _judged(audit.pack, rung, audit.observed, rows))
        found.append(lacks.with_columns(rung=pl.lit(rung, pl.Int8)))
    gates = [rule.id for rule in audit.pack.rules if rule.gate]
    return pl.concat(found).filter(pl.col("rule").is_in(gates)).sort("deal", "position")


def there(audit: Audit) -> pl.DataFrame:
    """deal, rule: the gates that begin at the first rung which the evidence does not support, and that hold there."""
    found = [pl.DataFrame(schema={"deal": pl.UInt32, "rule": pl.String})]
    for rung, rows in _at_next(audit):
        table = _judged(audit.pack, rung, audit.observed, rows)
        begun = [rule.id for rule in judged(audit.pack, rung) if rule.gate and rule.start == rung]
        found += [table.filter(pl.col(name) == "holds").select("deal", rule=pl.lit(name)) for name in begun]
    return pl.concat(found)


def _at_next(audit: Audit) -> Iterator[tuple[int, pl.DataFrame]]:
    """The deals that were judged, by the first rung which their evidence does not support."""
    judged_ = audit.verdicts.filter(pl.col("m").is_not_null())
    for rung in range(1, TOP + 1):
        yield rung, judged_.filter(pl.col("supported_max") == rung - 1)


def _reported(rule: Rule, rung: int, observed: Observed, hit: pl.DataFrame, *, position: int) -> pl.DataFrame:
    why = observed.table.join(hit.select("m"), on="m", how="semi").select("m", reason=reason(rule, rung, observed))
    blocks = rule.block_from is not None and rung >= rule.block_from
    fails = pl.col("status") == "fails"
    return hit.join(why, on="m", maintain_order="left").select(
        "m",
        "deal",
        rule=pl.lit(rule.id),
        status=pl.when(fails)
        .then(pl.lit("open"))
        .when(pl.col("status") == "error")
        .then(pl.lit("error"))
        .otherwise(pl.lit("unverifiable")),
        reason=pl.when(pl.col("status") == "error").then(pl.lit("error")).otherwise("reason"),
        action=pl.when(fails & pl.lit(blocks)).then(pl.lit("block")).otherwise(pl.lit("annotate")),
        position=pl.lit(position, pl.UInt32),
    )


def _unmapped(pack: Pack, deals: pl.DataFrame) -> pl.DataFrame:
    """The one finding of a deal whose stage nobody put on the ladder (ruling 18)."""
    if not any(rule.id == UNMAPPED_STAGE for rule in pack.rules):
        return _EMPTY
    return deals.select(
        pl.lit(None, pl.UInt32).alias("m"),
        "deal",
        rule=pl.lit(UNMAPPED_STAGE),
        status=pl.lit("unverifiable"),
        reason=pl.lit("unmapped"),
        action=pl.lit("annotate"),
        position=pl.lit(len(pack.rules), pl.UInt32),
    )


def _verdicts(
    chosen: pl.DataFrame, observed: Observed, supported: pl.DataFrame, findings: pl.DataFrame
) -> pl.DataFrame:
    worst = findings.group_by("deal").agg(blocks=(pl.col("action") == "block").any())
    ranges = observed.table.select("m", "deal").join(supported, on="m", maintain_order="left")
    rows = chosen.join(ranges, on="deal", how="left", maintain_order="left").join(
        worst, on="deal", how="left", maintain_order="left"
    )
    claimed = pl.col("rung")
    verdict = (
        pl.when(pl.col("state") == UNMAPPED).then(pl.lit("unmapped"))
        .when(pl.col("state") != OPEN).then(pl.lit("not_applicable"))
        .when(claimed <= pl.col("supported_min")).then(pl.lit("supported"))
        .when(claimed > pl.col("supported_max")).then(pl.lit("overstated"))
        .otherwise(pl.lit("unverifiable"))
    )  # fmt: skip
    action = (
        pl.when("blocks").then(pl.lit("block"))
        .when(pl.col("blocks").is_not_null()).then(pl.lit("annotate"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    return rows.select(
        "m", "deal", "id", "state", "supported_min", "supported_max", "once_fixed", claimed="rung", verdict=verdict,
        action=action,
    )  # fmt: skip


def details_of(rule: Rule, rung: int, observed: Observed, where: pl.Series) -> pl.DataFrame:
    """What a rule observed at some moments, by the names its messages use."""
    if rule.require is None:
        return where.to_frame().select()
    details = judge(rule.require, rung, observed).details
    seen = {name for expr in details.values() for name in expr.meta.root_names()}
    rows = where.to_frame("m").join(observed.table.select("m", *seen), on="m", maintain_order="left")
    return rows.select(**details)
