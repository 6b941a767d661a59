"""The world format: a small CRM at one moment, with what the audit must say about it.

Read from JSON or YAML, checked key by key. The same facts can be audited directly, loaded into a store, or played into
an emulated CRM. `rules/<pack>/cases.yaml` holds worlds told as differences from a clean deal (see `cases`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from crm_audit import evaluate, facts, yamls
from crm_audit.connectors.vendors import SHARED_TOPICS
from crm_audit.domain import LOST, TOP, WON, Rate, Record, Rung, Stage
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding, explain
from crm_audit.facts import Terms
from crm_audit.frames import frames
from crm_audit.policy import Pack
from crm_audit.world_rows import REFERENCES, ROWS, Expectation, Head, Named
from crm_audit.yamls import Place

AUDITOR = "auditor"
"""The integration user of every world: what it writes never counts."""

Row = Mapping[str, Any]
"""A row of a world file, or an answer in the form of its expectations."""

Ladders = Mapping[str, Mapping[str, Rung]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One situation: facts, the terms on which they are read, and what is expected."""

    id: str
    title: str
    crm: str
    as_of: datetime
    terms: Terms
    records: tuple[Record, ...]
    expect: Mapping[str, Row] = field(default_factory=dict)

    def facts(self) -> facts.Facts:
        """The world's facts, ready to be judged."""
        return facts.build(frames(self.records), self.terms)


def read(path: Path) -> list[World]:
    """The worlds of a file, JSON or YAML; BadPack names the first key that is wrong, and where."""
    return within(yamls.read(path))


def within(top: Place) -> list[World]:
    """The worlds of a file that has been read."""
    top.known(("note", "ladders", "worlds"), "a world file")
    top.needs(("ladders", "worlds"), "a world file")
    ladders = _ladders(top.at("ladders"))
    places = top.at("worlds").list("worlds")
    worlds = [parse(place, ladders) for place in places]
    _each_once(places, [world.id for world in worlds])
    return worlds


def parse(place: Place, ladders: Ladders) -> World:
    """One world as written; BadPack names the key that is wrong."""
    head = place.fill(Head, "a world", also=(*ROWS, "expect"))
    place.needs(("deals", "expect"), f"world {head.id}")
    if head.crm not in SHARED_TOPICS:
        place.at("crm").wrong(f"unknown CRM {head.crm!r}; known are {', '.join(SHARED_TOPICS)}")
    lists = {name: place.at(name).list(name) for name in ROWS if name in place.mapping("a world")}
    rows = {name: [row.fill(ROWS[name], f"{name}[{n}]") for n, row in enumerate(lists[name])] for name in lists}
    ids = {name: [row.id for row in rows.get(name, ()) if isinstance(row, Named)] for name in ROWS}
    for name, places in lists.items():
        _each_once(places, ids[name])
        _known_ids(places, name, ids)
    return World(
        id=head.id,
        title=head.title,
        crm=head.crm,
        as_of=head.as_of,
        terms=Terms(
            zone=head.org_tz,
            currency=head.corporate_currency,
            ladders=ladders,
            internal_domains=head.internal_domains,
            user=AUDITOR,
            unmapped=frozenset(head.unmapped),
            unconnected=frozenset(head.unconnected),
            source_days=None,
            shared_topics=SHARED_TOPICS[head.crm],
        ),
        records=(
            *_stages(ladders),
            *(Rate(id=currency, currency=currency, units=rate) for currency, rate in head.rates.items()),
            *(row.record(number) for name in ROWS for number, row in enumerate(rows.get(name, ()))),
        ),
        expect=_expect(place.at("expect"), ids["deals"]),
    )


def judge(world: Row, ladders: Ladders, pack: Pack) -> dict[str, dict[str, Any]]:
    """What the audit says about every deal of a world as written, in the form of its `expect`."""
    parsed = parse(Place(Path("world"), world, None), ladders)
    return verdicts(parsed.facts(), pack, parsed.as_of)


def verdicts(of: facts.Facts, pack: Pack, as_of: datetime) -> dict[str, dict[str, Any]]:
    """What the audit says, in the form of a world's `expect`."""
    return answers(evaluate.audit(of, pack, as_of))


COUNTED = {
    "CQ-OPP-BASICS": "missing", "CQ-STK-THREADS": "n", "CQ-STK-THREADS-L": "n", "CQ-MOM-AGE": "days",
}  # fmt: skip
"""What an expectation may count, by rule."""


def told(finding: Finding) -> dict[str, Any]:
    """A finding in the form of an expectation."""
    row: dict[str, Any] = {
        "rule": finding.rule, "status": finding.status, "reason": finding.reason, "action": finding.action,
    }  # fmt: skip
    if finding.about:
        row["about"] = sorted(finding.about)
    key = COUNTED.get(finding.rule)
    if key is not None and finding.status == "open":
        value = finding.details[key]
        row[key] = list(value) if key == "missing" else value  # type: ignore[call-overload]  # a list of topics
    return row


def answers(audit: Audit, tell: Callable[[Finding], dict[str, Any]] = told) -> dict[str, dict[str, Any]]:
    """What an audit said, in the form of a world's `expect`."""
    findings: dict[str, list[dict[str, Any]]] = {}
    for finding in explain(audit):
        findings.setdefault(finding.deal, []).append(tell(finding))
    return {
        row["id"]: {
            "claimed": row["state"] if row["state"] in (WON, LOST) else row["claimed"],
            "supported": None if row["supported_min"] is None else [row["supported_min"], row["supported_max"]],
            "verdict": row["verdict"],
            "action": row["action"],
            "findings": sorted(findings.get(row["id"], []), key=lambda f: str(f["rule"])),
        }
        for row in audit.verdicts.iter_rows(named=True)
    }


def _ladders(place: Place) -> Ladders:
    ladders: dict[str, dict[str, Rung]] = {}
    for pipeline in place.mapping("ladders"):
        stages = place.at(pipeline)
        ladders[pipeline] = {stage: _rung(stages.at(stage)) for stage in stages.mapping(f"ladders.{pipeline}")}
    return ladders


def _rung(place: Place) -> Rung:
    value = yamls.plain(place.value)
    if isinstance(value, str) and value in (WON, LOST):
        return value
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= TOP:
        place.wrong(f"{value!r} is no rung: write 0 to {TOP}, or won, or lost")
    return value


def _stages(ladders: Ladders) -> Iterator[Stage]:
    for pipeline, ladder in ladders.items():
        for position, (stage, rung) in enumerate(ladder.items()):
            closed = rung if isinstance(rung, str) else None
            yield Stage(
                id=f"{pipeline}/{stage}", pipeline=pipeline, stage=stage, label=stage, position=position, closed=closed
            )


def _each_once(places: Sequence[Place], ids: Sequence[str]) -> None:
    for position, name in enumerate(ids):
        if name in ids[:position]:
            places[position].wrong(f"the id {name!r} stands twice")


def _known_ids(places: Sequence[Place], name: str, ids: Mapping[str, Sequence[str]]) -> None:
    """Whom or what a row points at has to be in the world; a slip of the pen would be evidence lost."""
    for position, place in enumerate(places):
        for key in REFERENCES.keys() & place.mapping(name).keys():
            _check_known(place.at(key), f"{name}[{position}].{key}", ids[REFERENCES[key]])


def _check_known(place: Place, what: str, known: Sequence[str]) -> None:
    for one in place.value if isinstance(place.value, list) else [place.value]:
        if one is not None and one not in known:
            place.wrong(f"{what}: the world has no {one!r}; it has {', '.join(known) or 'none'}")


def _expect(place: Place, deals: Sequence[str]) -> Mapping[str, Row]:
    """What is expected, as written: only the keys that stand there are compared."""
    expected = {}
    for deal in place.mapping("expect"):
        if deal not in deals:
            place.at(deal).wrong(f"expect: the world has no deal {deal!r}; it has {', '.join(deals)}")
        wanted = place.at(deal).fill(Expectation, f"expect.{deal}")
        expected[deal] = wanted.model_dump(mode="json", exclude_unset=True)
    return expected
