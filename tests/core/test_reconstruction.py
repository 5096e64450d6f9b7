# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruction: exact where the tokenizer is, in the source's units, with errors that match known distances."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings

from core import LatticeTokenizer, MeshAutoencoder, TriangleMesh
from core.data.procedural import procedural_meshes
from core.reconstruction import reconstruct, triangle_accuracy
from core.surface import Surface, compare_surfaces, point_distances, surface_distance
from tests.core.strategies import triangle_soups

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)


def square(height: float, side: float = 1.0) -> TriangleMesh:
    corners = np.array([[0, 0, height], [side, 0, height], [side, side, height], [0, side, height]])
    return TriangleMesh(corners, [[0, 1, 2], [0, 2, 3]])


@given(triangle_soups())
@settings(max_examples=25)
def test_the_lattice_brings_every_triangle_back(soup):
    found = reconstruct(LatticeTokenizer(), soup)
    assert found.triangle_accuracy == 1
    assert found.faces_in == len(soup.faces) and found.faces_out == len(soup.quantised().faces)
    cell = found.longest_side / 1.9 * 2 / 128
    if found.faces_in == found.faces_out:  # nothing was dropped: no corner moved further than half a cell on each axis
        assert found.mean_error <= found.max_error <= cell * np.sqrt(3) / 2 * 1.001
    assert json.loads(json.dumps(found.as_dict()))["max_error_share"] == found.max_error / found.longest_side


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e30])
def test_the_result_is_in_the_units_of_the_source(scale):
    offset = np.array([5.0, -3.0, 2.0])
    source = TriangleMesh((CUBE + offset) * scale, CUBE_FACES)
    found = reconstruct(LatticeTokenizer(), source)
    at_origin = reconstruct(LatticeTokenizer(), TriangleMesh(CUBE, CUBE_FACES))
    np.testing.assert_allclose(found.mesh.bounds(), source.bounds(), atol=0.01 * scale)
    assert found.longest_side == pytest.approx(scale, rel=1e-5)
    shares = [reconstruction.as_dict()["mean_error_share"] for reconstruction in (found, at_origin)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-5)


def test_triangle_accuracy_counts_moved_and_turned_triangles_as_lost():
    source = TriangleMesh(CUBE, CUBE_FACES).quantised()
    decoded = source.to_mesh()
    assert triangle_accuracy(source, decoded) == 1
    shuffled = np.random.default_rng(0).permutation(np.roll(decoded.faces, 1, axis=1))
    assert triangle_accuracy(source, TriangleMesh(decoded.vertices, shuffled)) == 1
    turned = decoded.faces.copy()
    turned[:3] = turned[:3, ::-1]
    assert triangle_accuracy(source, TriangleMesh(decoded.vertices, turned)) == pytest.approx(9 / 12)
    moved = decoded.vertices.copy()
    moved[0, 0] += 2 / 128
    faces_there = (decoded.faces == 0).any(axis=1).sum()
    assert triangle_accuracy(source, TriangleMesh(moved, decoded.faces)) == pytest.approx(1 - faces_there / 12)


def test_distance_between_parallel_squares_and_to_a_larger_one():
    assert surface_distance(square(0.0), square(0.25)) == pytest.approx((0.25, 0.25))
    assert surface_distance(square(0.0), square(0.0)) == pytest.approx((0, 0), abs=1e-9)
    mean, largest = surface_distance(square(0.0), square(0.0, side=2.0))
    assert largest == pytest.approx(np.sqrt(2)) and 0.1 < mean < 0.5


def test_distances_of_points_to_a_cube():
    points = np.random.default_rng(0).uniform(-2, 3, size=(5000, 3))
    outside = np.maximum(np.maximum(-points, points - 1), 0)
    inside = np.minimum(points, 1 - points).min(axis=1)
    expected = np.where(inside > 0, inside, np.linalg.norm(outside, axis=1))
    np.testing.assert_allclose(point_distances(points, CUBE[CUBE_FACES]), expected, atol=1e-9)


def test_nearest_places_lie_on_the_surface_and_normals_tell_its_direction():
    points = np.random.default_rng(1).uniform(-2, 3, size=(400, 3))
    cube = Surface(CUBE[CUBE_FACES])
    found = cube.nearest(points)
    np.testing.assert_allclose(np.linalg.norm(points - found.place, axis=1), found.distance, atol=1e-12)
    np.testing.assert_allclose(cube.nearest(found.place).distance, 0, atol=1e-9)
    away = found.distance > 1e-6
    axis = np.abs(found.normal).argmax(axis=1)
    assert set(np.round(found.place[np.arange(400), axis], 9)) <= {0.0, 1.0} and away.any()


def test_surfaces_at_right_angles_have_no_normals_in_common():
    flat, upright = square(0.0), square(0.0)
    upright = TriangleMesh(upright.vertices[:, [0, 2, 1]], upright.faces)
    assert compare_surfaces(flat, flat).normal_consistency == pytest.approx(1)
    assert compare_surfaces(flat, upright).normal_consistency == pytest.approx(0, abs=1e-9)


def test_an_autoencoder_reconstructs_in_the_same_way():
    import torch

    torch.manual_seed(0)
    meshes = [mesh for mesh, _ in procedural_meshes(6, 0)]
    sizes = {"dim": 32, "encoder_depth": 1, "decoder_depth": 1, "dim_codebook": 16}
    tokenizer = MeshAutoencoder(**sizes, codebook_size=128, num_quantizers=3, shared_codebook=False)
    tokenizer.initialise_codebooks([mesh.quantised() for mesh in meshes])
    found = [reconstruct(tokenizer, mesh) for mesh in meshes]
    assert np.mean([one.triangle_accuracy for one in found]) > 0.5
    assert max(one.as_dict()["mean_error_share"] for one in found) < 0.01


def test_nearest_places_on_a_dense_surface_are_those_of_looking_at_every_triangle() -> None:
    """Many triangles are looked at in blocks; a small part of them at once tells what is right."""
    u, v = np.meshgrid(*[np.linspace(-1, 1, 111)] * 2)
    places = np.stack([u, v, np.sin(4 * u) * np.cos(3 * v) / 3], axis=-1).reshape(-1, 3)
    i = np.arange(111 * 111).reshape(111, 111)
    a, b, c, d = (part.reshape(-1) for part in (i[:-1, :-1], i[1:, :-1], i[:-1, 1:], i[1:, 1:]))
    triangles = places[np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])]
    assert len(triangles) > 20_000
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-1.5, 1.5, (300, 3)), triangles[::200].mean(axis=1) + 0.01])
    found = Surface(triangles).nearest(points)
    parts = [Surface(part).nearest(points) for part in np.array_split(triangles, 4)]
    distances = np.stack([part.distance for part in parts])
    np.testing.assert_allclose(found.distance, distances.min(axis=0), rtol=0, atol=1e-12)
    best = np.stack([part.place for part in parts])[distances.argmin(axis=0), np.arange(len(points))]
    np.testing.assert_allclose(found.place, best, rtol=0, atol=1e-6)
