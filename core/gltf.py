# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a glTF file says of itself, looked at before trimesh reads it: a few bytes of JSON may ask for any amount of
memory (accessors without data, views of one buffer again and again, nodes that place one mesh a million times).
"""

from __future__ import annotations

import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .errors import MeshGPTError

_VALUES = 10**8  # numbers in all accessors together; a million faces with every attribute have a third of that
_BYTES = 2**30  # of all views together
_STEPS = 10**6  # from the root to each node, added up
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def check_gltf(path: Path, most_faces: int) -> None:
    """Raise MeshGPTError for a glTF file that is none, is compressed, or would become more than `most_faces` faces."""
    try:
        header = _header(path)
        method = _compression(header.get("extensionsUsed", []))
        fits = method is not None or _is_bounded(header, most_faces)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, struct.error) as error:
        raise MeshGPTError(f"{path.name} is not a glTF file.", "The file may be damaged; export it again.") from error
    if method:
        raise MeshGPTError(
            f"{path.name} is compressed with {method}, which the command line cannot read.",
            "Import it in Blender and use the MeshGPT panel there, or export it from there as glb, obj or ply.",
        )
    if not fits:
        raise MeshGPTError(f"{path.name} asks for more than can be read.", "Give fewer objects or faces.")


def _header(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".gltf":
        return json.loads(path.read_text(encoding="utf-8"))
    with path.open("rb") as file:
        magic, _version, _length, size, kind = struct.unpack("<4sIII4s", file.read(20))
        if magic != b"glTF" or kind != b"JSON":
            raise ValueError("no glTF header")
        return json.loads(file.read(size))


def _compression(extensions: list[str]) -> str | None:
    """trimesh reads compressed glTF as zeros when it lacks the decoder, so it must not get that far."""
    if "KHR_draco_mesh_compression" in extensions and find_spec("DracoPy") is None:
        return "Draco"
    return "meshopt" if "EXT_meshopt_compression" in extensions else None


def _is_bounded(header: dict[str, Any], most_faces: int) -> bool:
    """Whether what the file describes has a bounded size, and its nodes are trees as the format wants them."""
    accessors, nodes = header.get("accessors", []), header.get("nodes", [])
    counts = [_whole(accessor["count"]) for accessor in accessors]
    values = sum(count * _WIDTHS[accessor["type"]] for count, accessor in zip(counts, accessors, strict=True))
    size = sum(_whole(view["byteLength"]) + _whole(view.get("byteOffset", 0)) for view in header.get("bufferViews", []))
    faces = [sum(_faces(part, counts) for part in mesh["primitives"]) for mesh in header.get("meshes", [])]
    placed = sum(faces[_whole(node["mesh"])] for node in nodes if "mesh" in node)
    return values <= _VALUES and size <= _BYTES and placed <= most_faces and _steps(nodes) <= _STEPS


def _faces(primitive: dict[str, Any], counts: list[int]) -> int:
    """Faces of a primitive at most; where it has more vertices than these need, as many as need them."""
    corners = [primitive["attributes"].get("POSITION"), primitive.get("indices")]
    size = max((counts[_whole(accessor)] for accessor in corners if accessor is not None), default=0)
    return size // (1 if primitive.get("mode", 4) == 5 else 3)  # a strip makes a face of each corner


def _steps(nodes: list[dict[str, Any]]) -> int:
    """Steps from the root to each node, added up; raises ValueError where a node has two parents or is its own."""
    children = [[_whole(child) for child in node.get("children", [])] for node in nodes]
    below = [child for some in children for child in some]
    roots = set(range(len(nodes))) - set(below)
    if len(set(below)) < len(below):
        raise ValueError("a node has two parents")
    level, depth, steps, seen = sorted(roots), 1, 0, 0
    while level:
        seen, steps = seen + len(level), steps + depth * len(level)
        level, depth = [child for node in level for child in children[node]], depth + 1
    if seen < len(nodes):
        raise ValueError("a node is below itself")
    return steps


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r:.20} is no count")
    return value
