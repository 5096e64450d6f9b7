# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedural shapes are sound meshes, varied, and the same for the same seed."""

import numpy as np
import pytest

from core.data.shapes import FAMILIES, box, loft, procedural_meshes


def volume(mesh):
    a, b, c = np.moveaxis(mesh.vertices.astype(np.float64)[mesh.faces], 1, 0)
    return np.einsum("fi,fi->", a, np.cross(b, c)) / 6


@pytest.fixture(scope="module")
def shapes():
    return procedural_meshes(6 * len(FAMILIES), seed=11)


def test_every_family_appears_in_turn(shapes):
    labels = [label for _, label in shapes]
    assert labels[: len(FAMILIES)] == list(FAMILIES)
    assert all(labels.count(label) == 6 for label in FAMILIES)


def test_shapes_are_closed_and_wound_outwards(shapes):
    for mesh, label in shapes:
        report = mesh.report()
        assert report.watertight and report.degenerate == 0 and report.duplicate == 0, label
        assert volume(mesh) > 0, label


def test_shapes_stand_on_the_ground_and_are_low_poly(shapes):
    for mesh, label in shapes:
        assert mesh.bounds()[0][2] == pytest.approx(0, abs=1e-6), label
        assert 6 <= len(mesh.faces) <= 200, label


def test_quantising_keeps_every_face(shapes):
    for mesh, label in shapes:
        assert len(mesh.quantised().faces) == len(mesh.faces), label


def test_members_of_a_family_differ(shapes):
    for label in FAMILIES:
        extents = [tuple(np.subtract(*mesh.bounds()[::-1]).round(4)) for mesh, name in shapes if name == label]
        assert len(set(extents)) == len(extents), label


def test_a_seed_names_the_meshes_whatever_the_count():
    few, many = procedural_meshes(5, seed=4), procedural_meshes(30, seed=4)
    for (a, name_a), (b, name_b) in zip(few, many, strict=False):
        assert name_a == name_b
        np.testing.assert_array_equal(a.vertices, b.vertices)
        np.testing.assert_array_equal(a.faces, b.faces)
    assert not np.array_equal(procedural_meshes(1, seed=5)[0][0].vertices, few[0][0].vertices)


def test_a_box_has_its_volume():
    vertices, faces = box((0, 0, 0), (1, 2, 3))
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    assert len(vertices) == 8 and len(faces) == 12
    assert np.einsum("fi,fi->", a, np.cross(b, c)) / 6 == pytest.approx(6)


def test_a_loft_to_a_point_is_a_tip():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    tip = np.broadcast_to([0.5, 0.5, 1.0], (4, 3))
    for rings in ([square, tip], [tip, square]):
        vertices, faces = loft(rings)
        assert (len(vertices), len(faces)) == (5, 6)
