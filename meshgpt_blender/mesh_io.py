# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Blender's meshes and plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from mathutils import Matrix
from mathutils.bvhtree import BVHTree

from ..core.errors import MeshGPTError
from . import placement
from .placement import Placement

MODEL_SIDE = 1.9  # longest side of a mesh in the model's own units


Key = tuple[str, str | None]  # name of a datablock and of the library that it is linked from


@dataclass(frozen=True)
class SourceMesh:
    """An object's mesh in its own space, and what its result takes over. Holds no reference into Blender.

    vertices float32 [V, 3], faces int32 [F, 3], face_materials int32 [F], matrix as 4 rows of 4. data: the mesh, None
    where what one sees is more than the object's own surface: its instances.
    """

    name: str
    key: Key
    data: Key | None
    vertices: np.ndarray
    faces: np.ndarray
    face_materials: np.ndarray
    materials: tuple[Key | None, ...]
    matrix: tuple[tuple[float, ...], ...]
    placement: Placement

    @property
    def object(self) -> bpy.types.Object | None:
        """The object, if it still exists."""
        return bpy.data.objects.get(self.key)

    def seen(self) -> dict[str, np.ndarray]:
        """Vertices and faces as the model is to see them."""
        return {"vertices": self.placement.seen(self.vertices), "faces": self.placement.faces(self.faces)}


def key_of(block: bpy.types.ID | None) -> Key | None:
    """What finds a datablock again in its collection of bpy.data."""
    if block is None:
        return None
    return block.name, block.library.filepath if block.library else None


def has_surface(obj: bpy.types.Object | None) -> bool:
    """Whether the object may have faces: a mesh, or an empty that shows a collection."""
    return obj is not None and (obj.type == "MESH" or obj.type == "EMPTY" and obj.instance_type == "COLLECTION")


def read_object(context: bpy.types.Context, obj: bpy.types.Object) -> SourceMesh:
    """The object as one sees it, in triangles: with its modifiers applied, and with its instances as one mesh. Raises
    MeshGPTError when there are none.
    """
    depsgraph = context.evaluated_depsgraph_get()
    parts, here = [], obj.matrix_world.inverted_safe()
    if obj.type == "MESH":
        parts.append(_read_evaluated(obj.evaluated_get(depsgraph), Matrix()))
    own = sum(len(part[1]) for part in parts)
    for instance in depsgraph.object_instances:
        of_this = instance.is_instance and instance.parent is not None and instance.parent.original == obj
        if of_this and instance.object.type == "MESH":
            parts.append(_read_evaluated(instance.object, here @ instance.matrix_world))
    vertices, faces, indices, materials = [], [], [], []
    for points, triangles, slots, names in parts:
        faces.append(triangles + sum(map(len, vertices)))
        vertices.append(points)
        if len(parts) > 1:  # instances mostly share their materials
            materials.extend(name for name in dict.fromkeys(names) if name not in materials)
            slots = np.array([materials.index(name) for name in names])[slots]
        else:
            materials.extend(names)
        indices.append(slots)
    if not sum(map(len, faces)):
        raise MeshGPTError(rpt_('"{name}" has no faces.').format(name=obj.name), "Select an object with a surface.")
    return SourceMesh(
        obj.name,
        key_of(obj),
        key_of(obj.data) if own == sum(map(len, faces)) else None,
        np.concatenate(vertices),
        np.concatenate(faces),
        np.concatenate(indices),
        tuple(materials),
        tuple(tuple(row) for row in obj.matrix_world),
        Placement.of(obj),
    )


def _read_evaluated(
    evaluated: bpy.types.Object, matrix: Matrix
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Key | None]]:
    """Vertices, triangles, their places in the list of materials, and that list, of an evaluated object."""
    mesh = evaluated.to_mesh()
    try:
        vertices, faces, polygons = read_triangles(mesh)
        indices = np.zeros(len(mesh.polygons), np.int32)
        mesh.polygons.foreach_get("material_index", indices)
        materials = list(mesh.materials)
        for number, slot in enumerate(evaluated.material_slots):
            if slot.link == "OBJECT" and number < len(materials):
                materials[number] = slot.material
        keys = [key_of(material.original if material else None) for material in materials]
    finally:
        evaluated.to_mesh_clear()
    if matrix != Matrix():
        turned = np.array(matrix, np.float64)
        vertices = (vertices @ turned[:3, :3].T + turned[:3, 3]).astype(np.float32)
        faces = faces[:, ::-1] if matrix.determinant() < 0 else faces
    return vertices, faces, np.minimum(indices, max(0, len(keys) - 1))[polygons], keys or [None]


def read_triangles(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices float32 [V, 3], triangles int32 [T, 3] and the polygon int32 [T] that each is a part of."""
    mesh.calc_loop_triangles()
    vertices = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", vertices.reshape(-1))
    faces = np.empty((len(mesh.loop_triangles), 3), np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces.reshape(-1))
    polygons = np.empty(len(faces), np.int32)
    mesh.loop_triangles.foreach_get("polygon_index", polygons)
    return vertices, faces, polygons


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


def link_like(context: bpy.types.Context, obj: bpy.types.Object, source: bpy.types.Object) -> None:
    """Link a new object into the collections of its source, those that are the scene's own."""
    own = {context.scene.collection, *context.scene.collection.children_recursive}
    collections = [one for one in source.users_collection if one in own and one.library is None]
    for collection in collections or [context.scene.collection]:
        collection.objects.link(obj)


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


def take_over(context: bpy.types.Context, obj: bpy.types.Object, source: SourceMesh, materials: bool = True) -> None:
    """Give `obj`, whose mesh is in the source's own space, the source's place in the world, and with `materials` each
    face the material of the nearest face of the source.
    """
    placement.put_in_place(context, obj, source.object, Matrix(source.matrix))
    if not materials or not any(source.materials):
        return
    for key in source.materials:
        obj.data.materials.append(bpy.data.materials.get(key) if key else None)
    if len(source.materials) < 2:
        return
    tree = BVHTree.FromPolygons(source.vertices.tolist(), source.faces.tolist(), all_triangles=True)
    nearest = [tree.find_nearest(polygon.center)[2] for polygon in obj.data.polygons]
    indices = [0 if index is None else int(source.face_materials[index]) for index in nearest]
    obj.data.polygons.foreach_set("material_index", indices)
    obj.data.update()
