# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MeshGPT tab of the 3D viewport's sidebar: what is generated, and the active object. Drawing computes nothing."""

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ... import __package__ as ADDON
from .. import jobs, models, provenance, runtime
from .presets import MESHGPT_PT_presets
from .text import draw_problem, pair, wrapped

BIG = 1.6  # height of the one button of a panel that does its work


class Panel:
    """Mixin: a panel of the tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MeshGPT"


class MESHGPT_PT_generate(Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_generate"
    bl_label = "Generate"
    bl_order = 0

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        MESHGPT_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.meshgpt
        draw_request(layout, settings)
        layout.separator(factor=0.5)
        job = jobs.current()
        if job is None and runtime.find_python() is not None and not _can_generate(settings):
            _draw_wrong_model(layout, context, settings)
        else:
            draw_action(layout, context, "meshgpt.generate", icon="MESH_ICOSPHERE")
        if jobs.problem() is not None and job is None:
            draw_problem(layout, context, jobs.problem())


class MESHGPT_PT_sampling(Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_sampling"
    bl_parent_id = "MESHGPT_PT_generate"
    bl_label = "Sampling"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        settings = context.scene.meshgpt
        if any(settings.is_own(name) for name in models.SAMPLING):
            self.layout.operator("meshgpt.reset_sampling", text="", icon="LOOP_BACK", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.meshgpt
        column = layout.column()
        column.prop(settings, "top_p")
        column.prop(settings, "guidance")
        column = layout.column()
        column.prop(settings, "manifold")
        column.prop(settings, "close")


class MESHGPT_PT_result(Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_result"
    bl_parent_id = "MESHGPT_PT_generate"
    bl_label = "Result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        draw_result(self.layout, context.scene.meshgpt)


class MESHGPT_PT_object(Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_object"
    bl_label = "Active Object"
    bl_order = 50

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        obj = context.active_object
        if obj is None or obj.type != "MESH":
            layout.label(text="Select a mesh object", icon="INFO")
            return
        layout.label(text=obj.name, icon="OBJECT_DATA", translate=False)
        found = provenance.read(obj)
        if not found:
            layout.label(text="Not made by MeshGPT", icon="BLANK1")
            return
        _draw_made(layout, obj, found)
        column = layout.column(align=True)
        if found.get("job") == "generate":
            column.operator("meshgpt.regenerate", icon="FILE_REFRESH")
            column.operator("meshgpt.more_like_this", icon="DUPLICATE")
        if obj.asset_data is None:
            column.operator("meshgpt.mark_asset", icon="ASSET_MANAGER")


def draw_request(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """The fields that say what to generate; the panel and the dialog share them."""
    layout.prop(settings, "prompt", text="", placeholder="What to make: round table", icon="OUTLINER_OB_FONT")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "count")
    column.prop(settings, "attempts")
    row = column.row(heading="Faces")
    row.prop(settings, "use_faces", text="")
    number = row.row()
    number.active = settings.use_faces
    number.prop(settings, "faces", text="")
    column.prop(settings, "temperature", slider=True)
    draw_seed(column, settings)
    column.prop(settings, "model", placeholder="Bundled")


def draw_seed(column: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """The seed with a button that draws another, and whether each job draws its own."""
    row = column.row(align=True)
    row.enabled = not settings.random_seed
    row.prop(settings, "seed")
    row.operator("meshgpt.new_seed", text="", icon="FILE_REFRESH").owner = settings.path_from_id()
    column.prop(settings, "random_seed", text="New Each Time")


def draw_result(layout: bpy.types.UILayout, owner: bpy.types.PropertyGroup | bpy.types.Operator) -> None:
    """What becomes of the meshes; the panel and Adjust Last Operation share it."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(owner, "size")
    layout.prop(owner, "quads")
    column = layout.column()
    column.prop(owner, "shading")
    if owner.shading == "SMOOTH":
        column.prop(owner, "angle")
    layout.prop_search(owner, "material", bpy.data, "materials")
    layout.prop(owner, "asset")


def draw_action(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    operator: str,
    icon: str,
    modes: tuple[str, ...] = ("OBJECT",),
) -> None:
    """The big button of a panel; or how far its running job is, or the one step that is needed first. Generate's panel,
    the one that is open from the beginning, shows the jobs of all; the buttons of the others are grey meanwhile.
    """
    job = jobs.current()
    row = layout.row(align=True)
    row.scale_y = BIG
    if job is not None and operator in ("meshgpt.generate", f"meshgpt.{job.op}"):
        row.progress(factor=job.progress, text=job.text)
        row.operator("meshgpt.cancel", text="", icon="X")
    elif runtime.find_python() is None:
        _draw_setup(layout, context)
    elif context.mode not in modes:
        row.operator("object.mode_set", text="Go to Object Mode", icon="OBJECT_DATAMODE").mode = "OBJECT"
    else:
        row.operator(operator, icon=icon)


def _draw_setup(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    wrapped(layout, context, "Existing Python is chosen in the preferences, but none is named.", icon="INFO")
    wrapped(layout, context, "Name one there, or choose Automatic, which needs none.", icon="BLANK1")
    row = layout.row()
    row.scale_y = BIG
    row.operator("preferences.addon_show", text="Open Preferences...", icon="PREFERENCES").module = ADDON


def _can_generate(settings: bpy.types.PropertyGroup) -> bool:
    info = models.named(settings.model)
    return info is not None and models.generates(info)


def _draw_wrong_model(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup
) -> None:
    if models.named(settings.model) is None:
        text = iface_('There is no model "{name}".') if settings.model else iface_("The bundled model is missing.")
    else:
        text = iface_('"{name}" only reconstructs: it cannot generate.')
    text = text.format(name=settings.model)
    wrapped(layout, context, text, icon="ERROR")
    row = layout.row()
    row.scale_y = BIG
    if settings.model:
        row.operator("meshgpt.choose_model", text="Use the Bundled Model", icon="LOOP_BACK").model = ""
    else:
        row.operator("meshgpt.open_models", icon="FILE_FOLDER")


def _draw_made(layout: bpy.types.UILayout, obj: bpy.types.Object, found: dict) -> None:
    """How the object came to be."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    if found.get("prompt"):
        pair(column, "Prompt", found["prompt"])
    if found.get("understood"):
        pair(column, "Read as", found["understood"])
    faces, triangles = len(obj.data.polygons), len(obj.data.loops) - 2 * len(obj.data.polygons)
    quads = iface_("{faces} ({triangles} triangles)").format(faces=faces, triangles=triangles)
    pair(column, "Faces", str(faces) if faces == triangles else quads)
    if found.get("faces"):
        pair(column, "Asked For", str(found["faces"]))
    if found.get("source"):
        pair(column, "Source", found["source"])
    if found.get("decimated"):
        pair(column, "Made By", provenance.model_name(found))
        return
    pair(column, "Model", provenance.model_name(found))
    for name, setting in (("Seed", "seed"), ("Variation", "temperature"), ("Top P", "top_p"), ("Guidance", "guidance")):
        if found.get(setting) is not None:
            pair(column, name, str(found[setting]) if setting == "seed" else provenance.number(found, setting))
    if not found.get("ended", True):
        column.label(text="Incomplete: the model did not end it", icon="ERROR")


CLASSES = [MESHGPT_PT_generate, MESHGPT_PT_sampling, MESHGPT_PT_result, MESHGPT_PT_object]
