# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh files in and out, for the command line and for training; Blender's own importers serve the add-on.

Reading is the work of trimesh. Meshes are z-up here as in Blender, so files of the formats that are y-up by rule
(glTF) or by habit (OBJ, as Blender writes it) are turned on the way in and back on the way out.
"""

from __future__ import annotations

import json
import logging
import os
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import MeshGPTError
from .mesh import TriangleMesh

if TYPE_CHECKING:
    import trimesh

WRITABLE = (".glb", ".obj", ".off", ".ply", ".stl")
MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".off", ".ply", ".stl")
_Y_UP = (".glb", ".gltf", ".obj")
_IMPORT_IN_BLENDER = "Import it in Blender and use the MeshGPT panel there, or export it from there as glb, obj or ply."


def load_mesh(path: str | os.PathLike[str]) -> TriangleMesh:
    """Read a mesh file: node transforms applied, all parts merged, polygons triangulated, equal positions welded, z up.

    Positions are in the file's own units. Raises MeshGPTError for a missing, unreadable, empty or unsupported file.
    """
    path = Path(path)
    suffix = _known_suffix(path, MESH_SUFFIXES, "read")
    if not path.is_file():
        raise MeshGPTError(f"There is no file {path}.", "Check the path.")
    if suffix in (".glb", ".gltf"):
        _refuse_compressed(path, suffix)
    parts = _read_parts(path)
    if not parts:
        raise MeshGPTError(f"{path.name} holds no faces.", "Give a mesh with faces; points and lines are not enough.")
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    vertices = np.concatenate([np.asarray(part.vertices, np.float64) for part in parts])
    indices = [np.asarray(part.faces, np.int64) + start for part, start in zip(parts, starts, strict=True)]
    faces = np.concatenate(indices)
    if suffix in _Y_UP:
        vertices = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1)
    return _welded(TriangleMesh(vertices, faces))


def save_mesh(mesh: TriangleMesh, path: str | os.PathLike[str]) -> Path:
    """Write `mesh` in the format its name ends in (glb, obj, off, ply, stl); never leaves half a file.

    Raises MeshGPTError for an unsupported format or a folder that cannot be written.
    """
    path = Path(path)
    suffix = _known_suffix(path, WRITABLE, "write")
    vertices = mesh.vertices
    if suffix in _Y_UP:
        vertices = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)
    content = _trimesh().Trimesh(vertices, mesh.faces, process=False).export(file_type=suffix[1:])
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MeshGPTError(f"{path} cannot be written: {error.strerror or error}.", "Choose another place.") from error
    return path


def _known_suffix(path: Path, known: tuple[str, ...], verb: str) -> str:
    suffix = path.suffix.lower()
    if suffix in known:
        return suffix
    if not suffix:
        raise MeshGPTError(f'"{path.name}" does not say which format it is.', f"End the name in {_listed(known)}.")
    hint = _IMPORT_IN_BLENDER if verb == "read" else f"Use {_listed(known)}."
    raise MeshGPTError(f"The command line cannot {verb} {suffix[1:].upper()} files ({path.name}).", hint)


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _trimesh() -> Any:
    try:
        import trimesh
    except ImportError as error:
        raise MeshGPTError(
            "Reading and writing mesh files needs the package trimesh, which this Python does not have.",
            "Install it: python -m pip install trimesh scipy",
        ) from error
    return trimesh


def _read_parts(path: Path) -> list[trimesh.Trimesh]:
    """The triangle parts of a file, placed in its world."""
    trimesh = _trimesh()
    log = logging.getLogger("trimesh")
    before = log.disabled
    log.disabled = True  # it tells of textures that are missing, which are of no use here
    try:
        scene = trimesh.load_scene(path, process=False)
        meshes = scene.dump()
    except Exception as error:  # the readers raise whatever the damaged bytes lead to
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MeshGPTError(
            f"{path.name} cannot be read: {reason.rstrip('.')}.", "The file may be damaged; export it again."
        ) from error
    finally:
        log.disabled = before
    return [mesh for mesh in meshes if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)]


def _refuse_compressed(path: Path, suffix: str) -> None:
    """trimesh reads compressed glTF as zeros when it lacks the decoder, so it must not get that far."""
    try:
        extensions = _gltf_header(path, suffix).get("extensionsUsed", [])
    except (ValueError, AttributeError, struct.error) as error:
        raise MeshGPTError(f"{path.name} is not a glTF file.", "The file may be damaged; export it again.") from error
    if "KHR_draco_mesh_compression" in extensions and find_spec("DracoPy") is None:
        method = "Draco"
    elif "EXT_meshopt_compression" in extensions:
        method = "meshopt"
    else:
        return
    raise MeshGPTError(
        f"{path.name} is compressed with {method}, which the command line cannot read.", _IMPORT_IN_BLENDER
    )


def _gltf_header(path: Path, suffix: str) -> dict[str, Any]:
    if suffix == ".gltf":
        return json.loads(path.read_text(encoding="utf-8"))
    with path.open("rb") as file:
        magic, _version, _length, size, kind = struct.unpack("<4sIII4s", file.read(20))
        if magic != b"glTF" or kind != b"JSON":
            raise ValueError("no glTF header")
        return json.loads(file.read(size))


def _welded(mesh: TriangleMesh) -> TriangleMesh:
    """One vertex per position (-0 is 0): files split them where normals, colours or texture coordinates differ."""
    vertices, index = np.unique(mesh.vertices + 0.0, axis=0, return_inverse=True)
    return TriangleMesh(vertices, index.reshape(-1)[mesh.faces])
