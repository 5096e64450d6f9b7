# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small buttons of the panel: another seed, the model's own sampling values, which model."""

import random

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from .. import models, properties, runtime


class MESHGPT_OT_new_seed(bpy.types.Operator):
    """Draw another seed"""

    bl_idname = "meshgpt.new_seed"
    bl_label = "New Seed"
    bl_options = {"INTERNAL", "UNDO"}

    owner: StringProperty(default="meshgpt", options={"HIDDEN", "SKIP_SAVE"})  # where the scene keeps the settings

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.path_resolve(self.owner).seed = random.randrange(properties.MAX_SEED)
        return {"FINISHED"}


class MESHGPT_OT_reset_sampling(bpy.types.Operator):
    """Sample as the model does by itself"""

    bl_idname = "meshgpt.reset_sampling"
    bl_label = "Reset to the Model's Values"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.meshgpt.reset_sampling()
        return {"FINISHED"}


class MESHGPT_OT_choose_model(bpy.types.Operator):
    """Generate with this model"""

    bl_idname = "meshgpt.choose_model"
    bl_label = "Choose Model"
    bl_options = {"INTERNAL", "UNDO"}

    model: StringProperty(name="Model", options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.meshgpt.model = self.model
        return {"FINISHED"}


class MESHGPT_OT_refresh_models(bpy.types.Operator):
    """Look again which models are installed"""

    bl_idname = "meshgpt.refresh_models"
    bl_label = "Refresh Models"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        self.report({"INFO"}, rpt_("MeshGPT: {count} models").format(count=len(models.installed())))
        return {"FINISHED"}


class MESHGPT_OT_open_models(bpy.types.Operator):
    """Open the folder for models of your own; each is a folder in it"""

    bl_idname = "meshgpt.open_models"
    bl_label = "Open Model Folder"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = runtime.model_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            bpy.ops.wm.path_open(filepath=str(folder))
        except (OSError, RuntimeError) as error:
            text = rpt_('The folder "{path}" cannot be opened ({reason}).')
            self.report({"ERROR"}, text.format(path=folder, reason=error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = [
    MESHGPT_OT_new_seed,
    MESHGPT_OT_reset_sampling,
    MESHGPT_OT_choose_model,
    MESHGPT_OT_refresh_models,
    MESHGPT_OT_open_models,
]
