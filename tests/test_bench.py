"""The bench at a two-hundredth of its size: what it compares agrees, and would be seen if it did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest
from bench import loading
from bench.agreement import differences
from bench.duckdb_rules import Yardstick
from bench.org import AS_OF, CONNECTION, TERMS, Size, tables
from bench.slow_sample import Related, chosen, judged, together
from polars.testing import assert_frame_equal

from crm_audit import evaluate, facts, packs, worlds
from crm_audit.evaluate import Audit
from crm_audit.store import Store

SCALE = 200
CORE = packs.load("core")

Tables = Mapping[str, pl.DataFrame]


@pytest.fixture(scope="module")
def org() -> Tables:
    return tables(Size().scaled(SCALE))


@pytest.fixture(scope="module")
def audit(org: Tables) -> Audit:
    return evaluate.audit(facts.build(org, TERMS), CORE, AS_OF)


@pytest.fixture(scope="module")
def yardstick(org: Tables) -> Iterator[Yardstick]:
    made = Yardstick(org)
    made.build()
    made.judge()
    yield made
    made.close()


def test_the_org_is_the_same_for_the_same_seed(org: Tables) -> None:
    again = tables(Size().scaled(SCALE))
    assert org.keys() == again.keys()
    for kind, frame in org.items():
        assert_frame_equal(frame, again[kind])


def test_duckdb_says_the_same_of_every_deal_at_every_rung(audit: Audit, yardstick: Yardstick) -> None:
    theirs = yardstick.judged()
    assert set(theirs.columns) == {"id", "rung", *(rule.id for rule in CORE.rules if rule.require is not None)}
    assert theirs.height == 5 * audit.verdicts.height
    assert differences(audit, theirs, yardstick.supported()) == []


def test_every_rule_holds_for_some_deals_and_fails_for_others(audit: Audit, yardstick: Yardstick) -> None:
    theirs = yardstick.judged()
    for rule in theirs.columns[2:]:
        assert theirs[rule].any(), rule
        assert not theirs[rule].all(), rule
    assert audit.verdicts["supported_max"].n_unique() >= 4


@pytest.mark.parametrize("rule", [rule.id for rule in CORE.rules if rule.require is not None])
def test_one_other_verdict_is_seen(audit: Audit, yardstick: Yardstick, rule: str) -> None:
    last = pl.int_range(pl.len()) == pl.len() - 1
    asked = 3 if rule == "CQ-STK-PATH" else 5
    theirs = yardstick.judged().sort(pl.col("rung") == asked, "id")
    other = theirs.with_columns(pl.when(last).then(~pl.col(rule).fill_null(value=False)).otherwise(rule).alias(rule))
    assert differences(audit, other, yardstick.supported()) == [f"{rule} at rung {asked}: 1 deals"]


def test_a_deal_that_is_missing_and_another_range_are_seen(audit: Audit, yardstick: Yardstick) -> None:
    theirs, supported = yardstick.judged(), yardstick.supported()
    gone = theirs["id"][0]
    assert len(differences(audit, theirs.filter(pl.col("id") != gone), supported)) > 5
    raised = supported.with_columns(pl.col("supported_max") + 1)
    assert differences(audit, theirs, raised) == [f"supported_max: {audit.verdicts.height} deals"]


def test_the_slow_evaluator_says_the_same_of_the_sample(org: Tables) -> None:
    ids = chosen(org, 40)
    related = Related(org, ids)
    each = {deal: related.world(deal) for deal in ids}
    ours = worlds.answers(evaluate.audit(facts.build(org, TERMS), CORE, AS_OF, ids))
    assert len(set(ids)) >= 40
    assert {deal: judged(each[deal], deal) for deal in ids} == ours
    assert judged(together(list(each.values())[:10]), ids[0]) == ours[ids[0]]


def test_a_store_filled_in_bulk_holds_the_org(org: Tables, tmp_path: Path) -> None:
    url = loading.sqlite(tmp_path)
    loading.filled(url, org)
    with Store.open(url) as store:
        run = store.latest(CONNECTION)
        assert run is not None
        known = store.frames(run)
    for kind, frame in org.items():
        assert_frame_equal(known[kind], frame, check_row_order=False)


def test_pages_are_saved_as_a_sync_saves_them(org: Tables, tmp_path: Path) -> None:
    url = loading.sqlite(tmp_path)
    assert loading.saved(url, org, 100) > 0
    with Store.open(url) as store:
        (run,) = store.runs(CONNECTION)
        assert {kind for kind, count in store.counts(run).items() if count.shown} == {"links", "events"}
