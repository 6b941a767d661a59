"""Try a pack on deals whose answer is known: worlds, and the cases that stand beside the pack.

Whoever can judge a world can be tried: the evaluator itself, or the whole way through an emulated CRM and a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from crm_audit import evaluate, worlds, yamls
from crm_audit.cases import reading
from crm_audit.cases.reading import Case
from crm_audit.domain import Rate, Record, Stage
from crm_audit.errors import BadPack
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding
from crm_audit.policy import Pack
from crm_audit.worlds import Row, World

Judge = Callable[[World, Pack], Mapping[str, Row]]
"""Says about every deal of a world what an audit says, in the form of its expectations (see `spoken`)."""

FILES = ("cases.yaml", "worlds.yaml")
"""What lies beside a pack and is tried with it."""

OVERALL = ("claimed", "supported", "verdict", "action")
COUNTED = ("missing", "n", "days")
"""What a finding counts; compared only where it is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one deal of one world came out; no differences is as it should be."""

    name: str  # of the case or world
    deal: str
    place: str  # where the expectation stands
    differences: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Expected and actual agree."""
        return not self.differences


def try_file(path: Path, pack: Pack, judge: Judge | None = None) -> list[Outcome]:
    """Every deal of a world file, a case file, or of both files of a pack's folder, expected against actual.

    Without a judge the evaluator is asked, once for all worlds that are read on the same terms.
    """
    if path.is_dir():
        found = [path / name for name in FILES if (path / name).is_file()]
        if not found:
            raise BadPack(f"{path}: neither {' nor '.join(FILES)} is there; a pack has cases beside it")
        return [outcome for file in found for outcome in try_file(file, pack, judge)]
    tried = read(path, pack)
    answers = judged_together([case.world for case in tried], pack) if judge is None else _each(tried, pack, judge)
    return [outcome for case, said in zip(tried, answers, strict=True) for outcome in outcomes(case, said)]


def read(path: Path, pack: Pack) -> list[Case]:
    """The worlds or the cases of a file, told apart by its keys."""
    top = yamls.read(path)
    if "cases" in top.mapping("the file"):
        return reading.within(top, pack)
    found = worlds.within(top)
    return [
        Case(rule=None, name=world.id, reason=None, unverifiable=False, world=world, place=str(place))
        for world, place in zip(found, top.at("worlds").list("worlds"), strict=True)
    ]


def uncovered(folder: Path, pack: Pack) -> list[str]:
    """Rules of a pack's folder that its cases do not break, or do not leave in peace."""
    path = folder / FILES[0]
    return reading.gaps(reading.read(path, pack) if path.is_file() else [], pack)


def outcomes(case: Case, said: Mapping[str, Row]) -> Iterator[Outcome]:
    """One outcome per deal; a deal of which nothing was expected, or nothing was said, is a difference too."""
    expected = case.world.expect
    name = case.name if case.rule is None else f"{case.rule}: {case.name}"
    for deal in [*expected, *sorted(said.keys() - expected.keys())]:
        yield Outcome(
            name=name, deal=deal, place=case.place, differences=_differences(expected.get(deal), said.get(deal), case)
        )


def spoken(audit: Audit) -> dict[str, dict[str, Any]]:
    """What an audit said in the form of expectations, with the sentences and counts that a case may ask for."""
    return worlds.answers(audit, _spoken)


def _spoken(finding: Finding) -> dict[str, Any]:
    counts = {key: finding.details.get(key) for key in COUNTED if finding.status == "open"}
    counted = {key: value for key, value in counts.items() if value is not None}
    return {**worlds.told(finding), **counted, "says": f"{finding.says} {finding.todo}".strip()}


def _each(cases: Iterable[Case], pack: Pack, judge: Judge) -> list[Mapping[str, Row]]:
    return [judge(case.world, pack) for case in cases]


def judged_together(several: Sequence[World], pack: Pack) -> list[Mapping[str, Row]]:
    """Judge worlds in one go where their terms are the same, and sort the answers back."""
    answers: list[Mapping[str, Row]] = [{} for _ in several]
    groups: dict[str, list[int]] = {}
    for number, world in enumerate(several):
        rates = [record for record in world.records if isinstance(record, Rate)]
        groups.setdefault(repr((world.as_of, world.terms, rates)), []).append(number)
    for numbers in groups.values():
        whole = gathered([several[number] for number in numbers])
        said = spoken(evaluate.audit(whole.facts(), pack, whole.as_of))
        for position, number in enumerate(numbers):
            mine = f"{position}/"
            answers[number] = {deal.removeprefix(mine): row for deal, row in said.items() if deal.startswith(mine)}
    return answers


REFERENCES = ("id", "deal", "person", "company", "merged_into", "people", "declined", "deals", "named")
"""Fields of records that hold ids of their own world."""


def gathered(several: Sequence[World]) -> World:
    """Worlds of the same terms as one; ids get the world's position in front, so nothing of one leaks into another."""
    records = tuple(
        record if isinstance(record, (Stage, Rate)) else _moved(record, f"{position}/")
        for position, world in enumerate(several)
        for record in world.records
        if position == 0 or not isinstance(record, (Stage, Rate))
    )
    return replace(several[0], records=records, expect={})


def _moved(record: Record, prefix: str) -> Record:
    changes: dict[str, Any] = {}
    for name in {field.name for field in fields(record)} & set(REFERENCES):
        value = getattr(record, name)
        if isinstance(value, tuple):
            changes[name] = tuple(prefix + one for one in value)
        elif value is not None:
            changes[name] = prefix + value
    return replace(record, **changes)


def _differences(expected: Row | None, said: Row | None, case: Case) -> tuple[str, ...]:
    if said is None:
        return ("the deal was not judged",)
    if expected is None:
        return (f"nothing is expected of this deal; write down what it must be: verdict {said['verdict']}",)
    return (*_overall(expected, said), *_findings(expected["findings"], said["findings"], case))


def _overall(expected: Row, said: Row) -> Iterator[str]:
    for key in OVERALL:
        if key in expected and expected[key] != said[key]:
            yield f"{key}: expected {_plain(expected[key])}, got {_plain(said[key])}"


def _findings(expected: Sequence[Row], said: Sequence[Row], case: Case) -> Iterator[str]:
    """Missing, additional and differing findings; a case speaks of its own rule only."""
    wanted = {row["rule"]: row for row in expected}
    found = {row["rule"]: row for row in said if case.rule in (None, row["rule"])}
    for rule, row in wanted.items():
        if rule not in found:
            yield f"missing finding {rule}: {row['reason']}"
            continue
        yield from _compared(row, found[rule], whole=case.rule is None)
    for rule in sorted(found.keys() - wanted.keys()):
        yield f"additional finding {rule}: {found[rule]['reason']} ({found[rule]['status']})"


def _compared(wanted: Row, found: Row, *, whole: bool) -> Iterator[str]:
    """A finding expected whole names everybody it is about; a case compares what it says."""
    defaults = {"status": "open", **({"about": []} if whole else {})}
    expected = {**defaults, **wanted}
    rule, says = expected.pop("rule"), expected.pop("says", None)
    if expected["reason"] != found["reason"]:
        yield f"finding {rule}: expected {expected.pop('reason')}, got {found['reason']}"
    for key, value in expected.items():
        got = found.get(key, [] if isinstance(value, list) else None)
        same = sorted(value) == sorted(got) if isinstance(value, list) else value == got
        if key != "reason" and not same:
            yield f"finding {rule}: {key}: expected {_plain(value)}, got {_plain(got)}"
    if says is not None and says not in found.get("says", ""):
        yield f"finding {rule}: expected to say {says!r}, got {found.get('says', 'nothing')!r}"


def _plain(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "nobody"
    return "nothing" if value is None else str(value)
