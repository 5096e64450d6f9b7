# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels of the jobs that begin with a mesh: Complete, Reconstruct, Retopologize. Drawing computes nothing."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .. import mesh_io, provenance, variants
from ..operators.complete import MESHGPT_OT_complete
from ..operators.retopologize import ADVICE, FAR
from .panels import Panel, draw_action, draw_seed
from .text import wrapped


class _ClosedPanel(Panel):
    bl_options = {"DEFAULT_CLOSED"}


class MESHGPT_PT_complete(_ClosedPanel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_complete"
    bl_label = "Complete"
    bl_order = 10

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, obj = self.layout, context.scene.meshgpt_complete, context.active_object
        if obj is None or obj.type != "MESH":
            layout.label(text="Select a mesh object", icon="INFO")
            return
        if obj.mode == "EDIT":
            text = "The selected faces are kept, all if none is selected"
        else:
            text = "The whole mesh is kept. To keep a part, select its faces in Edit Mode"
        wrapped(layout, context, text, icon="INFO")
        layout.prop(settings, "prompt", text="", placeholder="What the whole is: table", icon="OUTLINER_OB_FONT")
        column = _column(layout)
        for name in ("count", "faces"):
            column.prop(settings, name)
        draw_seed(column, settings)
        column.prop(settings, "room")
        if settings.room == "OBJECT":
            column.prop_search(settings, "room_object", bpy.data, "objects")
        column.prop(settings, "model", placeholder="Automatic")
        column.prop(settings, "hide_source")
        draw_action(layout, context, "meshgpt.complete", icon="MOD_BUILD", modes=MESHGPT_OT_complete.modes)
        found = provenance.read(obj)
        if found.get("job") == "complete":
            _draw_completed(layout, context, obj, found)


class MESHGPT_PT_reconstruct(_ClosedPanel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_reconstruct"
    bl_label = "Reconstruct"
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, context.active_object
        if obj is None or obj.type != "MESH":
            layout.label(text="Select a mesh object", icon="INFO")
            return
        wrapped(layout, context, "Shows beside the mesh what the model can express of it", icon="INFO")
        draw_action(layout, context, "meshgpt.reconstruct", icon="MOD_TRIANGULATE")
        found = provenance.read(obj)
        if found.get("job") == "reconstruct":
            _draw_lines(layout, context, [provenance.summary(found)])


class MESHGPT_PT_retopologize(_ClosedPanel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_retopologize"
    bl_label = "Retopologize"
    bl_order = 30

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, obj = self.layout, context.scene.meshgpt_retopologize, context.active_object
        if not mesh_io.has_surface(obj):
            layout.label(text="Select mesh objects", icon="INFO")
            return
        column = _column(layout)
        for name in ("faces", "count", "attempts"):
            column.prop(settings, name)
        draw_seed(column, settings)
        column.prop(settings, "model", placeholder="Automatic")
        column = _column(layout).column(heading="Take Over")
        for name in ("keep_materials", "transfer_uvs", "transfer_groups"):
            column.prop(settings, name)
        column = _column(layout)
        for name in ("decimate_far", "snap", "hide_source"):
            column.prop(settings, name)
        draw_action(layout, context, "meshgpt.retopologize", icon="MOD_REMESH")
        found = provenance.read(obj)
        if found.get("job") == "retopologize":
            _draw_retopologized(layout, context, found)


class _SamplingPanel(_ClosedPanel):
    bl_label = "Sampling"
    settings_name = ""

    def draw(self, context: bpy.types.Context) -> None:
        column = _column(self.layout)
        for name in ("temperature", "top_p", "guidance"):
            column.prop(getattr(context.scene, self.settings_name), name)


class MESHGPT_PT_complete_sampling(_SamplingPanel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_complete_sampling"
    bl_parent_id = "MESHGPT_PT_complete"
    settings_name = "meshgpt_complete"


class MESHGPT_PT_retopologize_sampling(_SamplingPanel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_retopologize_sampling"
    bl_parent_id = "MESHGPT_PT_retopologize"
    settings_name = "meshgpt_retopologize"


def _column(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def _draw_lines(layout: bpy.types.UILayout, context: bpy.types.Context, lines: list[str]) -> None:
    column = layout.column(align=True)
    column.active = False
    for line in lines:
        wrapped(column, context, line, icon="BLANK1")


def _draw_completed(
    layout: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object, found: dict[str, Any]
) -> None:
    many = len(obj.meshgpt_variants)
    if many > 1:
        row = layout.row(align=True)
        row.operator("meshgpt.flip_variant", text="", icon="TRIA_LEFT").step = -1
        text = iface_("Variant {number} of {count}").format(number=variants.shown(obj) + 1, count=many)
        row.label(text=text, translate=False)
        row.operator("meshgpt.flip_variant", text="", icon="TRIA_RIGHT").step = 1
        row.operator("meshgpt.keep_variant", text="Keep", icon="CHECKMARK")
    text = iface_("{faces} new faces, {edges} open edges")
    _draw_lines(layout, context, [text.format(faces=found["faces_added"], edges=found["open_edges"])])
    if not found.get("ended", True):
        layout.label(text="Incomplete: the model did not end it", icon="ERROR")


def _draw_retopologized(layout: bpy.types.UILayout, context: bpy.types.Context, found: dict[str, Any]) -> None:
    lines = [provenance.faces(found), provenance.distance(found)]
    _draw_lines(layout, context, lines + ([provenance.decimated(found)] if found.get("decimated") else []))
    if found["mean_error_share"] > FAR:
        text = iface_("More than {share} away: {advice}").format(share=f"{FAR:.0%}", advice=iface_(ADVICE))
        wrapped(layout, context, text, icon="ERROR")


CLASSES = [
    MESHGPT_PT_complete,
    MESHGPT_PT_complete_sampling,
    MESHGPT_PT_reconstruct,
    MESHGPT_PT_retopologize,
    MESHGPT_PT_retopologize_sampling,
]
