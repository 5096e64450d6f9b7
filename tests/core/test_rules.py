# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""FaceRules against brute force: what it allows is exactly what keeps the rules."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.rules import FaceRules


def directed(face: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(face[0], face[1]), (face[1], face[2]), (face[2], face[0])]


def sound(
    faces: list[tuple[int, int, int]], keys: list[int], points: np.ndarray, ordered: bool, manifold: bool
) -> bool:
    """Whether the last face keeps all the rules given the faces before it."""
    *before, face = faces
    if len(set(face)) < 3 or any(set(face) == set(other) for other in before):
        return False
    p, q, r = points[list(face)]
    if not np.cross(q - p, r - p).any():
        return False
    if ordered:
        k = [keys[v] for v in face]
        last = [keys[v] for v in before[-1]] if before else [-1, -1, -1]
        if k[0] > min(k) or k <= last:
            return False
    used = [edge for other in before for edge in directed(other)]
    return not (manifold and any(edge in used for edge in directed(face)))


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("manifold", [True, False])
@given(seed=st.integers(0, 2**32 - 1), vertices=st.integers(3, 7), steps=st.integers(0, 10))
def test_candidates_are_exactly_the_sound_ones(
    ordered: bool, manifold: bool, seed: int, vertices: int, steps: int
) -> None:
    rng = np.random.default_rng(seed)
    keys = rng.permutation(50)[:vertices].tolist()
    points = rng.integers(-1, 2, size=(vertices, 3)) * 0.5  # many on one line
    rules = FaceRules(1, 16, ordered, manifold, torch.device("cpu"))
    for key, point in zip(keys, points, strict=True):
        rules.add_vertex(torch.tensor([True]), torch.tensor([key]), torch.tensor(point[None]).float())
    faces: list[tuple[int, int, int]] = []
    for number in range(steps):
        span = dict(face_span=number + 1, vertex_span=vertices)
        allowed = {
            (a, b, c)
            for a in range(vertices)
            if rules.candidates(0, [], **span)[0, a]
            for b in range(vertices)
            if rules.candidates(1, [torch.tensor([a])], **span)[0, b]
            for c in range(vertices)
            if rules.candidates(2, [torch.tensor([a]), torch.tensor([b])], **span)[0, c]
        }
        expected = {
            face
            for face in itertools.product(range(vertices), repeat=3)
            if sound([*faces, face], keys, points, ordered, manifold)
        }
        assert allowed == expected
        if not allowed:
            return
        chosen = sorted(allowed)[rng.integers(len(allowed))]
        rules.add_face(torch.tensor([True]), [torch.tensor([v]) for v in chosen], torch.tensor([number]))
        faces.append(chosen)


def test_new_vertices_must_be_new_in_order_and_off_the_line() -> None:
    rules = FaceRules(1, 4, True, True, torch.device("cpu"))
    for key, point in ((10, (0, 0, 0)), (20, (0.5, 0, 0)), (30, (0, 0.5, 0))):
        rules.add_vertex(torch.tensor([True]), torch.tensor([key]), torch.tensor([point]).float())
    rules.add_face(torch.tensor([True]), [torch.tensor([i]) for i in (0, 1, 2)], torch.tensor([0]))
    keys = torch.tensor([[5, 10, 15, 25, 30, 40, 41]])
    points = torch.zeros(1, 7, 3)
    points[0, :6, 2] = 0.5
    points[0, 6, 0] = 0.25  # on the line of the first two vertices
    first, second = torch.tensor([0]), torch.tensor([1])

    def accepted(slot: int, face: list) -> list[bool]:
        return rules.accepts_new(slot, face, keys, points, 3)[0].tolist()

    assert accepted(0, []) == [False, False, True, True, False, True, True]
    # After vertex 0 the face (10, 20, 30) was the last: its second vertex must not lie below 20.
    assert accepted(1, [first]) == [False, False, False, True, False, True, True]
    assert accepted(2, [first, second]) == [False, False, False, False, False, True, False]


def test_rows_are_independent_and_can_be_dropped() -> None:
    rules = FaceRules(2, 4, True, True, torch.device("cpu"))
    for key in ((1, 3), (2, 2), (3, 1)):
        rules.add_vertex(torch.tensor([True, True]), torch.tensor(key), torch.randn(2, 3))
    face = [torch.tensor([0, 2]), torch.tensor([1, 1]), torch.tensor([2, 0])]
    rules.add_face(torch.tensor([True, False]), face, torch.tensor([0, 0]))
    assert rules.faces[0, 0].tolist() == [0, 1, 2] and rules.faces[1, 0].tolist() == [-1, -1, -1]
    rules.select(torch.tensor([1]))
    assert rules.keys[0, :3].tolist() == [3, 2, 1] and rules.last.tolist() == [[-1, -1, -1]]
