"""`crm-audit waive`, `crm-audit waivers`: let a deal off a rule, for a time, with a reason and a second person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app
from crm_audit.cli.deals import Deal, Where, audited
from crm_audit.cli.log import FORGOTTEN
from crm_audit.cli.people import By_, Why, decides, reason

if TYPE_CHECKING:
    from crm_audit.config import Connection
    from crm_audit.pipeline import Job, Report
    from crm_audit.store import Store
    from crm_audit.waivers import Waiver

waivers = typer.Typer(help="What deals are let off, until when, and who approved.", invoke_without_command=True)
app.add_typer(waivers, name="waivers")

Number = Annotated[int, typer.Argument(metavar="ID", help="Of the waiver, as `crm-audit waivers` lists it.")]


@app.command()
def waive(
    deal: Deal,
    rule: Annotated[str, typer.Argument(help="The rule that it is to be let off.")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="The last day of it.")],
    why: Why,
    connection: Where = None,
    by: By_ = None,
    as_json: As = False,
) -> None:
    """Ask that a deal be let off a rule. It takes effect once somebody else approves."""
    from crm_audit import facts
    from crm_audit.cli import screen

    said, loaded, who = reason(why), cli.settings(), decides(by, cli.now())
    with cli.opened(loaded) as store:
        report = audited(store, loaded, deal, connection=connection, as_of=who.at)
        _refuse_unknown(report, rule)
        today = facts.today(who.at, report.facts.terms.zone)
        _refuse_day(until.date(), today, report.job.connection.waiver_days)
        asked = store.waivers.request(report.job.name, (deal, rule), until=until.date(), why=said, by=who)
        state = asked.state(who.at, today)
    if as_json:
        screen.document("waiver", {"waiver": asked, "state": state})
        return
    screen.say(line(asked, state))
    _tell_hidden(report.job, rule)
    screen.hint(f"Next: somebody else than {who.name} runs crm-audit waivers approve {asked.id}")


def _tell_hidden(job: Job, rule: str) -> None:
    """What else is let through: the rules that this one hides stay hidden while it is waived."""
    from crm_audit.cli import screen

    hidden = job.pack.hidden_by(rule)
    if hidden:
        screen.say(
            f"While {rule} fails and is waived, neither it nor what it hides closes a stage: {', '.join(hidden)}"
        )


def _refuse_unknown(report: Report, rule: str) -> None:
    from crm_audit.errors import FixConfig
    from crm_audit.near import aside

    pack = report.job.pack
    known = [each.id for each in pack.rules if each.require is not None]
    if rule not in known:
        raise FixConfig(f"the pack {pack.name} has no rule {rule!r} that could be waived{aside(rule, known)}")


def _refuse_day(until: date, today: date, most: int) -> None:
    if until <= today:
        raise typer.BadParameter(f"{until} is not in the future", param_hint="--until")
    last = today + timedelta(days=most)
    if until > last:
        says = f"{until} is too far ahead: {last} is the last day that may be asked for (waiver_days = {most})"
        raise typer.BadParameter(says, param_hint="--until")


@waivers.callback()
def listed(context: typer.Context, connection: Where = None, as_json: As = False) -> None:
    """List the waivers: requested, in force, unused (in force to no purpose), expired, withdrawn."""
    from crm_audit.cli import screen

    if context.invoked_subcommand is not None:
        return
    loaded = cli.settings()
    with cli.opened(loaded) as store:
        found = [each for job in cli.jobs(connection, loaded) for each in standing(job, store, cli.now())]
    if as_json:
        screen.document("waivers", {"waivers": [{**screen.fields(waiver), "state": state} for waiver, state in found]})
        return
    for waiver, state in found:
        screen.say(line(waiver, state))
    if not found:
        screen.say("No waiver was ever asked for.")


@waivers.command("approve")
def approve(number: Number, by: By_ = None) -> None:
    """Let the deal off. Whoever asked for it cannot approve it."""
    from crm_audit.cli import screen
    from crm_audit.errors import FixConfig

    who, loaded = decides(by, cli.now()), cli.settings()
    with cli.opened(loaded) as store:
        asked = store.waivers.get(number)
        if today_of(asked.connection, store, loaded.connections, who.at) > asked.until:
            raise FixConfig(f"waiver {number} would have run out on {asked.until}; ask for a new one")
        approved = store.waivers.approve(number, who)
    screen.say(line(approved, "in force"))
    if approved.connection in loaded.connections:
        _tell_hidden(cli.jobs(approved.connection, loaded)[0], approved.rule)
        screen.hint(f"The gate opens with the next run, or now: crm-audit writeback apply {approved.connection}")


@waivers.command("withdraw")
def withdraw(number: Number, by: By_ = None) -> None:
    """End a waiver before its day, whether it is in force or only asked for. Anybody may."""
    from crm_audit.cli import screen

    who = decides(by, cli.now())
    with cli.opened(cli.settings()) as store:
        withdrawn = store.waivers.withdraw(number, who)
    screen.say(line(withdrawn, "withdrawn"))


def standing(job: Job, store: Store, now: datetime) -> Iterator[tuple[Waiver, str]]:
    """The waivers of a connection, each with how it stands; one that is in force and lets nothing off is unused."""
    found = store.waivers.all(job.name)
    today = today_of(job.name, store, {job.name: job.connection}, now)
    states = {waiver.id: waiver.state(now, today) for waiver in found}
    force = [waiver for waiver in found if states[waiver.id] == "in force"]
    idle = _unused(job, store, force, now) if force else set()
    for waiver in found:
        yield waiver, "unused" if waiver.id in idle else states[waiver.id]


def _unused(job: Job, store: Store, force: list[Waiver], now: datetime) -> set[int]:
    """Numbers of the waivers that let nothing off, by the last finished sync; none where there is no such sync."""
    from crm_audit import exempt, pipeline

    if store.latest(job.name) is None:
        return set()
    report = pipeline.check(store, job, as_of=now, deals=sorted({waiver.deal for waiver in force}))
    return {int(str(each.details["waiver"])) for each in report.findings if each.rule == exempt.UNUSED}


def today_of(name: str, store: Store, connections: Mapping[str, Connection], now: datetime) -> date:
    """The calendar day in the zone of a connection, which its settings or its CRM say; UTC where neither does."""
    from crm_audit import facts

    run = store.latest(name)
    zone = connections[name].zone if name in connections else None
    return facts.today(now, zone or (run.account.zone if run else "UTC"))


def line(waiver: Waiver, state: str) -> str:
    """A waiver for people."""
    by = f"asked for by {waiver.requester or FORGOTTEN}"
    if waiver.approved is not None:
        by += f", approved by {waiver.approver or FORGOTTEN}"
    return (
        f"{waiver.id}  {state}  {waiver.connection}  deal {waiver.deal}  {waiver.rule}  until {waiver.until}  {by}: "
        f"{waiver.why or FORGOTTEN}"
    )
