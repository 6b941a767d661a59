"""Seconds and memory of what a process does, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Watch:
    """Wall and processor seconds of each phase, and the peak memory of the process by its end, in MiB."""

    phases: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add to the phase of that name."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        spent = self.phases.setdefault(name, {"wall": 0.0, "cpu": 0.0, "peak": 0.0})
        spent["wall"] += time.perf_counter() - wall
        spent["cpu"] += time.process_time() - cpu
        spent["peak"] = peak()


def peak() -> float:
    """The most memory this process has held, in MiB. `ru_maxrss` will not do: it begins with the parent's peak."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) / 1024


def spread(values: list[float], form: str = ".2f") -> str:
    """`median (least–most)`."""
    return f"{median(values):{form}} ({min(values):{form}}–{max(values):{form}})"
