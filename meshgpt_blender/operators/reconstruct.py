# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruct: a mesh through the tokenizer and back, to see what the model can express."""

import bpy
import numpy as np
from bpy.props import BoolProperty, StringProperty

from .. import jobs, mesh_io, models, placement, provenance, runtime
from ..source_operator import SourceOperator

SUFFIX = "Reconstructed"
GAP = 1.2  # distance of source and result, in the source's widths


class MESHGPT_OT_reconstruct(SourceOperator, bpy.types.Operator):
    """Encode the active mesh and decode it again into a new object, to see what the model keeps of it"""

    bl_idname = "meshgpt.reconstruct"
    bl_label = "Reconstruct"
    bl_options = {"REGISTER", "UNDO"}

    model: StringProperty(
        name="Model",
        description="Name or folder of the model; empty: the best one installed",
        options={"SKIP_SAVE"},
        search=models.search_all,
        search_options={"SUGGESTION"},
    )
    beside: BoolProperty(
        name="Beside the Source",
        description="Put the result beside its source along X; else in its place",
        default=True,
        options={"SKIP_SAVE"},
    )

    asked = ("model",)
    built = ("beside",)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.active_object is None or context.active_object.type != "MESH":
            cls.poll_message_set("Select a mesh object")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.properties.is_property_set("model") and not models.has_autoencoder():
            self.model = context.scene.meshgpt.model  # else the tokenizer of the model that generates
        return super().invoke(context, event)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        self.state = mesh_io.read_object(context, context.active_object)
        arrays = {"vertices": self.state.vertices, "faces": self.state.faces}
        return jobs.start("reconstruct", {"model": self.model or None}, runtime.launch(), arrays)

    def conclude(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        mesh, source = job.meshes[0], self.state
        obj = mesh_io.new_object(context, f"{source.name} {SUFFIX}", mesh.vertices, mesh.faces)
        mesh_io.take_over(context, obj, source)
        if self.beside:
            width = np.ptp(source.vertices @ np.array(source.matrix)[0, :3])
            placement.move_in_world(context, obj, (GAP * width, 0, 0))
        provenance.write(obj, mesh.provenance | {"source": source.name})
        mesh_io.select(context, [obj])
        self.report({"INFO"}, "MeshGPT: " + provenance.summary(mesh.provenance))
        return {"FINISHED"}


CLASSES = [MESHGPT_OT_reconstruct]
