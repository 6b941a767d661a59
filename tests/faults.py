"""Everything that can go wrong between a CRM and us, by number: what is promised, and the tests that hold it.

python -m tests.faults           run them all and print the table with what became of each
python -m tests.faults --write   write the page of the documents anew
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference/faults.md"
NAMED = re.compile(r"test_fault_(\d\d)_")

FAULTS: Mapping[int, tuple[str, str]] = {
    1: ("429 with Retry-After: seconds, a date, 0, negative, a day, garbage",
        "we wait at least that long, up to a limit; beyond it the stream is parked, not slept through"),
    2: ("429 without Retry-After", "exponential waits with full jitter, a bounded number of tries, then parked"),
    3: ("the search limit that all apps of a portal share", "a budget of its own; other calls go on"),
    4: ("the day's calls are used up in the middle of a run",
        "partial, the cursor is kept, the next run goes on there; nothing is written from incomplete evidence"),
    5: ("our share of the calls is used up", "a run stops before it takes more than its share of what remained"),
    6: ("5xx, HTML from a gateway, 406 and 420 from the edge", "tried again; what cannot get better is not"),
    7: ("reset in the middle of a page, truncated JSON, wrong length, cut gzip",
        "a page counts whole or not at all; the cursor does not move"),
    8: ("200 with an error, a login page or nothing in it", "never taken for data; the text holds no secret"),
    9: ("an answer that drips, or never ends", "a deadline for the whole call, and a most of bytes"),
    10: ("the session ends in the middle of a run", "one new login, whoever asks; the call is repeated as it was"),
    11: ("the app is revoked", "a matter for the admin at once, without a storm of tries"),
    12: ("a cursor of the CRM's expires", "the pass goes on from the last place, and nothing shows twice"),
    13: ("more than 10,000 hits, more than 10,000 equal stamps", "all are read, in a bounded number of calls"),
    14: ("an index that lags, commits that come late", "the overlap finds them; nothing is missed for good"),
    15: ("records change while pages are read", "each is read at least once"),
    16: ("a field is removed, renamed or of another type", "its rules are unknown; no flood of flags"),
    17: ("a field or an object may not be read", "left out and named; the rules that lost it are unknown"),
    18: ("deleted between reading and writing", "the write is refused as gone, the run goes on"),
    19: ("merged", "the evidence goes over to the survivor; nothing is written to the loser"),
    20: ("restored", "it is back, as the same record"),
    21: ("somebody edits between reading and writing", "read again just before; what changed is left to the next plan"),
    22: ("some records of a batch refused; one that poisons it", "an outcome for each; the poison is found by halving"),
    23: ("a record is locked by somebody's save, or its rules refuse the write",
        "the lock is waited for; the refusal is told in the CRM's words, and the others are written"),
    24: ("our own writes come back as changes", "a second run without changes writes nothing"),
    25: ("our clock is an hour off, or steps back", "marks are the CRM's time"),
    26: ("clock changes, zones, leap days", "stored in UTC; one night for each local date"),
    27: ("a delivery that comes twice", "counts once"),
    28: ("deliveries out of order", "each is only a hint to read again; the end is what the CRM says"),
    29: ("deliveries that are lost; a receiver that is down",
        "the next night finds them; a fault of ours is answered with 503, so that the sender tries again"),
    30: ("a flood of deliveries, as from an import",
        "few wait; beyond that one round over what changed stands for them all"),
    31: ("deliveries that are replayed, forged, of another portal or another time",
        "refused, compared in constant time, and logged without their body"),
    32: ("killed in the middle, as by kill -9", "the next run goes on at the last page; nothing is lost or doubled"),
    33: ("SIGTERM during a long wait", "ends within two seconds, between two pages"),
    34: ("the disk is full", "said so; nothing half-committed; the next run is clean"),
    35: ("the database is locked", "waited for; the whole transaction is repeated"),
    36: ("the database goes away in the middle of a transaction", "repeated from the beginning of the page"),
    37: ("two schedulers, or one and a person", "one of them reads"),
    38: ("a process that wakes up after its lease is over", "each of its commits is refused"),
    39: ("missed nights", "the last one is caught up once; the others are recorded as missed"),
    40: ("huge values and very many of them", "read in a stream; memory does not grow"),
    41: ("every kind of text", "comes back as it was; what no database takes is left out"),
    43: ("a retry around a generator", "the page is tried again, not the generator"),
    44: ("settings change during a run", "the run keeps those it began with, and says which"),
}  # fmt: skip


def main() -> None:
    """Write the page, or run what it lists."""
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
        return
    results = _results()
    for number, (fault, promise) in FAULTS.items():
        for name in sorted(tests().get(number, ())):
            sys.stdout.write(f"| {number} | {fault} | {promise} | {name} | {_told(name, results)} |\n")


def tests() -> dict[int, set[str]]:
    """The tests of each number, by name."""
    found: dict[int, set[str]] = {}
    for number, name in _named():
        found.setdefault(number, set()).add(name)
    return found


def _named() -> Iterator[tuple[int, str]]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (match := NAMED.match(node.name)):
                yield int(match[1]), node.name


def page() -> str:
    """The table as a page of the documents."""
    lines = [
        "# What can go wrong, and what is promised",
        "",
        "Written by `python -m tests.faults --write`. Each class of faults has tests that carry its number.",
        "",
        "| | fault | promise | tests |",
        "|---|---|---|---|",
    ]
    known = tests()
    for number, (fault, promise) in FAULTS.items():
        names = "<br>".join(f"`{name.removeprefix('test_')}`" for name in sorted(known.get(number, ())))
        lines.append(f"| {number} | {fault} | {promise} | {names} |")
    return "\n".join(lines) + "\n"


def _results() -> dict[str, list[str]]:
    """What became of every test that carries a number."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-k", "test_fault_", f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)
        found: dict[str, list[str]] = {}
        for case in ElementTree.parse(report).iter("testcase"):
            bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
            found.setdefault(str(case.get("name")).partition("[")[0], []).append(bad[0] if bad else "passed")
        return found


def _told(name: str, results: Mapping[str, list[str]]) -> str:
    became = results.get(name, ["not run"])
    return ", ".join(f"{became.count(each)} {each}" for each in dict.fromkeys(became))


if __name__ == "__main__":
    main()
