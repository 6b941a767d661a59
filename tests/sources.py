"""The program's own source as syntax trees, for the tests that measure it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"


@dataclass(frozen=True, slots=True)
class Source:
    """One module: where it lies, its dotted name, its text and its tree."""

    path: str
    module: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Lines as an editor counts them."""
        return len(self.text.splitlines())

    def within(self, *modules: str) -> bool:
        """Whether this is one of these modules of ours, or lies below one of them (`store`, `writeback.plan`)."""
        return any(f"{self.module}.".startswith(f"crm_audit.{module}.") for module in modules)


def parse(text: str, *, module: str = "crm_audit.planted", path: str = "planted.py") -> Source:
    """A module from text, so that a test of the measuring can plant a fault."""
    return Source(path, module, text, ast.parse(text))


@cache
def program() -> tuple[Source, ...]:
    """Every module of the program. Migrations are left out: they are written once and then history."""
    paths = sorted(path for path in SRC.rglob("*.py") if "migrations" not in path.parts)
    return tuple(
        parse(path.read_text("utf-8"), module=dotted(path), path=str(path.relative_to(ROOT))) for path in paths
    )


def dotted(path: Path) -> str:
    """The name under which a file of `src/` is imported."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(names=names):
                start = _origin(source, node)
                yield from ((node.lineno, f"{start}.{alias.name}") for alias in names)


def uses(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full name of everything mentioned, import aliases resolved: `dt.now` becomes `datetime.datetime.now`."""
    known = _aliases(source)
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and (chain := _chain(node)):
            yield node.lineno, ".".join([known.get(chain[0], chain[0]), *chain[1:]])


def _chain(node: ast.expr) -> tuple[str, ...]:
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            return (*before, name) if (before := _chain(value)) else ()
    return ()


def _origin(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    if not source.path.endswith("__init__.py"):
        package = package[:-1]
    return ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])


def _aliases(source: Source) -> dict[str, str]:
    known: dict[str, str] = {}
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                known |= {alias.asname: alias.name for alias in names if alias.asname}
            case ast.ImportFrom(names=names):
                start = _origin(source, node)
                known |= {alias.asname or alias.name: f"{start}.{alias.name}" for alias in names}
    return known
