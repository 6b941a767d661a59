"""The world format: a small CRM at one moment, with what the audit must say about it.

Read from JSON or YAML, checked key by key. The same facts can be audited directly, loaded into a store, or played into
an emulated CRM. `rules/<pack>/cases.yaml` holds worlds told as differences from a clean deal (see `cases.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from crm_audit import evaluate, facts, yamls
from crm_audit.connectors.vendors import SHARED_TOPICS
from crm_audit.domain import (
    LOST,
    MAPPABLE,
    ROLES,
    STRENGTH,
    WON,
    Change,
    Company,
    Deal,
    Event,
    Link,
    Person,
    Rate,
    Recheck,
    Record,
    Rung,
    Stage,
    When,
)
from crm_audit.errors import BadPack
from crm_audit.explain import Finding, explain
from crm_audit.facts import Terms
from crm_audit.frames import frames
from crm_audit.policy import Pack

AUDITOR = "auditor"
"""The integration user of every world: what it writes never counts."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "file": ("note", "ladders", "worlds"),
    "world": (
        "id", "title", "crm", "as_of", "org_tz", "corporate_currency", "rates", "internal_domains", "unmapped",
        "unconnected", "companies", "contacts", "deals", "links", "events", "history", "assessments", "expect", "why",
    ),
    "companies": ("id", "name", "fit_tier", "fit_score", "fit_assessed", "merged_into"),
    "contacts": ("id", "name", "title", "email", "left_at", "deleted", "merged_into"),
    "deals": (
        "id", "name", "pipeline", "stage", "amount", "currency", "probability", "close_date", "budget",
        "budget_currency", "company", "need", "created", "solution_fit", "owner", "forecast_category", "next_step",
    ),
    "links": ("deal", "contact", "role", "from", "to", "recorded_at"),
    "events": (
        "at", "ends_at", "kind", "contacts", "topics", "deal", "deals", "outcome", "declined", "auto", "quoted_amount",
        "quoted_currency", "recorded_at",
    ),
    "history": ("deal", "at", "field", "old", "new", "by", "recorded_at"),
    "assessments": ("deal", "at", "topics", "by", "recorded_at"),
    "expectation": ("claimed", "supported", "verdict", "action", "findings"),
    "finding": ("rule", "reason", "action", "about", "missing", "n", "days", "status"),
}  # fmt: skip
LISTS = ("companies", "contacts", "deals", "links", "events", "history", "assessments")
REQUIRED = ("id", "crm", "as_of", "org_tz", "corporate_currency", "deals", "expect")

Row = Mapping[str, Any]
"""A checked row of a world file."""


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
    """The worlds of a file; BadPack names the first key that is wrong, and where."""
    top = _top(path)
    _known(top, "file", str(path))
    ladders = _ladders(top, str(path))
    return [
        parse(world, ladders, f"{path}: worlds[{position}]")
        for position, world in enumerate(_list(top, "worlds", str(path)))
    ]


def _top(path: Path) -> Any:  # noqa: ANN401 -- checked key by key right after
    if path.suffix != ".json":
        return yamls.plain(yamls.read(path).value)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadPack(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise BadPack(f"{path}: cannot be read as JSON: {error}") from None


def parse(world: Row, ladders: Mapping[str, Mapping[str, Rung]], where: str) -> World:
    """One world as written; BadPack names the key that is wrong."""
    _known(world, "world", where)
    for key in REQUIRED:
        if key not in world:
            raise BadPack(f"{where} has no {key!r}")
    for name in LISTS:
        for position, row in enumerate(world.get(name) or ()):
            _known(row, name, f"{where}.{name}[{position}]")
    where = f"{where} ({world['id']})"
    try:
        return World(
            id=str(world["id"]),
            title=str(world.get("title", "")),
            crm=str(world["crm"]),
            as_of=instant(world["as_of"]),
            terms=_terms(world, ladders, where),
            records=tuple(_records(world, ladders)),
            expect=_expect(world["expect"], where),
        )
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise BadPack(f"{where}: {type(error).__name__}: {error}") from error


def judge(world: Row, ladders: Mapping[str, Mapping[str, Rung]], pack: Pack) -> dict[str, dict[str, Any]]:
    """What the audit says about every deal of a world as written, in the form of its `expect`."""
    parsed = parse(world, ladders, "world")
    return verdicts(parsed.facts(), pack, parsed.as_of)


def verdicts(of: facts.Facts, pack: Pack, as_of: datetime) -> dict[str, dict[str, Any]]:
    """What the audit says, in the form of a world's `expect`."""
    audit = evaluate.audit(of, pack, as_of)
    findings: dict[str, list[dict[str, Any]]] = {}
    for finding in explain(audit):
        findings.setdefault(finding.deal, []).append(told(finding))
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


def instant(text: object) -> datetime:
    """YYYY-MM-DDTHH:MM:SSZ as an aware instant."""
    value = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    if value.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write 2026-03-16T15:00:00Z")
    return value.astimezone(UTC)


def _date(text: object) -> date | None:
    if text is None or (isinstance(text, date) and not isinstance(text, datetime)):
        return text
    return date.fromisoformat(str(text))


def _when(text: object) -> When:
    if isinstance(text, datetime) or (isinstance(text, str) and "T" in text):
        return instant(text)
    day = _date(text)
    if day is None:
        raise ValueError("an event needs `at`")
    return day


def _decimal(text: object) -> Decimal | None:
    return None if text is None else Decimal(str(text))


def _known(row: object, what: str, where: str) -> None:
    if not isinstance(row, Mapping):
        raise BadPack(f"{where} must be a mapping, not {type(row).__name__}")
    for key in row:
        if key not in KEYS[what]:
            raise BadPack(f"{where} has no key {key!r}; known are {', '.join(KEYS[what])}")


def _list(row: Row, key: str, where: str) -> Sequence[Row]:
    value = row.get(key)
    if not isinstance(value, list):
        raise BadPack(f"{where}: {key} must be a list")
    return value


def _ladders(top: Row, where: str) -> Mapping[str, Mapping[str, Rung]]:
    ladders = top.get("ladders")
    if not isinstance(ladders, Mapping):
        raise BadPack(f"{where}: ladders must map pipelines to stages")
    for pipeline, ladder in ladders.items():
        for stage, rung in ladder.items():
            if rung not in (WON, LOST) and not (isinstance(rung, int) and 0 <= rung <= 5):
                raise BadPack(f"{where}: ladders.{pipeline}.{stage}: {rung!r} is neither 0 to 5 nor won nor lost")
    return ladders


def _terms(world: Row, ladders: Mapping[str, Mapping[str, Rung]], where: str) -> Terms:
    unmapped, unconnected = world.get("unmapped") or (), world.get("unconnected") or ()
    for name, known in ((unmapped, MAPPABLE), (unconnected, tuple(STRENGTH))):
        for entry in name:
            if entry not in known:
                raise BadPack(f"{where}: {entry!r} is unknown; known are {', '.join(known)}")
    return Terms(
        zone=world["org_tz"],
        currency=world["corporate_currency"],
        ladders=ladders,
        internal_domains=tuple(world.get("internal_domains") or ()),
        user=AUDITOR,
        unmapped=frozenset(unmapped),
        unconnected=frozenset(unconnected),
        source_days=None,
        shared_topics=SHARED_TOPICS[world["crm"]],
    )


def _expect(expect: Row, where: str) -> Mapping[str, Row]:
    for deal, expected in expect.items():
        _known(expected, "expectation", f"{where}.expect.{deal}")
        for finding in expected["findings"]:
            _known(finding, "finding", f"{where}.expect.{deal}.findings")
    return expect


def _records(world: Row, ladders: Mapping[str, Mapping[str, Rung]]) -> Iterator[Record]:
    yield from _stages(ladders)
    for currency, rate in (world.get("rates") or {}).items():
        yield Rate(id=currency, currency=currency, units=Decimal(str(rate)))
    for row in world.get("companies") or ():
        yield Company(
            id=row["id"], name=row["name"], fit_tier=row.get("fit_tier"), fit_score=_decimal(row.get("fit_score")),
            fit_assessed=_date(row.get("fit_assessed")), merged_into=row.get("merged_into"),
        )  # fmt: skip
    for row in world.get("contacts") or ():
        yield Person(
            id=row["id"], name=row["name"], title=row.get("title"), domain=(row.get("email") or "").rpartition("@")[2],
            left_on=_date(row.get("left_at")), deleted=bool(row.get("deleted")), merged_into=row.get("merged_into"),
        )  # fmt: skip
    for row in world["deals"]:
        yield _deal(row)
    yield from _links(world.get("links") or ())
    for position, row in enumerate(world.get("events") or ()):
        yield _event(f"e{position}", row)
    yield from _changes(world)


def _stages(ladders: Mapping[str, Mapping[str, Rung]]) -> Iterator[Stage]:
    for pipeline, ladder in ladders.items():
        for position, (stage, rung) in enumerate(ladder.items()):
            closed = rung if isinstance(rung, str) else None
            yield Stage(
                id=f"{pipeline}/{stage}", pipeline=pipeline, stage=stage, label=stage, position=position, closed=closed
            )


def _deal(row: Row) -> Deal:
    close = row.get("close_date")
    return Deal(
        id=row["id"], name=row.get("name") or row["id"], pipeline=row["pipeline"], stage=row["stage"],
        created=instant(row["created"]), amount=_decimal(row.get("amount")), currency=row.get("currency"),
        probability=_decimal(row.get("probability")), close_date=None if close is None else _when(close),
        budget=_decimal(row.get("budget")), budget_currency=row.get("budget_currency"), company=row.get("company"),
        need=row.get("need"), solution_fit=row.get("solution_fit"), owner=row.get("owner"),
        forecast_category=row.get("forecast_category"), next_step=row.get("next_step"),
    )  # fmt: skip


def _links(rows: Iterable[Row]) -> Iterator[Link]:
    for position, row in enumerate(rows):
        if row["role"] not in ROLES:
            raise ValueError(f"links[{position}]: {row['role']!r} is not a role")
        yield Link(
            id=f"l{position}", deal=row["deal"], person=row["contact"], role=row["role"],
            valid_from=_date(row.get("from")), valid_to=_date(row.get("to")),
        )  # fmt: skip


def _event(name: str, row: Row) -> Event:
    if row["kind"] not in STRENGTH:
        raise ValueError(f"{name}: {row['kind']!r} is not a kind of event")
    deals = row.get("deals") or ([row["deal"]] if row.get("deal") else [])
    recorded = row.get("recorded_at")
    return Event(
        id=name, kind=row["kind"], at=_when(row["at"]), people=tuple(row["contacts"]),
        ends_at=instant(row["ends_at"]) if row.get("ends_at") else None, declined=tuple(row.get("declined") or ()),
        deals=tuple(deals), topics=tuple(row.get("topics") or ()), outcome=row.get("outcome"),
        automatic=bool(row.get("auto")), quoted_amount=_decimal(row.get("quoted_amount")),
        quoted_currency=row.get("quoted_currency"), recorded_at=instant(recorded) if recorded else None,
    )  # fmt: skip


def _changes(world: Row) -> Iterator[Record]:
    for position, row in enumerate(world.get("history") or ()):
        recorded = row.get("recorded_at")
        yield Change(
            id=f"h{position}", deal=row["deal"], field=row["field"], at=instant(row["at"]), old=row["old"],
            new=row["new"], by=row.get("by"), recorded_at=instant(recorded) if recorded else None,
        )  # fmt: skip
    for position, row in enumerate(world.get("assessments") or ()):
        day = _date(row["at"])
        if day is None:
            raise ValueError(f"assessments[{position}] has no day")
        yield Recheck(id=f"a{position}", deal=row["deal"], on=day, topics=tuple(row["topics"]), by=row.get("by"))
