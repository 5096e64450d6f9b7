# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faces of a mesh are given when the model learns to complete it."""

from __future__ import annotations

import numpy as np

from ..mesh import LatticeMesh, face_adjacency


def draw_subset(mesh: LatticeMesh, rng: np.random.Generator) -> np.ndarray:
    """A random set of faces, bool [F], neither none nor all of two or more: those on one side of a plane, those nearest
    to one of them along the surface, or each by chance.
    """
    count = len(mesh.faces)
    if count < 2:
        return np.zeros(count, dtype=bool)
    wanted = int(np.clip(round(count * rng.uniform(0.05, 0.95)), 1, count - 1))
    kind = rng.integers(3)
    if kind == 0:
        centres = mesh.corners().mean(axis=1)
        rank = centres @ rng.normal(size=3) + rng.random(count) * 1e-6
    elif kind == 1:
        rank = _steps_from(face_adjacency(mesh.faces, "vertex"), int(rng.integers(count)), count) + rng.random(count)
    else:
        rank = rng.random(count)
    given = np.zeros(count, dtype=bool)
    given[np.argsort(rank)[:wanted]] = True
    return given


def _steps_from(edges: np.ndarray, start: int, count: int) -> np.ndarray:
    """How many neighbours one has to pass from the start to each face, int [count]; `count` where no way leads."""
    steps = np.full(count, count)
    steps[start] = 0
    reached = np.array([start])
    while len(reached):
        near = np.unique(edges[1, np.isin(edges[0], reached)])
        new = near[steps[near] == count]
        steps[new] = steps[reached[0]] + 1
        reached = new
    return steps
