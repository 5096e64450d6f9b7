# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete: a part of a mesh is kept as it is, and the model adds what is missing."""

from typing import Any

import bpy
import numpy as np
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty
from mathutils import Vector

from ...core.errors import MeshGPTError
from .. import jobs, mesh_io, models, preview, provenance, runtime, variants
from ..partial import PartialMesh
from ..source_operator import SourceOperator, ToolProperties

SUFFIX = "Completed"


class CompleteProperties(ToolProperties):
    """Mixin: the settings of a completion."""

    count: IntProperty(
        name="Variants",
        description="How many completions to make, to choose from",
        default=1,
        min=1,
        soft_max=8,
        max=64,
        options={"SKIP_SAVE"},
    )
    faces: IntProperty(
        name="Faces",
        description="About how many triangles the whole should have; 0 leaves it to the model",
        default=0,
        min=0,
        soft_max=800,
        max=100_000,
        options={"SKIP_SAVE"},
    )
    room: EnumProperty(
        name="Room",
        description="How large the whole is, which the model has to know",
        items=(
            ("MESH", "Mesh", "As large as the mesh is now, faces that are not kept among it"),
            ("UPWARDS", "Twice as High", "What is kept is the lower half"),
            ("OBJECT", "Object", "As large as another object, which may be an empty box"),
        ),
        default="MESH",
        options={"SKIP_SAVE"},
    )
    room_object: StringProperty(
        name="Object", description="The object whose box the whole is to fill", options={"SKIP_SAVE"}
    )
    model: StringProperty(
        name="Model",
        description="Name or folder of the model; empty: the first that can complete",
        search=models.search_generators,
        search_options={"SUGGESTION"},
        options={"SKIP_SAVE"},
    )
    hide_source: BoolProperty(
        name="Hide Source", description="Hide the source, which the result covers", options={"SKIP_SAVE"}
    )


class MESHGPT_PG_complete(CompleteProperties, bpy.types.PropertyGroup):
    count: IntProperty(name="Variants", description="How many completions to make", default=3, min=1, max=64)
    random_seed: BoolProperty(name="New Seed", description="Use a new seed for each job", default=True)
    hide_source: BoolProperty(name="Hide Source", description="Hide the source, which the result covers", default=True)


class MESHGPT_OT_complete(CompleteProperties, SourceOperator, bpy.types.Operator):
    """Add what is missing to the active mesh. In Edit Mode the selected faces are kept, in Object Mode all; the result is a new object"""  # noqa: E501 - Blender shows it as the tooltip

    bl_idname = "meshgpt.complete"
    bl_label = "Complete"
    bl_options = {"REGISTER", "UNDO"}

    variant: IntProperty(
        name="Variant", description="Which of the completions to show", default=1, min=1, options={"SKIP_SAVE"}
    )

    modes = ("OBJECT", "EDIT_MESH")
    wrong_mode = n_("Switch to Object Mode or Edit Mode")
    settings_name = "meshgpt_complete"
    asked = (
        *("prompt", "count", "seed", "faces", "temperature", "top_p", "guidance", "model"),
        *("room", "room_object"),
    )
    built = ("variant", "hide_source")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.active_object is None or context.active_object.type != "MESH":
            cls.poll_message_set("Select a mesh object")
            return False
        return super().poll(context)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        self.state = PartialMesh.read(context.active_object)
        args = {name: getattr(self, name) for name in ("prompt", "count", "seed")} | self.sampling()
        args |= {"faces": self.faces or None, "model": self.model or None, "box": self._box()}
        return jobs.start("complete", args, runtime.launch(), self.state.seen())

    def _box(self) -> list[list[float]] | None:
        """Corners of the room along the model's axes; None leaves it to the model."""
        part, (low, high) = self.state, self.state.bounds()
        if self.room == "UPWARDS":
            low, high = low, high + [0, 0, high[2] - low[2]]
        elif self.room == "OBJECT":
            guide = bpy.data.objects.get(self.room_object)
            if guide is None:
                text = rpt_('There is no object "{name}" to say how large the whole is.')
                raise MeshGPTError(text.format(name=self.room_object))
            corners = np.array([guide.matrix_world @ Vector(corner) for corner in _box_corners(guide)])
            corners = part.placement.of_world(corners)
            low, high = np.minimum(low, corners.min(axis=0)), np.maximum(high, corners.max(axis=0))
        elif part.kept.all():
            return None
        else:
            low, high = part.whole
        return [low.tolist(), high.tolist()]

    def show_preview(self, context: bpy.types.Context) -> None:
        preview.start([Vector()], 1.0, stand=False)

    def show_faces(self, rows: np.ndarray, triangles: np.ndarray) -> None:
        first = rows == 0  # all stand in the same place
        if first.any():
            preview.add(rows[first], self.state.placement.in_world(triangles[first]))

    def conclude(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        try:
            source = self.state.source()
        except MeshGPTError as error:
            return self.refuse(error)
        obj = source.copy()
        obj.name = f"{source.name} {SUFFIX}"
        obj.meshgpt_variants.clear()
        for mesh in sorted(job.meshes, key=lambda mesh: mesh.row):
            made = self.state.joined(source.data, mesh.vertices, mesh.faces)
            made.name = obj.name
            variants.add(obj, made, mesh.provenance | {"source": source.name, **self._room()})
        variants.show(obj, min(self.variant, len(job.meshes)) - 1)
        if len(job.meshes) == 1:
            obj.meshgpt_variants.clear()
        mesh_io.link_like(context, obj, source)
        mesh_io.select(context, [obj])
        if self.hide_source:
            source.hide_set(True)
        return self._tell(obj, job.meshes)

    def _room(self) -> dict[str, Any]:
        return {"room": self.room} | ({"room_object": self.room_object} if self.room == "OBJECT" else {})

    def _tell(self, obj: bpy.types.Object, meshes: list[jobs.ResultMesh]) -> set[str]:
        found, cut = provenance.read(obj), sum(not mesh.ended for mesh in meshes)
        text = rpt_("MeshGPT: {faces} new faces")
        if len(meshes) > 1:
            text = rpt_("MeshGPT: {count} variants, the one shown has {faces} new faces")
        parts = [text.format(count=len(meshes), faces=found["faces_added"])]
        if found["faces_unseen"]:
            text = rpt_("{count} of the kept ones are too small for the model to see")
            parts.append(text.format(count=found["faces_unseen"]))
        if cut:
            parts.append(rpt_("{count} incomplete: the model did not end them").format(count=cut))
        self.report({"WARNING"} if cut or found["faces_unseen"] else {"INFO"}, "; ".join(parts))
        return {"FINISHED"}


def _box_corners(obj: bpy.types.Object) -> list[Any]:
    """Corners of an object's box in its own space; of an empty, of the cube that it may be shown as."""
    if obj.type != "EMPTY":
        return list(obj.bound_box)
    size = obj.empty_display_size
    return [(x, y, z) for x in (-size, size) for y in (-size, size) for z in (-size, size)]


def register() -> None:
    bpy.types.Scene.meshgpt_complete = PointerProperty(type=MESHGPT_PG_complete)
    variants.register()


def unregister() -> None:
    variants.unregister()
    del bpy.types.Scene.meshgpt_complete


CLASSES = [*variants.CLASSES, MESHGPT_PG_complete, MESHGPT_OT_complete]
