# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pointer is told of edges: in training, while generating, and by a loop that says what is meant."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from core.nn.edges import EdgeCounts, dense_ids, edge_features

VERTICES = 6
faces = st.lists(st.permutations(range(VERTICES)).map(lambda order: order[:3]), min_size=1, max_size=9)


def expected(mesh: list[list[int]], number: int, slot: int, vertex: int) -> list[bool]:
    used = {(face[i], face[(i + 1) % 3]) for face in mesh[:number] for i in range(3)}
    one, two = mesh[number][slot - 1], mesh[number][slot - 2]
    half_used = [(a, b) for a, b in used if (b, a) not in used]
    return [
        slot > 0 and (vertex, one) in used,
        slot > 0 and (one, vertex) in used,
        slot == 2 and (two, vertex) in used,
        slot == 2 and (vertex, two) in used,
        any(vertex in edge for edge in half_used),
        any(vertex == min(edge) for edge in half_used),
    ]


@given(faces)
def test_features_say_which_edges_are_used(mesh: list[list[int]]) -> None:
    found = edge_features(torch.tensor(mesh).reshape(1, -1), VERTICES)[0].tolist()
    for place in range(3 * len(mesh)):
        for vertex in range(VERTICES):
            assert found[place][vertex] == expected(mesh, *divmod(place, 3), vertex)


@given(faces, faces)
def test_features_while_generating_are_those_of_training(first: list[list[int]], second: list[list[int]]) -> None:
    """Two meshes side by side; where one has ended already, its faces are refused."""
    most = max(len(first), len(second))
    meshes = [mesh + [[0, 1, 2]] * (most - len(mesh)) for mesh in (first, second)]
    counts, written = EdgeCounts(2, VERTICES, torch.device("cpu")), torch.full((2, most, 3), -1)
    whole = [edge_features(torch.tensor(mesh).reshape(1, -1), VERTICES)[0] for mesh in (first, second)]
    keys = torch.arange(VERTICES).expand(2, -1)
    for number in range(most):
        kept = torch.tensor([number < len(first), number < len(second)])
        face = [torch.tensor([meshes[0][number][slot], meshes[1][number][slot]]) for slot in range(3)]
        for slot in range(3):
            found = counts.features(slot, face[:slot], written, VERTICES)
            for row in range(2):
                if kept[row]:
                    assert torch.equal(found[row], whole[row][3 * number + slot])
        counts.add_face(kept, face, written, keys)
        for row in range(2):
            if kept[row]:
                written[row, number] = torch.tensor(meshes[row][number])


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20))
def test_dense_ids_keep_what_is_equal(values: list[int]) -> None:
    ids = dense_ids(torch.tensor([values]))[0].tolist()
    assert sorted(set(ids)) == list(range(len(set(values))))
    assert [[a == b for b in ids] for a in ids] == [[a == b for b in values] for a in values]
