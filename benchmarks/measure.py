# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing: a row of the table, and two ways of the same job timed in turns so that both meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement; `ratio` is how much better it is than `against`, where there is something to compare with."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""

    def text(self) -> str:
        compared = f"{self.ratio:8.1f} x  {self.against}" if self.ratio else ""
        return f"{self.name:<52} {self.value:>10.3g} {self.unit:<8}{compared}".rstrip()


def seconds(job: Callable[[], object], at_least: float = 0.4) -> float:
    """The fastest of several runs: what the machine can do when nothing else gets in between."""
    return side_by_side(job, at_least=at_least)[0]


def side_by_side(*jobs: Callable[[], object], at_least: float = 0.4) -> list[float]:
    """The fastest run of each job in seconds; the jobs take turns, three at least."""
    best = [float("inf")] * len(jobs)
    spent, rounds = 0.0, 0
    while spent < at_least or rounds < 3:
        for index, job in enumerate(jobs):
            start = time.perf_counter()
            job()
            took = time.perf_counter() - start
            best[index] = min(best[index], took)
            spent += took
        rounds += 1
    return best
