# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the Generate panel, as render settings have them: how to generate, without what and which seed."""

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

from .. import models, properties

FOLDER = "meshgpt"
_OWN = tuple(f"own_{name}" for name in models.SAMPLING)
_VALUES = ("count", "use_faces", "faces", *_OWN, "manifold", "close", "model", *properties.RESULT_OPTIONS)


class MESHGPT_PT_presets(PresetPanel, bpy.types.Panel):
    bl_label = "MeshGPT Presets"
    preset_subdir = FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "meshgpt.preset_add"


class MESHGPT_OT_preset_add(AddPresetBase, bpy.types.Operator):
    """Keep how the panel is set, or remove a preset"""

    bl_idname = "meshgpt.preset_add"
    bl_label = "Add MeshGPT Preset"
    bl_options = {"INTERNAL", "REGISTER"}
    preset_menu = "MESHGPT_PT_presets"
    preset_defines = ["settings = bpy.context.scene.meshgpt"]
    preset_values = [f"settings.{name}" for name in _VALUES]
    preset_subdir = FOLDER


CLASSES = [MESHGPT_OT_preset_add, MESHGPT_PT_presets]
