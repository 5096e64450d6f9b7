# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh files: what is written is read back, scenes are flattened, and what cannot be read says so."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from core.data.procedural import procedural_meshes
from core.errors import MeshGPTError
from core.mesh import TriangleMesh
from core.meshio import MESH_SUFFIXES, WRITABLE, load_mesh, save_mesh

DATA = Path(os.environ.get("MESHGPT_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")

POINTS = b"""ply
format ascii 1.0
element vertex 1
property float x
property float y
property float z
end_header
0 0 0
"""


def triangles(mesh):
    """The mesh as a set of triangles, each rotated so that its lowest corner comes first."""
    corners = mesh.vertices[mesh.faces].round(5) + 0.0
    rotated = (min(tuple(map(tuple, np.roll(t, -k, axis=0))) for k in range(3)) for t in corners.tolist())
    return sorted(rotated)


@pytest.fixture(scope="module")
def chair():
    return next(mesh for mesh, label in procedural_meshes(8) if label.endswith("chair"))


@pytest.mark.parametrize("suffix", WRITABLE)
def test_a_mesh_comes_back_from_its_file(tmp_path, chair, suffix):
    path = save_mesh(chair, tmp_path / f"a chair{suffix}")
    back = load_mesh(path)
    assert triangles(back) == triangles(chair)
    assert back.report().watertight
    assert [item.name for item in tmp_path.iterdir()] == [path.name], "a temporary file was left"


def test_formats_that_are_y_up_are_turned(tmp_path, chair):
    for suffix, up in ((".glb", 1), (".obj", 1), (".ply", 2), (".stl", 2), (".off", 2)):
        path = save_mesh(chair, tmp_path / f"chair{suffix}")
        raw = trimesh.load_scene(path).bounds
        assert raw[0][up] == pytest.approx(0, abs=1e-6), suffix  # the chair stands on the ground


def test_node_transforms_apply_and_parts_merge(tmp_path):
    scene = trimesh.Scene()
    cube = trimesh.creation.box((1, 1, 1))
    move = trimesh.transformations.translation_matrix((0, 5, 0))
    turn = trimesh.transformations.rotation_matrix(np.pi / 2, (0, 0, 1))
    scene.add_geometry(cube, node_name="parent", geom_name="cube", transform=move)
    scene.add_geometry(cube, node_name="child", geom_name="again", parent_node_name="parent", transform=move @ turn)
    (tmp_path / "two.glb").write_bytes(scene.export(file_type="glb"))
    mesh = load_mesh(tmp_path / "two.glb")
    assert len(mesh.faces) == 24 and mesh.report().components == 2
    low, high = mesh.bounds()  # y in the file is z here
    np.testing.assert_allclose([low, high], [[-0.5, -0.5, 4.5], [0.5, 0.5, 10.5]], atol=1e-6)


def test_polygons_and_relative_indices_of_an_obj(tmp_path):
    (tmp_path / "quad.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\n")
    mesh = load_mesh(tmp_path / "quad.obj")
    assert len(mesh.faces) == 2 and len(mesh.vertices) == 4


def test_vertices_split_at_seams_are_welded(tmp_path):
    (tmp_path / "seam.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvt .5 .5\nf 1/1 2/2 3/3\nf 1/5 3/5 4/4\n"
    )
    assert load_mesh(tmp_path / "seam.obj").report().boundary_edges == 4


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("thing.fbx", b"Kaydara FBX Binary", "FBX"),
        ("thing.blend", b"BLENDER", "BLEND"),
        ("thing", b"", "which format"),
        ("thing.glb", b"not a glb file, but long enough", "not a glTF"),
        ("thing.glb", b"", "not a glTF"),
        ("thing.gltf", b"[1, 2]", "not a glTF"),
        ("thing.ply", b"ply\nformat ascii 1.0\nelement vertex 3\n", "cannot be read"),
        ("thing.stl", b"", ""),
        ("thing.off", b"OFF\nnonsense", ""),
        ("points.ply", POINTS, "no faces"),
        ("empty.obj", b"# nothing\n", ""),
        ("nan.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "not finite"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MeshGPTError) as error:
        load_mesh(tmp_path / name)
    assert says in error.value.message and error.value.hint


def test_draco_is_refused_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr("core.gltf.find_spec", lambda name: None)
    header = json.dumps({"asset": {"version": "2.0"}, "extensionsUsed": ["KHR_draco_mesh_compression"]}).encode()
    header += b" " * (-len(header) % 4)
    size = 20 + len(header)
    (tmp_path / "d.glb").write_bytes(struct.pack("<4sIII4s", b"glTF", 2, size, len(header), b"JSON") + header)
    with pytest.raises(MeshGPTError, match="Draco") as error:
        load_mesh(tmp_path / "d.glb")
    assert "Blender" in error.value.hint


def test_a_missing_file_and_an_unknown_output_format(tmp_path, chair):
    with pytest.raises(MeshGPTError, match="no file"):
        load_mesh(tmp_path / "none.obj")
    with pytest.raises(MeshGPTError, match="cannot write DAE"):
        save_mesh(chair, tmp_path / "chair.dae")


def test_a_failed_write_leaves_the_old_file(tmp_path, chair, monkeypatch):
    path = save_mesh(chair, tmp_path / "chair.ply")
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.meshio.os.replace", full_disk)
    with pytest.raises(MeshGPTError, match="No space left"):
        save_mesh(TriangleMesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not (DATA / "samples").is_dir(), reason="no sample assets (MESHGPT_TEST_DATA)")
def test_every_sample_asset_is_read_or_explained():
    assets = [path for path in sorted((DATA / "samples").rglob("*")) if path.suffix in (*MESH_SUFFIXES, ".fbx")]
    assert len(assets) >= 10
    read = 0
    for path in assets:
        try:
            mesh = load_mesh(path)
        except MeshGPTError as error:
            assert "draco" in path.name or "pirate" in path.name or path.suffix == ".fbx", error
            assert "Blender" in error.hint
        else:
            assert len(mesh.faces) >= 100 and np.ptp(mesh.vertices, axis=0).min() > 0
            read += 1
    assert read >= 9
