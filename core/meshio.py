# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh files in and out, for the command line and for training; Blender's own importers serve the add-on.

Reading is the work of trimesh. Meshes are z-up here as in Blender, so files of the formats that are y-up by rule
(glTF) or by habit (OBJ, as Blender writes it) are turned on the way in and back on the way out.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from .errors import MeshGPTError
from .gltf import check_gltf
from .mesh import TriangleMesh

if TYPE_CHECKING:
    import trimesh

WRITABLE = (".glb", ".obj", ".off", ".ply", ".stl")
MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".off", ".ply", ".stl")
_GLTF = (".glb", ".gltf")
_Y_UP = (*_GLTF, ".obj")
_MOST_BYTES = 2**29  # of a file, and of the files that it needs
_MOST_FACES = 5_000_000
_MOST_LINES = 10_000_000  # a million faces with normals and texture coordinates have three
_IMPORT_IN_BLENDER = "Import it in Blender and use the MeshGPT panel there, or export it from there as glb, obj or ply."


def load_mesh(path: str | os.PathLike[str]) -> TriangleMesh:
    """Read a mesh file: node transforms applied, all parts merged, polygons triangulated, equal positions welded, z up.

    Positions are in the file's own units. Raises MeshGPTError for a missing, unreadable, empty or unsupported file.
    """
    path = Path(path)
    suffix = _known_suffix(path, MESH_SUFFIXES, "read")
    if not os.path.isfile(path):
        raise MeshGPTError(f"There is no file {path}.", "Check the path.")
    _refuse_large(path)
    if suffix in _GLTF:
        check_gltf(path, _MOST_FACES)
    parts = _read_parts(path, suffix)
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


def _refuse_large(path: Path) -> None:
    """trimesh reads whole files, and makes objects of the lines of those that are text."""
    lines = 0
    try:
        size = path.stat().st_size
        if size <= _MOST_BYTES:
            with path.open("rb") as file:
                while part := file.read(2**20):
                    lines += part.count(b"\n") + part.count(b"\r")
    except OSError as error:
        raise MeshGPTError(f"{path.name} cannot be read: {error.strerror or error}.", "Choose another file.") from error
    if size > _MOST_BYTES or lines > _MOST_LINES:
        raise MeshGPTError(
            f"{path.name} is too large: {size / 2**20:,.0f} MB.",
            f"Give at most {_MOST_BYTES >> 20} MB, such as a binary ply or glb, or decimate it in Blender first.",
        )


def _read_parts(path: Path, suffix: str) -> list[trimesh.Trimesh]:
    """The triangle parts of a file, placed in its world. Materials and textures are left alone, and of other files only
    those are read that hold the buffers of a glTF file.
    """
    trimesh = _trimesh()
    log = logging.getLogger("trimesh")
    before = log.disabled
    log.disabled = True  # it tells of what is odd, which is of no use here
    try:
        with path.open("rb") as file, np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            source = _one_material(file.read()) if suffix == ".obj" else file
            files = _Beside(path) if suffix in _GLTF else {}
            options = {} if suffix in (".off", ".stl") else {"skip_materials": True}
            scene = trimesh.load_scene(source, suffix[1:], files, process=False, **options)
            meshes = scene.dump()
    except Exception as error:  # the readers raise whatever the damaged bytes lead to
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise MeshGPTError(
            f"{path.name} cannot be read: {reason.rstrip('.')}.", "The file may be damaged; export it again."
        ) from error
    finally:
        log.disabled = before
    parts = [mesh for mesh in meshes if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)]
    if any(np.shape(part.vertices)[1:] != (3,) for part in parts):
        raise MeshGPTError(f"{path.name} has vertices without three coordinates.", "The file may be damaged.")
    return parts


def _one_material(content: bytes) -> BytesIO:
    """An OBJ file without changes of material, at each of which trimesh goes through all vertices again."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    while "\\\n" in text:  # lines that go on
        text = text.replace("\\\n", " ")
    return BytesIO(text.replace("usemtl", "#").encode())


class _Beside:
    """The files that a glTF file may name: plain ones in its folder, of a bounded size together."""

    def __init__(self, path: Path) -> None:
        self._folder, self._left = path.parent.resolve(), _MOST_BYTES

    def __getitem__(self, name: str) -> bytes:
        # A drive, a server or a scheme must not even be looked for.
        place = self._folder if re.search(r"[:\\\0]|^/|[^/]{256}", name) else (self._folder / unquote(name)).resolve()
        if not place.is_relative_to(self._folder) or not place.is_file() or place.stat().st_size > self._left:
            raise ValueError(f'it needs "{name[:100]}", which is no file beside it')
        self._left -= place.stat().st_size
        return place.read_bytes()


def _welded(mesh: TriangleMesh) -> TriangleMesh:
    """One vertex per position (-0 is 0): files split them where normals, colours or texture coordinates differ."""
    vertices, index = np.unique(mesh.vertices + 0.0, axis=0, return_inverse=True)
    return TriangleMesh(vertices, index.reshape(-1)[mesh.faces])
