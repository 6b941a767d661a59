"""The size budget: small files, short flat functions, everything typed and named for the reader."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from statistics import median, quantiles

import pytest

from tests.sources import ROOT, Source, parse, program

FILE_MAX, FILE_MEDIAN = 450, 120
FUNCTION_MAX, FUNCTION_P95, FUNCTION_MEDIAN = 60, 35, 9
NESTING_MAX = 3
ARGUMENTS_MAX, POSITIONAL_MAX = 5, 4
SUPPRESSIONS_PER_1000 = 1
TESTS_PER_SOURCE = 1.0

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
OVERRIDES = ("override", "overload", "setter")
"""Decorators of functions whose signature or docstring is settled elsewhere."""

SUPPRESSION = re.compile(r"#\s*(type:\s*ignore|noqa|pyright:|mypy:|pragma:\s*no cover|ruff:\s*noqa)")
EXPLAINED = re.compile(r"#\s*(type:\s*ignore\[[\w, -]+\]\s*#|noqa:\s*[A-Z]+\d+\b(,\s*[A-Z]+\d+\b)*\s*(#|--)?)\s*\w")


def functions(source: Source) -> Iterator[Function]:
    yield from (node for node in ast.walk(source.tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    docstring = (
        1 + (first.end_lineno or 0) - first.lineno if ast.get_docstring(function, clean=False) is not None else 0
    )
    return 1 + (function.end_lineno or 0) - function.lineno - docstring


def depth(node: ast.AST) -> int:
    """How deep the blocks of a function lie in one another; an `elif` is no deeper than its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCKS) and not chained))
    return deepest


def decorators(node: Definition) -> set[str]:
    return {ast.unparse(decorator).split("(")[0].rpartition(".")[2] for decorator in node.decorator_list}


def settled_elsewhere(function: Function) -> bool:
    """A signature that Python, a base class or the options of a command prescribe."""
    return function.name.startswith("__") or bool(decorators(function) & {*OVERRIDES, "command", "callback"})


def parameters(function: Function) -> list[ast.arg]:
    """The named parameters, positional ones first, without self and cls."""
    positional = [*function.args.posonlyargs, *function.args.args]
    bound = bool(positional) and positional[0].arg in ("self", "cls")
    return [*positional[bound:], *function.args.kwonlyargs]


def long_file(source: Source) -> Iterator[str]:
    if source.lines > FILE_MAX:
        yield f"{source.path}:1 {source.module}: {source.lines} lines ({FILE_MAX})"


def long_functions(source: Source) -> Iterator[str]:
    for function in functions(source):
        if (lines := length(function)) > FUNCTION_MAX:
            yield f"{source.path}:{function.lineno} {function.name}: {lines} lines ({FUNCTION_MAX})"


def deep_functions(source: Source) -> Iterator[str]:
    for function in functions(source):
        if (levels := depth(function)) > NESTING_MAX:
            yield f"{source.path}:{function.lineno} {function.name}: nested {levels} deep ({NESTING_MAX})"


def wide_functions(source: Source) -> Iterator[str]:
    for function in functions(source):
        total = len(parameters(function))
        if total > ARGUMENTS_MAX and not settled_elsewhere(function):
            yield f"{source.path}:{function.lineno} {function.name}: {total} arguments ({ARGUMENTS_MAX})"


def unnamed_arguments(source: Source) -> Iterator[str]:
    """A fifth value in a row is a riddle at the call; callers say its name."""
    for function in functions(source):
        positional = len(parameters(function)) - len(function.args.kwonlyargs)
        if positional > POSITIONAL_MAX and not settled_elsewhere(function):
            yield f"{source.path}:{function.lineno} {function.name}: {positional} by position ({POSITIONAL_MAX})"


def untyped(source: Source) -> Iterator[str]:
    for function in functions(source):
        extra = [arg for arg in (function.args.vararg, function.args.kwarg) if arg]
        bare = [arg.arg for arg in [*parameters(function), *extra] if arg.annotation is None]
        if function.returns is None:
            bare.append("return")
        if bare:
            yield f"{source.path}:{function.lineno} {function.name}: no type for {', '.join(bare)}"


def undocumented(source: Source) -> Iterator[str]:
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield f"{source.path}:1 {source.module}: no docstring"
    for node in _public(source.tree):
        if not ast.get_docstring(node) and not decorators(node) & set(OVERRIDES):
            yield f"{source.path}:{node.lineno} {node.name}: no docstring"


def _public(scope: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for node in scope.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def suppressions(source: Source) -> Iterator[tuple[int, str]]:
    """Line and text of every comment that silences a checker."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and SUPPRESSION.match(token.string):
            yield token.start[0], token.string


def unexplained(source: Source) -> Iterator[str]:
    for line, comment in suppressions(source):
        if not EXPLAINED.match(comment):
            yield f"{source.path}:{line} {comment}: say which code and why"


def p95(numbers: Iterable[int]) -> float:
    return quantiles(numbers, n=20, method="inclusive")[-1]


MEASURES = (
    long_file,
    long_functions,
    deep_functions,
    wide_functions,
    unnamed_arguments,
    untyped,
    undocumented,
    unexplained,
)
Measure = Callable[[Source], Iterator[str]]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_no_module_is_over_budget(measure: Measure) -> None:
    faults = [fault for source in program() for fault in measure(source)]
    assert not faults, "\n" + "\n".join(faults)


def test_a_usual_file_is_short() -> None:
    sizes = sorted(source.lines for source in program() if source.text.strip())
    assert median(sizes) <= FILE_MEDIAN, f"median {median(sizes)} lines ({FILE_MEDIAN}) over {sizes}"


def test_a_usual_function_is_short() -> None:
    lengths = [length(function) for source in program() for function in functions(source)]
    longest = sorted(
        ((length(f), f"{s.path}:{f.lineno} {f.name}") for s in program() for f in functions(s)), reverse=True
    )
    listed = "\n".join(f"{where}: {lines} lines" for lines, where in longest[: len(longest) // 20])
    assert median(lengths) <= FUNCTION_MEDIAN, f"median {median(lengths)} lines ({FUNCTION_MEDIAN})"
    assert p95(lengths) <= FUNCTION_P95, (
        f"95th percentile {p95(lengths)} lines ({FUNCTION_P95}); the longest:\n{listed}"
    )


def test_checkers_are_seldom_silenced() -> None:
    found = [f"{source.path}:{line} {comment}" for source in program() for line, comment in suppressions(source)]
    allowed = sum(source.lines for source in program()) * SUPPRESSIONS_PER_1000 / 1000
    assert len(found) <= allowed, f"{len(found)} suppressions ({allowed:.1f}):\n" + "\n".join(found)


def test_there_is_more_test_than_program() -> None:
    tests = sum(len(path.read_text("utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py"))
    lines = sum(source.lines for source in program())
    assert tests >= TESTS_PER_SOURCE * lines, f"{tests} lines of tests for {lines} of source ({TESTS_PER_SOURCE})"


# What is measured above has to be able to fail.

FLAT = '"""Planted."""\n'
BODY = "    x = 1\n"


def test_lines_are_counted_without_the_docstring() -> None:
    (bare,) = functions(parse("@cache\ndef f() -> None:\n" + 3 * BODY))
    (told,) = functions(parse('def f() -> None:\n    """One.\n\n    Two.\n    """\n' + 3 * BODY))
    assert length(bare) == length(told) == 4


def test_a_long_file_is_named() -> None:
    assert list(long_file(parse("x = 1\n" * 451))) == ["planted.py:1 crm_audit.planted: 451 lines (450)"]
    assert not list(long_file(parse("x = 1\n" * 450)))


def test_a_long_function_is_named_with_its_line() -> None:
    assert list(long_functions(parse("\ndef f() -> None:\n" + 60 * BODY))) == ["planted.py:2 f: 61 lines (60)"]
    assert not list(long_functions(parse("def f() -> None:\n" + 59 * BODY)))


@pytest.mark.parametrize(
    ("body", "levels"),
    [
        ("pass", 0),
        ("if a:\n  pass\n elif b:\n  pass\n elif c:\n  pass\n else:\n  pass", 1),
        ("if a:\n  pass\n else:\n  if b:\n   pass\n  x = 1", 2),
        ("for a in b:\n  with c:\n   while d:\n    pass", 3),
        ("for a in b:\n  with c:\n   while d:\n    try:\n     pass\n    finally:\n     pass", 4),
        ("match a:\n  case 1:\n   if b:\n    pass", 2),
        ("if a:\n  def inner():\n   if b:\n    if c:\n     pass", 1),
    ],
)
def test_depth_counts_blocks_within_blocks(body: str, levels: int) -> None:
    outer = next(functions(parse(f"def f():\n {body}\n")))
    assert depth(outer) == levels


def test_a_deep_function_is_named() -> None:
    deep = "def f():\n if a:\n  if b:\n   if c:\n    if d:\n     pass"
    assert list(deep_functions(parse(deep))) == ["planted.py:1 f: nested 4 deep (3)"]


@pytest.mark.parametrize(
    ("signature", "faults"),
    [
        ("def f(a, b): pass", []),
        ("def f(a, b, *, c, d, e): pass", []),
        ("def f(a, b, *, c, d, e, f): pass", ["6 arguments (5)"]),
        ("def f(a, b, c, d, e): pass", ["5 by position (4)"]),
        ("def f(a, /, b, c, d, e): pass", ["5 by position (4)"]),
        ("def f(a, b, c, d, e, f): pass", ["6 arguments (5)", "6 by position (4)"]),
        ("class C:\n def f(self, a, b): pass", []),
        ("class C:\n @classmethod\n def f(cls, a, b, c, d, e): pass", ["5 by position (4)"]),
        ("class C:\n def __exit__(self, kind, error, trace): pass", []),
        ("class C:\n @override\n def f(self, a, b, c, d, e, g): pass", []),
    ],
)
def test_arguments_past_the_second_are_named_at_the_call(signature: str, faults: list[str]) -> None:
    source = parse(signature)
    found = [*wide_functions(source), *unnamed_arguments(source)]
    assert [fault.partition(": ")[2] for fault in found] == faults


@pytest.mark.parametrize(
    ("signature", "missing"),
    [
        ("def f(a: int, *b: int, **c: int) -> None: pass", []),
        ("def f(a, *b, **c) -> None: pass", ["no type for a, b, c"]),
        ("def f(): pass", ["no type for return"]),
        ("class C:\n def f(self) -> None: pass", []),
        ("class C:\n def __init__(self, *, a): pass", ["no type for a, return"]),
    ],
)
def test_a_missing_type_is_named(signature: str, missing: list[str]) -> None:
    assert [fault.partition(": ")[2] for fault in untyped(parse(signature))] == missing


def test_what_is_public_needs_a_docstring() -> None:
    code = FLAT + "def f(): pass\nclass C:\n def g(self): pass\n def _h(self): pass\nclass _D:\n def i(self): pass\n"
    assert [fault.split()[1] for fault in undocumented(parse(code))] == ["f:", "C:", "g:"]
    assert list(undocumented(parse("x = 1"))) == ["planted.py:1 crm_audit.planted: no docstring"]
    assert not list(undocumented(parse("")))


@pytest.mark.parametrize(
    ("comment", "fine"),
    [
        ("# type: ignore", False),
        ("# type: ignore[attr-defined]", False),
        ("# type: ignore[attr-defined]  # set on the fresh subclass", True),
        ("# noqa", False),
        ("# noqa: S608", False),
        ("# noqa: S608  the names are ours", True),
        ("# noqa: S608  # the names are ours", True),
        ("# noqa: S608 -- the names are ours", True),
        ("# pragma: no cover", False),
        ("# pyright: basic", False),
        ("# an ordinary remark about type: ignore", True),
    ],
)
def test_a_silenced_checker_needs_a_code_and_a_reason(comment: str, fine: bool) -> None:
    assert (not list(unexplained(parse(f"x = 1  {comment}\n")))) is fine


def test_text_that_looks_like_a_suppression_is_none() -> None:
    assert not list(suppressions(parse('x = "# noqa"\n')))


def test_the_95th_percentile_lets_one_in_twenty_be_longer() -> None:
    assert p95([5] * 96 + [50] * 4) == 5
    assert p95([5] * 80 + [50] * 20) == 50
