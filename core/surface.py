# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points drawn evenly from the surface of a mesh. NumPy only."""

from __future__ import annotations

import numpy as np


def draw_points(triangles: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points float [count, 6], evenly over the area of triangles [F, 3, 3]: places, then the triangles' unit normals (0
    where a triangle has no area).
    """
    a, b, c = np.moveaxis(triangles, 1, 0)
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    share = area / area.sum() if area.sum() > 0 else np.full(len(area), 1 / len(area))
    chosen = rng.choice(len(triangles), size=count, p=share)
    u, v = rng.random((2, count, 1))
    folded = u + v > 1  # the other half of the parallelogram
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    places = a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]
    return np.concatenate([places, cross[chosen] / np.maximum(area[chosen], 1e-30)[:, None]], axis=1)
