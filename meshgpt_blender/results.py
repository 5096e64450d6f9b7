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


def row(count: int, size: float, alone: bool = True) -> list[Vector]:
    """Places of `count` meshes from the 3D cursor: one alone stands at it, as everything that Blender adds, unless it
    may not; several stand in a row beside it, which leaves it free.
    """
    if count == 1 and alone:
        return [Vector()]
    step = GAP * size
    return [Vector(((index % ROW + 1) * step, index // ROW * step, 0.0)) for index in range(count)]


def places(context: bpy.types.Context, count: int, size: float, origin: Sequence[float] | None) -> list[Vector]:
    """Where so many meshes stand: beside a place if one is given, else as `row` has it at the 3D cursor."""
    start = context.scene.cursor.location if origin is None else Vector(origin)
    return [start + offset for offset in row(count, size, alone=origin is None)]


def free_beside(context: bpy.types.Context, obj: bpy.types.Object, count: int, size: float) -> Vector:
    """The place beside which a row, to the right of an object, hides nothing that is there already."""
    step = GAP * size
    taken = [other.matrix_world.translation for other in context.view_layer.objects]
    start = obj.matrix_world.translation.copy()
    start.x += max(0.0, GAP * max(obj.dimensions) - step)  # it may have been made larger since
    offsets = row(min(count, ROW), size, alone=False)
    for _ in taken:  # each can be in the way once; far from the origin a small step may lead nowhere
        if all((start + offset - other).length > 0.5 * step for offset in offsets for other in taken):
            break
        start.x += step
    return start


def title(prompt: str) -> str:
    """Name of an object made from a prompt."""
    name = " ".join(prompt.split())[:NAME_LENGTH] or "MeshGPT"
    return name[0].upper() + name[1:]


def build(
    context: bpy.types.Context,
    meshes: Sequence[ResultMesh],
    options: ResultOptions,
    origin: Sequence[float] | None = None,
) -> list[bpy.types.Object]:
    """New objects at their `places`, each with its provenance; they are selected, the first one active."""
    objects = []
    for mesh, place in zip(meshes, places(context, len(meshes), options.size, origin), strict=True):
        name = title(mesh.provenance.get("prompt", ""))
        obj = mesh_io.new_object(context, name, mesh_io.stand(mesh.vertices, options.size), mesh.faces)
        obj.location = place
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
