# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UV maps and vertex groups from one object to another, by Blender's own Data Transfer modifier."""

import bpy

from .mesh_io import SourceMesh


def transfer(
    context: bpy.types.Context, obj: bpy.types.Object, source: SourceMesh, uvs: bool, groups: bool
) -> list[str]:
    """Give `obj` the UV maps and the vertex groups of its source, as it looks with its modifiers; returns sentences on
    what was not possible.

    The modifier is evaluated, not applied by its operator: that one needs a selection and a mode.
    """
    origin = source.object
    if origin is None or source.data is None or context.view_layer.objects.get(origin.name) != origin:
        return [f'no UV maps and groups from "{source.name}": its surface is not a mesh of its own in this view layer']
    layers = [layer.name for layer in _evaluated(context, origin).data.uv_layers] if uvs else []
    names = [group.name for group in origin.vertex_groups] if groups else []
    if not layers and not names:
        return []
    for name in layers:
        obj.data.uv_layers.new(name=name)
    for name in names:
        obj.vertex_groups.new(name=name)
    modifier = obj.modifiers.new("Data Transfer", "DATA_TRANSFER")
    modifier.object = origin
    if names:
        modifier.use_vert_data = True
        modifier.data_types_verts = {"VGROUP_WEIGHTS"}
        modifier.vert_mapping = "POLYINTERP_NEAREST"
        modifier.layers_vgroup_select_src, modifier.layers_vgroup_select_dst = "ALL", "NAME"
    if layers:
        modifier.use_loop_data = True
        modifier.data_types_loops = {"UV"}
        modifier.loop_mapping = "POLYINTERP_NEAREST"
        modifier.layers_uv_select_src, modifier.layers_uv_select_dst = "ALL", "NAME"
    context.view_layer.update()
    made = bpy.data.meshes.new_from_object(_evaluated(context, obj), preserve_all_data_layers=True)
    obj.modifiers.remove(modifier)
    before, name = obj.data, obj.data.name
    obj.data = made
    bpy.data.meshes.remove(before)
    made.name = name
    return []


def _evaluated(context: bpy.types.Context, obj: bpy.types.Object) -> bpy.types.Object:
    return obj.evaluated_get(context.evaluated_depsgraph_get())
