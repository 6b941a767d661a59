"""Who is what on a deal: association labels first, then the buying role on the contact. Pure, but for the cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crm_audit.connectors.hubspot.gateway import Gateway, Json
from crm_audit.connectors.hubspot.names import CONTACT
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.values import choices, text
from crm_audit.domain import Link


@dataclass(frozen=True, slots=True)
class Known:
    """What is needed of a contact to read deals and mail; addresses stay inside this connector."""

    addresses: frozenset[str] = frozenset()
    buying_roles: tuple[str, ...] = ()


NOBODY = Known()


class Contacts:
    """Contacts seen in this run, read by id where they were not."""

    def __init__(self, gateway: Gateway, portal: Portal) -> None:
        self._gateway = gateway
        self._buying_role = portal.fields["buying_role"]
        self._known: dict[str, Known] = {}

    @property
    def properties(self) -> tuple[str, ...]:
        """What to ask of a contact for `learn`."""
        return CONTACT["address"], CONTACT["more_addresses"], self._buying_role

    def forget(self) -> None:
        """Begin anew: a second pull must see what changed."""
        self._known.clear()

    def learn(self, record: Json) -> None:
        """Note a contact that was read anyway."""
        addresses = (text(record, CONTACT["address"]) or "", *choices(text(record, CONTACT["more_addresses"])))
        self._known[str(record["id"])] = Known(
            frozenset(one.lower() for one in addresses if one), choices(text(record, self._buying_role))
        )

    def of(self, ids: Iterable[str]) -> Mapping[str, Known]:
        """These contacts, and all others known; one that HubSpot does not return is known as nobody."""
        missing = [one for one in dict.fromkeys(ids) if one not in self._known]
        for record in self._gateway.read("contacts", missing, properties=self.properties).values():
            self.learn(record)
        self._known.update({one: NOBODY for one in missing if one not in self._known})
        return self._known


def links(deal: str, associated: Iterable[Json], *, known: Mapping[str, Known], portal: Portal) -> Iterator[Link]:
    """A link for every role of every contact on the deal; ids are the same at every pull."""
    for row in associated:
        person = str(row["toObjectId"])
        labelled = (portal.label_role(kind) for kind in row.get("associationTypes") or ())
        roles = [role for role in labelled if role]
        if not roles:
            roles = [portal.role(one) for one in known.get(person, NOBODY).buying_roles]
        for role in dict.fromkeys(roles or ["unassigned"]):
            yield Link(id=f"{deal}:{person}:{role}", deal=deal, person=person, role=role)
