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


class TrainingShapes:
    """What a model was trained on, ready to be looked through."""

    def __init__(self, meshes: Sequence[TriangleMesh]) -> None:
        self.clouds = point_clouds(meshes, seed=1)
        self._grids = _grids(self.clouds)
        lattices = [_faces(mesh) for mesh in meshes]
        self._builds = {faces.tobytes() for faces in lattices if len(faces) >= LEAST_FACES}

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
        """Which meshes are built face for face like a training mesh, whatever their proportions: the canonical order
        numbers vertices, and stretching along the axes leaves it.
        """
        return [len(faces) >= LEAST_FACES and faces.tobytes() in self._builds for faces in map(_faces, meshes)]


def _faces(mesh: TriangleMesh) -> np.ndarray:
    try:
        return mesh.quantised().faces
    except MeshGPTError:
        return np.empty((0, 3), np.int64)


def _grids(clouds: Tensor) -> Tensor:
    """Unit vectors [A, _CELLS^3]: smoothed counts of the points in each cell of a coarse grid."""
    cells = ((clouds + 1) * (_CELLS / 2)).long().clamp(0, _CELLS - 1)
    flat = (cells[..., 0] * _CELLS + cells[..., 1]) * _CELLS + cells[..., 2]
    counts = torch.zeros(len(clouds), _CELLS**3).scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float))
    smooth = F.avg_pool3d(counts.sqrt().view(-1, 1, _CELLS, _CELLS, _CELLS), 3, stride=1, padding=1)
    return F.normalize(smooth.flatten(1), dim=1)
