"""`all`, `any`, `not`, `at_least` and `when`, in three values."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product

import pytest

from crm_audit.evaluate import RANK
from crm_audit.predicates import PREDICATES
from tests.builders import NOW, Spec, around, ask, audited, deal, pack, proof, rule

HOLDS: Spec = {"field": {"path": "need"}}
FAILS: Spec = {"field": {"path": "next_step"}}
UNKNOWN: Spec = {"field": {"path": "solution_fit"}}
PART = {True: HOLDS, False: FAILS, None: UNKNOWN}
STATUS = {True: "holds", False: "fails", None: "unknown"}

RECORDS = [*around(), deal()]
HIDDEN = frozenset({"solution_fit"})
THREE = (True, False, None)


def answer(asked: Spec, when: Spec | None = None) -> tuple[str, str | None]:
    seen = proof(RECORDS, asked, when=when, unmapped=HIDDEN)
    return seen.status, seen.steps[0 if when is None else 1].reason


def kleene_all(parts: Sequence[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def kleene_any(parts: Sequence[bool | None]) -> bool | None:
    return True if True in parts else None if None in parts else False


def kleene_at_least(k: int, parts: Sequence[bool | None]) -> bool | None:
    if parts.count(True) >= k:
        return True
    return False if parts.count(True) + parts.count(None) < k else None


@pytest.mark.parametrize("value", THREE)
def test_the_parts_are_what_they_are_called(value: bool | None) -> None:
    assert answer(PART[value])[0] == STATUS[value]


@pytest.mark.parametrize("parts", [*product(THREE, repeat=1), *product(THREE, repeat=2), *product(THREE, repeat=3)])
def test_all_and_any(parts: tuple[bool | None, ...]) -> None:
    specs = [PART[part] for part in parts]
    assert answer({"all": specs})[0] == STATUS[kleene_all(parts)]
    assert answer({"any": specs})[0] == STATUS[kleene_any(parts)]


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("parts", list(product(THREE, repeat=3)))
def test_at_least(k: int, parts: tuple[bool | None, ...]) -> None:
    asked = {"at_least": {"k": k, "of": [PART[part] for part in parts]}}
    assert answer(asked)[0] == STATUS[kleene_at_least(k, parts)]


def test_not() -> None:
    assert answer({"not": HOLDS}) == ("fails", "differs")
    assert answer({"not": FAILS}) == ("holds", None)
    assert answer({"not": UNKNOWN}) == ("unknown", "unmapped")
    assert answer({"not": {"not": HOLDS}}) == ("holds", None)
    assert answer({"not": {"all": [HOLDS, UNKNOWN]}}) == ("unknown", "unmapped")


@pytest.mark.parametrize(("guard", "required"), list(product(THREE, repeat=2)))
def test_when(guard: bool | None, required: bool | None) -> None:
    expected = {True: STATUS[required], False: "not_applicable", None: "unknown"}[guard]
    assert answer(PART[required], when=PART[guard])[0] == expected


def test_a_guard_whose_money_is_missing_asks_nothing() -> None:
    large: Spec = {"money": {"of": "amount", "at_least": 10}}
    for amount, status in ((None, "not_applicable"), (Decimal(0), "not_applicable"), (Decimal(10), "fails")):
        records = [*around(), deal(amount=amount)]
        assert proof(records, FAILS, when=large).status == status


OVER: Spec = {"money": {"of": "amount", "at_most": "budget"}}
PAST: Spec = {"date": {"path": "close_date", "max_days_ahead": 3}}
REASONS: dict[str, tuple[Spec, tuple[str, str]]] = {
    "the more particular of two failures": ({"all": [FAILS, PAST]}, ("fails", "too_far")),
    "in whichever order": ({"all": [PAST, FAILS]}, ("fails", "too_far")),
    "a failure before what is unknown": ({"all": [UNKNOWN, FAILS]}, ("fails", "missing")),
    "what is unknown where it decides": ({"any": [UNKNOWN, FAILS]}, ("unknown", "unmapped")),
    "of what holds nothing is told": ({"all": [HOLDS, FAILS, HOLDS]}, ("fails", "missing")),
    "from below": ({"any": [{"all": [HOLDS, PAST]}, FAILS]}, ("fails", "too_far")),
    "too few": ({"at_least": {"k": 2, "of": [HOLDS, FAILS, PAST]}}, ("fails", "too_far")),
}


@pytest.mark.parametrize(("asked", "outcome"), REASONS.values(), ids=REASONS)
def test_of_several_reasons_the_most_particular_is_told(asked: Spec, outcome: tuple[str, str]) -> None:
    assert answer(asked) == outcome


def reported(asked: Spec, *, when: Spec | None = None, reason: str | None = None) -> list[tuple[str, str]]:
    audit = audited(RECORDS, pack(rule("TRY-ME", asked, when=when, reason=reason)), NOW, unmapped=HIDDEN)
    return list(audit.findings.select("status", "reason").iter_rows())


def test_a_fixed_reason_is_told_of_what_fails_and_never_of_what_is_unknown() -> None:
    assert reported({"any": [FAILS, PAST]}, reason="none") == [("open", "none")]
    assert reported({"any": [FAILS, UNKNOWN]}, reason="none") == [("unverifiable", "unmapped")]


def test_what_a_guard_cannot_tell_is_told_of_the_rule() -> None:
    assert reported(FAILS, when=UNKNOWN) == [("unverifiable", "unmapped")]
    assert reported(HOLDS, when=UNKNOWN) == [("unverifiable", "unmapped")]
    assert reported(FAILS, when=HOLDS) == [("open", "missing")]
    assert reported(FAILS, when=FAILS) == []


def test_every_reason_has_its_rank() -> None:
    for name, predicate in PREDICATES.items():
        assert set(predicate.REASONS) <= set(RANK), name


def test_what_is_unknown_is_ranked_before_what_is_not() -> None:
    assert RANK[:3] == ("unmapped", "no_source", "no_rate")
    assert len(set(RANK)) == len(RANK)


def test_the_same_question_is_observed_once_whatever_its_limits() -> None:
    window = [rule(f"R-{n}", {"evidence": {"buyer_acts": True, "within": n, "min_people": n}}) for n in (1, 2, 3)]
    other = rule("R-4", {"evidence": {"kinds": ["email_in"], "within": 3}})
    audit = audited(RECORDS, pack(*window, other))
    assert len(audit.observed.names) == 2


def test_ask_and_answer_agree() -> None:
    assert ask(RECORDS, HOLDS) == answer(HOLDS) == ("holds", None)
