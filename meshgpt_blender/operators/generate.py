# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate: new meshes from a prompt, a face count, or nothing at all."""

import random

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, FloatVectorProperty

from ...core.errors import MeshGPTError
from .. import jobs, mesh_io, models, preview, properties, results, runtime
from ..job_operator import JobOperator

# Prompt and model as they stood in the last undo step that was made for them.
_kept: tuple[str, str] | None = None
# Settings and results of the last job, so that Adjust Last Operation builds its meshes anew without generating them.
_last: tuple[tuple, list[jobs.ResultMesh]] | None = None


class MESHGPT_OT_generate(properties.GenerateProperties, properties.ResultProperties, JobOperator, bpy.types.Operator):
    """Generate new low-poly meshes with the model"""

    bl_idname = "meshgpt.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    random_seed: BoolProperty(
        name="New Seed", description="Ignore the seed and choose one", options={"SKIP_SAVE", "HIDDEN"}
    )
    origin: FloatVectorProperty(
        name="Origin",
        description="The meshes stand beside this place; if not set, at the 3D cursor",
        subtype="TRANSLATION",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = context.scene.meshgpt
        chosen = any(self.properties.is_property_set(name) for name in properties.ASKED_OPTIONS)
        if chosen:
            for name in properties.RESULT_OPTIONS:
                if not self.properties.is_property_set(name):  # Blender fills in what the last call used
                    self.properties.property_unset(name)
        else:  # from the panel and the menus: what the panel shows
            for name, value in settings.request().items():
                setattr(self, name, value)
            self.random_seed = settings.random_seed
            _keep_typed(settings)
        if self.random_seed:
            self.seed = random.randrange(properties.MAX_SEED)
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        repeated = self.options.is_repeat or self.options.is_repeat_last
        if repeated and _last is not None and _last[0] == self._key():
            return self._build(context, _last[1])
        if self.random_seed:
            self.seed = random.randrange(properties.MAX_SEED)
        return super().execute(context)

    def draw(self, context: bpy.types.Context) -> None:
        # In Adjust Last Operation: what can change without running the model for another minute.
        from ..ui.panels import draw_result

        draw_result(self.layout, self)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        if self.material and self.material not in bpy.data.materials:
            text = rpt_('This file has no material "{name}".').format(name=self.material)
            raise MeshGPTError(text, "Choose another one, or none.")
        args = {name: getattr(self, name) for name in properties.ASKED_OPTIONS}
        for name in models.SAMPLING:
            # Blender keeps single precision; what was typed is what the mesh should carry as its settings.
            args[name] = round(args[name], 6) if self.properties.is_property_set(name) else None
        args["faces"] = self.faces or None
        args["best_of"] = args.pop("attempts")
        args["rows"] = self.count * self.attempts
        args["model"] = self.model or None
        return jobs.start("generate", args, runtime.launch())

    def show_preview(self, context: bpy.types.Context) -> None:
        candidates = self.count * self.attempts  # the best of which will stand alone
        preview.start(results.places(context, candidates, self.size, self._origin()), self.size / mesh_io.MODEL_SIDE)

    def conclude(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        global _last
        meshes = sorted(job.meshes, key=lambda mesh: mesh.row)
        for name in models.SAMPLING:  # the model's own where nothing was set: repeating then asks for the same
            setattr(self, name, meshes[0].provenance[name])
        _last = (self._key(), meshes)
        return self._build(context, meshes)

    def _origin(self) -> tuple[float, ...] | None:
        return tuple(self.origin) if self.properties.is_property_set("origin") else None

    def _key(self) -> tuple:
        return tuple(getattr(self, name) for name in properties.ASKED_OPTIONS)

    def _build(self, context: bpy.types.Context, meshes: list[jobs.ResultMesh]) -> set[str]:
        results.build(context, meshes, results.ResultOptions.of(self), self._origin())
        if self.random_seed and context.scene.meshgpt.random_seed:
            context.scene.meshgpt.seed = self.seed  # the field shows the last one, which one may want to keep
        faces = sum(len(mesh.faces) for mesh in meshes)
        cut = sum(not mesh.ended for mesh in meshes)
        text = rpt_("MeshGPT: {count} meshes, {faces} faces")
        if len(meshes) == 1:
            text = rpt_("MeshGPT: 1 mesh, {faces} faces")
        parts = [text.format(count=len(meshes), faces=faces)]
        if cut:
            parts.append(rpt_("{count} incomplete: the model did not end them").format(count=cut))
        self.report({"WARNING"} if cut else {"INFO"}, "; ".join(parts))
        return {"FINISHED"}


def _keep_typed(settings: bpy.types.PropertyGroup) -> None:
    """Make an undo step of what was typed into the fields that suggest: Blender makes none, so that undoing the result
    would empty them.
    """
    global _kept
    if _kept != (settings.prompt, settings.model):
        _kept = (settings.prompt, settings.model)
        bpy.ops.ed.undo_push(message="MeshGPT Prompt")


class MESHGPT_OT_generate_dialog(bpy.types.Operator):
    """Ask what to make, then generate new low-poly meshes with the model"""

    bl_idname = "meshgpt.generate_dialog"
    bl_label = "Generate..."
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return MESHGPT_OT_generate.poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=340, confirm_text="Generate")

    def draw(self, context: bpy.types.Context) -> None:
        from ..ui.panels import draw_request

        draw_request(self.layout, context.scene.meshgpt)

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.meshgpt.generate("INVOKE_DEFAULT")
        return {"FINISHED"}


def forget() -> None:
    """Drop the results kept for Adjust Last Operation."""
    global _kept, _last
    _kept = _last = None


CLASSES = [MESHGPT_OT_generate, MESHGPT_OT_generate_dialog]
