"""The error tree: drawn once for the reader, and true."""

from __future__ import annotations

import re

import pytest

from crm_audit import errors
from crm_audit.errors import CrmAuditError

BUG = 70
BRANCH = re.compile(r"^(?P<stem>[│ ├└─]*)(?P<name>[A-Z]\w+)(?P<words>.*)$")
CODE = re.compile(r"\bexit (\d+)$")

CLASSES: dict[str, type[CrmAuditError]] = {
    name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, CrmAuditError)
}


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Each class of the drawing with the class it hangs from and the exit code it inherits or states."""
    text = errors.__doc__ or ""
    tree: dict[str, tuple[str | None, int | None]] = {}
    above: list[str] = []
    for line in text[text.index("CrmAuditError") :].splitlines():
        if not (branch := BRANCH.match(line)) or (tree and not branch["stem"]):
            break
        level = len(branch["stem"]) // 4
        above[level:] = [branch["name"]]
        parent = above[level - 1] if level else None
        stated = CODE.search(branch["words"])
        tree[branch["name"]] = (parent, int(stated[1]) if stated else tree[parent][1] if parent else None)
    return tree


def test_the_drawing_shows_every_class_where_it_belongs() -> None:
    shown = {(name, parent) for name, (parent, _) in drawn().items()}
    assert shown == {(name, base(cls)) for name, cls in CLASSES.items()}


def base(cls: type[CrmAuditError]) -> str | None:
    (parent,) = cls.__bases__
    return parent.__name__ if issubclass(parent, CrmAuditError) else None


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_drawing_states_the_exit_code(name: str) -> None:
    _, code = drawn()[name]
    assert CLASSES[name].exit_code == (BUG if code is None else code)


def test_whoever_forgets_an_exit_code_gets_that_of_a_bug() -> None:
    class Unclassed(CrmAuditError):
        pass

    assert Unclassed.exit_code == BUG


def test_an_error_says_what_it_was_given_and_nothing_else() -> None:
    assert str(errors.BadPack("rules/core/pack.yaml:14: unknown key 'arg'")) == (
        "rules/core/pack.yaml:14: unknown key 'arg'"
    )
