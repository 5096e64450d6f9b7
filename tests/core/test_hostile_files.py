# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh files that nobody vouches for: a mesh, or one sentence and what to do; see docs/RELIABILITY.md."""

from __future__ import annotations

import base64
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import LatticeTokenizer, MeshGPTError, TriangleMesh
from core.data.procedural import procedural_meshes
from core.meshio import WRITABLE, load_mesh, save_mesh
from tests.core.hostile import grid, memory, sentence

ROOT = Path(__file__).parents[2]
SECRET = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def read(path: Path) -> TriangleMesh | MeshGPTError:
    """The mesh in a file, or the sentence that says why there is none."""
    try:
        mesh = load_mesh(path)
    except MeshGPTError as error:
        assert error.hint
        return sentence(error)
    assert np.isfinite(mesh.vertices).all() and 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices)
    return mesh


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small mesh in each format, and an OBJ with what else may stand in one."""
    folder = tmp_path_factory.mktemp("sound")
    mesh = next(mesh for mesh, label in procedural_meshes(8) if label.endswith("chair"))
    files = {suffix: save_mesh(mesh, folder / f"chair{suffix}").read_bytes() for suffix in WRITABLE}
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    files["-ascii.ply"] = solid.export(file_type="ply", encoding="ascii")
    files["-ascii.stl"] = solid.export(file_type="stl_ascii").encode()
    files["-rich.obj"] = (
        b"mtllib a.mtl\no a\ng b\ns 1\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\n"
        b"usemtl x\nf 1/1/1 2/1/1 3/1/1\nf 1 3 4\nf -4 -3 -2 -1\nf 1//1 2//1 \\\n3//1\nl 1 2\n"
    )
    return files


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_files_with_bits_flipped_or_parts_cut_out(sound: dict[str, bytes], tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sound)))
    content = bytearray(sound[name])
    ends = st.sampled_from([40, 400, len(content)])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(1, min(len(content), data.draw(ends))) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "end", "number", "repeat"])):
            case "flip":
                content[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
            case "cut":
                del content[place : place + data.draw(st.integers(1, 50))]
            case "end":
                del content[place:]
            case "number":
                text = [b"-1", b"0", b"nan", b"inf", b"1e309", b"99999999999999999999", b"4294967295", b"\xff" * 4]
                content[place : place + 4] = data.draw(st.sampled_from(text))
            case "repeat":
                content[place:place] = content[place : place + 30] * data.draw(st.integers(1, 20))
    path = tmp_path / f"thing{name}"
    path.write_bytes(content)
    read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.off", b"OFF\n1000000000000 1000000000000 0\n0 0 0\n"),
        ("a.off", b"OFF\n-5 -5 0\n0 0 0\n"),
        ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf -1 -2 -9\n"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 99999999999999999999999\n"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 inf 0\nf 1 2 3\n"),
        ("a.obj", b"v 1e300 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"),
        ("a.obj", b"f 1 2 3\n"),
        ("a.obj", b"\\\n" * 100_000 + b"f 1 2 3"),
        ("a.stl", b"x" * 80 + struct.pack("<I", 2**32 - 1) + bytes(50)),
        ("a.stl", b"x" * 80 + struct.pack("<I", 1) + struct.pack("<12f", *[np.nan] * 12) + bytes(2)),
        ("a.stl", b"solid x\n" * 10_000 + b"endsolid\n" * 10_000),
        ("a.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 1000000000000\nproperty double x\n"
                  b"element face 1000000000\nproperty list uchar int vertex_indices\nend_header\n" + bytes(99)),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 1000000000000\nproperty float x\nproperty float y\n"
                  b"property float z\nelement face 1\nproperty list uchar int vertex_indices\n"
                  b"end_header\n0 0 0\n3 0 0\n"),
        ("a.ply", b"ply\nformat ascii 1.0\n" + b"comment x\n" * 100_000),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex -3\nproperty float x\nend_header\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_files_that_claim_what_they_do_not_hold(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    before = memory()
    assert isinstance(read(tmp_path / name), MeshGPTError)
    assert memory() - before < 300


def gltf(path: Path, **changes: Any) -> Path:
    """A glTF file of one triangle; `changes` replace parts of its header."""
    data = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes()
    header = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": len(data)}],
        "buffers": [{"byteLength": len(data), "uri": "data:;base64," + base64.b64encode(data).decode()}],
    }
    path.write_text(json.dumps({**header, **changes}))
    return path


ACCESSOR = {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}


@pytest.mark.parametrize(
    "changes",
    [
        {"accessors": [{"componentType": 5126, "count": 10**12, "type": "VEC3"}]},
        {"accessors": [{"componentType": 5126, "count": 10**8, "type": "MAT4"}]},
        {"accessors": [ACCESSOR] + [{"componentType": 5126, "count": 10**6, "type": "MAT4"}] * 1000},
        {"accessors": [{**ACCESSOR, "count": -3}]},
        {"accessors": [{**ACCESSOR, "count": 3.5}]},
        {"accessors": [{**ACCESSOR, "count": "3"}]},
        {"accessors": [{**ACCESSOR, "type": "VEC9"}]},
        {"accessors": [{**ACCESSOR, "componentType": 1}]},
        {"accessors": [{**ACCESSOR, "bufferView": 7}]},
        {"accessors": [{**ACCESSOR, "byteOffset": -4}]},
        {"accessors": {}},
        {"bufferViews": [{"buffer": 0, "byteLength": 36}] + [{"buffer": 0, "byteLength": 2**30}] * 9},
        {"bufferViews": [{"buffer": 0, "byteLength": -1}]},
        {"bufferViews": [{"buffer": 9, "byteLength": 36}]},
        {"bufferViews": [{"buffer": 0, "byteLength": 36, "byteStride": 0}]},
        {"bufferViews": [{"buffer": 0, "byteLength": 36, "byteStride": 2**40}]},
        {"nodes": [{"mesh": 0, "children": [0]}]},
        {"nodes": [{"children": [1]}, {"mesh": 0, "children": [2]}, {"children": [1]}]},
        {"nodes": [{"children": [1, 1]}, {"mesh": 0}]},
        {"nodes": [{"children": [7]}]},
        {"nodes": [{"children": [i + 1]} for i in range(5000)] + [{"mesh": 0}]},
        {"nodes": [{"mesh": 5}]},
        {"nodes": [{"mesh": 0, "matrix": [1, 2]}]},
        {"nodes": [{"mesh": 0, "scale": [float("nan")] * 3}]},
        {"scenes": [{"nodes": [99]}]},
        {"meshes": 5},
        {"asset": {"version": "1.0"}},
        {"asset": 3},
    ],
    ids=lambda changes: str(changes)[:70],
)  # fmt: skip
def test_gltf_files_that_ask_for_anything(tmp_path: Path, changes: dict[str, Any]) -> None:
    before, start = memory(), time.process_time()
    assert isinstance(read(gltf(tmp_path / "a.gltf", **changes)), MeshGPTError)
    assert memory() - before < 300 and time.process_time() - start < 30
    assert isinstance(read(gltf(tmp_path / "b.gltf")), TriangleMesh)


def test_one_mesh_placed_a_million_times_is_refused(tmp_path: Path) -> None:
    """A few megabytes of JSON that would become billions of faces."""
    count = 30_000
    many = {"accessors": [{"componentType": 5126, "count": 900, "type": "VEC3"}]}
    nodes = [{"mesh": 0}] * count
    error = read(gltf(tmp_path / "a.gltf", nodes=nodes, scenes=[{"nodes": list(range(count))}], **many))
    assert isinstance(error, MeshGPTError) and "asks for more" in error.message


@pytest.mark.parametrize(
    "name",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "../secret.bin",
        "a/../../secret.bin",
        "%2e%2e/secret.bin",
        "link.bin",
        "pipe.bin",
        "http://127.0.0.1:9/x.bin",
        "https://example.org/x.bin",
        "\\\\server\\share\\x.bin",
        "C:\\x.bin",
        "\0",
        "x" * 10_000,
        ".",
        "",
    ],
    ids=lambda name: name[:30].replace("\0", "null"),
)
def test_a_gltf_file_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    os.mkfifo(folder / "pipe.bin")
    buffers = {"buffers": [{"byteLength": 36, "uri": name}]}
    error = read(gltf(folder / "a.gltf", **buffers))
    assert isinstance(error, MeshGPTError) and "no file beside it" in error.message
    text = (folder / "a.gltf").read_bytes()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON")
    (folder / "a.glb").write_bytes(head + text)
    assert isinstance(read(folder / "a.glb"), MeshGPTError)


def test_a_gltf_file_finds_its_buffers_beside_it(tmp_path: Path) -> None:
    (tmp_path / "parts of it").mkdir()
    (tmp_path / "parts of it" / "a.bin").write_bytes(np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes())
    buffers = {"buffers": [{"byteLength": 36, "uri": "parts%20of%20it/a.bin"}]}
    assert isinstance(read(gltf(tmp_path / "a.gltf", **buffers)), TriangleMesh)


def test_materials_and_textures_are_never_opened(tmp_path: Path) -> None:
    opened: list[str] = []
    watching = True
    sys.addaudithook(lambda event, args: opened.append(f"{event} {args}") if watching and "open" in event else None)
    for name in ("evil.mtl", "evil.png"):
        os.mkfifo(tmp_path / name)  # opening one would wait for ever
    (tmp_path / "a.obj").write_bytes(b"mtllib evil.mtl\nmtllib /etc/passwd\nusemtl x\n" + SECRET)
    ply = (
        trimesh.creation.box().export(file_type="ply").replace(b"comment", b"comment TextureFile evil.png\ncomment", 1)
    )
    (tmp_path / "a.ply").write_bytes(ply)
    images = {"images": [{"uri": "evil.png"}, {"uri": "http://127.0.0.1:9/x.png"}], "textures": [{"source": 0}]}
    images["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    gltf(tmp_path / "a.gltf", **images)
    for name in ("a.obj", "a.ply", "a.gltf"):
        assert isinstance(read(tmp_path / name), TriangleMesh)
    watching = False
    assert any("a.obj" in line for line in opened)
    assert not [line for line in opened if "evil" in line or "passwd" in line or "127.0.0.1" in line]


def test_changes_of_material_cost_no_time(tmp_path: Path) -> None:
    """Twenty thousand of them among as many vertices, in a reader that would look at all vertices at each."""
    count = 20_000
    vertices = "".join(f"v {i % 97} {i % 89} {i}\n" for i in range(count))
    faces = "".join(f"use\\\nmtl m{i}\nf {i + 1} {i + 2} {i + 3}\n" for i in range(count - 2))
    (tmp_path / "a.obj").write_text(vertices + faces.replace("\\\n", "\\\r\n"))
    start = time.process_time()
    mesh = read(tmp_path / "a.obj")
    assert len(mesh.faces) == count - 2 and time.process_time() - start < 30


def test_files_that_are_too_large_are_refused_unread(tmp_path: Path) -> None:
    for suffix in (".obj", ".stl", ".ply", ".glb", ".off"):
        with (tmp_path / f"a{suffix}").open("wb") as file:
            file.truncate(2**40)  # a hole: takes no room on the disk
        error = read(tmp_path / f"a{suffix}")
        assert isinstance(error, MeshGPTError) and "too large" in error.message
    (tmp_path / "lines.obj").write_bytes(b"\n" * 11_000_000)
    assert "too large" in read(tmp_path / "lines.obj").message


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.obj")
    (tmp_path / "folder.obj").mkdir()
    (tmp_path / "zero.obj").symlink_to("/dev/zero")
    (tmp_path / "loop.obj").symlink_to("loop.obj")
    for name in ("pipe.obj", "folder.obj", "zero.obj", "loop.obj", "a\0.obj", "x" * 5000 + ".obj"):
        assert "no file" in read(tmp_path / name).message


@pytest.mark.slow
def test_a_million_faces_go_through_files_and_the_tokenizer(tmp_path: Path) -> None:
    mesh = grid(708)
    assert len(mesh.faces) > 10**6
    for suffix in (".ply", ".obj"):
        assert len(read(save_mesh(mesh, tmp_path / f"a{suffix}")).faces) == len(mesh.faces)
    codes = LatticeTokenizer().encode(mesh)
    assert 10_000 < len(codes) < len(mesh.faces)
