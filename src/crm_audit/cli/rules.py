"""`crm-audit rules list|lint|deadlocks|test`: the policy, its mistakes, and its proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from crm_audit.cases import Outcome

rules = typer.Typer(help="The rules: list them, check them, try them.", no_args_is_help=True)
app.add_typer(rules, name="rules")

PackName = Annotated[str, typer.Argument(help="A folder with a pack.yaml, or the name of a built-in pack.")]


@rules.command("list")
def list_rules(pack: PackName = "core", as_json: As = False) -> None:
    """List the rules of a pack."""
    from crm_audit import packs
    from crm_audit.cli import screen

    loaded = packs.load(pack)
    rows = [
        {"rule": r.id, "title": r.title, "layer": r.layer, "from": r.start, "to": r.end, "gate": r.gate,
         "severity": r.severity, "block_from": r.block_from, "basis": r.basis}
        for r in loaded.rules
    ]  # fmt: skip
    if as_json:
        screen.document("rules", {"pack": loaded.name, "version": loaded.version, "rules": rows})
        return
    screen.say(f"{loaded.title} ({loaded.name} {loaded.version})")
    shown = [
        (
            r["rule"],
            r["title"],
            r["from"],
            "gate" if r["gate"] else "",
            r["severity"],
            "annotate" if r["block_from"] is None else f"block from {r['block_from']}",
        )
        for r in rows
    ]
    screen.table(("rule", "asks that", "from", "", "severity", "asks for"), shown, right=(2,))


@rules.command("lint")
def lint(pack: PackName = "core", as_json: As = False) -> None:
    """Check a pack: its form, and that every rule has a case that breaks it and one that does not."""
    from crm_audit import packs
    from crm_audit.cases import uncovered
    from crm_audit.cli import screen
    from crm_audit.errors import BadPack

    folder = packs.find(pack)
    loaded = packs.load(pack)
    gaps = uncovered(folder, loaded)
    if gaps:
        raise BadPack(f"{folder / 'cases.yaml'}: " + "; ".join(gaps))
    if as_json:
        screen.document("lint", {"pack": loaded.name, "version": loaded.version, "rules": len(loaded.rules)})
    else:
        screen.say(f"{loaded.name} {loaded.version}: {len(loaded.rules)} rules, nothing wrong")


@rules.command("deadlocks")
def find_deadlocks(pack: PackName = "core", as_json: As = False) -> None:
    """Say which stages no deal could enter if every rule went as far as block; exit 1 where there are any."""
    from crm_audit import packs
    from crm_audit.cli import screen
    from crm_audit.deadlocks import deadlocks
    from crm_audit.gates import HowFar

    loaded = packs.load(pack)
    found = deadlocks(loaded, HowFar(default="block"))
    gates = sum(rule.block_from is not None for rule in loaded.rules)
    if as_json:
        told = [{"rung": each.rung, "rules": each.rules, "says": each.says} for each in found]
        screen.document("deadlocks", {"pack": loaded.name, "version": loaded.version, "deadlocks": told})
    elif found:
        screen.say(*[each.says for each in found])
    else:
        screen.say(f"{loaded.name} {loaded.version}: {gates} rules may block, and a deal can get through all of them")
    raise typer.Exit(1 if found else 0)


@rules.command("test")
def try_out(
    file: Annotated[Path, typer.Argument(help="A world file, a cases.yaml, or the folder of a pack.")],
    pack: Annotated[str | None, typer.Option("--pack", help="The rules to try; for cases, those beside them.")] = None,
    through: Annotated[str | None, typer.Option("--through", help="`emulator`: by way of an emulated CRM.")] = None,
    as_json: As = False,
) -> None:
    """Try the rules on worlds or cases; one line per deal that differs, exit 1 on any difference."""
    from crm_audit.cli import screen

    outcomes, lost = _tried(file, pack, through)
    wrong = [outcome for outcome in outcomes if not outcome.ok]
    if as_json:
        screen.document("rules test", {"file": str(file), "outcomes": outcomes, "re_encoded": lost})
    else:
        for outcome in outcomes:
            screen.say(f"{'ok  ' if outcome.ok else 'FAIL'}  {outcome.name} {outcome.deal}".rstrip())
            for difference in outcome.differences:
                screen.say(f"        {difference}")
        if lost:
            screen.say("", "Facts that a CRM cannot hold as they are, and what stands in for them:")
            screen.say(*[f"  {line}" for line in lost])
        screen.say("", f"{len(outcomes) - len(wrong)} of {len(outcomes)} agree")
    raise typer.Exit(1 if wrong else 0)


def _tried(file: Path, pack: str | None, through: str | None) -> tuple[list[Outcome], list[str]]:
    from crm_audit import cases, packs

    if through not in (None, "emulator"):
        raise typer.BadParameter(f"{through!r}; the only other way is 'emulator'", param_hint="--through")
    beside = file if file.is_dir() else file.parent
    rules_of = packs.load(pack or (str(beside) if (beside / "pack.yaml").is_file() else "core"))
    if through is None:
        return cases.try_file(file, rules_of), []
    from crm_audit.wire import Wire

    wire = Wire()
    return cases.try_file(file, rules_of, wire.judge), list(wire.re_encoded)
