# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of `core.rules` and the edge features of `core.nn.edges` for one mesh, kept in sets.

Shapes: V vertices so far.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..sampling_config import NO_AREA

NEVER = 2**62  # a key that no vertex has


class Closing(NamedTuple):
    """What there is to close in a slot; see `core.nn.closing.Closing`. past bool [V]."""

    due: bool
    past: np.ndarray
    sound: bool
    first: int


class GrowingMesh:
    """Vertices and faces so far, and what they allow next."""

    def __init__(self, max_faces: int, manifold: bool, close: bool = False) -> None:
        capacity = 3 * max_faces
        self.manifold, self.close = manifold, close
        self.keys = np.zeros(capacity, np.int64)  # canonical order of the vertices
        self.points = np.zeros((capacity, 3), np.float32)
        self.vertex_count = 0
        self.faces: list[tuple[int, int, int]] = []
        self.open_edges = np.zeros(capacity, np.int64)  # at each vertex
        self.upward = np.zeros(capacity, np.int64)  # of them, those with higher vertices
        self._last: list[int] = [-1, -1, -1]  # order keys of the last face
        self._known: dict[int, int] = {}  # order key -> vertex
        self._after: defaultdict[int, set[int]] = defaultdict(set)  # where directed edges lead from a vertex
        self._before: defaultdict[int, set[int]] = defaultdict(set)  # and where they come from
        self._thirds: defaultdict[tuple[int, int], set[int]] = defaultdict(set)  # of the faces at an edge

    def begin_with(self, keys: np.ndarray, points: np.ndarray, faces: np.ndarray, above: bool) -> None:
        """Start with vertices, keys [V] and points [V, 3], and faces [F, 3] of them; see `FaceRules.begin_with`."""
        for key, point in zip(keys.tolist(), points, strict=True):
            self.add_vertex(key, point)
        for face in faces.tolist():
            self.add_face(face)
        if not above:
            self._last = [-1, -1, -1]

    def candidates(self, slot: int, face: list[int]) -> np.ndarray:
        """Earlier vertices that may stand in the slot after those of `face`, bool [V]."""
        allowed = self._in_order(slot, face, self.keys[: self.vertex_count])
        if slot == 2:
            allowed &= self.off_line(face, self.points[: self.vertex_count])
        blocked = set(face)
        if slot == 2:
            blocked |= self._thirds[_edge(*face)]
        if slot and self.manifold:
            blocked |= self._after[face[-1]]
            if slot == 2:
                blocked |= self._before[face[0]]
        # What a face that will fail has named already may be among them: it is behind the vertices so far.
        allowed[[vertex for vertex in blocked if vertex < len(allowed)]] = False
        return allowed

    def edge_bias(self, slot: int, face: list[int], weights: np.ndarray) -> np.ndarray:
        """What edge features add to the logits of pointing at vertices [V]; weights [E]."""
        count = self.vertex_count
        bias = weights[4:] * (self.open_edges[:count] > 0)
        marked: list[set[int]] = []
        if slot > 0:
            marked = [self._before[face[-1]], self._after[face[-1]]]
        if slot == 2:
            marked += [self._after[face[0]], self._before[face[0]]]
        for feature, vertices in enumerate(marked):
            if vertices:
                bias[list(vertices)] += weights[feature]
        return bias

    def closing(self, slot: int, face: list[int]) -> Closing:
        """What has to be closed in the slot after the vertices of `face`."""
        count, last = self.vertex_count, self._last
        keys, upward = self.keys[:count], self.upward[:count] > 0
        behind = keys < last[0]
        sound = not (upward & behind).any()
        if slot == 0:
            due = upward & ~behind
        else:
            first = face[0]
            toward, away = (self._marked(where[first], count) for where in (self._before, self._after))
            above = keys > self.keys[first]
            begin, end = toward & ~away & above, away & ~toward & above
            if slot == 2:
                second = self.keys[face[1]]
                due = bool(end.any()) and not (begin & (keys > second)).any()
                return Closing(due, above & (keys < second) & ~away, sound, NEVER)
            due = begin & (keys >= (last[1] if self.keys[first] == last[0] else 0))
        first_due = int(keys[due].min()) if due.any() else NEVER
        return Closing(first_due < NEVER, keys > first_due, sound, first_due)

    @staticmethod
    def _marked(vertices: set[int], count: int) -> np.ndarray:
        marked = np.zeros(count, bool)
        marked[[vertex for vertex in vertices if vertex < count]] = True
        return marked

    def _in_order(self, slot: int, face: list[int], keys: np.ndarray) -> np.ndarray:
        last = self._last
        if slot == 0:
            return keys >= last[0]
        first = int(self.keys[face[0]])
        ok = keys > first
        if first != last[0]:
            return ok
        if slot == 1:
            return ok & (keys >= last[1])
        return ok & (keys > last[2]) if int(self.keys[face[1]]) == last[1] else ok

    def lower_bound(self, slot: int, face: list[int]) -> int:
        """Order key that a new vertex in the slot must exceed; below 0 where any will do."""
        last = self._last
        if slot == 0:
            return last[0]
        first = int(self.keys[face[0]])
        tied = first == last[0] and (slot == 1 or int(self.keys[face[1]]) == last[1])
        if slot == 2 and self.close:
            first = max(first, int(self.keys[face[1]]))
        return max(first, last[slot]) if tied else first

    def off_line(self, face: list[int], points: np.ndarray) -> np.ndarray:
        """Whether points [M, 3] make a face with an area after the two vertices of `face`, bool [M]."""
        ax, ay, az = (self.points[face[1]] - self.points[face[0]]).tolist()
        bx, by, bz = (points - self.points[face[0]]).T
        cross = np.abs(np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]))
        return cross.max(axis=0) > NO_AREA

    def accepts_new(self, slot: int, face: list[int], key: int, point: np.ndarray, below: int = NEVER) -> bool:
        """Whether a new vertex with this key at this point may stand in the slot: in order, not an earlier one, and
        not beyond the key `below`.
        """
        if not self.lower_bound(slot, face) < key < below or key in self._known:
            return False
        return slot < 2 or bool(self.off_line(face, point[None])[0])

    def add_vertex(self, key: int, point: np.ndarray) -> int:
        """Append a vertex; returns its id."""
        vertex = self.vertex_count
        self.keys[vertex], self.points[vertex] = key, point
        self._known[key] = vertex
        self.vertex_count += 1
        return vertex

    def forget_vertices(self, count: int) -> None:
        """Back to that many vertices: the face that named the others was not kept."""
        for key in self.keys[count : self.vertex_count].tolist():
            del self._known[key]
        self.vertex_count = count

    def add_face(self, face: Sequence[int]) -> None:
        a, b, c = face
        edges = ((a, b), (b, c), (c, a))
        # An edge opens when a face runs through it first, and closes when one comes back.
        changes = [(v not in self._after[u]) * (-1 if u in self._after[v] else 1) for u, v in edges]
        for (u, v), change in zip(edges, changes, strict=True):
            self.open_edges[u] += change
            self.open_edges[v] += change
            self.upward[u if self.keys[u] < self.keys[v] else v] += change
            self._after[u].add(v)
            self._before[v].add(u)
        for (u, v), third in zip(edges, (c, a, b), strict=True):
            self._thirds[_edge(u, v)].add(third)
        self.faces.append((a, b, c))
        self._last = [int(self.keys[vertex]) for vertex in face]


def _edge(u: int, v: int) -> tuple[int, int]:
    return (u, v) if u < v else (v, u)
