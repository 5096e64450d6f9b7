# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of meshes in and out, by Blender's own importers and exporters; for the command line."""

from collections.abc import Sequence
from pathlib import Path

import bpy
from mathutils import Matrix

from ..core.errors import MeshGPTError

BLEND = ".blend"
IMPORTERS = {
    BLEND: lambda path: bpy.ops.wm.open_mainfile(filepath=path, load_ui=False),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".gltf": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
}
EXPORTERS = {
    BLEND: lambda path: bpy.ops.wm.save_as_mainfile(filepath=path, copy=True),
    ".glb": lambda path: bpy.ops.export_scene.gltf(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_export(filepath=path, export_materials=bool(bpy.data.materials)),
    ".ply": lambda path: bpy.ops.wm.ply_export(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_export(filepath=path),
}


def check_output(path: Path) -> None:
    """Raise MeshGPTError when `path` cannot become a file, before anyone has waited for its content."""
    if path.suffix.lower() not in EXPORTERS:
        raise MeshGPTError(f'Cannot write "{path}".', f"Files that can be written: {listed(EXPORTERS)}.")
    if not path.absolute().parent.is_dir():
        raise MeshGPTError(f'The folder of "{path}" does not exist.')


def clear() -> None:
    """Remove what the startup file, or another one, put into the scene."""
    _leave_mode()  # else the mesh that is edited would never be freed
    bpy.data.batch_remove(list(bpy.data.objects))


def read(path: Path, names: Sequence[str] = ()) -> list[bpy.types.Object]:
    """The mesh objects of a file, those called `names` if any are given; the scene holds the file and nothing else."""
    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        raise MeshGPTError(f'Cannot read "{path}".', f"Files that can be read: {listed(IMPORTERS)}.")
    if not path.is_file():
        raise MeshGPTError(f'The file "{path}" does not exist.')
    clear()
    try:
        importer(str(path.absolute()))
    except RuntimeError as error:
        raise MeshGPTError(f'Blender cannot read "{path}".', str(error).removeprefix("Error: ").strip()) from error
    _leave_mode()
    objects = [obj for obj in bpy.context.scene.objects if obj.type == "MESH"]
    if path.suffix.lower() != BLEND:
        _apply_transforms(objects)
    unknown = sorted(set(names) - {obj.name for obj in objects})
    if unknown:
        raise MeshGPTError(f'"{path}" has no mesh object "{unknown[0]}".')
    objects = [obj for obj in objects if not names or obj.name in names]
    if not objects:
        raise MeshGPTError(f'"{path}" has no mesh.')
    return objects


def write(path: Path, objects: Sequence[bpy.types.Object]) -> None:
    """Write a file that holds `objects` and nothing else; everything else is removed from the scene."""
    kept = set(objects)
    bpy.context.view_layer.update()
    for obj in objects:
        if obj.parent is not None and obj.parent not in kept:
            matrix = obj.matrix_world.copy()
            obj.parent = None
            obj.matrix_world = matrix
    bpy.data.batch_remove([obj for obj in bpy.data.objects if obj not in kept])
    bpy.data.orphans_purge(do_recursive=True)
    try:
        EXPORTERS[path.suffix.lower()](str(path.absolute()))
    except RuntimeError as error:
        raise MeshGPTError(f'Blender cannot write "{path}".', str(error).removeprefix("Error: ").strip()) from error


def listed(suffixes: dict) -> str:
    return ", ".join(suffixes)


def _leave_mode() -> None:
    """Go to Object Mode: a .blend may have been saved in another one."""
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def _apply_transforms(objects: Sequence[bpy.types.Object]) -> None:
    """Put the transforms of imported objects into their meshes: OBJ files lie on their backs in object space."""
    bpy.context.view_layer.update()
    matrices = {obj: obj.matrix_world.copy() for obj in objects if not obj.modifiers}
    for obj, matrix in matrices.items():
        obj.data = obj.data.copy()
        obj.data.transform(matrix)
        if matrix.is_negative:
            obj.data.flip_normals()
        obj.parent = None
        obj.matrix_world = Matrix()
    bpy.context.view_layer.update()
