# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels of the jobs that begin with a mesh: Complete, Reconstruct, Retopologize. Drawing computes nothing."""

from typing import Any

import bpy

from .. import jobs, mesh_io, provenance, runtime, variants
from ..operators.retopologize import ADVICE, FAR
from .text import wrapped


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MeshGPT"
    bl_options = {"DEFAULT_CLOSED"}


class MESHGPT_PT_complete(_Panel, bpy.types.Panel):
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
        _draw_seed(column, settings)
        column.prop(settings, "room")
        if settings.room == "OBJECT":
            column.prop_search(settings, "room_object", bpy.data, "objects")
        column.prop(settings, "model", placeholder="Automatic")
        column.prop(settings, "hide_source")
        row = _action_row(layout, "complete")
        if row is not None:
            row.operator("meshgpt.complete", icon="MOD_BUILD")
        found = provenance.read(obj)
        if found.get("job") == "complete":
            _draw_completed(layout, context, obj, found)


class MESHGPT_PT_reconstruct(_Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_reconstruct"
    bl_label = "Reconstruct"
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, context.active_object
        if obj is None or obj.type != "MESH":
            layout.label(text="Select a mesh object", icon="INFO")
            return
        wrapped(layout, context, "Shows beside the mesh what the model can express of it", icon="INFO")
        row = _action_row(layout, "reconstruct")
        if row is not None:
            row.operator("meshgpt.reconstruct", icon="MOD_TRIANGULATE")
        found = provenance.read(obj)
        if found.get("job") == "reconstruct":
            _draw_lines(layout, context, [provenance.summary(found), found.get("model", "")])


class MESHGPT_PT_retopologize(_Panel, bpy.types.Panel):
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
        _draw_seed(column, settings)
        column.prop(settings, "model", placeholder="Automatic")
        column = _column(layout).column(heading="Take Over")
        for name in ("keep_materials", "transfer_uvs", "transfer_groups"):
            column.prop(settings, name)
        column = _column(layout)
        for name in ("snap", "hide_source"):
            column.prop(settings, name)
        row = _action_row(layout, "retopologize")
        if row is not None:
            row.operator("meshgpt.retopologize", icon="MOD_REMESH")
        found = provenance.read(obj)
        if found.get("job") == "retopologize":
            _draw_retopologized(layout, context, found)


class _SamplingPanel(_Panel):
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


def _draw_seed(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    row = layout.row(align=True)
    seed = row.row(align=True)
    seed.active = not settings.random_seed
    seed.prop(settings, "seed")
    row.prop(settings, "random_seed", text="", icon="FILE_REFRESH")


def _action_row(layout: bpy.types.UILayout, op: str) -> bpy.types.UILayout | None:
    """The row for the panel's one button; None while its job runs, which is shown instead."""
    job = jobs.current()
    if job is not None and job.op != op:
        layout.label(text="Another MeshGPT job is running", icon="INFO")
    elif job is None and runtime.find_python() is None:
        layout.label(text="Choose a Python first, see above", icon="INFO")
    row = layout.row(align=True)
    row.scale_y = 1.6
    if job is None or job.op != op:
        return row
    row.progress(factor=job.progress, text=job.text)
    row.operator("meshgpt.cancel", text="", icon="X")
    return None


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
        row.label(text=f"Variant {variants.shown(obj) + 1} of {many}")
        row.operator("meshgpt.flip_variant", text="", icon="TRIA_RIGHT").step = 1
        row.operator("meshgpt.keep_variant", text="Keep", icon="CHECKMARK")
    lines = [f"{found['faces_added']} new faces, {found['open_edges']} open edges", f"Seed {found.get('seed', '?')}"]
    if not found.get("ended", True):
        lines.append("Incomplete: the model did not end it")
    _draw_lines(layout, context, [*lines, found.get("model", "")])


def _draw_retopologized(layout: bpy.types.UILayout, context: bpy.types.Context, found: dict[str, Any]) -> None:
    lines = [f"{found['faces_in']} faces in, {found['faces_out']} out", provenance.distance(found)]
    _draw_lines(layout, context, [*lines, found.get("model", "")])
    if found["mean_error_share"] > FAR:
        text = f"More than {FAR:.0%} away: {ADVICE}"
        wrapped(layout, context, text, icon="ERROR")


CLASSES = [
    MESHGPT_PT_complete,
    MESHGPT_PT_complete_sampling,
    MESHGPT_PT_reconstruct,
    MESHGPT_PT_retopologize,
    MESHGPT_PT_retopologize_sampling,
]
