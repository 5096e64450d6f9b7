# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far shapes are from all that a model was trained on: the nearest training mesh, and copies.

Nearest is meant under the quarter turns and mirror images that training shows too. A coarse grid of where the points
are finds the candidates, the Chamfer distance decides among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import MeshGPTError
from ..mesh import TriangleMesh
from .clouds import chamfer_pairs, point_clouds, turned

_CELLS = 12  # of the coarse grid, each way
_CANDIDATES = 16  # compared exactly, for each shape
LEAST_FACES = 24  # with fewer, meshes of different things are built alike
_ROUNDS = 4  # of refining: a vertex hears of those as many edges away


class TrainingShapes:
    """What a model was trained on, ready to be looked through."""

    def __init__(self, meshes: Sequence[TriangleMesh]) -> None:
        self.clouds = point_clouds(meshes, seed=1)
        self._grids = _grids(self.clouds)
        self._builds = {build for mesh in meshes if (build := _build(mesh)) is not None}

    def distances(self, clouds: Tensor) -> Tensor:
        """Chamfer distance [A] of clouds [A, M, 3] to the nearest training mesh."""
        return self.nearest(clouds)[0]

    def nearest(self, clouds: Tensor) -> tuple[Tensor, Tensor]:
        """Distances [A] and indices [A] of the nearest training meshes."""
        variants = turned(clouds)
        found, which = [], []
        for cloud in variants:  # the eight of one shape
            alike = _grids(cloud) @ self._grids.T
            best = alike.flatten().topk(min(_CANDIDATES, alike.numel())).indices
            variant, mesh = best // alike.shape[1], best % alike.shape[1]
            distances = chamfer_pairs(cloud[variant], self.clouds[mesh])
            found.append(distances.min())
            which.append(mesh[distances.argmin()])
        return torch.stack(found), torch.stack(which)

    def copied(self, meshes: Sequence[TriangleMesh]) -> list[bool]:
        """Which meshes are built like a training mesh: as many vertices and faces, joined in the same way, whatever
        their size, proportions and direction.
        """
        return [(build := _build(mesh)) is not None and build in self._builds for mesh in meshes]


def _build(mesh: TriangleMesh) -> tuple[int, ...] | None:
    """What is the same for all meshes joined alike, and nearly never for others: colours of the vertices, refined by
    those of their neighbours (Weisfeiler and Lehman). None for meshes too small to tell, and for what is no mesh.
    """
    try:
        faces = mesh.quantised().faces
    except MeshGPTError:
        return None
    if len(faces) < LEAST_FACES:
        return None
    count = int(faces.max()) + 1
    colour = np.bincount(faces.reshape(-1), minlength=count).astype(np.uint64)
    for _ in range(_ROUNDS):
        mixed = _mixed(colour)
        around = np.zeros(count, np.uint64)
        for corner in range(3):  # neighbours have no order, so they are added up
            np.add.at(around, faces[:, corner], mixed[faces].sum(axis=1) - mixed[faces[:, corner]])
        colour = _mixed(mixed + np.uint64(3) * around)
    return count, len(faces), int(colour.sum())


def _mixed(values: np.ndarray) -> np.ndarray:
    """A hash of each integer, uint64 (splitmix64)."""
    x = values + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _grids(clouds: Tensor) -> Tensor:
    """Unit vectors [A, _CELLS^3]: smoothed counts of the points in each cell of a coarse grid."""
    cells = ((clouds + 1) * (_CELLS / 2)).long().clamp(0, _CELLS - 1)
    flat = (cells[..., 0] * _CELLS + cells[..., 1]) * _CELLS + cells[..., 2]
    counts = torch.zeros(len(clouds), _CELLS**3).scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float))
    smooth = F.avg_pool3d(counts.sqrt().view(-1, 1, _CELLS, _CELLS, _CELLS), 3, stride=1, padding=1)
    return F.normalize(smooth.flatten(1), dim=1)
