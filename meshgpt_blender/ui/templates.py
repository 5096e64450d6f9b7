# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Example scripts in the Text Editor: Templates > MeshGPT."""

from pathlib import Path

import bpy

FOLDER = Path(__file__).resolve().parents[1] / "templates"


class MESHGPT_MT_templates(bpy.types.Menu):
    bl_idname = "MESHGPT_MT_templates"
    bl_label = "MeshGPT"

    def draw(self, context: bpy.types.Context) -> None:
        # `internal` makes a copy in the .blend file, as for Blender's own templates.
        self.path_menu([str(FOLDER)], "text.open", props_default={"internal": True}, filter_ext=_is_script)


def _is_script(suffix: str) -> bool:
    return suffix == ".py"


def _draw_entry(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu(MESHGPT_MT_templates.bl_idname)


def register() -> None:
    bpy.types.TEXT_MT_templates.append(_draw_entry)


def unregister() -> None:
    bpy.types.TEXT_MT_templates.remove(_draw_entry)


CLASSES = [MESHGPT_MT_templates]
