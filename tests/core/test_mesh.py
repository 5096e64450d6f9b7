# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""core.mesh: canonical form, adjacency and validity against brute force; bad input against its error."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import MeshGPTError, TriangleMesh
from core.mesh import HALF_EXTENT, LatticeMesh, face_adjacency, face_components, lattice_cells

from .strategies import face_arrays, triangle_soups

TETRAHEDRON = TriangleMesh([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)])


def face_set(mesh: LatticeMesh) -> set[tuple]:
    """Faces as corner positions, each rotated to start at its lowest (z, y, x) corner."""
    found = set()
    for corners in mesh.corners()[:, :, ::-1].tolist():
        start = corners.index(min(corners))
        found.add(tuple(map(tuple, corners[start:] + corners[:start])))
    return found


def has_area(corners: list) -> bool:
    p, q, r = np.array(corners)
    return bool(np.cross(q - p, r - p).any())


@given(triangle_soups())
def test_canonical_form_is_idempotent(mesh: TriangleMesh) -> None:
    once = mesh.quantised()
    again = LatticeMesh.canonical(once.positions, once.faces, once.levels)
    assert np.array_equal(once.positions, again.positions) and np.array_equal(once.faces, again.faces)


@given(triangle_soups(), st.integers(0, 2**32 - 1))
def test_canonical_form_does_not_depend_on_vertex_order_or_face_rotation(mesh: TriangleMesh, seed: int) -> None:
    rng = np.random.default_rng(seed)
    new_index = rng.permutation(len(mesh.vertices))
    vertices = np.empty_like(mesh.vertices)
    vertices[new_index] = mesh.vertices
    faces = np.stack([np.roll(face, rng.integers(3)) for face in new_index[mesh.faces]])
    a, b = mesh.quantised(), TriangleMesh(vertices, rng.permutation(faces)).quantised()
    assert np.array_equal(a.positions, b.positions)
    # Opposite faces on the same three vertices are duplicates, of which canonical order keeps one: the same one.
    assert np.array_equal(a.faces, b.faces)


@given(triangle_soups())
def test_canonical_order_is_the_papers(mesh: TriangleMesh) -> None:
    result = mesh.quantised()
    keys = [tuple(p[::-1]) for p in result.positions.tolist()]
    assert keys == sorted(set(keys))
    faces = result.faces.tolist()
    assert faces == sorted(faces)
    assert all(face[0] < min(face[1:]) for face in faces)
    assert set(np.unique(result.faces)) == set(range(len(result.positions)))


@given(triangle_soups())
def test_quantising_keeps_every_face_that_survives_and_invents_none(mesh: TriangleMesh) -> None:
    points = mesh.normalised()[0].vertices.astype(np.float64)
    cells = lattice_cells(mesh.frame.invert(mesh.vertices))
    expected: dict[frozenset, tuple] = {}
    for face in mesh.faces:
        corners = [tuple(cells[i][::-1]) for i in face]
        if has_area(corners):
            start = corners.index(min(corners))
            turned = tuple(corners[start:] + corners[:start])
            key = frozenset(corners)
            expected[key] = min(expected.get(key, turned), turned)
    assert face_set(mesh.quantised()) == set(expected.values())
    centres = mesh.quantised().to_mesh().vertices
    for used in np.unique(mesh.faces):  # every vertex of a surviving face is within half a cell of a lattice vertex
        if any(used in face and has_area([cells[i] for i in face]) for face in mesh.faces):
            assert np.abs(centres - points[used]).max(axis=1).min() <= 1.01 / 128


@given(triangle_soups())
def test_normalising_centres_and_scales_and_the_frame_leads_back(mesh: TriangleMesh) -> None:
    normal, frame = mesh.normalised()
    lo, hi = normal.bounds()
    assert np.allclose(lo + hi, 0, atol=1e-5)
    assert np.isclose((hi - lo).max(), 2 * HALF_EXTENT, atol=1e-5)
    size = np.ptp(mesh.vertices, axis=0).max()
    assert np.allclose(frame.apply(normal.vertices), mesh.vertices, atol=1e-5 * size)


@given(triangle_soups())
def test_the_frame_of_a_lattice_mesh_leads_back_to_the_source(mesh: TriangleMesh) -> None:
    lattice = mesh.quantised()
    restored = lattice.to_mesh(lattice.frame)
    cell = lattice.frame.scale * 2 / 128
    lo, hi = mesh.bounds()
    assert (restored.vertices >= lo - cell).all() and (restored.vertices <= hi + cell).all()


@given(face_arrays(), st.sampled_from(["edge", "vertex"]))
def test_adjacency_equals_brute_force(faces: np.ndarray, share: str) -> None:
    def touching(a: np.ndarray, b: np.ndarray) -> bool:
        if share == "vertex":
            return bool(set(a) & set(b))
        edges_a, edges_b = ({frozenset(pair) for pair in zip(f, np.roll(f, -1), strict=True)} for f in (a, b))
        return bool(edges_a & edges_b)

    pairs = [
        (i, j) for i, j in itertools.product(range(len(faces)), repeat=2) if i != j and touching(faces[i], faces[j])
    ]
    found = face_adjacency(faces, share)
    assert found.dtype == np.int64 and found.shape == (2, len(pairs))
    assert list(map(tuple, found.T.tolist())) == pairs


@given(face_arrays())
def test_components_equal_a_union_find(faces: np.ndarray) -> None:
    parent = {int(v): int(v) for v in np.unique(faces)}

    def root(v: int) -> int:
        return v if parent[v] == v else root(parent[v])

    for a, b, c in faces.tolist():
        parent[root(a)] = root(b)
        parent[root(b)] = root(c)
    roots = [root(int(face[0])) for face in faces]
    labels = face_components(faces) if len(faces) else np.empty(0, int)
    for i, j in itertools.combinations(range(len(faces)), 2):
        assert (labels[i] == labels[j]) == (roots[i] == roots[j])


@given(face_arrays().filter(len))
def test_report_counts_equal_brute_force(faces: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    report = TriangleMesh(rng.normal(size=(12, 3)), faces).report()
    proper = [f for f in faces.tolist() if len(set(f)) == 3]
    directed = [e for f in proper for e in zip(f, f[1:] + f[:1], strict=True)]
    undirected = [frozenset(e) for e in directed]
    counts = [undirected.count(e) for e in set(undirected)]
    assert report.degenerate == len(faces) - len(proper)
    assert report.duplicate == len(faces) - len({tuple(sorted(f)) for f in faces.tolist()})
    assert report.boundary_edges == counts.count(1)
    assert report.nonmanifold_edges == sum(c > 2 for c in counts)
    assert report.repeated_directed_edges == sum(directed.count(e) > 1 for e in set(directed))


def test_a_tetrahedron_is_sound() -> None:
    report = TETRAHEDRON.report()
    assert report.watertight and report.consistent_winding and report.components == 1
    assert report.degenerate == report.duplicate == report.boundary_edges == report.nonmanifold_edges == 0


def test_a_flipped_face_shows() -> None:
    faces = TETRAHEDRON.faces.copy()
    faces[0] = faces[0][::-1]
    report = TriangleMesh(TETRAHEDRON.vertices, faces).report()
    assert report.repeated_directed_edges == 3 and not report.consistent_winding and not report.watertight


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e30])
def test_size_does_not_matter(scale: float) -> None:
    mesh = TriangleMesh(TETRAHEDRON.vertices.astype(np.float64) * scale, TETRAHEDRON.faces)
    assert np.array_equal(mesh.quantised().positions, TETRAHEDRON.quantised().positions)
    assert mesh.report().watertight


def test_a_flat_mesh_stays_flat() -> None:
    flat = TriangleMesh([(0, 0, 5), (4, 0, 5), (4, 4, 5), (0, 4, 5)], [(0, 1, 2), (0, 2, 3)]).quantised()
    assert len(flat.faces) == 2 and len(np.unique(flat.positions[:, 2])) == 1


def test_noise_does_not_tear_the_plane_of_symmetry() -> None:
    rng = np.random.default_rng(0)
    ring = np.stack([rng.uniform(-1, 1, 64), rng.normal(scale=1e-9, size=64), rng.uniform(-1, 1, 64)], axis=1)
    box = [(-1, -1, -1), (1, 1, 1), (1, -1, 1)]
    mesh = TriangleMesh(np.concatenate([ring, box]), rng.permutation(66)[:66].reshape(-1, 3))
    assert set(lattice_cells(ring)[:, 1]) == {64} and len(mesh.quantised().faces)


def test_vertices_that_no_face_uses_do_not_count() -> None:
    far = TriangleMesh(np.concatenate([TETRAHEDRON.vertices, [[1e9, 0, 0]]]), TETRAHEDRON.faces)
    assert np.array_equal(far.quantised().positions, TETRAHEDRON.quantised().positions)


@pytest.mark.parametrize(
    ("vertices", "faces", "says"),
    [
        ([(0, 0, 0), (1, 0, 0), (0, np.nan, 0)], [(0, 1, 2)], "not finite"),
        ([(0, 0, 0), (1, 0, 0), (0, np.inf, 0)], [(0, 1, 2)], "not finite"),
        ([(0, 0, 0), (1, 0, 0), (0, 1e60, 0)], [(0, 1, 2)], "too large"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, 3)], "vertex 3"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, -1)], "vertex -1"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], "no faces"),
        ([], [], "shape"),
        ([(0, 0), (1, 0), (0, 1)], [(0, 1, 2)], "shape"),
        ([(0, 0, 0)] * 4, [(0, 1, 2, 3)], "shape"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0.0, 0.5, 2.0)], "indices"),
        ([("a", 0, 0)], [(0, 0, 0)], "not numbers"),
    ],
)
def test_bad_arrays_give_one_clear_error(vertices: list, faces: list, says: str) -> None:
    with pytest.raises(MeshGPTError, match=says) as caught:
        TriangleMesh(vertices, faces)
    assert caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("vertices", "faces", "says"),
    [
        ([(1, 1, 1), (1, 1, 1), (1, 1, 1)], [(0, 1, 2)], "no size"),
        ([(1e8, 0, 0), (1e8 + 1, 0, 0), (1e8, 1, 0)], [(0, 0, 0)], "no size"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 0, 1)], "degenerate"),
        ([(0, 0, 0), (1, 0, 0), (1, 1e-9, 0)], [(0, 1, 2)], "degenerate"),
    ],
)
def test_meshes_without_a_shape_give_one_clear_error(vertices: list, faces: list, says: str) -> None:
    with pytest.raises(MeshGPTError, match=says) as caught:
        TriangleMesh(vertices, faces).quantised()
    assert caught.value.hint


def test_collinear_faces_are_reported_as_degenerate() -> None:
    assert TriangleMesh([(0, 0, 0), (1, 1, 1), (2, 2, 2)], [(0, 1, 2)]).report().degenerate == 1


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_adjacency_memory_is_linear(seed: int) -> None:
    """100,000 faces of a strip: an F x F matrix would take 10 GB as bytes."""
    count = 100_000
    start = np.random.default_rng(seed).permutation(count)
    faces = np.stack([start, start + 1, start + 2], axis=1)
    assert face_adjacency(faces).shape[1] == 2 * (count - 1)


def test_unknown_adjacency_is_refused() -> None:
    with pytest.raises(MeshGPTError, match="corner"):
        face_adjacency(TETRAHEDRON.faces, "corner")
