# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the meshes of a job to objects: where they stand, how large, in triangles or quads, how shaded, as assets."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import bmesh
import bpy
from mathutils import Vector

from . import mesh_io, provenance
from .jobs import ResultMesh

GAP = 1.2  # distance of two meshes in a row, in longest sides
ROW = 16  # meshes in a row; more begin another behind it
QUAD_ANGLE = math.radians(40)  # Blender's own default for Tris to Quads, for flatness and for shape
NAME_LENGTH = 40


@dataclass(frozen=True)
class ResultOptions:
    """The values of `properties.ResultProperties`, which says what they mean."""

    size: float = 2.0
    quads: bool = False
    shading: str = "FLAT"
    angle: float = math.radians(30)
    material: str = ""
    asset: bool = False

    @classmethod
    def of(cls, owner: Any) -> "ResultOptions":
        """From an operator's or the scene's properties."""
        values = {field.name: getattr(owner, field.name) for field in fields(cls)}
        return cls(**{name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()})


def row(count: int, size: float) -> list[Vector]:
    """Places of `count` meshes from the 3D cursor: one alone stands at it, as everything that Blender adds; several
    stand in a row beside it, which leaves it free.
    """
    if count == 1:
        return [Vector()]
    step = GAP * size
    return [Vector(((index % ROW + 1) * step, index // ROW * step, 0.0)) for index in range(count)]


def title(prompt: str) -> str:
    """Name of an object made from a prompt."""
    name = " ".join(prompt.split())[:NAME_LENGTH] or "MeshGPT"
    return name[0].upper() + name[1:]


def build(context: bpy.types.Context, meshes: Sequence[ResultMesh], options: ResultOptions) -> list[bpy.types.Object]:
    """New objects beside the 3D cursor, each with its provenance; they are selected, the first one active."""
    objects = []
    for mesh, place in zip(meshes, row(len(meshes), options.size), strict=True):
        name = title(mesh.provenance.get("prompt", ""))
        obj = mesh_io.new_object(context, name, mesh_io.stand(mesh.vertices, options.size), mesh.faces)
        obj.location = context.scene.cursor.location + place
        provenance.write(obj, mesh.provenance | {"result": asdict(options)})
        finish(obj, options)
        objects.append(obj)
    mesh_io.select(context, objects)
    return objects


def finish(obj: bpy.types.Object, options: ResultOptions) -> None:
    """Do to a new object, which carries its provenance, what the options say."""
    if options.quads:
        join_triangles(obj.data)
    if options.shading == "SMOOTH":
        obj.data.shade_smooth()
        obj.data.set_sharp_from_angle(angle=options.angle)
    material = bpy.data.materials.get(options.material)
    if material is not None:
        obj.data.materials.append(material)
    if options.asset:
        mark_asset(obj)


def join_triangles(mesh: bpy.types.Mesh) -> None:
    """Pairs of triangles become quads, as by Blender's Tris to Quads."""
    edit = bmesh.new()
    edit.from_mesh(mesh)
    bmesh.ops.join_triangles(edit, faces=edit.faces, angle_face_threshold=QUAD_ANGLE, angle_shape_threshold=QUAD_ANGLE)
    edit.to_mesh(mesh)
    edit.free()
    mesh.validate()


def mark_asset(obj: bpy.types.Object) -> None:
    """Make an asset of an object: its tags are the model and the words of the prompt, its preview is rendered."""
    found = provenance.read(obj)
    obj.asset_mark()
    data = obj.asset_data
    data.description = found.get("prompt", "")
    for tag in (provenance.model_name(found) or "MeshGPT", *re.findall(r"\w{2,}", found.get("prompt", "").lower())):
        data.tags.new(tag, skip_if_exists=True)
    obj.asset_generate_preview()
