"""One module per kind of evidence. A predicate is its module, its line here and its tests."""

from __future__ import annotations

from collections.abc import Mapping

from crm_audit.predicates import contact, date, evidence, field, history, money, planned, rechecked, since
from crm_audit.predicates.base import Predicate

PREDICATES: Mapping[str, Predicate] = {
    "contact": contact,
    "date": date,
    "evidence": evidence,
    "field": field,
    "history": history,
    "money": money,
    "planned": planned,
    "rechecked": rechecked,
    "since": since,
}
