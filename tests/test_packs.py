"""Packs: what a file says becomes rules, and what it gets wrong is one line with the place and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_audit import packs, shipped
from crm_audit.errors import BadPack
from crm_audit.policy import UNMAPPED_STAGE, Combined, Leaf, Pack, Rule

GOOD = """\
pack: small
title: A small pack
version: 3
rules:
  - id: X-FIRST
    title: First
    layer: opportunity
    from: 1
    severity: major
    require: {field: {path: need}}
    messages: {missing: {says: There is no need.}}
  - id: X-SECOND
    title: Second
    layer: stakeholder
    from: 2
    to: 4
    gate: true
    severity: critical
    block_from: 3
    suppressed_by: [X-FIRST]
    about: authority
    require:
      at_least:
        k: 2
        of:
          - evidence: {by: {role: authority}, topic: pricing, within: {3: 45, 5: 14}}
          - not: {field: {path: next_step, matches: "^later"}}
          - contact: {role: champion}
    when: {money: {of: amount, at_least: 1000.50}}
    messages:
      none stale: {says: Nobody has., do: Ask somebody.}
"""


def read(folder: Path, text: str) -> Pack:
    path = folder / "pack.yaml"
    path.write_text(text, "utf-8")
    return packs.read(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadPack) as refused:
        read(folder, text)
    told = str(refused.value)
    assert "\n" not in told
    assert told.startswith(str(folder / "pack.yaml"))
    return told.removeprefix(str(folder / "pack.yaml"))


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} has to stand once"
    return GOOD.replace(old, new)


def test_a_pack_is_read_as_it_is_written(tmp_path: Path) -> None:
    pack = read(tmp_path, GOOD)
    assert (pack.name, pack.title, pack.version) == ("small", "A small pack", 3)
    first, second = pack.rules
    assert (first.start, first.end, first.gate, first.block_from) == (1, 5, False, None)
    assert (second.start, second.end, second.gate, second.block_from) == (2, 4, True, 3)
    assert second.suppressed_by == ("X-FIRST",)
    assert second.messages["none"] == second.messages["stale"]
    assert second.messages["stale"].todo == "Ask somebody."


def test_a_requirement_is_a_tree_of_predicates(tmp_path: Path) -> None:
    rule = read(tmp_path, GOOD).rule("X-SECOND")
    assert isinstance(rule.require, Combined)
    assert (rule.require.how, rule.require.k, len(rule.require.parts)) == ("at_least", 2, 3)
    assert [leaf.predicate for leaf in rule.leaves()] == ["evidence", "field", "contact", "money"]
    assert isinstance(rule.when, Leaf)
    assert str(rule.when.args.model_dump()["at_least"]) == "1000.50"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    gate: true", "    gates: true", ":17: X-SECOND has no key 'gates' (did you mean 'gate'?)"),
        ("title: A small pack", "titel: x", ":2: the pack has no key 'titel' (did you mean 'title'?)"),
        ("pack: small\n", "", ":1: the pack has no 'pack'"),
        ("version: 3", "version: 0", ":3: version must be a whole number from 1; raise it whenever a verdict changes"),
        (
            "version: 3",
            "version: 1.5",
            ":3: version must be a whole number from 1; raise it whenever a verdict changes",
        ),
        ("id: X-SECOND", "id: X-FIRST", ":12: X-FIRST stands twice"),
        ("id: X-SECOND", "id: second", ":12: second.id: String should match pattern"),
        ("    to: 4\n", "    to: 4\n    to: 5\n", ':17: found duplicate key "to" with value "5" (original value: "4")'),
        ("    to: 4", "    to: 1", ":16: X-SECOND: `to` 1 lies below `from` 2"),
        ("    to: 4", "    to: 6", ":16: X-SECOND.to: Input should be less than or equal to 5"),
        ("    from: 2\n", "", ":12: X-SECOND has no 'from'"),
        ("    from: 2", "    from: two", ":15: X-SECOND.from: Input should be a valid integer"),
        ("severity: critical", "severity: high", ":18: X-SECOND.severity: Input should be 'info', 'minor', 'major'"),
        ("layer: stakeholder", "layer: people", ":14: X-SECOND.layer: Input should be 'organisation'"),
        ("[X-FIRST]", "[X-FRIST]", ":20: X-SECOND: suppressed_by names X-FRIST, which"),
        ("about: authority", "about: boss", ":21: X-SECOND: about is a role or `former`, not 'boss'"),
        ("    require: {field: {path: need}}\n", "", ":5: X-FIRST has no 'require'"),
        (
            "{field: {path: need}}",
            "[field]",
            ":10: X-FIRST: a requirement must be a mapping of names to values, not a list",
        ),
        (
            "{field: {path: need}}",
            "{feild: {path: need}}",
            ":10: X-FIRST: a requirement has no key 'feild' (did you mean 'field'?)",
        ),
        (
            "{field: {path: need}}",
            "{}",
            ":10: X-FIRST: a requirement is one predicate or one of all, any, not, at_least;",
        ),
        ("{field: {path: need}}", "{all: []}", ":10: X-FIRST: all of nothing"),
        ("{path: need}", "{path: neeed}", ":10: X-FIRST: field.path: unknown field 'neeed' (did you mean 'need'?)"),
        ("{path: need}", "{pth: need}", ":10: X-FIRST: field has no key 'pth' (did you mean 'path'?)"),
        (
            "{path: need}",
            "{path: need, at_least: 3}",
            ":10: X-FIRST: field: need is text: use equals, not_equals, in or matches",
        ),
        (
            "{path: need}",
            "{path: need, equals: a, in: [b]}",
            ":10: X-FIRST: field: one comparison at a time; join two with `all`",
        ),
        ('"^later"', '"(later"', ":27: X-SECOND: field.matches: '(later' is not a regular expression: "),
        (
            "role: champion",
            "role: champ",
            ":28: X-SECOND: contact.role: unknown role 'champ' (did you mean 'champion'?)",
        ),
        (
            "topic: pricing, within",
            "topic: pricing, wihin",
            ":26: X-SECOND: evidence has no key 'wihin' (did you mean 'within'?)",
        ),
        (", within: {3: 45, 5: 14}", "", ":26: X-SECOND: evidence: there is no 'within'"),
        ("{3: 45, 5: 14}", "{3: 45, 6: 14}", ":26: X-SECOND: evidence.within: Input should be less than or equal to 5"),
        ("{3: 45, 5: 14}", "{3: -1}", ":26: X-SECOND: evidence.within: Input should be greater than or equal to 0"),
        ("{3: 45, 5: 14}", "{}", ":26: X-SECOND: evidence.within: "),
        (
            "topic: pricing",
            "kinds: [mail_in], topic: pricing",
            ":26: X-SECOND: evidence.kinds: unknown kind of event 'mail_in' (did you mean 'email_in'?)",
        ),
        (
            "{of: amount, at_least: 1000.50}",
            "{of: amount}",
            ":29: X-SECOND: money: give either at_most (another amount) or at_least",
        ),
        ("        k: 2", "        k: 4", ":24: X-SECOND: k must be a number from 1 to 3"),
        ("        k: 2\n", "", ":23: X-SECOND: at_least needs k (a number) and of (a list)"),
        (
            "{says: There is no need.}",
            "{say: Hm.}",
            ":11: X-FIRST: messages.missing has no key 'say' (did you mean 'says'?)",
        ),
        (
            "{says: There is no need.}",
            "{do: Ask.}",
            ":11: X-FIRST: messages.missing needs `says` and may have `do`, both text",
        ),
        (
            "{missing: {says: There is no need.}}",
            "Hm.",
            ":11: X-FIRST: messages must be a mapping of names to values, not 'Hm.'",
        ),
        ("rules:\n", "rules: none\nmore:\n", ":5: the pack has no key 'more'"),
        ("There is no need.", '"Nothing in { here."', ":11: X-FIRST: messages.missing.says: braces hold"),
        ("There is no need.", '"{company.name} has none."', ":11: X-FIRST: messages.missing.says: braces hold"),
        ("There is no need.", '"{days:{width}} days."', ":11: X-FIRST: messages.missing.says: braces hold"),
        ("do: Ask somebody.", 'do: "Ask {}."', ":31: X-SECOND: messages.none stale.do: braces hold"),
        ("[X-FIRST]", "[X-SECOND]", ":20: X-SECOND hides itself, directly or through others"),
        (
            "    require: {field: {path: need}}",
            "    suppressed_by: [X-SECOND]\n    require: {field: {path: need}}",
            ":10: X-FIRST hides itself, directly or through others",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_the_fix(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert refusal(tmp_path, changed(old, new)).startswith(told)


def test_nobody_reads_nine_levels(tmp_path: Path) -> None:
    deep = "{not: " * packs.DEEPEST + "{field: {path: need}}" + "}" * packs.DEEPEST
    told = refusal(tmp_path, changed("{field: {path: need}}", deep))
    assert told == ":10: X-FIRST: nested deeper than 8 levels; split the rule in two"
    allowed = deep.removeprefix("{not: ").removesuffix("}")
    assert len(list(read(tmp_path, changed("{field: {path: need}}", allowed)).rule("X-FIRST").leaves())) == 1


@pytest.mark.parametrize("text", ["rules: [", "just text", "", "- a\n- b\n"])
def test_what_is_no_pack_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith(":")


def test_a_pack_is_found_by_its_name_or_its_folder(tmp_path: Path) -> None:
    assert packs.find("core") == shipped.rules() / "core"
    (tmp_path / "mine").mkdir()
    assert packs.find(str(tmp_path / "mine")) == tmp_path / "mine"
    with pytest.raises(BadPack, match="cor: neither a folder nor a built-in pack; built in are core"):
        packs.find("cor")
    with pytest.raises(BadPack, match=r"pack\.yaml: no such file"):
        packs.load(str(tmp_path / "mine"))


CORE = packs.load("core")


def test_the_core_pack_has_its_twenty_rules() -> None:
    assert len(CORE.rules) == 20
    assert CORE.rules[-1].id == UNMAPPED_STAGE
    gates = [sum(rule.gate and rule.start == rung for rule in CORE.rules) for rung in range(6)]
    assert gates == [0, 2, 2, 4, 4, 1]
    assert {rule.id for rule in CORE.rules if rule.quick_fix} == {"CQ-OPP-DATE", "CQ-OPP-BASICS"}


@pytest.mark.parametrize("rule", CORE.rules, ids=lambda rule: str(rule.id))
def test_every_rule_of_the_core_pack_says_why_it_is_there(rule: Rule) -> None:
    assert rule.basis
    assert rule.messages
    for reason, message in rule.messages.items():
        assert message.says.endswith((".", "?")), f"{rule.id} {reason}"
        assert message.todo.endswith((".", "?", "}", '"')), f"{rule.id} {reason}"


def test_a_pack_can_do_without_some_rules() -> None:
    rest = CORE.without(frozenset({"CQ-OPP-DATE"}))
    assert len(rest.rules) == 19
    with pytest.raises(KeyError):
        rest.rule("CQ-OPP-DATE")
