# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in panels: Blender's labels do not wrap by themselves."""

import textwrap
import unicodedata

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.errors import MeshGPTError

PIXELS_PER_LETTER = 6.4  # of Blender's interface font at scale 1
MARGIN = 60
BUTTON = 40


def wrapped(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE", margin: int = MARGIN
) -> None:
    """Labels with `text`, translated, broken into lines as wide as the region less `margin`; the icon at the first."""
    text = iface_(text)
    scale = context.preferences.system.ui_scale
    width = max(16, int((context.region.width / scale - margin) / PIXELS_PER_LETTER))
    if any(unicodedata.east_asian_width(letter) == "W" for letter in text):
        width //= 2
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, width)):
        shown = icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE"
        column.label(text=line, icon=shown, translate=False)


def pair(layout: bpy.types.UILayout, name: str, value: str) -> None:
    """A line with a name on the left, as fields have it, and what it is on the right."""
    split = layout.split(factor=0.4)
    label = split.row()
    label.alignment = "RIGHT"
    label.active = False
    label.label(text=name)
    split.label(text=value, translate=False)


def draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context, error: MeshGPTError) -> None:
    """An error that stays until it is dismissed or the next job starts."""
    box = layout.box()
    row = box.row()
    column = row.column()
    column.alert = True
    wrapped(column, context, error.message, icon="ERROR", margin=MARGIN + BUTTON)
    row.operator("meshgpt.dismiss", text="", icon="X", emboss=False)
    if error.hint:
        wrapped(box, context, error.hint, icon="BLANK1")
    box.operator("meshgpt.copy_log", icon="COPYDOWN")
