# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes as point clouds, and the Chamfer distance between them.

Shapes: A, B numbers of clouds, M points of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..mesh import TriangleMesh
from ..surface import draw_points

POINTS = 1024
_PAIRS = 16  # clouds compared with one at a time: their distances stay in the processor's cache


def point_clouds(meshes: Sequence[TriangleMesh], points: int = POINTS, seed: int = 0) -> Tensor:
    """Evenly drawn points float32 [A, M, 3] of meshes, each in the middle of its box, longest side 1.9."""
    clouds = []
    for number, mesh in enumerate(meshes):
        plain, _ = mesh.normalised()
        triangles = plain.vertices[plain.faces].astype(np.float64)
        clouds.append(draw_points(triangles, points, np.random.default_rng((seed, number)))[:, :3])
    return torch.from_numpy(np.stack(clouds)).float()


def chamfer(a: Tensor, b: Tensor) -> Tensor:
    """Chamfer distances [A, B] between clouds [A, M, 3] and [B, M, 3]: the mean squared distance to the nearest point
    of the other, both ways added (Achlioptas et al., arXiv 1707.02392).
    """
    rows = [torch.cat([_to_each(one, part) for part in b.split(_PAIRS)]) for one in a]
    return torch.stack(rows)


def chamfer_pairs(a: Tensor, b: Tensor) -> Tensor:
    """Chamfer distances [A] between clouds i of [A, M, 3] and [A, M, 3]."""
    return torch.stack([_to_each(one, other[None])[0] for one, other in zip(a, b, strict=True)])


def _to_each(one: Tensor, others: Tensor) -> Tensor:
    squared = (one**2).sum(-1)[:, None] + (others**2).sum(-1)[:, None, :]
    squared = torch.baddbmm(squared, one.expand(len(others), -1, -1), others.transpose(1, 2), alpha=-2).clamp(min=0)
    return squared.amin(dim=2).mean(dim=1) + squared.amin(dim=1).mean(dim=1)


def turned(clouds: Tensor) -> Tensor:
    """The eight quarter turns about z and their mirror images: [A, M, 3] -> [A, 8, M, 3]."""
    x, y, z = clouds.unbind(-1)
    quarters = [(x, y), (-y, x), (-x, -y), (y, -x)]
    return torch.stack([torch.stack([sign * u, v, z], -1) for u, v in quarters for sign in (1, -1)], dim=1)
