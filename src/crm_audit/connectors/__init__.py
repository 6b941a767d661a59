"""One module or package per source of deals. What is installed into a CRM lies in the top-level `connectors/`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crm_audit.config import SIGNED_WITH, Connection
from crm_audit.connectors.base import Connector, Mailbox
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import FixConfig
from crm_audit.near import near


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connector may look at beside its settings: the environment, and the folder of crm-audit.toml."""

    environ: Mapping[str, str]
    root: Path
    loopback: Loopback | None  # where the connection names an emulator


def _files(connection: Connection, around: Surroundings) -> Connector:
    from crm_audit.connectors import files

    return files.connect(connection, environ=around.environ, root=around.root)


def _hubspot(connection: Connection, around: Surroundings) -> Connector:
    from crm_audit.connectors import hubspot

    pool = around.loopback.pool() if around.loopback else None
    return hubspot.connect(connection, environ=around.environ, pool=pool)


def _salesforce(connection: Connection, around: Surroundings) -> Connector:
    from crm_audit.connectors import salesforce

    session = around.loopback.session() if around.loopback else None
    return salesforce.connect(connection, environ=around.environ, session=session)


CONNECTORS: Mapping[str, Callable[[Connection, Surroundings], Connector]] = {
    "files": _files,
    "hubspot": _hubspot,
    "salesforce": _salesforce,
}
"""Vendor -> what makes its connector. Each imports its client library when it is first used: start-up stays quick."""


def _hubspot_mail(connection: Connection, environ: Mapping[str, str]) -> Mailbox:
    from crm_audit.connectors.hubspot import deliveries

    return deliveries.mailbox(connection, environ)


MAILBOXES: Mapping[str, Callable[[Connection, Mapping[str, str]], Mailbox]] = {"hubspot": _hubspot_mail}
"""Vendor -> what opens its messages; the others send none that we could take."""


def mailbox(connection: Connection, *, environ: Mapping[str, str] = os.environ) -> Mailbox | None:
    """What opens the messages of a connection; None where it names no secret for them. FixConfig where it cannot."""
    if SIGNED_WITH not in connection.login:
        return None
    if connection.vendor not in MAILBOXES:
        raise FixConfig(f"login.{SIGNED_WITH}: {connection.vendor} sends us no messages; only {', '.join(MAILBOXES)}")
    return MAILBOXES[connection.vendor](connection, environ)


def connect(connection: Connection, *, root: Path = Path(), environ: Mapping[str, str] = os.environ) -> Connector:
    """The connector of a connection; FixConfig where a setting is wrong. Nothing is called yet."""
    make = CONNECTORS.get(connection.vendor)
    if make is None:
        hint = near(connection.vendor, CONNECTORS) or f"there are {', '.join(CONNECTORS)}"
        raise FixConfig(f"vendor {connection.vendor!r} is unknown; {hint}")
    loopback = Loopback(connection.emulator) if connection.emulator else None
    return make(connection, Surroundings(environ, root, loopback))
