# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Blender's meshes and plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from mathutils.bvhtree import BVHTree

from ..core.errors import MeshGPTError

MODEL_SIDE = 1.9  # longest side of a mesh in the model's own units


@dataclass(frozen=True)
class SourceMesh:
    """An object's evaluated mesh in its own space, and what its result takes over. Holds no reference into Blender.

    vertices float32 [V, 3], faces int32 [F, 3], face_materials int32 [F], matrix as 4 rows of 4.
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    face_materials: np.ndarray
    materials: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    rotation_mode: str


def read_object(context: bpy.types.Context, obj: bpy.types.Object) -> SourceMesh:
    """The object with its modifiers applied, in triangles; raises MeshGPTError when there are none."""
    evaluated = obj.evaluated_get(context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        mesh.calc_loop_triangles()
        vertices = np.empty((len(mesh.vertices), 3), np.float32)
        mesh.vertices.foreach_get("co", vertices.reshape(-1))
        faces = np.empty((len(mesh.loop_triangles), 3), np.int32)
        mesh.loop_triangles.foreach_get("vertices", faces.reshape(-1))
        indices = np.empty(len(faces), np.int32)
        mesh.loop_triangles.foreach_get("material_index", indices)
        materials = tuple(slot.material.name if slot.material else "" for slot in obj.material_slots)
    finally:
        evaluated.to_mesh_clear()
    if not len(faces):
        raise MeshGPTError(f'"{obj.name}" has no faces.', "Select an object with a surface.")
    matrix = tuple(tuple(row) for row in obj.matrix_world)
    return SourceMesh(obj.name, vertices, faces, indices, materials, matrix, obj.rotation_mode)


def new_object(context: bpy.types.Context, name: str, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    """A mesh object in the active collection; the mesh is validated."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.validate()
    mesh.update()
    obj = bpy.data.objects.new(name, mesh)
    try:
        context.collection.objects.link(obj)
    except RuntimeError:  # the active collection belongs to a linked library
        context.scene.collection.objects.link(obj)
    return obj


def select(context: bpy.types.Context, objects: Sequence[bpy.types.Object]) -> None:
    """Select these objects only, the first one active; those in a hidden collection are left alone."""
    for obj in context.view_layer.objects:
        if obj.select_get():
            obj.select_set(False)
    context.view_layer.update()  # else new objects count as hidden, and hidden ones as not selected
    visible = [obj for obj in objects if context.view_layer.objects.get(obj.name) == obj]
    for obj in visible:
        obj.select_set(True)
    if visible:
        context.view_layer.objects.active = visible[0]


def stand(vertices: np.ndarray, size: float) -> np.ndarray:
    """Vertices [V, 3] -> with `size` as their longest side and the origin at the middle of the base."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], vertices.dtype)
    return (vertices - base) * vertices.dtype.type(size / (high - low).max())


def take_over(obj: bpy.types.Object, source: SourceMesh) -> None:
    """Give `obj` the transform and the materials of its source, each face those of the nearest source face."""
    obj.rotation_mode = source.rotation_mode
    obj.matrix_world = Matrix(source.matrix)
    for name in source.materials:
        obj.data.materials.append(bpy.data.materials.get(name))
    if len(source.materials) < 2:
        return
    tree = BVHTree.FromPolygons(source.vertices.tolist(), source.faces.tolist(), all_triangles=True)
    nearest = [tree.find_nearest(polygon.center)[2] for polygon in obj.data.polygons]
    indices = [0 if index is None else int(source.face_materials[index]) for index in nearest]
    obj.data.polygons.foreach_set("material_index", indices)
    obj.data.update()
