"""HubSpot behind the questions that every connector answers."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from zoneinfo import ZoneInfo

import urllib3

from crm_audit.config import Connection, secret
from crm_audit.connectors.base import Calls, Fields, Gap, Gateless, Move, Page, Reading, Receipt, Write
from crm_audit.connectors.hubspot import annotate, between, kit, moveback, reading, records
from crm_audit.connectors.hubspot.gateway import BATCH, Gateway, Json
from crm_audit.connectors.hubspot.inline import Inline
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.connectors.hubspot.names import OWN, RECORD_PAGES
from crm_audit.connectors.hubspot.options import Options, fields, options
from crm_audit.connectors.hubspot.passes import Passes
from crm_audit.connectors.hubspot.portal import Portal, owners_by_user
from crm_audit.connectors.hubspot.reader import Reader
from crm_audit.connectors.hubspot.sources import answered, sources
from crm_audit.connectors.hubspot.survey import Shape, glance, look, survey
from crm_audit.connectors.scratch import Scratch
from crm_audit.domain import Account, Annotation, Stage, Survey
from crm_audit.errors import FixConfig
from crm_audit.zones import zone


class HubSpot(Gateless):
    """One portal. What it learns about the portal it asks once."""

    vendor = "hubspot"

    def __init__(self, connection: Connection, gateway: Gateway) -> None:
        self._connection = connection
        self._gateway = gateway
        self._options = options(connection)
        self._fields = fields(connection)
        self._sources = sources(connection, self._fields, self._options)
        self._passes = kit.passes(self._options.pass_stages)
        self._own = (*OWN.values(), *self._passes.values())
        self._details: Json | None = None
        self._shape: Shape | None = None
        self._glance: Shape | None = None
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
        self._shape = None  # an admin may have changed something since
        return survey(self._asked_shape(), self._portal(self._asked_shape()))

    def stages(self) -> Sequence[Stage]:
        """The stages of all deal pipelines."""
        return [stage for pipeline in self._gateway.pipelines() for stage in records.stages(pipeline)]

    def read(self, asked: Reading) -> Iterator[Page | Gap]:
        """One run: whole passes where they are due, and everything that changed since the last."""
        overlap = timedelta(minutes=self._options.overlap)
        shape = self._asked_shape() if asked.reach == "all" else self._glanced()
        with closing(Scratch()) as scratch:
            reader = Reader(
                gateway=self._gateway,
                portal=self._portal(shape),
                shape=shape,
                sources=answered(self._sources, shape.properties.get("deals", ())),
                known=asked.known,
                inline=Inline(scratch),
            )
            self._shape = None  # another run begins with another look
            passes = Passes(reader, asked, overlap)
            yield from reading.read(passes) if asked.reach == "all" else between.read(passes)

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """What the deal's properties of ours must hold."""
        return annotate.wanted(annotation, self._passes)

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """What the deals' properties of ours hold now; NoAccess where the portal lacks them."""
        self._require_own()
        return annotate.shown(self._gateway, deals, self._own)

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Carry the writes out and read them back."""
        if not writes:
            return ()
        self._require_own()
        return annotate.write(self._gateway, writes, self._own)

    def batch(self, deals: int) -> int:
        """As many deals as one batch update takes."""
        return BATCH

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        """All properties of ours."""
        return {annotate.PLACE: self._own}

    @property
    def gate(self) -> Mapping[str, Collection[str]]:
        """The passes: a stage that asks for one refuses the deal while it is empty."""
        return {annotate.PLACE: self._passes.values()} if self._passes else {}

    def lacks(self) -> list[kit.Change]:
        """What of our properties is missing in the portal, in the order in which it is to be made."""
        live, archived = (self._gateway.properties("deals", archived=each) for each in (False, True))
        wanted = kit.definitions(self._options.pass_stages)
        return kit.changes(wanted, live, archived=archived, groups=self._gateway.groups("deals"))

    def provide(self, change: kit.Change) -> None:
        """Carry one of these out; NoAccess names the scope where the token may not."""
        if change.body is None:
            raise ValueError(f"{change.name}: {change.says}")
        if change.kind == "group":
            self._gateway.create_group("deals", change.body)
        elif change.kind == "options":
            self._gateway.change_property("deals", change.name, body=change.body)
        else:
            self._gateway.create_property("deals", change.body)

    @property
    def moves_back(self) -> frozenset[str]:
        """The pipelines that the settings name."""
        return frozenset(self._options.move_back)

    def moves(self, deals: Sequence[str], *, within: timedelta) -> Mapping[str, Move]:
        """Those of the deals that a person moved so lately; FixConfig where deals sync with Salesforce."""
        moveback.require(self._glanced().properties.get("deals", frozenset()))
        return moveback.moves(self._gateway, deals, within=within)

    def move_back(self, move: Move) -> str | None:
        """Undo the move, in the pipelines that the settings name."""
        if move.pipeline not in self.moves_back:
            raise ValueError(f"deal {move.deal}: nobody asks to move deals of {move.pipeline!r} back")
        return moveback.move_back(self._gateway, move)

    def stage(self, deal: str) -> str | None:
        """The stage in which a deal is now."""
        return moveback.stage(self._gateway, deal)

    def address(self, kind: str, record_id: str) -> str | None:
        """The record's page in HubSpot."""
        type_id = RECORD_PAGES.get(kind)
        if type_id is None:
            return None
        details = self._asked_details()
        host = details.get("uiDomain") or "app.hubspot.com"
        return f"https://{host}/contacts/{details['portalId']}/record/{type_id}/{record_id}"

    def allowed(self) -> int | None:
        """HubSpot's calls of a day; an OAuth app is not told."""
        return self._gateway.pace.daily

    def _asked_details(self) -> Json:
        if self._details is None:
            self._details = self._gateway.details()
        return self._details

    def _asked_shape(self) -> Shape:
        if self._shape is None:
            foreign = bool(self._asked_details().get("additionalCurrencies"))
            self._gateway.pace.renew()
            self._shape = look(self._gateway, self._sources, rates=foreign and not self._options.rates)
        return self._shape

    def _glanced(self) -> Shape:
        """What short runs need to know, asked once: this connector does not live long."""
        self._gateway.pace.renew()
        if self._glance is None:
            self._glance = glance(self._gateway, self._sources)
        return self._glance

    def _require_own(self) -> None:
        if not self._has_own:
            annotate.require(frozenset(str(one["name"]) for one in self._gateway.properties("deals")), self._own)
            self._has_own = True

    def _portal(self, shape: Shape) -> Portal:
        account = self.account()
        return Portal(
            id=account.id,
            zone=_zone(account.zone),
            currency=account.currency,
            fields=self._fields,
            options=self._options,
            roles=self._connection.roles,
            topics=self._connection.topics,
            owners=owners_by_user(shape.owners or ()),
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
    token = secret(connection, "access_token", environ)
    return HubSpot(connection, Gateway(token, pool=pool, version=checked.api, pace=Pace(share=connection.quota_share)))
