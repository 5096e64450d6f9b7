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
_PAIRS = 4  # clouds compared with one at a time: their distances stay in the processor's cache


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
    squares, found = _Squares(a, b), torch.empty(len(a), len(b))
    for i, row in enumerate(found):
        squares.fill(row, i, 0)
    return found


def chamfer_among(clouds: Tensor) -> Tensor:
    """chamfer(clouds, clouds), symmetric [A, A]: each pair is compared once."""
    squares, found = _Squares(clouds, clouds), torch.zeros(len(clouds), len(clouds))
    for i, row in enumerate(found):
        squares.fill(row[i:], i, i)
    return found.triu() + found.triu(1).T


def chamfer_pairs(a: Tensor, b: Tensor) -> Tensor:
    """Chamfer distances [A] between clouds i of [A, M, 3] and [A, M, 3]."""
    squares, found = _Squares(a, b), torch.empty(len(a))
    for i in range(len(a)):
        squares.fill(found[i : i + 1], i, i)
    return found


class _Squares:
    """Squared distances between clouds [A, M, 3] and [B, N, 3], as products of (-2 x, x^2, 1) and (y, 1, y^2).

    They are written to one place in memory again and again: to ask the system for new memory takes ten times as long.
    """

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a = torch.cat([-2 * a, (a**2).sum(-1, keepdim=True), torch.ones_like(a[..., :1])], dim=-1)
        self.b = torch.cat([b, torch.ones_like(b[..., :1]), (b**2).sum(-1, keepdim=True)], dim=-1).transpose(1, 2)
        self.b = self.b.contiguous()
        self.room = torch.empty(min(_PAIRS, len(b)), a.shape[1], b.shape[1])

    def fill(self, found: Tensor, i: int, first: int) -> None:
        """Write Chamfer distances into `found` [C]: from cloud i of a to the C clouds of b from the first on."""
        for start in range(0, len(found), _PAIRS):
            others = self.b[first + start : first + min(start + _PAIRS, len(found))]
            squared = torch.bmm(self.a[i].expand(len(others), -1, -1), others, out=self.room[: len(others)])
            there, back = (squared.amin(dim=dim).clamp_(min=0).mean(dim=1) for dim in (2, 1))
            found[start : start + _PAIRS] = there + back


def turned(clouds: Tensor) -> Tensor:
    """The eight quarter turns about z and their mirror images: [A, M, 3] -> [A, 8, M, 3]."""
    x, y, z = clouds.unbind(-1)
    quarters = [(x, y), (-y, x), (-x, -y), (y, -x)]
    return torch.stack([torch.stack([sign * u, v, z], -1) for u, v in quarters for sign in (1, -1)], dim=1)
