# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Augmentation: another mesh of the same thing, put into canonical order again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..checks import need_at_least, need_shares
from ..errors import MeshGPTError
from ..mesh import DEFAULT_LEVELS, HALF_EXTENT, LatticeMesh, TriangleMesh, lattice_cells


@dataclass(frozen=True)
class AugmentConfig:
    """How far a mesh may be changed."""

    scale: tuple[float, float] = (0.75, 1.25)  # smallest and largest factor on each axis
    yaws: bool = True  # quarter turns about the vertical axis
    mirror: bool = True  # left and right change places in half of the meshes
    shift: int = 2  # lattice cells at most
    shift_probability: float = 0.2  # that a mesh is shifted

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise MeshGPTError(f"scale is {self.scale}.", "Give two numbers above zero, the smaller first.")
        need_at_least(0, self, "shift")
        need_shares(self, "shift_probability")


def augment(
    mesh: TriangleMesh, rng: np.random.Generator, config: AugmentConfig, levels: int = DEFAULT_LEVELS
) -> LatticeMesh:
    """A random variant of the mesh on the lattice, canonical.

    Scaling can flatten a thin mesh until no face is left; then the mesh comes back as it was.
    """
    vertices, faces = mesh.vertices.astype(np.float64), mesh.faces
    vertices = vertices * rng.uniform(*config.scale, size=3)
    if config.yaws:
        for _ in range(rng.integers(4)):
            vertices = np.stack([-vertices[:, 1], vertices[:, 0], vertices[:, 2]], axis=1)
    if config.mirror and rng.random() < 0.5:
        vertices, faces = vertices * (-1, 1, 1), faces[:, ::-1]
    lo, hi = vertices.min(axis=0), vertices.max(axis=0)
    side = max(float((hi - lo).max()), 1e-12)
    cells = lattice_cells((vertices - (lo + hi) / 2) * (2 * HALF_EXTENT / side), levels)
    if config.shift and rng.random() < config.shift_probability:
        low, high = (
            -np.minimum(cells.min(axis=0), config.shift),
            np.minimum(levels - 1 - cells.max(axis=0), config.shift),
        )
        cells = cells + rng.integers(low, high + 1)
    result = LatticeMesh.canonical(cells, faces, levels)
    return result if len(result.faces) else mesh.quantised(levels)
