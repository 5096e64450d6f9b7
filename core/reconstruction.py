# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh through a tokenizer and back, and how much of it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .mesh import LatticeMesh, TriangleMesh
from .surface import draw_points

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
from .tokenizers import Tokenizer

SAMPLES = 2000  # points drawn on each surface, and at most as many of its vertices
_PAIRS = 4_000_000  # point-triangle pairs looked at together


@dataclass(frozen=True)
class Reconstruction:
    """`mesh` in the source's own units. Errors are distances between the surfaces, both ways, in the source's units.

    `triangle_accuracy`: share of the quantised source's triangles that come back exactly, winding included.
    """

    mesh: TriangleMesh
    faces_in: int
    faces_out: int
    triangle_accuracy: float
    mean_error: float
    max_error: float
    longest_side: float

    def as_dict(self) -> dict[str, Any]:
        """Everything but the mesh, and the errors as shares of the longest side; JSON values."""
        return {
            "faces_in": self.faces_in,
            "faces_out": self.faces_out,
            "triangle_accuracy": self.triangle_accuracy,
            "mean_error": self.mean_error,
            "max_error": self.max_error,
            "mean_error_share": self.mean_error / self.longest_side,
            "max_error_share": self.max_error / self.longest_side,
        }


def reconstruct(checkpoint_or_tokenizer: Checkpoint | Tokenizer, mesh: TriangleMesh) -> Reconstruction:
    """Encode and decode a mesh. Raises MeshGPTError for a mesh without size or without proper faces."""
    tokenizer = getattr(checkpoint_or_tokenizer, "tokenizer", checkpoint_or_tokenizer)
    lattice = mesh.quantised(tokenizer.levels)
    decoded = tokenizer.decode(tokenizer.encode(lattice))
    result = TriangleMesh(mesh.frame.apply(decoded.vertices), decoded.faces)
    lo, hi = mesh.bounds()
    mean_error, max_error = surface_distance(mesh, result)
    return Reconstruction(
        mesh=result,
        faces_in=len(mesh.faces),
        faces_out=len(result.faces),
        triangle_accuracy=triangle_accuracy(lattice, decoded),
        mean_error=mean_error,
        max_error=max_error,
        longest_side=float((hi - lo).max()),
    )


def triangle_accuracy(source: LatticeMesh, decoded: TriangleMesh) -> float:
    """Share of the source's triangles that the decoded mesh (in [-1, 1]) has, corner for corner, winding included."""
    cells = np.floor((decoded.vertices.astype(np.float64) + 1) * (source.levels / 2)).astype(np.int64)
    wanted, found = _oriented(source.corners(), source.levels), _oriented(cells[decoded.faces], source.levels)
    _, label = np.unique(np.concatenate([wanted, found]), axis=0, return_inverse=True)
    label = label.reshape(-1)
    return float(np.isin(label[: len(wanted)], label[len(wanted) :]).mean())


def _oriented(corners: np.ndarray, levels: int) -> np.ndarray:
    """Lattice triangles [F, 3, 3] as three integers each, the lowest first, winding kept."""
    keys = (corners[..., 2] * levels + corners[..., 1]) * levels + corners[..., 0]
    return np.take_along_axis(keys, (keys.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)


def surface_distance(first: TriangleMesh, second: TriangleMesh, samples: int = SAMPLES) -> tuple[float, float]:
    """Mean and largest distance between two surfaces, in their units.

    Measured exactly from `samples` evenly drawn points (always the same ones) and from up to as many vertices of each
    surface to the other: the mean over the drawn points of both, the largest over all.
    """
    # Taken about a common centre and scale: far from the origin, or at extreme sizes, squares would lose all digits.
    (lo, hi), (lo2, hi2) = first.bounds(), second.bounds()
    centre, scale = (lo + hi) / 2, max(float((hi - lo).max()), float((hi2 - lo2).max()), np.finfo(np.float64).tiny)
    triangles = [(m.vertices.astype(np.float64)[m.faces] - centre) / scale for m in (first, second)]
    drawn, largest = [], 0.0
    for source, target in (triangles, triangles[::-1]):
        points = draw_points(source, samples, np.random.default_rng(0))[:, :3]
        vertices = np.unique(source.reshape(-1, 3), axis=0)
        vertices = vertices[:: -(-len(vertices) // samples)]
        distances = point_distances(np.concatenate([points, vertices]), target)
        drawn.append(distances[: len(points)].mean())
        largest = max(largest, float(distances.max()))
    return float(np.mean(drawn)) * scale, largest * scale


def point_distances(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Distance of each point [P, 3] to the nearest of the triangles [F, 3, 3]."""
    centres = triangles.mean(axis=1)
    radii = np.linalg.norm(triangles - centres[:, None], axis=2).max(axis=1)
    result = np.empty(len(points))
    step = max(1, _PAIRS // len(triangles))
    for start in range(0, len(points), step):
        chunk = points[start : start + step]
        squared = (chunk**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * chunk @ centres.T
        to_centre = np.sqrt(np.maximum(squared, 0))
        # A triangle is nearest only if its bounding sphere comes as near as the nearest centre of all.
        row, column = np.nonzero(to_centre - radii <= to_centre.min(axis=1, keepdims=True) + 1e-6)
        nearest = np.full(len(chunk), np.inf)
        np.minimum.at(nearest, row, _point_triangle(chunk[row], triangles[column]))
        result[start : start + step] = nearest
    return result


def _point_triangle(p: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Distance of point i [N, 3] to triangle i [N, 3, 3]."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    distance = np.minimum.reduce([_point_segment(p, s, e) for s, e in ((a, b), (b, c), (c, a))])
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    inside = length > 1e-15
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= (np.cross(end - start, p - start) * normal).sum(axis=1) >= 0
    height = np.abs(((p - a) * normal).sum(axis=1)) / np.maximum(length, 1e-15)
    return np.where(inside, height, distance)


def _point_segment(p: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    share = ((p - start) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-30)
    return np.linalg.norm(p - start - np.clip(share, 0, 1)[:, None] * along, axis=1)
