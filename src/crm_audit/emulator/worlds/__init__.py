"""A world of a world file as an emulated CRM of its own, played in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from crm_audit.config import Connection
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.server import Crm
from crm_audit.emulator.worlds import hubspot, salesforce
from crm_audit.emulator.worlds.facts import ROUNDED, held
from crm_audit.emulator.worlds.limits import LOST, Limits, Notes
from crm_audit.emulator.worlds.past import EXTRA
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.emulator.worlds.script import Loader, Script, script
from crm_audit.worlds import World

__all__ = ["MAY_DIFFER", "Emulated", "emulate"]

MAY_DIFFER = (LOST, EXTRA, ROUNDED)
"""How a line ends that tells of a fact for which nothing stands in exactly: there a verdict may differ."""


class _Vendor(Loader, Protocol):
    """A loader with the CRM it loads."""

    @property
    def crm(self) -> Crm:
        """What answers over HTTP."""

    @property
    def deals(self) -> Mapping[str, str]:
        """Id in the CRM -> id in the world."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The secrets that the settings name."""

    def connection(self, base: str) -> Connection:
        """What the admin of this CRM would write in crm-audit.toml."""

    def withhold(self) -> None:
        """Take from the integration what the world says it cannot read."""


VENDORS: Mapping[str, tuple[Limits, Callable[[Plot, Clock], _Vendor]]] = {
    "salesforce": (salesforce.LIMITS, salesforce.SalesforceLoader),
    "hubspot": (hubspot.LIMITS, hubspot.HubspotLoader),
}
ANY = "salesforce"
"""Where a world of another source is played: most of its facts have a place there."""


@dataclass(frozen=True, slots=True)
class Emulated:
    """An empty CRM, the script that plays a world into it, and what it could not hold as it is."""

    crm: Crm
    clock: Clock
    script: Script
    connection: Callable[[str], Connection]  # by the address at which the CRM is served
    environ: Mapping[str, str]
    deals: Callable[[], Mapping[str, str]]  # id in the CRM -> id in the world, as far as it was played
    re_encoded: tuple[str, ...]


def emulate(world: World) -> Emulated:
    """The CRM of a world, before anything has happened in it."""
    limits, make = VENDORS.get(world.crm, VENDORS[ANY])
    given = Plot(world)
    notes = Notes(world.id, limits.vendor, lambda person: given.names.get(person, person))
    plot = Plot(held(world, limits, notes))
    clock = Clock(plot.earliest)
    loader = make(plot, clock)
    loader.withhold()
    return Emulated(
        crm=loader.crm,
        clock=clock,
        script=script(plot, loader),
        connection=loader.connection,
        environ=loader.environ,
        deals=lambda: loader.deals,
        re_encoded=tuple(notes.lines),
    )
