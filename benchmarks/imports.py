# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports: what Blender's own process pays, against what only the worker pays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .measure import Row, side_by_side


def rows() -> Iterator[Row]:
    light, heavy = side_by_side(lambda: _run("core.mesh"), lambda: _run("core.transformer"), at_least=1.0)
    yield Row(
        "start Python, import core.mesh (NumPy only)", light, "s", heavy / light, "importing core.transformer (torch)"
    )


def _run(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=Path(__file__).parents[1], check=True)
