# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up PyTorch, repair it, take it away again."""

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, StringProperty

from ...core.errors import MeshGPTError
from ...core.setup import store
from .. import jobs, runtime, torch_setup, worker_client
from ..job_operator import redraw


class MESHGPT_OT_set_up_torch(bpy.types.Operator):
    """Load PyTorch into the data folder of MeshGPT; first shows what would be loaded and where to"""

    bl_idname = "meshgpt.set_up_torch"
    bl_label = "Set Up PyTorch..."
    bl_options = {"REGISTER"}

    build: EnumProperty(
        name="Build",
        description="Which of PyTorch's builds",
        items=[
            ("AUTO", "Automatic", "The one that fits the GPU and its driver, else the CPU's"),
            ("CPU", "CPU", "Small, and works everywhere"),
            ("CUDA", "CUDA", "NVIDIA GPUs"),
            ("ROCM", "ROCm", "AMD GPUs on Linux"),
            ("XPU", "XPU", "Intel Arc and Core Ultra GPUs"),
        ],
    )
    source: EnumProperty(
        name="From",
        description="Where the packages come from",
        items=[
            ("PYTORCH", "PyTorch", "PyTorch from its own package index, all else from Python's"),
            ("PIP", "pip's Settings", "Where pip is set to look: a mirror, a company's own index"),
            ("FOLDER", "Folder of Wheels", "Files that are here already; no network is used"),
        ],
    )
    wheels: StringProperty(name="Folder", description="Folder with the wheels of all packages", subtype="DIR_PATH")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if torch_setup.current() is not None:
            cls.poll_message_set("PyTorch is being set up already")
            return False
        return True

    def plan(self) -> torch_setup.Plan:
        return torch_setup.plan(self.build.lower(), self.source.lower(), bpy.path.abspath(self.wheels))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._look()
        return context.window_manager.invoke_props_dialog(self, width=480, confirm_text="Set Up")

    def check(self, context: bpy.types.Context) -> bool:
        """Called when a field of the dialog has changed."""
        self._look()
        return True

    def _look(self) -> None:
        self._plan, self._problem = None, None
        try:
            self._plan = self.plan()
            self._plan.check()
        except MeshGPTError as error:
            self._problem = error

    def draw(self, context: bpy.types.Context) -> None:
        from ..ui.text import wrapped

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "source")
        if self.source == "FOLDER":
            layout.prop(self, "wheels")
        else:
            layout.prop(self, "build")
        layout.separator()
        column = layout.column(align=True)
        for name, value in self._plan.lines if self._plan else ():
            split = column.split(factor=0.25)
            label = split.row()
            label.alignment = "RIGHT"
            label.active = False
            label.label(text=name)
            split.label(text=value, translate=False)
        if self._plan and self._plan.note:
            wrapped(layout, context, self._plan.note, icon="INFO")
        if self._problem is not None:
            column = layout.column()
            column.alert = True
            wrapped(column, context, str(self._problem), icon="ERROR")
        elif self.source != "FOLDER" and not bpy.app.online_access:
            wrapped(layout, context, "Blender's online access is off: Preferences > System > Network", icon="ERROR")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            torch_setup.start(self.plan())
        except MeshGPTError as error:
            jobs.set_problem(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not bpy.app.background:  # it takes minutes: the panel and the preferences show how far it is
            torch_setup.watch()
            redraw(context)
            return {"FINISHED"}
        running = torch_setup.current()
        torch_setup.wait()
        if running.error is not None:
            self.report({"ERROR"}, str(running.error))
            return {"CANCELLED"}
        if running.cancelled:
            self.report({"INFO"}, "MeshGPT: cancelled")
            return {"CANCELLED"}
        if running.result["warning"]:
            self.report({"WARNING"}, running.result["warning"])
        version = running.result["packages"]["torch"]
        self.report({"INFO"}, rpt_("MeshGPT: PyTorch {version} is set up").format(version=version))
        return {"FINISHED"}


class MESHGPT_OT_cancel_set_up(bpy.types.Operator):
    """Stop setting up PyTorch; what was in use before stays in use, and what was loaded completely is kept"""

    bl_idname = "meshgpt.cancel_set_up"
    bl_label = "Cancel Set-Up"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return torch_setup.current() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        torch_setup.current().cancel()
        redraw(context)
        return {"FINISHED"}


class MESHGPT_OT_remove_torch(bpy.types.Operator):
    """Delete the PyTorch that MeshGPT has set up, and what pip has kept; models and other Pythons stay"""

    bl_idname = "meshgpt.remove_torch"
    bl_label = "Remove"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if torch_setup.current() is not None or jobs.current() is not None:
            cls.poll_message_set("MeshGPT is at work")
            return False
        if not store.root(runtime.data_dir()).is_dir():
            cls.poll_message_set("MeshGPT has set up no PyTorch")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        worker_client.stop()
        try:
            store.remove(runtime.data_dir())
        except (MeshGPTError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        runtime.look_again()
        redraw(context)
        return {"FINISHED"}


CLASSES = [MESHGPT_OT_set_up_torch, MESHGPT_OT_cancel_set_up, MESHGPT_OT_remove_torch]
