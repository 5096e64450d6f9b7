# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lower panels of the tab: which models there are, and how the process that runs them is doing."""

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ... import __package__ as ADDON
from ...core.model_list import CheckpointInfo
from .. import jobs, models, runtime, torch_setup, worker_client
from .panels import Panel
from .text import wrapped
from .torch_setup import draw_managed


class MESHGPT_PT_models(Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_models"
    bl_label = "Models"
    bl_order = 60
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        self.layout.operator("meshgpt.refresh_models", text="", icon="FILE_REFRESH", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        chosen = models.named(context.scene.meshgpt.model)
        column = layout.column()
        for info in models.known():
            _draw_model(column, context, info, chosen is not None and info.path == chosen.path)
        layout.operator("meshgpt.open_models", icon="FILE_FOLDER")


class MESHGPT_PT_status(Panel, bpy.types.Panel):
    bl_idname = "MESHGPT_PT_status"
    bl_label = "Status"
    bl_order = 70

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        job, worker, device = jobs.current(), worker_client.current(), jobs.device()
        column = layout.column(align=True)
        if device is not None and worker is not None:
            wrapped(column, context, runtime.describe_device(device), icon="MEMORY")
            wrapped(column, context, runtime.describe_note(device), icon="INFO")
        if job is not None:
            column.label(text=job.text, icon="SORTTIME")
        elif worker is not None:
            column.label(text="Ready for the next job", icon="CHECKMARK")
        else:
            column.label(text="Not running, uses no memory", icon="BLANK1")
        if runtime.lacks_torch() or torch_setup.current() is not None:
            draw_managed(layout, context)
        row = layout.row(align=True)
        row.operator("meshgpt.free_memory")
        row.operator("meshgpt.copy_log")
        name = iface_(_DEVICES.get(runtime.device(), runtime.device()))
        text = iface_("Device: {name}").format(name=name)
        layout.operator("preferences.addon_show", text=text, icon="PREFERENCES", translate=False).module = ADDON


_DEVICES = {"auto": "Automatic", "cpu": "CPU", "cuda": "CUDA or ROCm", "mps": "Metal", "xpu": "XPU"}


def _draw_model(layout: bpy.types.UILayout, context: bpy.types.Context, info: CheckpointInfo, chosen: bool) -> None:
    """The button that chooses it, and its size; of the chosen one all there is to know."""
    column = layout.column(align=True)
    if models.generates(info):
        icon = "RADIOBUT_ON" if chosen else "RADIOBUT_OFF"
        button = column.operator("meshgpt.choose_model", text=info.name, icon=icon, depress=chosen, translate=False)
        button.model = info.name
    else:
        column.label(text=info.name, icon="MESH_DATA", translate=False)
    about = column.column(align=True)
    about.active = chosen
    wrapped(about, context, models.size_of(info), icon="BLANK1")
    wrapped(about, context, ", ".join(iface_(job.capitalize()) for job in info.jobs), icon="BLANK1")
    if chosen:
        wrapped(about, context, info.summary, icon="BLANK1")


CLASSES = [MESHGPT_PT_models, MESHGPT_PT_status]
