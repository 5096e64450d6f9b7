# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UV maps and vertex groups from one object to another, by Blender's own Data Transfer modifier.

The modifier is evaluated, not applied by its operator: that one needs a selection and a mode.
"""

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from mathutils import Matrix

from .mesh_io import SourceMesh

_INSET = 0.01  # of the way to a face's middle


def transfer(
    context: bpy.types.Context, obj: bpy.types.Object, source: SourceMesh, uvs: bool, groups: bool
) -> list[str]:
    """Give `obj` the UV maps and the vertex groups of its source, as it looks with its modifiers; returns sentences on
    what was not possible.
    """
    origin = source.object
    if origin is None or source.data is None or context.view_layer.objects.get(origin.name) != origin:
        note = rpt_('no UV maps and groups from "{name}": its surface is not a mesh of its own in this view layer')
        return [note.format(name=source.name)]
    seen = origin.evaluated_get(context.evaluated_depsgraph_get())
    layers = [layer.name for layer in seen.data.uv_layers] if uvs else []
    if layers:
        _transfer_uvs(context, obj, origin, layers)
    if groups and origin.vertex_groups:
        _transfer_groups(context, obj, origin)
    return []


def _transfer_uvs(
    context: bpy.types.Context, obj: bpy.types.Object, origin: bpy.types.Object, names: list[str]
) -> None:
    """By way of a helper whose faces lie apart, their corners a little towards the middle: at a seam or a sharp edge
    several faces of the source are equally near, and the modifier would take any of them.
    """
    corners = np.empty(len(obj.data.loops), np.int32)
    obj.data.loops.foreach_get("vertex_index", corners)
    places = np.empty((len(obj.data.vertices), 3), np.float32)
    obj.data.vertices.foreach_get("co", places.reshape(-1))
    faces = places[corners.reshape(-1, 3)]
    faces += _INSET * (faces.mean(axis=1, keepdims=True) - faces)
    mesh = bpy.data.meshes.new("MeshGPT Data Transfer")
    mesh.from_pydata(faces.reshape(-1, 3).tolist(), [], np.arange(len(corners)).reshape(-1, 3).tolist())
    for name in names:
        mesh.uv_layers.new(name=name)
    helper = bpy.data.objects.new(mesh.name, mesh)
    context.scene.collection.objects.link(helper)
    try:
        helper.parent, helper.matrix_parent_inverse = obj, Matrix()
        modifier = helper.modifiers.new("Data Transfer", "DATA_TRANSFER")
        modifier.object, modifier.use_loop_data, modifier.data_types_loops = origin, True, {"UV"}
        modifier.loop_mapping = "POLYINTERP_NEAREST"
        modifier.layers_uv_select_src, modifier.layers_uv_select_dst = "ALL", "NAME"
        context.view_layer.update()
        seen = helper.evaluated_get(context.evaluated_depsgraph_get()).data
        for name in names:
            found = np.empty((len(faces), 3, 2), np.float32)
            seen.uv_layers[name].uv.foreach_get("vector", found.reshape(-1))
            middle = found.mean(axis=1, keepdims=True)
            found = middle + (found - middle) / (1 - _INSET)
            obj.data.uv_layers.new(name=name).uv.foreach_set("vector", found.reshape(-1))
    finally:
        bpy.data.objects.remove(helper)
        bpy.data.meshes.remove(mesh)


def _transfer_groups(context: bpy.types.Context, obj: bpy.types.Object, origin: bpy.types.Object) -> None:
    for group in origin.vertex_groups:
        obj.vertex_groups.new(name=group.name)
    modifier = obj.modifiers.new("Data Transfer", "DATA_TRANSFER")
    modifier.object, modifier.use_vert_data, modifier.data_types_verts = origin, True, {"VGROUP_WEIGHTS"}
    modifier.vert_mapping = "POLYINTERP_NEAREST"
    modifier.layers_vgroup_select_src, modifier.layers_vgroup_select_dst = "ALL", "NAME"
    context.view_layer.update()
    depsgraph = context.evaluated_depsgraph_get()
    made = bpy.data.meshes.new_from_object(
        obj.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph
    )
    obj.modifiers.remove(modifier)
    before, name = obj.data, obj.data.name
    obj.data = made
    bpy.data.meshes.remove(before)
    made.name = name
