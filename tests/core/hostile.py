# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of hostile input share."""

from __future__ import annotations

import resource
import sys

import numpy as np

from core import MeshGPTError, TriangleMesh


def sentence(error: MeshGPTError) -> MeshGPTError:
    """The error, when it is fit for a user."""
    assert error.message.endswith(".") and str(error).isprintable() and len(error.message) <= 400
    assert "Traceback" not in str(error) and "object at 0x" not in str(error)
    return error


def memory() -> float:
    """Most memory that this process has used, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def grid(side: int) -> TriangleMesh:
    """A wavy sheet of 2 side^2 faces."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, side + 1)] * 2)
    vertices = np.stack([x, y, np.sin(5 * x) * np.cos(4 * y) / 3], axis=-1).reshape(-1, 3)
    i = np.arange((side + 1) ** 2).reshape(side + 1, side + 1)
    a, b, c, d = (part.reshape(-1) for part in (i[:-1, :-1], i[1:, :-1], i[:-1, 1:], i[1:, 1:]))
    return TriangleMesh(vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]))
