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
from .checks import check_type
from .errors import MeshGPTError
from .events import GeneratedMesh
from .mesh import TriangleMesh, distinct_faces
from .surface import MeasuredSurface, Surface, SurfaceDifference, draw_points

POINTS = 1024  # as in training
_REACH = 3  # lattice cells that a vertex moves at most
_LEAST_AREA = 0.1  # of a face, seen along its normal, that has to be left


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
            **self.difference.shares(self.longest_side),
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
    for name, value in (("best_of", best_of), ("count", count), ("faces", faces), ("seed", seed)):
        check_type(name, value, int)
    if best_of < 1 or count < 1 or faces < 1:
        raise MeshGPTError("Nothing was asked for.", "Give a count, a face count and a choice of at least 1.")
    seed = int(seed) % 2**63  # as the model takes it
    points = surface_points(mesh, seed=seed)
    made = checkpoint.generate(prompt, count * best_of, faces, seed, points=points, **settings)
    plain, frame = mesh.normalised()
    surface = Surface(plain.vertices[distinct_faces(plain.faces)].astype(np.float64))
    measured, side = MeasuredSurface(mesh), float(np.subtract(*mesh.bounds()[::-1]).max())
    found: dict[int, list[Retopology]] = {}
    for one in made:  # fewer than asked for, where a seed gave nothing
        vertices = _snapped(one, surface, 2 / checkpoint.tokenizer.levels) if snap else one.vertices
        result = TriangleMesh(frame.apply(vertices), one.faces)
        fitted = Retopology(result, one, measured.compare(result), side)
        found.setdefault((one.seed - seed) % 2**63 // best_of, []).append(fitted)
    return [min(group, key=lambda one: (not one.made.ended, one.difference.mean)) for group in found.values()]


def _snapped(made: TriangleMesh, surface: Surface, cell: float) -> np.ndarray:
    """Vertices float64 [V, 3] moved to the nearest place on the surface, where it is at most some cells away.

    In thin parts the nearest place may be on the other side: vertices of faces that would turn over or lose most of
    their area stay where the model put them.
    """
    before = made.vertices.astype(np.float64)
    nearest = surface.nearest(before)
    moved = nearest.distance <= _REACH * cell
    normals = _normals(before, made.faces)
    while True:
        vertices = np.where(moved[:, None], nearest.place, before)
        kept = (_normals(vertices, made.faces) * normals).sum(axis=1)
        spoilt = (kept < _LEAST_AREA * (normals**2).sum(axis=1)) & moved[made.faces].any(axis=1)
        if not spoilt.any():
            return vertices
        moved[made.faces[spoilt]] = False


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normals [F, 3], twice as long as the faces' areas."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    return np.cross(b - a, c - a)
