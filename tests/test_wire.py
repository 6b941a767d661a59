"""The same verdict the long way: through an emulated CRM, its client library, the connector and a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crm_audit import cases, evaluate, packs, worlds
from crm_audit.domain import STRENGTH
from crm_audit.emulator.worlds import MAY_DIFFER, emulate
from crm_audit.errors import Incomplete
from crm_audit.wire import Wire
from crm_audit.worlds import World
from crm_audit.yamls import Place

from .emulator.worlds_bench import event, portal_of, world
from .holdable import holdable
from .second_opinion.generate import seeded
from .second_opinion.sketch import LADDERS
from .sources import ROOT

CORE = packs.load("core")
WORKED = ROOT / "rules" / "core" / "worlds.yaml"

CHUNK = 10
CHUNKS = int(os.environ.get("CRM_AUDIT_WIRE_CHUNKS", "4"))
"""How many tens of generated worlds are played."""


@cache
def worked() -> Mapping[str, World]:
    """The worked worlds by id."""
    return {found.id: found for found in worlds.read(WORKED)}


def test_all_26_deals_of_the_worked_worlds_are_judged_as_expected(store_url: str) -> None:
    """Every world in one store, each as a connection of its own: nothing leaks from one to the other."""
    outcomes = cases.try_file(WORKED, CORE, Wire(store_url).judge)

    assert [outcome for outcome in outcomes if not outcome.ok] == []
    assert len(outcomes) == 26


def test_without_a_store_of_its_own_a_world_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    Wire().judge(worked()["E01"], CORE)

    assert list(tmp_path.iterdir()) == []


def test_the_people_to_act_on_keep_their_names() -> None:
    """Also where their records were merged, deleted or taken off the deal."""
    wire = Wire()
    said = {name: wire.judge(worked()[name], CORE)["d1"] for name in ("E07", "E12", "E13")}

    assert [finding["about"] for finding in said["E07"]["findings"]] == [["Dana Ruiz"]]
    assert [finding["about"] for finding in said["E12"]["findings"]] == [["Dana Ruiz"]]
    assert said["E13"]["findings"] == []


def test_what_could_not_be_held_is_listed_once_in_the_order_of_the_worlds() -> None:
    wire = Wire()
    for name in ("E02", "E07", "E17", "E20", "E02"):
        wire.judge(worked()[name], CORE)

    everywhere = [line for line in wire.re_encoded if "every world" in line]
    assert [line.partition(": ")[0] for line in everywhere] == [
        "HubSpot, every world",
        "Salesforce, every world",
        "Salesforce, every world",
    ]
    assert [line for line in wire.re_encoded if line not in everywhere] == [
        "E02 d1 quote_viewed of Lee Park: HubSpot has no property for a viewed quote; "
        "stands in: the contact's last visit to a document about pricing",
        "E02 d1 quote_viewed of Lee Park: HubSpot keeps no deal with a document; "
        "stands in: the contact, who is on that deal alone",
        "E07 d1 authority Omar Diaz to 2026-03-09: Salesforce forgets it on 2026-03-09; "
        "stands in: a pull the day before and a pull after",
        "E17 d2 need '   ': Salesforce trims blank text; stands in: an empty field",
        "E20 d1 meeting_held of Dana Ruiz and Lee Park: HubSpot keeps no answer of a single attendee "
        "(Dana Ruiz declined); stands in: the meeting without that contact",
    ]


@pytest.mark.parametrize("name", sorted(worked()))
def test_the_list_says_the_same_every_time(name: str) -> None:
    assert emulate(worked()[name]).re_encoded == emulate(worked()[name]).re_encoded


def test_the_worked_worlds_lose_nothing_without_a_stand_in() -> None:
    lines = [line for each in worked().values() for line in emulate(each).re_encoded]

    inexact = [line for line in lines if line.endswith(MAY_DIFFER)]
    assert [line.split()[0] for line in inexact] == ["E11", "E18"], "a history with a gap, a rate that is rounded"


def test_silence_is_not_failure() -> None:
    """Where nothing arrives from any source, nobody is accused; the neighbour is what keeps the others alive."""
    heard = world("hubspot")
    deaf = replace(heard, terms=replace(heard.terms, unconnected=frozenset(STRENGTH)))

    reasons = [
        {f["reason"] for f in Wire().judge(each, CORE)["d1"]["findings"] if f["rule"] == "CQ-STK-CONTACT"}
        for each in (heard, deaf)
    ]

    assert reasons == [{"none"}, {"no_source"}]


def test_a_pull_with_gaps_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = world("hubspot", events=[event("meeting_held", "dana")])
    emulated = emulate(told)
    portal_of(emulated).revoke("crm.objects.deals.read")
    monkeypatch.setattr("crm_audit.wire.emulate", lambda world: emulated)

    with pytest.raises(Incomplete, match="T01: the pull is partial"):
        Wire().judge(told, CORE)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_generated_worlds_are_judged_the_same_both_ways(chunk: int) -> None:
    """Those of which every fact has a place in the CRM or an exact stand-in; most have."""
    drawn = [_parsed(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)]
    held = [each for each in drawn if not any(line.endswith(MAY_DIFFER) for line in emulate(each).re_encoded)]

    assert len(held) >= CHUNK // 2
    for each in held:
        assert _plain(Wire().judge(each, CORE)) == _plain(_direct(each)), (each.title, emulate(each).re_encoded)


def _parsed(seed: int) -> World:
    row = holdable(seeded(seed)) | {"title": f"seed {seed}"}
    return worlds.parse(Place(Path("world"), row, None), LADDERS)


def _direct(told: World) -> Mapping[str, Mapping[str, Any]]:
    return cases.spoken(evaluate.audit(told.facts(), CORE, told.as_of))


def _plain(said: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without the sentences, in which a stage goes by the name that its CRM gives it."""
    return {
        deal: {**row, "findings": [{k: v for k, v in f.items() if k != "says"} for f in row["findings"]]}
        for deal, row in said.items()
    }
