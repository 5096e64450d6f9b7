# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangle meshes as arrays: normalise, quantise, weld, canonical order, face adjacency, validity. NumPy only.

The canonical order is MeshGPT's (arXiv 2311.15475, section 3.1), after PolyGen: vertices sorted z-y-x from the lowest,
each face rotated so that its lowest vertex comes first (winding kept), faces sorted by their vertices.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .errors import MeshGPTError

HALF_EXTENT = 0.95  # the longest side of a normalised mesh spans [-HALF_EXTENT, HALF_EXTENT]
DEFAULT_LEVELS = 128
_NUDGE = 1e-3  # of a cell


@dataclass(frozen=True)
class Frame:
    """Where a normalised mesh came from: `original = normalised * scale + centre`, in the source's own units."""

    centre: np.ndarray
    scale: float

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Normalised points [..., 3] -> points in the source's units."""
        return np.asarray(points, np.float64) * self.scale + self.centre

    def invert(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] in the source's units -> normalised points."""
        return (np.asarray(points, np.float64) - self.centre) / self.scale

    @classmethod
    def around(cls, low: np.ndarray, high: np.ndarray) -> Frame:
        """The frame in which a box in the source's units lies in the middle, its longest side 2 * HALF_EXTENT."""
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        return cls((low + high) / 2, float((high - low).max()) / (2 * HALF_EXTENT))


@dataclass(frozen=True)
class MeshReport:
    """What is sound and what is not about a mesh. An edge is an unordered pair of vertices, counted by the faces on
    it.
    """

    vertices: int
    faces: int
    degenerate: int  # faces that repeat a vertex or have no area
    duplicate: int  # faces beyond the first on the same three vertices, whatever their winding
    nonmanifold_edges: int  # edges with more than two faces
    repeated_directed_edges: int  # edges that two faces run through in the same direction: their winding disagrees
    boundary_edges: int  # edges with one face
    components: int  # groups of faces connected through shared vertices
    consistent_winding: bool
    watertight: bool  # every edge has exactly two faces, running in opposite directions

    @property
    def open_edge_share(self) -> float:
        """Share of the edges that have one face; exact where none has more than two."""
        return self.boundary_edges / max(1, (3 * self.faces + self.boundary_edges) // 2)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class TriangleMesh:
    """A triangle mesh: `vertices` float32 [V, 3] and `faces` int64 [F, 3], counter-clockwise seen from outside, z up.

    Raises MeshGPTError when the arrays are no mesh: wrong shape, not finite, empty, or an index out of range.
    """

    def __init__(self, vertices: Any, faces: Any) -> None:
        vertices, faces = _as_points(vertices), _as_faces(faces)
        if len(faces) == 0:
            raise MeshGPTError("The mesh has no faces.", "Give a mesh with at least one triangle.")
        if faces.min() < 0 or faces.max() >= len(vertices):
            raise MeshGPTError(
                f"A face refers to vertex {int(faces.max() if faces.max() >= len(vertices) else faces.min())},"
                f" but the mesh has {len(vertices)} vertices.",
                "The file or the arrays are damaged; export the mesh again.",
            )
        self.vertices = vertices
        self.faces = faces

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.vertices)} vertices, {len(self.faces)} faces)"

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner, float64 [3] each, of the vertices that faces use."""
        used = self.vertices[np.unique(self.faces)].astype(np.float64)
        return used.min(axis=0), used.max(axis=0)

    @cached_property
    def frame(self) -> Frame:
        """The frame that takes the normalised mesh back to this one."""
        lo, hi = self.bounds()
        side = float((hi - lo).max())
        # Below float32's resolution at that distance from the origin the shape is rounding noise, not geometry.
        if side <= 4 * np.finfo(np.float32).eps * max(float(np.abs(lo).max()), float(np.abs(hi).max())) or side == 0.0:
            raise MeshGPTError(
                "The mesh has no size: all its vertices are at one point.", "Give a mesh with an extent."
            )
        return Frame.around(lo, hi)

    def normalised(self) -> tuple[TriangleMesh, Frame]:
        """Bounding box centred on the origin, longest side 2 * 0.95; and the frame that leads back."""
        points = self.frame.invert(self.vertices)
        # Vertices that no face uses may lie anywhere; they must not overflow float32.
        return TriangleMesh(np.clip(points, -1e30, 1e30), self.faces), self.frame

    def quantised(self, levels: int = DEFAULT_LEVELS, frame: Frame | None = None) -> LatticeMesh:
        """The canonical mesh on a lattice of `levels` cells per axis over [-1, 1]: welded, no degenerate or duplicate
        face. `frame`: where it lies there, if not in the middle as large as it can be.

        Raises MeshGPTError when no face is left, or the mesh is too large to place on a lattice of that many levels.
        """
        frame = frame or self.frame
        positions = lattice_cells(frame.invert(self.vertices), levels)
        mesh = LatticeMesh.canonical(positions, self.faces, levels, frame)
        if len(mesh.faces) == 0:
            raise MeshGPTError(
                "All faces of the mesh are degenerate: none has three different corners and an area.",
                "Give a mesh with visible faces.",
            )
        return mesh

    def report(self) -> MeshReport:
        """Validity of the mesh as it stands, by vertex index: nothing is welded first."""
        return _report(self.vertices, self.faces)


class LatticeMesh:
    """A canonical mesh on an integer lattice: what tokenizers encode.

    `positions` int64 [V, 3] (x, y, z; each in [0, levels)), sorted z-y-x and unique; `faces` int64 [F, 3], lowest
    vertex first, sorted. `frame` leads from lattice space [-1, 1] back to the source's units, where there was a source.
    """

    def __init__(self, positions: np.ndarray, faces: np.ndarray, levels: int, frame: Frame | None = None) -> None:
        self.positions = positions
        self.faces = faces
        self.levels = levels
        self.frame = frame

    def __repr__(self) -> str:
        return f"LatticeMesh({len(self.positions)} vertices, {len(self.faces)} faces, {self.levels} levels)"

    @classmethod
    def canonical(
        cls, positions: np.ndarray, faces: np.ndarray, levels: int, frame: Frame | None = None
    ) -> LatticeMesh:
        """Weld by position, drop degenerate (no area) and duplicate faces and unused vertices, and order canonically.

        Of two faces on the same three vertices the first in canonical order stays. The result may have no faces.
        """
        x, y, z = np.asarray(positions, np.int64).T
        keys, first, corner = np.unique((z * levels + y) * levels + x, return_index=True, return_inverse=True)
        faces = corner.reshape(-1)[faces]
        faces = _sorted_faces(faces[_has_area(np.stack([x, y, z], axis=1)[first], faces)])
        faces = faces[_first_of_each(np.sort(faces, axis=1))]
        used = np.zeros(len(keys), bool)
        used[faces] = True
        if not used.all():
            keys, faces = keys[used], (np.cumsum(used) - 1)[faces]
        positions = np.stack([keys % levels, keys // levels % levels, keys // (levels * levels)], axis=1)
        return cls(positions, faces, levels, frame)

    def to_mesh(self, frame: Frame | None = None) -> TriangleMesh:
        """Vertices at the centres of their cells: in [-1, 1], or in the units of `frame` when one is given."""
        points = (self.positions + 0.5) * (2 / self.levels) - 1
        return TriangleMesh(frame.apply(points) if frame else points, self.faces)

    def cells_of(self, points: np.ndarray) -> np.ndarray:
        """Cells int64 [..., 3] of points [..., 3] in the units of the mesh's frame."""
        return lattice_cells(self.frame.invert(points), self.levels)

    def corners(self) -> np.ndarray:
        """Positions of the corners of each face, int64 [F, 3, 3]."""
        return self.positions[self.faces]


def lattice_cells(points: np.ndarray, levels: int = DEFAULT_LEVELS) -> np.ndarray:
    """Cells int64 [..., 3], each in [0, levels), of points [..., 3] in [-1, 1].

    The middle of a symmetric mesh lies on the border of two cells, where rounding noise would tear its plane of
    symmetry in two (21% of the meshes up to 400 faces measured); a thousandth of a cell keeps it in one.
    """
    cells = np.floor((np.asarray(points, np.float64) + 1) * (levels / 2) + _NUDGE)
    return np.clip(cells, 0, levels - 1).astype(np.int64)


def face_adjacency(faces: np.ndarray, share: Literal["edge", "vertex"] = "edge") -> np.ndarray:
    """Pairs of faces that share an edge (or a vertex), int64 [2, E]: both directions, no self loops, sorted, each pair
    once.

    `faces` int64 [F, 3]. Sorts the F x 3 edges (or corners): O(F log F + E), never an F x F matrix.
    """
    faces = _as_faces(faces)
    count = len(faces)
    if share == "edge":
        keys = _edge_keys(faces, directed=False)
    elif share == "vertex":
        keys = faces.reshape(-1)
    else:
        raise MeshGPTError(f'Faces cannot be adjacent by "{share}".', 'Use share="edge" or share="vertex".')
    order = np.argsort(keys, kind="stable")
    owner = order // 3  # corner k of face f stands at 3 f + k, in edges and in corners
    _, start, size = np.unique(keys[order], return_index=True, return_counts=True)
    # A group of n faces on one edge gives n * n ordered pairs, the n self pairs among them.
    pairs = size * size
    group = np.repeat(np.arange(len(size)), pairs)
    within = np.arange(len(group)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    first = owner[start[group] + within // size[group]]
    second = owner[start[group] + within % size[group]]
    keep = first != second
    unique = np.unique(first[keep] * count + second[keep])
    return np.stack([unique // max(count, 1), unique % max(count, 1)])


def face_components(faces: np.ndarray) -> np.ndarray:
    """Component label of each face, int64 [F], 0..n-1; faces that share a vertex are connected."""
    faces = _as_faces(faces)
    used, local = np.unique(faces, return_inverse=True)
    local = local.reshape(-1, 3)
    label = np.arange(len(used))
    # Hook each vertex to the lowest label among its faces, then jump pointers; both halve the depth, so O(F log F) in
    # all.
    while True:
        low = label[local].min(axis=1)
        before = label.copy()
        for corner in range(3):
            np.minimum.at(label, label[local[:, corner]], low)
            np.minimum.at(label, local[:, corner], low)
        while not np.array_equal(label, label[label]):
            label = label[label]
        if np.array_equal(label, before):
            return np.unique(label[local[:, 0]], return_inverse=True)[1].reshape(-1)


def _has_area(positions: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which faces have three corners that are not on one line, bool [F]; exact, in integers."""
    corners = positions.T[:, faces.T]  # [axis, corner, F]
    (ax, ay, az), (bx, by, bz) = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (ay * bz != az * by) | (az * bx != ax * bz) | (ax * by != ay * bx)


def _report(vertices: np.ndarray, faces: np.ndarray) -> MeshReport:
    a, b, c = faces.T
    repeated = (a == b) | (b == c) | (c == a)
    corner = vertices.astype(np.float64)
    side = max(float(np.ptp(corner[np.unique(faces)], axis=0).max()), np.finfo(np.float64).tiny)
    p, q, r = ((corner[i] - corner[a]) / side for i in (a, b, c))
    area = np.linalg.norm(np.cross(q - p, r - p), axis=1) / 2
    degenerate = repeated | (area < 1e-12)
    duplicate = len(faces) - len(np.unique(np.sort(faces, axis=1), axis=0))
    proper = faces[~repeated]
    _, edge_faces = np.unique(_edge_keys(proper, directed=False), return_counts=True)
    _, directed = np.unique(_edge_keys(proper, directed=True), return_counts=True)
    boundary, nonmanifold = int((edge_faces == 1).sum()), int((edge_faces > 2).sum())
    repeats = int((directed > 1).sum())
    return MeshReport(
        vertices=len(vertices),
        faces=len(faces),
        degenerate=int(degenerate.sum()),
        duplicate=duplicate,
        nonmanifold_edges=nonmanifold,
        repeated_directed_edges=repeats,
        boundary_edges=boundary,
        components=int(face_components(faces).max()) + 1,
        consistent_winding=repeats == 0,
        watertight=boundary == 0 and nonmanifold == 0 and repeats == 0 and not repeated.any(),
    )


def _edge_keys(faces: np.ndarray, directed: bool) -> np.ndarray:
    """One integer an edge, int64 [F * 3], face by face: edges (0, 1), (1, 2), (2, 0)."""
    start, end = faces, np.roll(faces, -1, axis=1)
    if not directed:
        start, end = np.minimum(start, end), np.maximum(start, end)
    span = int(faces.max()) + 1 if len(faces) else 1
    return (start * span + end).reshape(-1)


def _sorted_faces(faces: np.ndarray) -> np.ndarray:
    """Lowest vertex of each face first, winding kept; faces in lexicographic order."""
    a, b, c = faces.T
    second, third = (b < a) & (b <= c), (c < a) & (c < b)
    rotated = [np.where(third, z, np.where(second, y, x)) for x, y, z in ((a, b, c), (b, c, a), (c, a, b))]
    faces = np.stack(rotated, axis=1)
    return faces[_order(faces)]


def _order(rows: np.ndarray) -> np.ndarray:
    """Indices that sort rows [N, 3] of numbers from 0 on, column by column; equal rows keep their order."""
    span = int(rows.max(initial=0)) + 1
    if span > 2**21:  # more than fits one number
        return np.lexsort(rows.T[::-1])
    return np.argsort((rows[:, 0] * span + rows[:, 1]) * span + rows[:, 2], kind="stable")


def distinct_faces(faces: np.ndarray) -> np.ndarray:
    """The faces [F, 3] but those on the same three vertices as an earlier one."""
    return faces[_first_of_each(np.sort(faces, axis=1))]


def _first_of_each(rows: np.ndarray) -> np.ndarray:
    """Indices, ascending, of the first occurrence of each distinct row."""
    if len(rows) == 0:
        return np.empty(0, np.int64)
    order = _order(rows)
    ordered = rows[order]
    new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])
    return np.arange(len(rows)) if new.all() else np.sort(order[new])


def _as_points(vertices: Any) -> np.ndarray:
    try:
        points = np.asarray(vertices).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise MeshGPTError("The vertices are not numbers.", "Give an array of shape [V, 3].") from error
    if points.ndim != 2 or points.shape[1] != 3:
        raise MeshGPTError(f"The vertices have shape {points.shape}.", "Give an array of shape [V, 3].")
    if not np.isfinite(points).all():
        raise MeshGPTError(
            "The mesh has vertices that are not finite numbers (NaN or infinity).",
            "Repair it first, in Blender with Mesh > Clean Up.",
        )
    if np.abs(points).max(initial=0) > np.finfo(np.float32).max:
        raise MeshGPTError("The mesh is too large for single precision.", "Scale it down.")
    return points.astype(np.float32)


def _as_faces(faces: Any) -> np.ndarray:
    try:
        array = np.asarray(faces)
    except ValueError as error:
        raise MeshGPTError("The faces do not have three corners each.", "Give triangles, [F, 3].") from error
    if array.size == 0:
        return np.empty((0, 3), np.int64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise MeshGPTError(f"The faces have shape {array.shape}.", "Give triangles: an array of shape [F, 3].")
    if array.dtype.kind not in "iu":
        whole = array.dtype.kind == "f" and (np.abs(array) < 2**53).all() and (array == np.round(array)).all()
        if not whole:
            raise MeshGPTError("The faces are not vertex indices.", "Give whole numbers.")
    return np.ascontiguousarray(array, dtype=np.int64)
