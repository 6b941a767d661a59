"""`crm-audit emulator`: both emulated CRMs on loopback, for people who write plugins."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import app

if TYPE_CHECKING:
    from crm_audit.emulator.company import Crms
    from crm_audit.emulator.server import Crm

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


@app.command()
def emulator(
    salesforce_port: Port = 8700,
    hubspot_port: Port = 8701,
    company: Annotated[
        bool, typer.Option("--company/--empty", help="With the demo's invented company, or set up but without a deal.")
    ] = True,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Write a crm-audit.toml that reaches both CRMs into this folder.")
    ] = None,
    transcript: Annotated[
        Path | None, typer.Option("--transcript", help="Write every call to this file, as JSON lines.")
    ] = None,
) -> None:
    """Run an emulated Salesforce and HubSpot on this machine until Ctrl-C; a shell can read what it prints."""
    from crm_audit.cli import screen

    with cli.until_stopped(), ExitStack() as stack:
        sink = stack.enter_context(_opened(transcript)) if transcript else None
        screen.hint("Setting up both CRMs …")
        crms = _furnished(company=company)
        org_at = _served(stack, _noted(crms.org, "salesforce", sink), port=salesforce_port)
        portal_at = _served(stack, _noted(crms.portal, "hubspot", sink), port=hubspot_port)
        if folder:
            _settle(folder, crms.settings(org_at=org_at, portal_at=portal_at))
        screen.say(f"# Salesforce: {org_at}", f"# HubSpot: {portal_at}")
        screen.say(*(f"export {name}={shlex.quote(value)}" for name, value in crms.secrets().items()))
        screen.hint("Both run until Ctrl-C.")
        stack.callback(_tell_calls, crms)
        Event().wait()


def _opened(transcript: Path) -> BinaryIO:
    from crm_audit.errors import FixConfig

    try:
        return transcript.open("wb", buffering=0)
    except OSError as error:
        raise FixConfig(f"--transcript {transcript}: {error.strerror}; name a file that can be written") from None


def _furnished(*, company: bool) -> Crms:
    """Both CRMs, whose clocks go from now on."""
    from crm_audit.emulator.company import Company, furnish, invent

    crms = furnish(invent() if company else Company(org=(), portal=()), cli.now())
    for clock in (crms.org.clock, crms.portal.clock):
        clock.follow(cli.now)
    return crms


def _noted(crm: Crm, name: str, sink: BinaryIO | None) -> Crm:
    from crm_audit.emulator.transcript import Noted

    return crm if sink is None else Noted(crm, name, sink)


def _served(stack: ExitStack, crm: Crm, *, port: int) -> str:
    from crm_audit.emulator.server import serve
    from crm_audit.errors import FixConfig

    try:
        return stack.enter_context(serve(crm, port))
    except OSError as error:
        raise FixConfig(f"port {port}: {error.strerror}; name another one, or 0 for any that is free") from None


def _settle(folder: Path, text: str) -> None:
    """Write the settings, unless others lie there already."""
    from crm_audit.errors import FixConfig

    place = folder / cli.SETTINGS.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.read_text(encoding="utf-8") != text:
            raise FixConfig(f"{place} is already there, and nothing is overwritten: name another --folder")
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FixConfig(f"--folder {folder}: {error.strerror}; name a folder that can be made") from None


def _tell_calls(crms: Crms) -> None:
    """What was called, as the CRMs counted it."""
    from crm_audit.cli import screen

    _tell("salesforce", crms.org.calls.read, crms.org.calls.write, by_kind=crms.org.calls.by_kind)
    _tell("hubspot", crms.portal.calls.read, crms.portal.calls.write, by_kind=crms.portal.calls.by_kind)
    screen.hint("Both CRMs are gone, with all that was written to them.")


def _tell(name: str, read: int, write: int, *, by_kind: Mapping[str, int]) -> None:
    from crm_audit.cli import screen

    screen.say(f"# {name}: {read:,} calls read, {write:,} wrote")
    screen.say(*(f"#   {count:>7,}  {kind}" for kind, count in sorted(by_kind.items())))
