# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh side against meshgpt-pytorch 1.8.1: cells, face geometry, adjacency. Each test says who is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.mesh import face_adjacency
from core.nn.encoder import face_geometry
from core.nn.mesh_batch import cell_centres, lattice_positions

from .conftest import Padded

UNIT = {"continuous_range": (-1.0, 1.0), "num_discrete": 128}


def random_triangles(count: int, levels: int) -> torch.Tensor:
    """Lattice triangles with area, int64 [F, 3, 3]."""
    corners = torch.randint(levels, (count, 3, 3), generator=torch.Generator().manual_seed(0))
    a, b, c = corners.unbind(dim=1)
    return corners[torch.linalg.cross(b - a, c - a).any(dim=-1)]


def test_cells_are_the_same_inside_cells(peer: Any) -> None:
    """Both are right."""
    points = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2  # some outside
    inside = ((points + 1) * 64 - ((points + 1) * 64).round()).abs().amin(dim=-1) > 1e-3
    assert inside.float().mean() > 0.98
    assert torch.equal(peer.discretize(points[inside], **UNIT), lattice_positions(points[inside], 128))


def test_on_the_border_of_two_cells_ours_always_takes_the_upper_one(peer: Any) -> None:
    """Ours is right: the peer rounds halves to even, so that every second cell is closed at both ends and the others
    at none, and a mesh that is moved by one cell does not move by one cell.
    """
    borders = torch.arange(1, 128) / 64 - 1
    assert torch.equal(lattice_positions(borders, 128), torch.arange(1, 128))
    theirs = peer.discretize(borders, **UNIT)
    assert set(theirs.diff().tolist()) == {0, 2}


def test_cell_centres_are_the_same(peer: Any) -> None:
    """Both are right, and both give the cells back."""
    cells = torch.arange(128)
    ours, theirs = cell_centres(cells, 128), peer.undiscretize(cells, **UNIT)
    assert torch.allclose(ours, theirs, atol=1e-7)
    assert torch.equal(lattice_positions(theirs, 128), cells) and torch.equal(peer.discretize(ours, **UNIT), cells)


def test_normals_and_areas_are_the_same(peer: Any) -> None:
    """Both are right about these; our area is on a logarithmic scale, undone here."""
    corners = random_triangles(2_000, 128)
    ours = face_geometry(corners, 128)
    theirs = peer.get_derived_face_features(cell_centres(corners, 128)[None])
    assert torch.allclose(ours[:, :3], theirs["normals"][0], atol=1e-4)
    finest, largest = (2 / 128) ** 2 / 2, 2 * math.sqrt(3)
    area = torch.expm1(ours[:, 3] * math.log1p(largest / finest)) * finest
    assert torch.allclose(area, theirs["area"][0, :, 0], rtol=1e-3)


def test_angles_are_interior_ones_here_and_seen_from_the_origin_there(peer: Any) -> None:
    """Ours is right: an angle must not change when the mesh is moved, and the three of a triangle add up to pi."""
    corners = random_triangles(500, 128)
    points = cell_centres(corners, 128).double().numpy()
    ahead, back = np.roll(points, -1, axis=1) - points, np.roll(points, 1, axis=1) - points
    unit = [side / np.linalg.norm(side, axis=-1, keepdims=True) for side in (ahead, back)]
    interior = np.arccos(np.clip((unit[0] * unit[1]).sum(axis=-1), -1, 1))
    ours = face_geometry(corners, 128)[:, 4:].numpy() * math.pi
    assert np.allclose(ours, interior, atol=1e-3) and np.allclose(ours.sum(axis=1), math.pi, atol=1e-3)

    theirs = peer.get_derived_face_features(torch.from_numpy(points[None]))["angles"][0].numpy()
    position = points / np.linalg.norm(points, axis=-1, keepdims=True)
    from_origin = np.arccos(np.clip((position * np.roll(position, 1, axis=1)).sum(axis=-1), -1 + 1e-5, 1 - 1e-5))
    assert np.allclose(theirs, from_origin, atol=1e-6)
    assert np.abs(theirs - interior).mean() > 0.3  # radians


def test_a_right_triangle_far_from_the_origin(peer: Any) -> None:
    """Ours is right: 90, 45 and 45 degrees, wherever it lies."""
    right = torch.tensor([[0, 0, 0], [8, 0, 0], [0, 8, 0]])
    for offset in (0, 60, 119):
        degrees = face_geometry((right + offset)[None], 128)[0, 4:] * 180
        assert torch.allclose(degrees, torch.tensor([90.0, 45.0, 45.0]), atol=0.01)
    theirs = peer.get_derived_face_features(cell_centres(right + 119, 128)[None, None])["angles"][0, 0].rad2deg()
    assert theirs.max() < 10


def test_areas_of_a_real_mesh_are_told_apart(peer: Any, peer_autoencoder: Any, batch: Padded) -> None:
    """Ours is right: the peer spreads areas from 0 to 4, the square of the whole range, evenly over 128 bins, and the
    faces of a mesh fall into the first few.
    """
    corners = torch.from_numpy(batch.meshes[-1].corners())
    area = peer.get_derived_face_features(cell_centres(corners, 128)[None])["area"][0, :, 0]
    bins = peer_autoencoder.discretize_area(area)
    assert bins.max() <= 2
    ours = face_geometry(corners, 128)[:, 3]
    assert len(torch.unique((ours * 128).round())) > 2 * len(torch.unique(bins))
    assert len(torch.unique((area * 1e6).round())) > 10  # they do differ


def test_neighbours_of_faces_are_the_same(peer: Any, batch: Padded) -> None:
    """Both are right; the peer's pairs hold each face itself as well, and it takes F x F memory to find them."""
    theirs = peer.derive_face_edges_from_faces(batch.faces)
    for row, mesh in enumerate(batch.meshes):
        pairs = {tuple(pair) for pair in theirs[row].tolist() if pair[0] >= 0}
        ours = {tuple(pair) for pair in face_adjacency(mesh.faces).T.tolist()}
        assert pairs - ours == {(face, face) for face in range(len(mesh.faces))} and ours <= pairs


@given(st.lists(st.permutations(range(7)).map(lambda order: order[:3]), min_size=1, max_size=25, unique_by=frozenset))
def test_neighbours_of_any_faces_are_the_same(peer: Any, faces: list[list[int]]) -> None:
    """Both are right, also where an edge has three faces; by a shared vertex as well."""
    array = np.array(faces)
    for share, one in (("edge", False), ("vertex", True)):
        theirs = peer.derive_face_edges_from_faces(
            torch.from_numpy(array), neighbor_if_share_one_vertex=one, include_self=False
        )
        assert {*map(tuple, theirs.tolist())} == {*map(tuple, face_adjacency(array, share=share).T.tolist())}


def test_two_faces_on_the_same_vertices_are_neighbours(peer: Any) -> None:
    """Ours is right: asked to leave out self loops, the peer leaves out the two sides of a sheet too."""
    sheet = np.array([[0, 1, 2], [0, 2, 1]])
    assert face_adjacency(sheet).T.tolist() == [[0, 1], [1, 0]]
    assert len(peer.derive_face_edges_from_faces(torch.from_numpy(sheet), include_self=False)) == 0
