# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surfaces of meshes: points drawn evenly from them, the nearest places on them, distances between them. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .errors import MeshGPTError
from .mesh import TriangleMesh, distinct_faces

SAMPLES = 2000  # points drawn on each surface, and at most as many of its vertices
_PAIRS = 4_000_000  # point-triangle pairs looked at together, about
_MANY, _BLOCK = 20_000, 64  # triangles
_SLACK = 1e-6  # what rounding may take from a distance in a box of size 1


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


def surface_distance(first: TriangleMesh, second: TriangleMesh, samples: int = SAMPLES) -> tuple[float, float]:
    """Mean and largest distance between two surfaces, in their units; see `compare_surfaces`."""
    found = compare_surfaces(first, second, samples)
    return found.mean, found.largest


@dataclass(frozen=True)
class SurfaceDifference:
    """How two surfaces differ, both ways. Distances in the meshes' units.

    mean, largest: of the distance to the other surface (Chamfer distance and Hausdorff distance, not squared).
    normal_consistency: mean absolute cosine between normals at nearest places, 1 where surfaces run alike.
    """

    mean: float
    largest: float
    normal_consistency: float

    def shares(self, longest_side: float) -> dict[str, float]:
        """As plain values, distances as shares of a mesh's longest side."""
        return {
            "mean_error_share": self.mean / longest_side,
            "max_error_share": self.largest / longest_side,
            "normal_consistency": self.normal_consistency,
        }


def compare_surfaces(first: TriangleMesh, second: TriangleMesh, samples: int = SAMPLES) -> SurfaceDifference:
    """Measured exactly from `samples` evenly drawn points (always the same ones) and from up to as many vertices of
    each surface to the other: the means over the drawn points of both, the largest over all.
    """
    return MeasuredSurface(first, samples).compare(second)


class MeasuredSurface:
    """A mesh's surface that others are compared with, one after another; see `compare_surfaces`."""

    def __init__(self, mesh: TriangleMesh, samples: int = SAMPLES) -> None:
        low, high = mesh.bounds()
        # Taken about its own centre and size: far from the origin, or at extreme sizes, squares would lose all digits.
        self.centre, self.scale = (low + high) / 2, max(float((high - low).max()), np.finfo(np.float64).tiny)
        self.samples = samples
        self.own = self._probed(mesh)

    def _probed(self, mesh: TriangleMesh) -> tuple[Surface, np.ndarray, np.ndarray]:
        """The surface, points drawn on it with their normals [P, 6], and some of its vertices [V, 3]."""
        places = (mesh.vertices.astype(np.float64) - self.centre) / self.scale
        used = np.unique(mesh.faces)
        triangles = places[mesh.faces]
        points = draw_points(triangles, self.samples, np.random.default_rng(0))
        # Of faces in the same place one will do; where thousands are equally near, each would have to be looked at.
        return Surface(places[distinct_faces(mesh.faces)]), points, places[used[:: -(-len(used) // self.samples)]]

    def compare(self, mesh: TriangleMesh) -> SurfaceDifference:
        """How the surface of another mesh differs."""
        other = self._probed(mesh)
        return _difference(self.own, other, self.scale)


def _difference(first: tuple, second: tuple, scale: float) -> SurfaceDifference:
    drawn, alike, largest = [], [], 0.0
    for (_, points, vertices), (target, _, _) in ((first, second), (second, first)):
        nearest = target.nearest(np.concatenate([points[:, :3], vertices]))
        drawn.append(nearest.distance[: len(points)].mean())
        alike.append(np.abs((points[:, 3:] * nearest.normal[: len(points)]).sum(axis=1)).mean())
        largest = max(largest, float(nearest.distance.max()))
    return SurfaceDifference(float(np.mean(drawn)) * scale, largest * scale, float(np.mean(alike)))


@dataclass(frozen=True)
class Nearest:
    """Of each point: the nearest place on a surface [P, 3], its distance [P], the unit normal there [P, 3]."""

    place: np.ndarray
    distance: np.ndarray
    normal: np.ndarray


class Surface:
    """Triangles float64 [F, 3, 3] that can be asked for the places nearest to points."""

    def __init__(self, triangles: np.ndarray) -> None:
        self.triangles = triangles

    @cached_property
    def normals(self) -> np.ndarray:
        """Unit normals [F, 3], 0 where a triangle has no area."""
        a, b, c = np.moveaxis(self.triangles, 1, 0)
        cross = np.cross(b - a, c - a)
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)

    @cached_property
    def spheres(self) -> tuple[np.ndarray, np.ndarray]:
        """Middles [F, 3] and radii [F] around them that hold the triangles."""
        centres = self.triangles.mean(axis=1)
        return centres, np.linalg.norm(self.triangles - centres[:, None], axis=2).max(axis=1)

    @cached_property
    def blocks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Triangles of one neighbourhood together, where there are many: ids [N, K], the last one again where there are
        too few, and the middles [N, 3] and radii [N] of spheres that hold the spheres of their triangles.
        """
        centres, radii = self.spheres
        if len(centres) < _MANY:
            return np.arange(len(centres))[:, None], centres, radii
        order = np.argsort(_places_on_a_curve(centres), kind="stable")
        ids = np.pad(order, (0, -len(order) % _BLOCK), mode="edge").reshape(-1, _BLOCK)
        middles = centres[ids].mean(axis=1)
        reach = np.linalg.norm(centres[ids] - middles[:, None], axis=2) + radii[ids]
        return ids, middles, reach.max(axis=1)

    def nearest(self, points: np.ndarray) -> Nearest:
        """Exact, for points [P, 3]; of triangles equally near, the first."""
        triangles, (centres, radii), (ids, middles, reaches) = self.triangles, self.spheres, self.blocks
        place, distance = np.empty((len(points), 3)), np.empty(len(points))
        which = np.empty(len(points), np.int64)
        step = max(1, _PAIRS // max(len(ids), 32 * ids.shape[1]))
        for start in range(0, len(points), step):
            chunk = points[start : start + step]
            # What is nearest comes as near as the middle of any triangle, and so does the sphere that holds it.
            to_middle = _distances(chunk, middles)
            to_one = to_middle if ids.shape[1] == 1 else _distances(chunk, centres[ids[:, 0]])
            bound = to_one.min(axis=1) + _SLACK
            row, block = np.nonzero(to_middle - reaches <= bound[:, None])
            row, column = np.repeat(row, ids.shape[1]), ids[block].reshape(-1)
            if ids.shape[1] > 1:
                to_centre = np.linalg.norm(chunk[row] - centres[column], axis=1)
                np.minimum.at(bound, row, to_centre + _SLACK)
                near = to_centre - radii[column] <= bound[row]
                row, column = row[near], column[near]
            found = _nearest_in_triangle(chunk[row], triangles[column])
            far = np.linalg.norm(chunk[row] - found, axis=1)
            order = np.lexsort((column, far, row))
            best = order[np.unique(row[order], return_index=True)[1]]
            at = slice(start, start + len(chunk))
            place[at], distance[at], which[at] = found[best], far[best], column[best]
        return Nearest(place, distance, self.normals[which])


def _distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances [P, N] between points [P, 3] and others [N, 3]."""
    squared = (points**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * points @ others.T
    return np.sqrt(np.maximum(squared, 0))


def _places_on_a_curve(points: np.ndarray) -> np.ndarray:
    """Integers [P] that sort points [P, 3] so that those near each other come together (Morton order)."""
    low, high = points.min(axis=0), points.max(axis=0)
    cells = ((points - low) / max(float((high - low).max()), 1e-30) * 1023).astype(np.int64)
    keys = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            keys |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return keys


def point_distances(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Distance of each point [P, 3] to the nearest of the triangles [F, 3, 3]."""
    return Surface(triangles).nearest(points).distance


def _nearest_in_triangle(p: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The place in triangle i [N, 3, 3] nearest to point i [N, 3]."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    edges = ((a, b), (b, c), (c, a))
    on_edges = np.stack([_nearest_in_segment(p, start, end) for start, end in edges])
    best = np.linalg.norm(on_edges - p, axis=2).argmin(axis=0)
    normal = np.cross(b - a, c - a)
    squared = (normal**2).sum(axis=1)
    inside = squared > 1e-30
    for start, end in edges:
        inside &= (np.cross(end - start, p - start) * normal).sum(axis=1) >= 0
    height = ((p - a) * normal).sum(axis=1) / np.maximum(squared, 1e-30)
    return np.where(inside[:, None], p - height[:, None] * normal, on_edges[best, np.arange(len(p))])


def _nearest_in_segment(p: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    share = ((p - start) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-30)
    return start + np.clip(share, 0, 1)[:, None] * along


def as_cloud(points: Any) -> np.ndarray:
    """A point cloud float32 [M, 6], places and normals; raises MeshGPTError for what is none."""
    try:
        points = np.asarray(points, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise MeshGPTError("The point cloud is not numbers.", "Give places and normals, [M, 6].") from error
    if points.ndim != 2 or points.shape[1] != 6 or not len(points):
        raise MeshGPTError(f"The point cloud has shape {points.shape}.", "Give places and normals, [M, 6].")
    if not np.isfinite(points).all():
        raise MeshGPTError("The point cloud holds values that are not finite.", "Leave those points out.")
    return points
