"""HubSpot behind the questions that every connector answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import urllib3

from crm_audit.config import Connection, secret
from crm_audit.connectors.base import Calls, Fields, Gap, Page, Reading, Receipt, Write
from crm_audit.connectors.hubspot import annotate, pull
from crm_audit.connectors.hubspot.gateway import Gateway, Json
from crm_audit.connectors.hubspot.links import Contacts
from crm_audit.connectors.hubspot.names import RECORD_PAGES
from crm_audit.connectors.hubspot.options import Options, fields, options
from crm_audit.connectors.hubspot.portal import Portal, owners_by_user
from crm_audit.connectors.hubspot.reader import Reader
from crm_audit.connectors.hubspot.survey import Shape, look, survey
from crm_audit.connectors.whole import whole
from crm_audit.domain import Account, Annotation, Stage, Survey
from crm_audit.errors import FixConfig
from crm_audit.zones import zone


class HubSpot:
    """One portal. What it learns about the portal it asks once."""

    vendor = "hubspot"

    def __init__(self, connection: Connection, gateway: Gateway) -> None:
        self._connection = connection
        self._gateway = gateway
        self._options = options(connection)
        self._fields = fields(connection)
        self._details: Json | None = None
        self._shape: Shape | None = None
        self._reader: Reader | None = None
        self._has_own = False

    @property
    def calls(self) -> Calls:
        """The calls made so far, repeated ones included."""
        return self._gateway.calls

    def account(self) -> Account:
        """The portal; zone and currency of the settings stand above its own."""
        details = self._asked_details()
        return Account(
            id=str(details["portalId"]),
            name=f"HubSpot portal {details['portalId']}",
            zone=self._connection.zone or str(details.get("timeZone") or ""),
            currency=self._connection.currency or str(details.get("companyCurrency") or ""),
            user=self._options.app,
        )

    def survey(self) -> Survey:
        """What this portal cannot tell."""
        self._shape = self._reader = None  # an admin may have changed something since
        reader = self._asked_reader()
        return survey(reader.shape, reader.portal)

    def pages(self, kind: str, cursor: str | None = None) -> Iterator[Page]:
        """All records of a kind."""
        return pull.pages(self._asked_reader(), kind, cursor=cursor)

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        """Everything, whole."""
        return whole(reading, self.pages)

    def stages(self) -> Sequence[Stage]:
        """Every stage of every pipeline."""
        return [row for page in self.pages("stages") for row in page.rows if isinstance(row, Stage)]

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """What the deal's properties of ours must hold."""
        return annotate.wanted(annotation)

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """What the deals' properties of ours hold now; NoAccess where the portal lacks them."""
        self._require_own()
        return annotate.shown(self._gateway, deals)

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Carry the writes out and read them back."""
        if not writes:
            return ()
        self._require_own()
        return annotate.write(self._gateway, writes)

    def address(self, kind: str, record_id: str) -> str | None:
        """The record's page in HubSpot."""
        type_id = RECORD_PAGES.get(kind)
        if type_id is None:
            return None
        details = self._asked_details()
        host = details.get("uiDomain") or "app.hubspot.com"
        return f"https://{host}/contacts/{details['portalId']}/record/{type_id}/{record_id}"

    def _asked_details(self) -> Json:
        if self._details is None:
            self._details = self._gateway.details()
        return self._details

    def _asked_shape(self) -> Shape:
        if self._shape is None:
            foreign = bool(self._asked_details().get("additionalCurrencies"))
            self._shape = look(self._gateway, rates=foreign and not self._options.rates)
        return self._shape

    def _require_own(self) -> None:
        if not self._has_own:
            annotate.require(frozenset(str(one["name"]) for one in self._gateway.properties("deals")))
            self._has_own = True

    def _asked_reader(self) -> Reader:
        if self._reader is None:
            portal = self._portal()
            self._reader = Reader(self._gateway, portal, self._asked_shape(), Contacts(self._gateway, portal))
        return self._reader

    def _portal(self) -> Portal:
        account = self.account()
        return Portal(
            id=account.id,
            zone=_zone(account.zone),
            currency=account.currency,
            fields=self._fields,
            options=self._options,
            roles=self._connection.roles,
            topics=self._connection.topics,
            owners=owners_by_user(self._asked_shape().owners),
        )


def _zone(name: str) -> ZoneInfo:
    found = zone(name)
    if found is None:
        raise FixConfig(
            f"HubSpot gives {name!r} as the portal's time zone, which is unknown here: set `zone` for this connection"
        )
    return found


def connect(
    connection: Connection, *, environ: Mapping[str, str] = os.environ, pool: urllib3.PoolManager | None = None
) -> HubSpot:
    """A connector for one portal; nothing is asked of HubSpot yet. FixConfig where a setting is wrong."""
    checked: Options = options(connection)
    return HubSpot(connection, Gateway(secret(connection, "access_token", environ), pool=pool, version=checked.api))
