"""Deals and what stands around them: stages, users, rates, companies, people, roles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from crm_audit.connectors.mail import domain
from crm_audit.connectors.salesforce.reading import Row, flag, instant, number, required, text, when
from crm_audit.connectors.salesforce.terms import Terms
from crm_audit.domain import LOST, WON, Company, Deal, Link, Person, Rate, Stage, User

PERCENT = Decimal(100)
SURVIVOR = "Account.MasterRecord.PersonContactId"
"""Person accounts are merged as accounts: the contact in the shadow of the loser follows them."""


def stages(rows: Iterable[Row], pipelines: Mapping[str, Sequence[str] | None]) -> Iterator[Stage]:
    """The stages of each sales process in its own order; None for a process that does not tell stands for all stages.

    A closed stage that a process has left out stays behind its others: deals may still lie there, and are closed.
    """
    known = {required(row, "ApiName"): row for row in rows}
    by_order = sorted(known, key=lambda name: (number(known[name], "SortOrder") or 0, name))
    for pipeline, told in pipelines.items():
        kept = [name for name in dict.fromkeys(told or ()) if name in known]
        rest = [name for name in by_order if name not in kept and (told is None or flag(known[name], "IsClosed"))]
        for position, name in enumerate((*kept, *rest), start=1):
            yield _stage(known[name], pipeline, position=position)


def _stage(row: Row, pipeline: str, *, position: int) -> Stage:
    name = required(row, "ApiName")
    return Stage(
        id=f"{pipeline}/{name}",
        pipeline=pipeline,
        stage=name,
        label=text(row, "MasterLabel") or name,
        position=position,
        probability=_share(row, "DefaultProbability"),
        forecast_category=text(row, "ForecastCategoryName"),
        closed=(WON if flag(row, "IsWon") else LOST) if flag(row, "IsClosed") else None,
    )


def user(row: Row) -> User:
    """A user; one whose state cannot be read counts as active."""
    return User(id=required(row, "Id"), name=text(row, "Name") or "", active=row.get("IsActive") is not False)


def rates(rows: Iterable[Row]) -> Iterator[Rate]:
    """Salesforce says how many units of a currency one corporate unit buys; the corporate currency is not listed."""
    for row in rows:
        code, per = required(row, "IsoCode"), number(row, "ConversionRate")
        if per is not None and per > 0 and not flag(row, "IsCorporate"):
            yield Rate(id=code, currency=code, units=Decimal(1), per=per)


def dated_rates(rows: Iterable[Row]) -> Iterator[Rate]:
    """Rates that hold from a day on, where advanced currency management is switched on."""
    for row in rows:
        per, start = number(row, "ConversionRate"), when(row, "StartDate")
        if per is not None and per > 0 and start is not None:
            day = start.date() if isinstance(start, datetime) else start
            yield Rate(
                id=required(row, "Id"), currency=required(row, "IsoCode"), units=Decimal(1), per=per, valid_from=day
            )


def company(row: Row, terms: Terms) -> Company:
    """An account, deleted and merged ones too: links may still point at them."""
    return Company(
        id=required(row, "Id"),
        name=text(row, "Name") or "",
        fit_tier=terms.text(row, "fit_tier"),
        fit_score=terms.number(row, "fit_score"),
        fit_assessed=terms.day(row, "fit_assessed"),
        deleted=flag(row, "IsDeleted"),
        merged_into=text(row, "MasterRecordId"),
    )


def person(row: Row, terms: Terms) -> Person:
    """A contact; of the e-mail address only the domain goes on."""
    return Person(
        id=required(row, "Id"),
        name=text(row, "Name") or "",
        title=text(row, "Title"),
        domain=domain(text(row, "Email")),
        left_on=terms.day(row, "left_on"),
        deleted=flag(row, "IsDeleted"),
        merged_into=text(row, "MasterRecordId") or (text(row, SURVIVOR) if flag(row, "IsPersonAccount") else None),
    )


def deal(row: Row, terms: Terms) -> Deal:
    """An opportunity. Its currency is the record's, or the corporate one where the org has only one."""
    currency = text(row, "CurrencyIsoCode") or terms.currency
    return Deal(
        id=required(row, "Id"),
        name=text(row, "Name") or "",
        pipeline=terms.pipeline(text(row, "RecordTypeId")),
        stage=terms.stage(required(row, "StageName")) or "",
        created=instant(row, "CreatedDate"),
        amount=terms.number(row, "amount"),
        currency=currency,
        probability=_share(row, "Probability"),
        forecast_category=text(row, "ForecastCategoryName"),
        close_date=terms.when(row, "close_date"),
        budget=terms.number(row, "budget"),
        budget_currency=terms.text(row, "budget_currency") or currency,
        company=terms.text(row, "company"),
        need=terms.text(row, "need"),
        solution_fit=terms.text(row, "solution_fit"),
        owner=text(row, "OwnerId"),
        next_step=terms.text(row, "next_step"),
    )


def role(row: Row, terms: Terms) -> Link:
    """A contact role, valid from the day somebody entered it."""
    created = instant(row, "CreatedDate")
    return Link(
        id=required(row, "Id"),
        deal=required(row, "OpportunityId"),
        person=required(row, "ContactId"),
        role=terms.role(text(row, "Role")),
        valid_from=terms.day_of(created) if created else None,
        recorded_at=created,
    )


def looked_up(row: Row, terms: Terms) -> Iterator[Link]:
    """Contacts that the deal itself names in a mapped lookup (ruling 11); nobody knows since when."""
    for field, given in terms.lookups.items():
        contact = text(row, field)
        if contact:
            yield Link(id=f"{row['Id']}:{field}:{contact}", deal=required(row, "Id"), person=contact, role=given)


def _share(row: Row, name: str) -> Decimal | None:
    percent = number(row, name)
    return None if percent is None else percent / PERCENT
