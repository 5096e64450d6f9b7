# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopologize: low-poly meshes that follow the surfaces of the selected objects."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, CollectionProperty, IntProperty, PointerProperty, StringProperty
from mathutils import Vector

from ...core.mesh import TriangleMesh
from .. import decimate, jobs, mesh_files, mesh_io, models, preview, provenance, runtime, transfer
from ..source_operator import SourceOperator, ToolProperties

SUFFIXES = (".obj", ".ply", ".stl", ".glb")  # of files that can be dropped
SUFFIX = "Retopologized"
FAR = 0.02  # of the longest side: from here on a result is worth a warning
_NOISE = 1e-5  # of the longest side
LARGEST = 500_000  # triangles of a source: Blender's Decimate takes seconds for so many, and the window waits
ADVICE = "compare it with a Decimate modifier"
_IF_FAR = "Where the model's mesh lies more than 2% of the longest side away, make one with Blender's Decimate"


class RetopologizeProperties(ToolProperties):
    """Mixin: the settings of a retopology."""

    faces: IntProperty(
        name="Faces",
        description="About how many triangles each result should have",
        default=400,
        min=1,
        soft_max=800,
        max=100_000,
        options={"SKIP_SAVE"},
    )
    count: IntProperty(
        name="Count",
        description="How many results to make of each object",
        default=1,
        min=1,
        soft_max=8,
        max=64,
        options={"SKIP_SAVE"},
    )
    attempts: IntProperty(
        name="Attempts",
        description="How many meshes the model writes for each result; the one nearest to the surface is taken",
        default=4,
        min=1,
        soft_max=16,
        max=64,
        options={"SKIP_SAVE"},
    )
    snap: BoolProperty(
        name="Snap to Surface",
        description="Move vertices onto the surface where it is near",
        default=True,
        options={"SKIP_SAVE"},
    )
    decimate_far: BoolProperty(name="Decimate If Far", description=_IF_FAR, options={"SKIP_SAVE"})
    model: StringProperty(
        name="Model",
        description="Name or folder of the model; empty: the first that follows surfaces",
        search=models.search_followers,
        search_options={"SUGGESTION"},
        options={"SKIP_SAVE"},
    )
    keep_materials: BoolProperty(
        name="Materials",
        description="Give each face the material of the nearest face of the source",
        default=True,
        options={"SKIP_SAVE"},
    )
    transfer_uvs: BoolProperty(
        name="UV Maps",
        description="Take over the UV maps, by Blender's data transfer. Faces across a seam are distorted",
        options={"SKIP_SAVE"},
    )
    transfer_groups: BoolProperty(
        name="Vertex Groups",
        description="Take over the weights of all vertex groups, by Blender's data transfer",
        options={"SKIP_SAVE"},
    )
    hide_source: BoolProperty(
        name="Hide Source", description="Hide the sources, which the results cover", options={"SKIP_SAVE"}
    )


class MESHGPT_PG_retopologize(RetopologizeProperties, bpy.types.PropertyGroup):
    random_seed: BoolProperty(name="New Seed", description="Use a new seed for each job", default=True)
    decimate_far: BoolProperty(name="Decimate If Far", description=_IF_FAR, default=True)
    hide_source: BoolProperty(name="Hide Source", description="Hide the sources, which the results cover", default=True)


class MESHGPT_OT_retopologize(RetopologizeProperties, SourceOperator, bpy.types.Operator):
    """Make a low-poly mesh that follows the surface of each selected object, as it looks with its modifiers"""

    bl_idname = "meshgpt.retopologize"
    bl_label = "Retopologize"
    bl_options = {"REGISTER", "UNDO"}

    settings_name = "meshgpt_retopologize"
    asked = (
        *("faces", "count", "attempts", "seed", "prompt", "temperature", "top_p", "guidance", "model"),
        "snap",
    )
    built = ("decimate_far", "keep_materials", "transfer_uvs", "transfer_groups", "hide_source")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _sources(context):
            cls.poll_message_set("Select mesh objects")
            return False
        return super().poll(context)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        found = [mesh_io.read_object(context, obj) for obj in _sources(context)]
        self.state = [(source, 0) for source in found]  # and which of the meshes of the request is its own
        arrays, numbers, names = {}, {}, []
        for place, source in enumerate(found):
            seen = source.seen()
            same = _without_noise(seen["vertices"]).tobytes(), seen["faces"].tobytes()
            if same not in numbers:  # linked duplicates are one to the model, also when turned
                numbers[same] = len(numbers)
                arrays |= {f"{name}_{numbers[same]}": array for name, array in seen.items()}
                names.append(source.name)
            self.state[place] = (source, numbers[same])
        args = {name: getattr(self, name) for name in self.asked if name not in ("model", "attempts")}
        args |= self.sampling() | {"best_of": self.attempts, "model": self.model or None, "names": names}
        args |= {"rows": len(names) * self.count * self.attempts}
        return jobs.start("retopologize", args, runtime.launch(), arrays)

    def show_preview(self, context: bpy.types.Context) -> None:
        preview.start([Vector()] * len({number for _, number in self.state}), 1.0, stand=False)

    def show_faces(self, rows: np.ndarray, triangles: np.ndarray) -> None:
        """The first candidate of each mesh, in the place of the first object that has it."""
        each = self.count * self.attempts
        for number in np.unique(rows[rows % each == 0]) // each:
            source = next(source for source, own in self.state if own == number)
            these = triangles[rows == number * each]
            preview.add(np.full(len(these), number), source.placement.in_world(these))

    def conclude(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        made, notes = [], []
        meshes = sorted(job.meshes, key=lambda mesh: mesh.row)
        if self.decimate_far:
            meshes = list(self._near(context, meshes))
        shared: dict[tuple, bpy.types.Object] = {}
        for source, number in self.state:
            for mesh in meshes:
                if self._number(mesh) == number:
                    made.append(self._build(context, source, mesh, notes))
                    if source.data is not None:
                        _share(made[-1], shared.setdefault((source.data, mesh.row), made[-1]))
        mesh_io.select(context, made)
        for source, _ in self.state if self.hide_source else ():
            if source.object is not None and context.view_layer.objects.get(source.name) == source.object:
                source.object.hide_set(True)
        return self._tell(made, meshes, notes)

    def _number(self, mesh: jobs.ResultMesh) -> int:
        """Which mesh of the request a result is of."""
        return mesh.row // (self.count * self.attempts)

    def _near(self, context: bpy.types.Context, meshes: list[jobs.ResultMesh]) -> Iterator[jobs.ResultMesh]:
        """The meshes that follow their source; in the place of the first of the others what Decimate makes of it, where
        that is nearer.
        """
        found: dict[int, tuple[TriangleMesh, dict[str, float]]] = {}  # of each source, what Decimate made
        replaced = set()
        for mesh in meshes:
            number, far = self._number(mesh), mesh.provenance["mean_error_share"]
            source = next(source for source, own in self.state if own == number)
            if far <= FAR or len(source.faces) > LARGEST:
                yield mesh
                continue
            if number not in found:
                seen = TriangleMesh(**source.seen())
                made = decimate.decimated(context, seen, self.faces)
                found[number] = made, decimate.difference(seen, made)
            made, difference = found[number]
            if difference["mean_error_share"] >= far:
                yield mesh
            elif number not in replaced:
                replaced.add(number)
                about = mesh.provenance | difference | {"faces_out": len(made.faces), "ended": True}
                about |= {"decimated": True, "model_error_share": far}
                yield replace(mesh, vertices=made.vertices, faces=made.faces, ended=True, provenance=about)

    def _build(
        self, context: bpy.types.Context, source: mesh_io.SourceMesh, mesh: jobs.ResultMesh, notes: list[str]
    ) -> bpy.types.Object:
        """The object of one result; what could not be taken over is added to the notes."""
        name, place = f"{source.name} {SUFFIX}", source.placement
        vertices, faces = place.own(mesh.vertices).astype(np.float32), place.faces(mesh.faces)
        obj = mesh_io.new_object(context, name, vertices, faces)
        mesh_io.take_over(context, obj, source, self.keep_materials)
        if self.transfer_uvs or self.transfer_groups:
            notes += transfer.transfer(context, obj, source, self.transfer_uvs, self.transfer_groups)
        provenance.write(obj, mesh.provenance | {"source": source.name})
        return obj

    def _tell(self, made: list[bpy.types.Object], meshes: list[jobs.ResultMesh], notes: list[str]) -> set[str]:
        worst = max(made, key=lambda obj: provenance.read(obj)["mean_error_share"])
        found = provenance.read(worst)
        text = rpt_("MeshGPT: {faces} faces, {distance}")
        if len(made) > 1:
            text = rpt_("MeshGPT: {count} meshes, the farthest one is {distance}")
        parts = [text.format(count=len(made), faces=found["faces_out"], distance=provenance.distance(found))]
        far = found["mean_error_share"] > FAR
        if far:
            parts.append(rpt_(ADVICE))
        replaced = [found for obj in made if (found := provenance.read(obj)).get("decimated")]
        if replaced:
            parts.append(provenance.decimated(max(replaced, key=lambda found: found["model_error_share"])))
        cut = sum(not mesh.ended for mesh in meshes)
        if cut:
            parts.append(rpt_("{count} incomplete: the model did not end them").format(count=cut))
        parts += dict.fromkeys(notes)
        self.report({"WARNING"} if far or cut or notes or replaced else {"INFO"}, "; ".join(parts))
        return {"FINISHED"}


def _sources(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected objects with a surface, the active one first; the active one alone when none is selected."""
    found = [obj for obj in context.selected_objects if mesh_io.has_surface(obj)]
    active = context.active_object
    if not found and mesh_io.has_surface(active):
        return [active]
    return sorted(found, key=lambda obj: (obj != active, obj.name))


def _without_noise(vertices: np.ndarray) -> np.ndarray:
    """Vertices rounded so that the noise of single precision does not tell two meshes apart."""
    step = _NOISE * max(float(np.ptp(vertices, axis=0).max()), 1e-30)
    return np.round(vertices.astype(np.float64) / step) + 0.0  # so that there is no -0


def _share(obj: bpy.types.Object, first: bpy.types.Object) -> None:
    """Let a result use the mesh of another one, if the two came out the same: their sources share theirs."""
    (mine, faces, _), (others, other_faces, _) = (mesh_io.read_triangles(one.data) for one in (obj, first))
    same = obj.data != first.data and np.array_equal(faces, other_faces) and mine.shape == others.shape
    if same and np.abs(mine - others).max() <= _NOISE * np.ptp(others, axis=0).max():
        mesh, obj.data = obj.data, first.data
        bpy.data.meshes.remove(mesh)


class MESHGPT_OT_retopologize_file(bpy.types.Operator):
    """Import a mesh file and make a low-poly mesh that follows its surface"""

    bl_idname = "meshgpt.retopologize_file"
    bl_label = "Retopologize with MeshGPT"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # without a file there is nothing to do, so the search leaves it out

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self._run(context, "INVOKE_DEFAULT")

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.meshgpt_retopologize  # as when it is invoked
        tool = MESHGPT_OT_retopologize
        return self._run(context, "EXEC_DEFAULT", **{name: getattr(settings, name) for name in tool.asked + tool.built})

    def _run(self, context: bpy.types.Context, how: str, **options: Any) -> set[str]:
        folder = Path(self.directory)
        paths = [folder / file.name for file in self.files] or [Path(self.filepath)]
        before = set(bpy.data.objects)
        for path in paths:
            if path.suffix.lower() not in SUFFIXES or not path.is_file():
                text = rpt_('"{name}" is no mesh file that can be read: {kinds}.')
                self.report({"ERROR"}, text.format(name=path.name, kinds=", ".join(SUFFIXES)))
                return {"CANCELLED"}
            mesh_files.IMPORTERS[path.suffix.lower()](str(path))
        mesh_io.select(context, [obj for obj in bpy.data.objects if obj not in before and obj.type == "MESH"])
        if not _sources(context):
            self.report({"ERROR"}, "There is no mesh in that file.")
            return {"CANCELLED"}
        bpy.ops.meshgpt.retopologize(how, **options)
        return {"FINISHED"}


class MESHGPT_FH_retopologize(bpy.types.FileHandler):
    """Offered when a mesh file is dropped into a viewport, beside Blender's own importer."""

    bl_idname = "MESHGPT_FH_retopologize"
    bl_label = "Retopologize with MeshGPT"
    bl_import_operator = "meshgpt.retopologize_file"
    bl_file_extensions = ";".join(SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D" and context.mode == "OBJECT"


def register() -> None:
    bpy.types.Scene.meshgpt_retopologize = PointerProperty(type=MESHGPT_PG_retopologize)


def unregister() -> None:
    del bpy.types.Scene.meshgpt_retopologize


CLASSES = [
    MESHGPT_PG_retopologize,
    MESHGPT_OT_retopologize,
    MESHGPT_OT_retopologize_file,
    MESHGPT_FH_retopologize,
]
