"""`@{reference.field}`: what a subrequest of a composite takes from the answers to earlier ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crm_audit.emulator.soql.refusal import Refusal

_REFERENCE = re.compile(r"@\{(\w+)([\w.\[\]]*)\}")


def filled(asked: object, answers: Mapping[str, object]) -> object:
    """The same JSON with its references replaced by what they stand for; raises Refusal (PROCESSING_HALTED)."""
    match asked:
        case str():
            return _REFERENCE.sub(lambda found: _value(found, answers), asked)
        case Mapping():
            return {key: filled(value, answers) for key, value in asked.items()}
        case Sequence():
            return [filled(value, answers) for value in asked]
    return asked


def _value(found: re.Match[str], answers: Mapping[str, object]) -> str:
    value = answers.get(found[1])
    for step in re.findall(r"\w+", found[2]):
        value = _inside(value, step)
    if value is None:
        reason = f"Invalid reference specified. No value for {found[1]}{found[2]} found in {found[1]}"
        raise Refusal("PROCESSING_HALTED", reason)
    return str(value)


def _inside(value: object, step: str) -> object:
    match value:
        case Mapping():
            return value.get(step)
        case list() if step.isdecimal() and int(step) < len(value):
            return value[int(step)]
    return None
