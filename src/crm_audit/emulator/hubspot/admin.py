"""What an admin sets up in a portal, apart from its records: properties, labels, owners, currencies, rules."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from crm_audit.emulator.automation import Automations
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import catalogue
from crm_audit.emulator.hubspot.links import Links
from crm_audit.emulator.hubspot.records import Shelf
from crm_audit.emulator.hubspot.rules import Rule
from crm_audit.emulator.hubspot.schema import Owner, Rate, Schema
from crm_audit.emulator.hubspot.values import FIELD_TYPES, Property

_FIRST_OWNER = 70_000_001
_FIRST_USER = 50_001
_FIRST_RATE = 9_001


class Account:
    """The set-up of one HubSpot account. Type names are taken in every form (`deals`, `Deal`, `0-3`)."""

    def __init__(self, clock: Clock, *, zone: str, currency: str) -> None:
        self.clock = clock
        self.zone = zone
        self.currency = currency
        self.id = 44_000_001
        self.schema = Schema()
        self.links = Links()
        self.shelves = {plural: Shelf(kind) for plural, kind in catalogue.TYPES.items()}
        self.rules: list[Rule] = []
        self.automations = Automations(clock)

    def define_label(self, from_type: str, to_type: str, label: str, *, inverse: str | None = None) -> int:
        """A label for a pair of types, with its counterpart for the way back; gives the type id of the first."""
        pair = catalogue.object_type(from_type).plural, catalogue.object_type(to_type).plural
        return self.links.define(pair, label, inverse or label)

    def define_property(
        self, object_type: str, name: str, kind: str = "string", *, options: Sequence[str] = (), field_type: str = ""
    ) -> None:
        """A custom property of one of the kinds in FIELD_TYPES; with options only those values are taken."""
        if kind not in FIELD_TYPES:
            raise ValueError(f"{kind!r} is no kind of property; HubSpot has {', '.join(FIELD_TYPES)}")
        plural = catalogue.object_type(object_type).plural
        self.schema.properties[plural][name] = Property(
            name=name,
            kind=kind,
            field_type=field_type or FIELD_TYPES[kind],
            group=catalogue.GROUPS[plural],
            options=tuple(options),
        )
        self.shelves[plural].index.forget()

    def archive_property(self, object_type: str, name: str) -> None:
        """Archive a property: from now on calls that ask for it are given nothing, without an error."""
        self.schema.archive(catalogue.object_type(object_type).plural, name)

    def rename_property(self, object_type: str, name: str, new: str) -> None:
        """Replace a property by one of another name that holds its values and their past."""
        shelf = self.shelves[catalogue.object_type(object_type).plural]
        self.schema.rename(shelf.kind.plural, name, new)
        for record in shelf.rows.values():
            if name in record.past:
                record.rewrite(new, record.past[name])
            if name in record.values:
                record.values[new] = record.values.pop(name)
        shelf.index.forget()

    def require(self, object_type: str, name: str, *, when: tuple[str, str] | None = None) -> None:
        """Forbid writes that leave a property empty: while another one holds a value, else when a record is created."""
        self.rules.append(Rule(catalogue.object_type(object_type).plural, name, when))

    def define_owner(self, email: str, first_name: str, last_name: str, *, archived: bool = False) -> str:
        """A user of the portal; gives the owner id, which is not the user id."""
        number = len(self.schema.owners)
        owner = Owner(
            id=str(_FIRST_OWNER + number),
            user_id=_FIRST_USER + number,
            email=email,
            first_name=first_name,
            last_name=last_name,
            created=self.clock.now(),
            archived=archived,
        )
        self.schema.owners[owner.id] = owner
        return owner.id

    def define_rate(self, currency: str, worth: Decimal) -> None:
        """Add a currency, or change its rate from now on: one unit is worth that many of the company's."""
        worth = round(worth, 6)
        if worth <= 0 or currency == self.currency:
            raise ValueError(
                f"{currency} at {worth}: a rate is above zero and for another currency than {self.currency}"
            )
        known = self.schema.rates.get(currency)
        rate_id = known.id if known else str(_FIRST_RATE + len(self.schema.rates))
        self.schema.rates[currency] = Rate(rate_id, currency, worth, self.clock.now())

    def install_kit(self) -> None:
        """Install our own property group on the deal, as the admin does from `connectors/hubspot`."""
        self.schema.install(catalogue.KIT_GROUP, catalogue.KIT)
