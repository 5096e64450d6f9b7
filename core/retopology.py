# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopology: a low-poly mesh of about so many faces that follows the surface of a dense one.

The surface becomes a point cloud, which the model was trained to follow. It writes several meshes; the one nearest to
the surface stays, and its vertices move from the middle of their lattice cells onto the surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .checkpoint import Checkpoint
from .errors import MeshGPTError
from .generation import GeneratedMesh
from .mesh import TriangleMesh
from .surface import Surface, SurfaceDifference, compare_surfaces, draw_points

POINTS = 512  # as in training
_REACH = 3  # lattice cells that a vertex moves at most


@dataclass(frozen=True)
class Retopology:
    """`mesh` in the source's own units, what it was `made` as in [-1, 1], and how its surface differs from the source's
    in the source's units.
    """

    mesh: TriangleMesh
    made: GeneratedMesh
    difference: SurfaceDifference
    longest_side: float

    def as_dict(self) -> dict[str, Any]:
        """Everything but the meshes; distances as shares of the source's longest side."""
        return {
            "faces": len(self.mesh.faces),
            "ended": self.made.ended,
            "mean_error_share": self.difference.mean / self.longest_side,
            "max_error_share": self.difference.largest / self.longest_side,
            "normal_consistency": self.difference.normal_consistency,
        }


def surface_points(mesh: TriangleMesh, count: int = POINTS, seed: int = 0) -> np.ndarray:
    """Points with normals, float [count, 6], from the surface of a mesh: places in [-1, 1] as models see them."""
    plain, _ = mesh.normalised()
    return draw_points(plain.vertices[plain.faces].astype(np.float64), count, np.random.default_rng(seed))


def retopologize(
    checkpoint: Checkpoint,
    mesh: TriangleMesh,
    faces: int = 400,
    prompt: str = "",
    count: int = 1,
    *,
    best_of: int = 4,
    snap: bool = True,
    seed: int = 0,
    **settings: Any,
) -> list[Retopology]:
    """`count` low-poly meshes of about `faces` faces, each the nearest to the source's surface of `best_of`.

    snap: move vertices onto the surface where it is near. settings: as for `Checkpoint.stream`. Raises MeshGPTError
    when the model was not trained with point clouds.
    """
    if best_of < 1 or count < 1 or faces < 1:
        raise MeshGPTError("Nothing was asked for.", "Give a count, a face count and a choice of at least 1.")
    points = surface_points(mesh, seed=seed)
    made = checkpoint.generate(prompt, count * best_of, faces, seed, points=points, **settings)
    found: dict[int, list[Retopology]] = {}
    for one in made:  # fewer than asked for, where a seed gave nothing
        found.setdefault((one.seed - seed) // best_of, []).append(_fitted(mesh, one, snap, checkpoint.tokenizer.levels))
    return [min(group, key=lambda one: (not one.made.ended, one.difference.mean)) for group in found.values()]


def _fitted(source: TriangleMesh, made: GeneratedMesh, snap: bool, levels: int) -> Retopology:
    plain, frame = source.normalised()
    vertices = made.vertices.astype(np.float64)
    if snap:
        nearest = Surface(plain.vertices[plain.faces].astype(np.float64)).nearest(vertices)
        near = nearest.distance <= _REACH * 2 / levels
        moved = TriangleMesh(np.where(near[:, None], nearest.place, vertices), made.faces)
        # Thin parts may fall flat when both of their sides go to one: then the model's own places are better.
        if moved.report().degenerate == 0:
            vertices = moved.vertices
    mesh = TriangleMesh(frame.apply(vertices), made.faces)
    low, high = source.bounds()
    return Retopology(mesh, made, compare_surfaces(source, mesh), float((high - low).max()))
