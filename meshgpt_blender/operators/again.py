# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a generated object carries: the same mesh again, more like it, an asset of it."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from .. import properties, provenance, results
from .generate import MESHGPT_OT_generate

NOT_GENERATED = "Select an object that MeshGPT has generated"


class _Again:
    """Mixin: Generate with the settings of the active object, beside it."""

    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if provenance.read(context.active_object).get("job") != "generate":
            cls.poll_message_set(NOT_GENERATED)
            return False
        return MESHGPT_OT_generate.poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._run(context, "EXEC_DEFAULT")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self._run(context, "INVOKE_DEFAULT")

    def _run(self, context: bpy.types.Context, how: str) -> set[str]:
        found = provenance.read(context.active_object)
        kept = found.get("result") if isinstance(found.get("result"), dict) else {}
        options = {name: found[name] for name in properties.MODEL_OPTIONS if found.get(name) is not None}
        options |= {name: kept[name] for name in properties.RESULT_OPTIONS if name in kept}
        if options.get("material") not in bpy.data.materials:
            options.pop("material", None)  # removed or renamed since
        changes, size = self.changes(context), options.get("size")
        if not isinstance(size, int | float):
            size = results.ResultOptions.size
        origin = results.free_beside(context, context.active_object, changes.get("count", 1), size)
        try:
            bpy.ops.meshgpt.generate(how, **options | changes, origin=origin)
        except (RuntimeError, TypeError, ValueError) as error:  # refused, or the property was edited into nonsense
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return {"CANCELLED"}
        return {"FINISHED"}

    def changes(self, context: bpy.types.Context) -> dict[str, Any]:
        """What differs from the settings of the object."""
        return {}


class MESHGPT_OT_regenerate(_Again, bpy.types.Operator):
    """Generate the active object's mesh again, with its seed and settings, as a new object beside it"""

    bl_idname = "meshgpt.regenerate"
    bl_label = "Regenerate"


class MESHGPT_OT_more_like_this(_Again, bpy.types.Operator):
    """Generate other meshes beside the active object, with its settings and new seeds, as many as the panel's Count"""

    bl_idname = "meshgpt.more_like_this"
    bl_label = "More Like This"

    def changes(self, context: bpy.types.Context) -> dict[str, Any]:
        panel = context.scene.meshgpt
        return {"random_seed": True, "count": panel.count, "attempts": panel.attempts}


class MESHGPT_OT_mark_asset(bpy.types.Operator):
    """Offer what MeshGPT made of the selection in the Asset Browser, with a preview, tagged with model and prompt"""

    bl_idname = "meshgpt.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not provenance.read(context.active_object):
            cls.poll_message_set(NOT_GENERATED)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        objects = {context.active_object, *context.selected_objects}
        marked = [obj for obj in objects if provenance.read(obj) and obj.library is None]
        for obj in marked:
            results.mark_asset(obj)
        one, several = rpt_("MeshGPT: 1 marked as asset"), rpt_("MeshGPT: {count} marked as assets")
        self.report({"INFO"}, one if len(marked) == 1 else several.format(count=len(marked)))
        return {"FINISHED"}


CLASSES = [MESHGPT_OT_regenerate, MESHGPT_OT_more_like_this, MESHGPT_OT_mark_asset]
