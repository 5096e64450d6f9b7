# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is due to close: who leaves it leaves a hole, who never does makes a closed mesh, and all engines agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from core import LatticeTokenizer, TriangleMesh
from core.events import MeshEvent
from core.generation import Sampler
from core.light.rules import GrowingMesh
from core.nn.closing import Closing, closing_of
from core.nn.edges import edge_features
from core.rules import FaceRules
from core.sampling_config import SamplingConfig
from tests.core.test_transformer import small_model

VERTICES = 7
Mesh = Sequence[tuple[int, int, int]]


def canonical(faces: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """Lowest vertex first, faces ascending, each once."""
    turned = {tuple(face[face.index(min(face)) :] + face[: face.index(min(face))]) for face in map(list, faces)}
    return sorted(turned)


meshes = st.lists(st.permutations(range(VERTICES)).map(lambda order: order[:3]), min_size=1, max_size=9).map(canonical)


def in_training(faces: Mesh, first: int = 0) -> Closing:
    """In all slots of a mesh and the one after, [N + 1] each; the order begins at face number `first`."""
    ids = torch.tensor([*faces, (0, 0, 0)]).reshape(1, -1)
    found = closing_of(edge_features(ids, VERTICES), ids, torch.tensor([first]))
    return Closing(*(part[0, : 3 * len(faces) + 1] for part in found))


def used(faces: Mesh) -> set[tuple[int, int]]:
    return {(face[i], face[(i + 1) % 3]) for face in faces for i in range(3)}


def can_be_closed(faces: Mesh, later: Mesh) -> bool:
    """Whether some canonical faces after these could give each open edge its second face, of any vertices there are:
    each needs a face in the order, by itself.
    """
    edges = used(faces)
    return all((v, u) in edges or any((v, u) in used([face]) for face in later) for u, v in edges)


def possible(after: tuple[int, int, int] | None, count: int) -> list[tuple[int, int, int]]:
    """All faces that may still come."""
    every = [(a, b, c) for a in range(count) for b in range(a + 1, count) for c in range(a + 1, count) if b != c]
    return [face for face in every if after is None or face > after]


@given(meshes)
def test_sound_is_a_mesh_that_can_still_be_closed_above_its_last_vertex(faces: Mesh) -> None:
    found = in_training(faces)
    for number in range(1, len(faces) + 1):
        first = faces[number - 1][0]
        below = {(u, v) for u, v in used(faces[:number]) if min(u, v) < first}
        assert bool(found.sound[3 * number]) == all((v, u) in used(faces[:number]) for u, v in below)


@given(meshes)
def test_who_passes_by_leaves_an_edge_open_for_good(faces: Mesh) -> None:
    """Each face of a mesh, taken as what comes next: the slots in which it passes by are exactly those after which some
    edge that could have been closed cannot be any more.
    """
    found = in_training(faces)
    for number in range(1, len(faces)):
        face, before = faces[number], faces[:number]
        passed = [bool(found.past[3 * number + slot, face[slot]]) for slot in range(3)]
        if any(passed):
            ahead = possible(face, VERTICES)
            assert not can_be_closed([*before, face], ahead)
        ending = bool(found.due[3 * number])
        edges = used(before)
        waiting = [(u, v) for u, v in edges if (v, u) not in edges and min(u, v) >= before[-1][0]]
        assert ending == bool(waiting)


@pytest.mark.parametrize(
    "mesh",
    [trimesh.creation.box(), trimesh.creation.icosphere(subdivisions=1), trimesh.creation.torus(1, 0.4, 8, 6)],
    ids=["box", "sphere", "torus"],
)
@pytest.mark.parametrize("split", [0, 5])
def test_a_closed_mesh_passes_nothing_by_and_ends_when_nothing_is_due(mesh: trimesh.Trimesh, split: int) -> None:
    tokenizer = LatticeTokenizer()
    lattice = TriangleMesh(mesh.vertices / np.abs(mesh.vertices).max() * 0.95, mesh.faces).quantised(tokenizer.levels)
    codes = tokenizer.encode(lattice)
    keys, ids = np.unique(tokenizer.order_keys(codes.reshape(-1, codes.shape[-1])), return_inverse=True)
    faces = ids.reshape(-1, 3)
    # Given faces come first, then the others in canonical order.
    given_faces = np.sort(np.random.default_rng(0).permutation(len(faces))[:split])
    rest = np.setdiff1d(np.arange(len(faces)), given_faces)
    ids = torch.tensor(np.concatenate([faces[given_faces], faces[rest], [[0, 0, 0]]])).reshape(1, -1)
    found = closing_of(edge_features(ids, len(keys)), ids, torch.tensor([split]))
    slots = torch.arange(3 * split, 3 * len(faces))
    assert not found.past[0, slots, ids[0, slots]].any()
    assert found.sound[0, slots].all() and found.due[0, slots[3::3]].all()
    assert not found.due[0, 3 * len(faces)]
    if not split:  # and a mesh that lacks a face is not sound any more where it should have been, or ends too early
        hole = torch.cat([ids[:, :12], ids[:, 15:]], dim=1)
        found = closing_of(edge_features(hole, len(keys)), hole, torch.tensor([0]))
        slots = slots[:-3]
        assert found.past[0, slots, hole[0, slots]].any() and not found.sound[0, -3]


@given(meshes, st.integers(0, 3))
def test_while_generating_it_is_as_in_training(faces: Mesh, given_faces: int) -> None:
    """In both engines; vertices come with ids in the order of their first use, keys sort them."""
    given_faces = min(given_faces, len(faces) - 1)
    whole = in_training(faces, given_faces)
    points = np.random.default_rng(0).normal(size=(VERTICES, 3)).astype(np.float32)
    rules = FaceRules(1, len(faces) + 3, True, False, torch.device("cpu"), edges=True)
    light = GrowingMesh(len(faces) + 3, False)
    order: list[int] = []  # the key of each vertex
    for number, face in enumerate(faces):
        if number == given_faces:  # the order begins anew
            rules.last[:] = -1
            light._last = [-1, -1, -1]
        corners: list[int] = []
        for slot, key in enumerate(face):
            count = len(order)
            ids = [torch.tensor([vertex]) for vertex in corners]
            features = rules.edge_features(slot, ids, number + 1, VERTICES)
            own, other = rules.closing(slot, ids, features), light.closing(slot, corners)
            place = 3 * number + slot
            if number >= given_faces:
                assert bool(own.due) == bool(other.due) == bool(whole.due[place])
                assert bool(own.sound) == bool(other.sound) == bool(whole.sound[place])
                expected = whole.past[place][order].tolist()
                assert own.past[0, :count].tolist() == other.past.tolist() == expected
            if key not in order:
                order.append(key)
                rules.add_vertex(torch.tensor([True]), torch.tensor([key]), torch.from_numpy(points[key])[None])
                light.add_vertex(key, points[key])
            corners.append(order.index(key))
        ids = [torch.tensor([vertex]) for vertex in corners]
        rules.add_face(torch.tensor([True]), ids, torch.tensor([number]))
        light.add_face(corners)


def new_vertices_beyond(faces: np.ndarray) -> int:
    """How many vertices of a mesh, at their first use, leave an edge open that was due."""
    growing, beyond = GrowingMesh(len(faces) + 1, False), 0
    ids: dict[int, int] = {}
    for number, face in enumerate(faces.tolist()):
        corners: list[int] = []
        for slot, key in enumerate(face):
            if key not in ids:
                first = growing.closing(slot, corners).first
                beyond += number > 0 and (key > first if slot < 2 else key < face[1])
                ids[key] = growing.add_vertex(key, np.zeros(3, np.float32))
            corners.append(ids[key])
        growing.add_face(corners)
    return beyond


def test_no_new_vertex_leaves_an_edge_open() -> None:
    """Whatever the weights: here they are random, and name new vertices most of the time."""
    model = small_model(max_faces=40, step="face", edges=True, closing=True)
    with torch.no_grad():
        model.head.gate.weight.zero_()
        model.head.gate.bias.copy_(torch.tensor([0.0, 1.0, -20.0]))
    found = {}
    for close in (True, False):
        config = SamplingConfig(close=close, attempts=800)  # so many that none is in trouble, which may leave holes
        sampler = Sampler(model, model.conditions([""] * 3), [1, 2, 3], config, 16)
        codes = [event.mesh.codes for event in sampler.stream() if isinstance(event, MeshEvent)]
        keys = [model.tokenizer.order_keys(mesh) for mesh in codes]
        assert sum(map(len, codes)) > 30
        found[close] = sum(new_vertices_beyond(mesh) for mesh in keys)
    assert found[True] == 0 < found[False]
