"""What a deal shows: the verdict, the one thing that matters most, and what to do next."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from crm_audit.domain import Annotation, Change, Event, Recheck, Record, Stage
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding, explain, lacking
from crm_audit.gates import Gate
from crm_audit.standing import highest_stages, ranked, supported_stage
from crm_audit.writeback.annotation import SHORT, annotate
from crm_audit.writeback.details import Entry, parse
from tests.builders import (
    NOW,
    STAGE_AT,
    ago,
    around,
    audited,
    but,
    change,
    clean,
    company,
    deal,
    event,
    recheck,
    stages,
    story,
)


def shown(records: list[Record], name: str = "d1", **of: object) -> Annotation:
    audit: Audit = audited(records, **of)  # type: ignore[arg-type]  # terms only
    return annotate(audit, explain(audit), lacking(audit))[name]


def test_a_supported_deal_shows_that_and_nothing_to_do() -> None:
    assert shown(clean()) == Annotation(status="supported", supported_stage="5 committed (Negotiate)", stage_gap=0)


def test_an_overstated_deal_shows_how_far_and_what_to_do() -> None:
    note = shown(but(clean(), "d1-dana-authority"))
    assert (note.status, note.stage_gap) == ("overstated", 3)
    assert note.supported_stage == "2 qualified (Discover)"
    assert note.top_finding == "We do not know yet who decides."
    assert note.next_step == 'Ask Lee Park: "Who else signs this off?"'
    assert note.details is not None
    assert parse(note.details).missing[0] == Entry(
        rule="CQ-STK-AUTH", reason="none", severity="critical", status="open", says=note.top_finding, do=note.next_step
    )


def test_support_ahead_of_the_stage_is_a_gap_below_zero() -> None:
    note = shown(clean(rung=2))
    assert (note.status, note.stage_gap, note.supported_stage) == ("supported", -3, "5 committed (Negotiate)")


@pytest.mark.parametrize(
    ("stage", "status"), [("Won", "not_applicable"), ("Lost", "not_applicable"), ("Odd", "unmapped")]
)
def test_a_deal_that_was_not_judged_shows_no_rung(stage: str, status: str) -> None:
    note = shown([*around(), deal(stage=stage)])
    assert (note.status, note.supported_stage, note.stage_gap) == (status, None, None)
    assert (note.top_finding is None) is (status == "not_applicable")


def test_what_cannot_be_told_is_shown_as_such() -> None:
    note = shown(clean(), unmapped=frozenset({"need"}))
    assert (note.status, note.stage_gap) == ("unverifiable", 0)
    assert "not about your deal" in (note.next_step or "")


def test_every_audited_deal_has_its_own() -> None:
    audit = audited([*around(), *story("d1", need=None), *story("d2"), deal("d3", stage="Won")])
    notes = annotate(audit, explain(audit), lacking(audit))
    assert list(notes) == ["d1", "d2", "d3"]
    assert notes["d2"] == shown(clean())


def test_details_have_every_finding_the_most_serious_first() -> None:
    records = but(clean(close_date=ago(1), need=None), "acme", add=[company(fit_assessed=ago(181))])
    told = parse(shown(records).details or "")
    assert [entry.rule for entry in told.missing] == ["CQ-OPP-NEED"]
    assert [entry.rule for entry in told.others] == ["CQ-OPP-DATE", "CQ-ORG-FIT-FRESH"]


@pytest.mark.parametrize("length", [100, 600])
def test_a_long_sentence_is_cut_where_the_field_ends_and_kept_in_the_details(length: int) -> None:
    name = "A" * length
    note = shown(but(clean(need=None), "acme", add=[company(name=name)]))
    assert note.top_finding is not None
    assert len(note.top_finding) <= SHORT == 255
    assert note.top_finding.endswith("…") is (length == 600)
    assert name in (note.details or "")


def test_nothing_but_our_own_fields_can_be_shown() -> None:
    names = {field.name for field in fields(Annotation)}
    words = {"status", "supported_stage", "stage_gap", "top_finding", "next_step", "details"}
    assert names == words | {"refused", "warned"}


def test_the_same_deal_shows_the_same_on_another_day() -> None:
    """No stamp and no count that grows by itself: a night on which nothing changed writes nothing."""
    assert shown(clean()) == shown(clean(created=None))


# --- ranks and labels ------------------------------------------------------------------------------------------------


def finding(rule: str, **changes: str) -> Finding:
    plain = explain(audited(but(clean(), "d1-dana-authority")))[0]
    return replace(plain, rule=rule, **{"status": "open", "action": "annotate", "severity": "minor", **changes})  # type: ignore[arg-type]  # text only


def test_what_blocks_comes_first_then_severity_then_the_order_of_the_pack() -> None:
    given = [
        finding("unsure", status="unverifiable", severity="info"),
        finding("minor"),
        finding("major-1", severity="major"),
        finding("broken", status="error", severity="info"),
        finding("blocks", action="block"),
        finding("major-2", severity="major"),
        finding("critical", severity="critical"),
    ]
    order = [each.rule for each in ranked(given)]
    assert order == ["blocks", "critical", "major-1", "major-2", "minor", "unsure", "broken"]


def test_a_rung_is_named_by_the_last_stage_at_or_below_it() -> None:
    short: dict[str, int | str] = {"Open": 2, "Shown": 2, "Said yes": 5, "Won": "won"}
    labels = highest_stages(audited([*stages("new"), *stages("short", short), deal()], ladders=_both(short)))
    assert [labels.get(("short", rung)) for rung in range(6)] == [None, None, "Shown", "Shown", "Shown", "Said yes"]
    assert [labels["new", rung] for rung in range(6)] == [STAGE_AT[rung] for rung in range(6)]


def _both(short: dict[str, int | str]) -> dict[str, dict[str, int | str]]:
    return {"new": {stage: rung for rung, stage in STAGE_AT.items()}, "short": short}


@pytest.mark.parametrize(
    ("rung", "text"), [(None, None), (0, "0 identified"), (4, "4 proposed (Quoted)"), (3, "3 evaluating")]
)
def test_a_supported_stage_in_words(rung: int | None, text: str | None) -> None:
    assert supported_stage("p", rung, {("p", 4): "Quoted"}) == text


OLD = {
    "the basics were asked long ago": but(clean(), Recheck, add=[recheck(60)]),
    "it has been quiet": but(clean(), Event, add=[event("meeting_held", 70, "dana", topics=("pricing", "demo"))]),
    "the price was seen long ago": but(clean(), Event, add=[event("meeting_held", 100, "dana", topics=("pricing",))]),
    "the stage is old": but(clean(), Change, add=[change("stage", 55, "Propose", "Negotiate")]),
    "the fit was looked at long ago": but(clean(), "acme", add=[company(fit_assessed=ago(200))]),
}


@pytest.mark.parametrize("records", OLD.values(), ids=OLD)
def test_a_night_that_passes_changes_no_word(records: list[Record]) -> None:
    one, other = (audited(records, as_of=NOW + timedelta(days=days)) for days in (0, 1))
    findings = explain(one)
    assert [finding.rule for finding in findings] == [finding.rule for finding in explain(other)] != []
    assert annotate(one, findings, lacking(one)) == annotate(other, explain(other), lacking(other))


def test_the_gate_is_told_with_the_labels_of_its_stages() -> None:
    records = but(clean(rung=3), "d1-dana-authority")
    audit = audited([replace(each, label=f"{each.stage} it") if isinstance(each, Stage) else each for each in records])
    gates = {"d1": Gate(refused=("Propose",), warned=("Negotiate",))}
    note = annotate(audit, explain(audit), lacking(audit), gates)["d1"]
    told = parse(note.details or "")
    assert (note.refused, note.warned) == (("Propose",), ("Negotiate",))
    assert (told.refused, told.warned) == (("Propose it",), ("Negotiate it",))
    assert "Not yet" not in (annotate(audit, explain(audit), lacking(audit))["d1"].details or "")
