"""`crm-audit answers`: what reps say of the findings, and which rules they say are wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, Name, app

if TYPE_CHECKING:
    import polars as pl

    from crm_audit.pipeline import Job
    from crm_audit.store import Store


@app.command()
def answers(
    name: Name = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only answers about this rule, each in full.")] = None,
    as_json: As = False,
) -> None:
    """Count what reps answered in the CRM, rule by rule: the ones that are called wrong most often come first."""
    from crm_audit.cli import screen

    loaded = cli.settings()
    with cli.opened(loaded) as store:
        given = [(job.name, answer) for job in cli.jobs(name, loaded) for answer in _given(job, store)]
    told = [{"connection": job, **answer} for job, answer in given if rule in (None, answer["rule"])]
    if as_json:
        screen.document("answers", {"rules": list(_counts(told)), "answers": told})
    elif not told:
        screen.say("No answer was read from a CRM yet.")
    elif rule is None:
        rows = [tuple(row.values()) for row in _counts(told)]
        screen.table(("rule", *COUNTED), rows, right=(1, 2, 3, 4))
    else:
        screen.table(("deal", "at", "answer", "until", "reason"), [_row(answer) for answer in told])


COUNTED = ("wrong", "not_applicable", "asked", "fixed")
UNTOLD = "(cannot be told)"


def _given(job: Job, store: Store) -> Iterator[dict[str, object]]:
    """The answers that the last finished sync knew of, the oldest first; without those that we gave ourselves."""
    from crm_audit import facts, pipeline

    run = store.latest(job.name)
    if run is None:
        return
    with store.known(run) as tables:
        given: pl.DataFrame = facts.answers(tables["answers"], pipeline.terms(job.connection, run))
    yield from (
        given.sort("at", "id").select("deal", "rule", "answer", "at", "until", "reason", "by").iter_rows(named=True)
    )


def _counts(told: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """How often each answer was given to each rule, those that are called wrong most often first."""
    given = Counter((str(answer["rule"] or UNTOLD), answer["answer"]) for answer in told)
    counts = {rule: {each: given[rule, each] for each in COUNTED} for rule, _ in given}
    for rule in sorted(counts, key=lambda rule: (-counts[rule]["wrong"], -sum(counts[rule].values()), rule)):
        yield {"rule": rule, **counts[rule]}


def _row(answer: dict[str, object]) -> tuple[object, ...]:
    return (answer["deal"], f"{answer['at']:%Y-%m-%d}", answer["answer"], answer["until"] or "", answer["reason"] or "")
