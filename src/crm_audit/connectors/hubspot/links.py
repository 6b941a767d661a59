"""Who is what on a deal: association labels first, then the buying role on the contact. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.domain import Link, Person


def links(deal: str, associated: Iterable[Json], *, people: Mapping[str, Person], portal: Portal) -> Iterator[Link]:
    """A link for every role of every contact on the deal; ids are the same at every reading."""
    for row in associated:
        person = str(row["toObjectId"])
        labelled = (portal.label_role(kind) for kind in row.get("associationTypes") or ())
        roles = [role for role in labelled if role]
        if not roles and person in people:
            roles = [*people[person].roles]
        for role in dict.fromkeys(roles or ["unassigned"]):
            yield Link(id=f"{deal}:{person}:{role}", deal=deal, person=person, role=role)
