"""What reps answered on the verdict of a deal: rows of their own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crm_audit.connectors.salesforce.kit import ANSWER
from crm_audit.connectors.salesforce.reading import Row, instant, required, text, when
from crm_audit.connectors.salesforce.schema import ANSWERED_DEAL, ANSWERED_DETAILS
from crm_audit.domain import ANSWERS, Answer
from crm_audit.writeback.details import parse

OBJECT = ANSWER


def answers(rows: Iterable[Row]) -> Iterator[Answer]:
    """Each answer with the topics that its finding asked for, as its verdict shows it; without one it is none."""
    for row in rows:
        deal, at, said = text(row, ANSWERED_DEAL), instant(row, "CreatedDate"), text(row, "Answer__c")
        if deal is None or at is None or said not in ANSWERS:
            continue
        rule, until = text(row, "Rule__c"), when(row, "Until__c")
        yield Answer(
            id=required(row, "Id"),
            deal=deal,
            rule=rule,
            answer=said,
            at=at,
            topics=_topics(text(row, ANSWERED_DETAILS), rule),
            until=until,
            reason=text(row, "Reason__c"),
            by=text(row, "CreatedById"),
        )


def _topics(details: str | None, rule: str | None) -> tuple[str, ...]:
    told = parse(details or "")
    return next((entry.asks for entry in (*told.missing, *told.others) if entry.rule == rule), ())
