# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the set-up of PyTorch is drawn, in the preferences and in the panel."""

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.setup import store
from .. import runtime, torch_setup
from .text import wrapped

LINES = 4


def draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, running: torch_setup.SetUp) -> None:
    """Progress, a button that cancels, and the last words of pip."""
    row = layout.row(align=True)
    row.scale_y = 1.6
    row.progress(factor=running.progress, text=running.text)
    row.operator("meshgpt.cancel_set_up", text="", icon="X")
    column = layout.column(align=True)
    column.active = False
    column.scale_y = 0.8
    for line in [line for line in running.lines if not line.startswith("> ")][-LINES:]:  # no command lines
        column.label(text=line[:200], translate=False)


def draw_managed(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """An offer to set up where nothing is, else what is there, repair and remove."""
    running = torch_setup.current()
    if running is not None:
        draw_running(layout, context, running)
        return
    managed = store.current(runtime.data_dir())
    if managed is None:
        text = "Works without PyTorch, on the processor. GPUs, training and autoencoders need it"
        wrapped(layout, context, text, icon="INFO")
        layout.operator("meshgpt.set_up_torch", icon="IMPORT")
        return
    info = managed.info
    column = layout.column(align=True)
    text = iface_("PyTorch {version}, set up {date}")
    text = text.format(version=info["packages"].get("torch", ""), date=info["created"])
    column.label(text=text, icon="PACKAGE", translate=False)
    for note in (info["warning"], "" if info["extras"] else "Without the packages for autoencoders and training"):
        if note:
            wrapped(column, context, note, icon="INFO")
    row = layout.row()
    row.use_property_split = False
    again = row.operator("meshgpt.set_up_torch", text="Repair or Change...", icon="FILE_REFRESH")
    again.source, again.wheels = info["source"].upper(), info["wheels"]
    row.operator("meshgpt.remove_torch", icon="TRASH")
