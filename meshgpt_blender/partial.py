# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a mesh that a completion keeps, and the mesh with new faces joined on to it.

The kept part never goes through the model: its mesh is copied with all that is in it (n-gons, UVs, weights, attributes,
shape keys), the faces that are not kept are deleted, and new ones are added that use its vertices by their numbers.
"""

from dataclasses import dataclass

import bmesh
import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from mathutils.bvhtree import BVHTree

from ..core.errors import MeshGPTError
from . import mesh_io
from .placement import Placement


@dataclass(frozen=True)
class PartialMesh:
    """What is kept of an object's own mesh, modifiers left out. Holds no reference into Blender.

    vertices float32 [V, 3], all of the mesh's; faces int32 [F, 3], the kept ones in triangles; kept bool [P], the
    polygons; whole: corners of the box around all faces, kept or not, along the model's axes.
    """

    name: str
    key: mesh_io.Key
    vertices: np.ndarray
    faces: np.ndarray
    kept: np.ndarray
    whole: tuple[np.ndarray, np.ndarray]
    placement: Placement

    @classmethod
    def read(cls, obj: bpy.types.Object) -> "PartialMesh":
        """In Edit Mode the selected faces, all where none is; else the whole mesh. Raises MeshGPTError for none."""
        editing = obj.mode == "EDIT"
        if editing:
            obj.update_from_editmode()
        vertices, faces, polygons = mesh_io.read_triangles(obj.data)
        if not len(faces):
            raise MeshGPTError(
                rpt_('"{name}" has no faces.').format(name=obj.name), "Select a mesh that has some to go on from."
            )
        kept = np.ones(len(obj.data.polygons), bool)
        if editing:
            obj.data.polygons.foreach_get("select", kept)
            kept |= not kept.any()
        place = Placement.of(obj)
        corners = place.seen(vertices[np.unique(faces)])
        box = corners.min(axis=0), corners.max(axis=0)
        return cls(obj.name, mesh_io.key_of(obj), vertices, faces[kept[polygons]], kept, box, place)

    def seen(self) -> dict[str, np.ndarray]:
        """Vertices and kept faces as the model is to see them."""
        return {"vertices": self.placement.seen(self.vertices), "faces": self.placement.faces(self.faces)}

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners of the box around what is kept, along the model's axes."""
        corners = self.placement.seen(self.vertices[np.unique(self.faces)])
        return corners.min(axis=0), corners.max(axis=0)

    def source(self) -> bpy.types.Object:
        """The object, which has to be as it was read."""
        obj = bpy.data.objects.get(self.key)
        if obj is None:
            raise MeshGPTError(
                rpt_('"{name}" is gone.').format(name=self.name), "Undo what took it away, and complete it again."
            )
        vertices, faces, polygons = mesh_io.read_triangles(obj.data)
        same = len(obj.data.polygons) == len(self.kept) and np.array_equal(vertices, self.vertices)
        if not same or not np.array_equal(faces[self.kept[polygons]], self.faces):
            raise MeshGPTError(
                rpt_('"{name}" was changed while the model worked.').format(name=self.name), "Complete it again."
            )
        return obj

    def joined(self, mesh: bpy.types.Mesh, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Mesh:
        """A copy of the source's `mesh`: what is kept of it, then the model's new vertices and faces: what comes after
        the source's own in `vertices` [V', 3] and `faces` [F', 3]. New faces are selected.
        """
        made = mesh.copy()
        numbers = np.arange(len(vertices))
        if not self.kept.all():
            numbers[: len(self.vertices)] = _delete_others(made, self.kept)
            numbers[len(self.vertices) :] = np.arange(len(vertices) - len(self.vertices)) + len(made.vertices)
        places = self.placement.own(vertices[len(self.vertices) :])
        _add(made, places.tolist(), numbers[self.placement.faces(faces[len(self.faces) :])].tolist())
        made.validate(clean_customdata=False)
        made.update()
        return made


def _delete_others(mesh: bpy.types.Mesh, kept: np.ndarray) -> np.ndarray:
    """Delete all that is not a kept face or a part of one; returns the new number of each vertex, -1 for the deleted.

    In a step of its own: Blender fills the gaps that this leaves with what is added next, and would mix the two.
    """
    numbers = np.full(len(mesh.vertices), -1)
    with _Edited(mesh) as edited:
        before = list(edited.verts)  # their own `index` is not kept while others are deleted
        others = [face for face, keep in zip(edited.faces, kept.tolist(), strict=True) if not keep]
        bmesh.ops.delete(edited, geom=others, context="FACES_ONLY")
        bmesh.ops.delete(edited, geom=[edge for edge in edited.edges if not edge.link_faces], context="EDGES")
        bmesh.ops.delete(edited, geom=[vertex for vertex in edited.verts if not vertex.link_faces], context="VERTS")
        left = [number for number, vertex in enumerate(before) if vertex.is_valid]
    numbers[left] = np.arange(len(left))
    return numbers


def _add(mesh: bpy.types.Mesh, places: list[list[float]], faces: list[list[int]]) -> None:
    """Add vertices and faces. These look like the nearest of the old faces: its material, smooth or flat."""
    with _Edited(mesh) as edited:
        old = list(edited.faces)
        tree = BVHTree.FromBMesh(edited)
        shapes = edited.verts.layers.shape.values()
        for place in places:
            vertex = edited.verts.new(place)
            for layer in shapes:
                vertex[layer] = place
        edited.verts.ensure_lookup_table()
        for element in (*edited.verts, *edited.edges, *edited.faces):
            element.select = False
        for numbers in faces:
            corners = [edited.verts[number] for number in numbers]
            if edited.faces.get(corners) is not None:  # kept, but too small for the model to see
                continue
            face = edited.faces.new(corners)
            _, _, nearest, _ = tree.find_nearest(face.calc_center_median())
            if nearest is not None:
                face.material_index, face.smooth = old[nearest].material_index, old[nearest].smooth
            face.select_set(True)


class _Edited:
    """A mesh as a BMesh that is written back at the end."""

    def __init__(self, mesh: bpy.types.Mesh) -> None:
        self._mesh, self._edited = mesh, bmesh.new()

    def __enter__(self) -> bmesh.types.BMesh:
        self._edited.from_mesh(self._mesh)
        self._edited.faces.ensure_lookup_table()
        return self._edited

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._edited.to_mesh(self._mesh)
        self._edited.free()
