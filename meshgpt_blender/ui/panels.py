# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MeshGPT tab of the 3D viewport's sidebar. Drawing computes nothing and looks nothing up."""

import bpy

from ... import __package__ as ADDON
from .. import jobs, properties, provenance, runtime, worker_client
from .text import draw_problem, wrapped


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MeshGPT"


class MESHGPT_PT_generate(_Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_generate"
    bl_label = "MeshGPT"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.meshgpt
        draw_request(layout, settings)
        layout.separator(factor=0.5)
        job = jobs.current()
        if job is not None:
            _draw_job(layout, job)
        elif runtime.find_python() is None:
            _draw_setup(layout, context)
        else:
            row = layout.row()
            row.scale_y = 1.6
            row.operator("meshgpt.generate", icon="MESH_ICOSPHERE")
        if jobs.problem() is not None and job is None:
            draw_problem(layout, context, jobs.problem())
        _draw_device(layout)


class MESHGPT_PT_sampling(_Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_sampling"
    bl_parent_id = "MESHGPT_PT_generate"
    bl_label = "Sampling"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.meshgpt
        column = layout.column()
        column.prop(settings, "temperature")
        column.prop(settings, "top_p")
        column.prop(settings, "guidance")
        layout.prop(settings, "manifold")
        layout.prop(settings, "size")


class MESHGPT_PT_object(_Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_object"
    bl_label = "Active Object"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        obj = context.active_object
        if obj is None or obj.type != "MESH":
            layout.label(text="Select a mesh object", icon="INFO")
            return
        layout.label(text=obj.name, icon="OBJECT_DATA")
        found = provenance.read(obj)
        if found.get("job") == "generate":
            _draw_generated(layout, context, found)
        elif found.get("job") == "reconstruct":
            _draw_reconstructed(layout, context, found)
        layout.operator("meshgpt.reconstruct", icon="MOD_TRIANGULATE")


def draw_request(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """The fields that say what to generate; the panel and the dialog share them."""
    layout.prop(settings, "prompt", text="", placeholder="What to make: round table", icon="OUTLINER_OB_FONT")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "count")
    row = column.row(heading="Faces")
    row.prop(settings, "use_faces", text="")
    number = row.row()
    number.active = settings.use_faces
    number.prop(settings, "faces", text="")
    row = column.row(align=True)
    seed = row.row(align=True)
    seed.active = not settings.random_seed
    seed.prop(settings, "seed")
    row.prop(settings, "random_seed", text="", icon="FILE_REFRESH")
    column.prop(settings, "model", placeholder="Bundled")


def _draw_job(layout: bpy.types.UILayout, job: jobs.Job) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.6
    row.progress(factor=job.progress, text=job.text)
    row.operator("meshgpt.cancel", text="", icon="X")


def _draw_setup(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    wrapped(layout, context, "MeshGPT needs a Python with PyTorch.", icon="INFO")
    row = layout.row()
    row.scale_y = 1.6
    row.operator("preferences.addon_show", text="Choose Python...", icon="PREFERENCES").module = ADDON


def _draw_device(layout: bpy.types.UILayout) -> None:
    device = jobs.device()
    if device is None or worker_client.current() is None:
        return
    row = layout.row()
    line = row.row()
    line.active = False
    line.label(text=runtime.describe_device(device), icon="MEMORY")
    row.operator("meshgpt.free_memory", text="", icon="QUIT", emboss=False)


def _draw_generated(layout: bpy.types.UILayout, context: bpy.types.Context, found: dict) -> None:
    column = layout.column(align=True)
    column.active = False
    if found.get("prompt"):
        wrapped(column, context, found["prompt"], icon="OUTLINER_OB_FONT")
    column.label(text=f"{len(context.active_object.data.polygons)} faces, seed {found.get('seed', '?')}", icon="BLANK1")
    column.label(text=found.get("model", ""), icon="BLANK1")
    if not found.get("ended", True):
        column.label(text="Incomplete: the model did not end it", icon="ERROR")
    operator = layout.operator("meshgpt.generate", text="Regenerate", icon="FILE_REFRESH")
    for name in properties.MODEL_OPTIONS:
        if found.get(name) is not None:
            setattr(operator, name, found[name])


def _draw_reconstructed(layout: bpy.types.UILayout, context: bpy.types.Context, found: dict) -> None:
    column = layout.column(align=True)
    column.active = False
    wrapped(column, context, provenance.summary(found), icon="INFO")
    column.label(text=found.get("model", ""), icon="BLANK1")


CLASSES = [MESHGPT_PT_generate, MESHGPT_PT_sampling, MESHGPT_PT_object]
