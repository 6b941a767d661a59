"""HubSpot's records as ours: stages, users, rates, companies, people, deals, and the past of deals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.names import COMPANY, CONTACT, FIT_TIERS, HISTORY, PRIMARY_COMPANY, PRIMARY_INLINE
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.values import choices, day, instant, merged_ids, number, text
from crm_audit.connectors.mail import domain
from crm_audit.connectors.options import RECHECK, topics_named
from crm_audit.domain import LOST, WON, Change, Company, Deal, Person, Rate, Recheck, Stage, User
from crm_audit.frames import written

CREATING = timedelta(minutes=1)
"""A value stamped this soon after the deal was created with it."""
KEPT_ENTRIES = 20
"""Entries of a property's history that HubSpot is said to keep; undocumented."""


def stages(pipeline: Json) -> Iterator[Stage]:
    """The stages of a pipeline. Closed is what the metadata says: a stage called "Won" may be anything."""
    for stage in pipeline.get("stages") or ():
        metadata = stage.get("metadata") or {}
        probability = number(metadata.get("probability"))
        is_closed = str(metadata.get("isClosed")).lower() == "true"
        yield Stage(
            id=f"{pipeline['id']}:{stage['id']}",
            pipeline=str(pipeline["id"]),
            stage=str(stage["id"]),
            label=stage.get("label") or str(stage["id"]),
            position=int(stage.get("displayOrder") or 0),
            probability=probability,
            closed=(WON if probability == 1 else LOST) if is_closed else None,
        )


def user(owner: Json) -> User:
    """An owner; an archived one has left."""
    name = " ".join(part for part in (owner.get("firstName"), owner.get("lastName")) if part)
    return User(id=str(owner["id"]), name=name or f"owner {owner['id']}", active=not owner.get("archived"))


def rate(row: Json, portal: Portal) -> Rate | None:
    """An exchange rate into the portal's currency, valid from the day HubSpot gives."""
    units = number(row.get("conversionRate"))
    if units is None or units <= 0 or row.get("toCurrencyCode") != portal.currency:
        return None
    valid_from = day(row.get("effectiveAt"), portal.zone)
    currency = str(row["fromCurrencyCode"])
    return Rate(id=f"{currency}:{valid_from or ''}", currency=currency, units=units, valid_from=valid_from)


def company(record: Json, portal: Portal) -> list[Company]:
    """A company, and each record that was merged into it."""
    fields = portal.fields
    tier = text(record, fields.get("fit_tier"))
    name = text(record, COMPANY["name"]) or f"company {record['id']}"
    assessed = text(record, fields.get("fit_assessed")) or _last_set(record, fields.get("fit_tier"))
    survivor = Company(
        id=str(record["id"]),
        name=name,
        fit_tier=FIT_TIERS.get(tier.lower(), tier) if tier else None,
        fit_score=number(text(record, fields.get("fit_score"))),
        fit_assessed=day(assessed or _last_set(record, fields.get("fit_score")), portal.zone),
        deleted=bool(record.get("archived")),
    )
    return [survivor, *(Company(id=one, name=name, merged_into=survivor.id) for one in merged_ids(record))]


def _last_set(record: Json, name: str | None) -> str | None:
    """When a property last changed: a score without a date of its own was assessed then."""
    entries = (record.get("propertiesWithHistory") or {}).get(name) if name else None
    return entries[0].get("timestamp") if entries else None


def person(record: Json, portal: Portal, *, hashed: Callable[[str], str]) -> list[Person]:
    """A contact, and each record that was merged into it. Of an address only the domain and a keyed hash leave here."""
    name = " ".join(part for part in (text(record, CONTACT["first"]), text(record, CONTACT["last"])) if part)
    further = choices(text(record, CONTACT["more_addresses"]))
    addresses = [one for one in (text(record, CONTACT["address"]), *further) if one]
    survivor = Person(
        id=str(record["id"]),
        name=name or f"contact {record['id']}",
        title=text(record, CONTACT["title"]),
        domain=domain(text(record, CONTACT["address"])),
        left_on=day(text(record, portal.fields.get("left_on")), portal.zone),
        deleted=bool(record.get("archived")),
        roles=tuple(dict.fromkeys(map(portal.role, choices(text(record, portal.fields.get("buying_role")))))),
        addresses=tuple(dict.fromkeys(hashed(one.lower()) for one in addresses)),
    )
    return [survivor, *(Person(id=one, name=survivor.name, merged_into=survivor.id) for one in merged_ids(record))]


def told_inline(record: Json) -> tuple[bool, str | None]:
    """Whether a listed deal's own associations tell its primary company, and which; a label may hide that type."""
    told = (record.get("associations") or {}).get("companies") or {}
    rows = told.get("results") or ()
    primary = next((str(row["id"]) for row in rows if row.get("type") == PRIMARY_INLINE), None)
    return primary is not None or not (rows or told.get("paging")), primary


def primary_company(associated: Iterable[Json]) -> str | None:
    """The primary company of a deal, by association type; the label's text changes and is translated."""
    for row in associated:
        types = [(kind.get("category"), kind.get("typeId")) for kind in row.get("associationTypes") or ()]
        if PRIMARY_COMPANY in types:
            return str(row["toObjectId"])
    return None


def deal(record: Json, portal: Portal, *, company_id: str | None) -> Deal:
    """A deal. `closedate` stays the instant that HubSpot stores."""
    fields = portal.fields
    currency = text(record, fields["currency"]) or portal.currency
    return Deal(
        id=str(record["id"]),
        name=text(record, fields["name"]) or f"deal {record['id']}",
        pipeline=text(record, fields["pipeline"]) or "",
        stage=text(record, fields["stage"]) or "",
        created=instant(text(record, fields["created"]) or record.get("createdAt")),
        amount=number(text(record, fields["amount"])),
        currency=currency,
        probability=number(text(record, fields["probability"])),
        forecast_category=text(record, fields["forecast_category"]),
        close_date=instant(text(record, fields["close_date"])),
        budget=number(text(record, fields.get("budget"))),
        budget_currency=text(record, fields.get("budget_currency")) or currency,
        company=company_id,
        need=text(record, fields.get("need")),
        solution_fit=text(record, fields.get("solution_fit")),
        owner=text(record, fields["owner"]),
        next_step=text(record, fields["next_step"]),
    )


def changes(record: Json, portal: Portal) -> Iterator[Change]:
    """What changed on a deal. What it was created with is no change; HubSpot lists the newest first."""
    past = record.get("propertiesWithHistory") or {}
    for field in HISTORY:
        entries = sorted(past.get(portal.fields[field]) or (), key=lambda entry: str(entry["timestamp"]))
        for before, after in pairwise([*_empty_before(entries, record), *entries]):
            old, new = _written(field, before.get("value")), _written(field, after.get("value"))
            at = instant(str(after["timestamp"]))
            if at is None or old == new or (field == "amount" and number(old) == number(new)):
                continue
            yield Change(
                id=f"{record['id']}:{field}:{written(at)}",
                deal=str(record["id"]),
                field=field,
                at=at,
                old=old,
                new=new,
                by=portal.writer(after),
                recorded_at=at,
            )


def _empty_before(entries: Sequence[Json], record: Json) -> list[Json]:
    """A property that got its first value after the deal was created was empty until then.

    A list as long as HubSpot is said to keep may have lost its beginning: then nobody knows.
    """
    created = instant(record.get("createdAt"))
    first = instant(str(entries[0]["timestamp"])) if entries else None
    if created is None or first is None or first - created <= CREATING or len(entries) >= KEPT_ENTRIES:
        return []
    return [{"value": None, "timestamp": record["createdAt"]}]


def _written(field: str, value: str | None) -> str | None:
    if field == "close_date":
        stamp = instant(value)
        return written(stamp) if stamp else None
    if field == "amount":
        exact = number(value)
        return format(exact, "f") if isinstance(exact, Decimal) else None
    return value or None


def rechecks(record: Json, portal: Portal) -> Iterator[Recheck]:
    """The mapped "asked again on" dates of a deal, each with the writer of its newest entry in the history."""
    past = record.get("propertiesWithHistory") or {}
    for name, mapped in portal.fields.items():
        on = day(text(record, mapped), portal.zone) if name.startswith(RECHECK) else None
        if on is None:
            continue
        newest: Json = next(iter(past.get(mapped) or ()), {})
        yield Recheck(
            id=f"{record['id']}:{name}:{on.isoformat()}",
            deal=str(record["id"]),
            on=on,
            topics=topics_named((name.removeprefix(RECHECK),)),
            by=portal.writer(newest),
            recorded_at=instant(newest.get("timestamp")),
        )
