# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Around the jobs: check the Python that runs the model, cancel, copy the log, give memory back."""

import platform

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...core.environment import AUTOENCODER, TRAINING
from ...core.errors import MeshGPTError
from .. import jobs, runtime, torch_setup, worker_client
from ..job_operator import JobOperator, redraw


class MESHGPT_OT_check_python(JobOperator, bpy.types.Operator):
    """Start the chosen Python and see which PyTorch and which devices it has"""

    bl_idname = "meshgpt.check_python"
    bl_label = "Check"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if jobs.current() is not None:
            cls.poll_message_set("Another MeshGPT job is running")
            return False
        return True

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        worker_client.stop()  # packages may have been installed since it started
        runtime.look_again()
        return jobs.start("hello", {}, runtime.launch())

    def conclude(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        found = job.result
        if "torch" not in found["packages"] and runtime.lacks_torch():
            name = runtime.describe_device(found["devices"][0])
            self.report({"INFO"}, rpt_("Without PyTorch: {device}").format(device=name))
            return {"FINISHED"}
        if found["problem"]:
            return self.refuse(MeshGPTError(found["problem"]["message"], found["problem"]["hint"]))
        devices = ", ".join(runtime.describe_device(device) for device in found["devices"])
        self.report({"INFO"}, ": ".join((f"PyTorch {found['packages']['torch']}", devices)))
        missing = [name for name in AUTOENCODER + TRAINING if name not in found["packages"]]
        if missing:
            text = rpt_("Encoding with an autoencoder and training need more there: pip install {packages}")
            self.report({"WARNING"}, text.format(packages=" ".join(missing)))
        return {"FINISHED"}


class MESHGPT_OT_cancel(bpy.types.Operator):
    """Stop the running job; nothing of it stays in the scene"""

    bl_idname = "meshgpt.cancel"
    bl_label = "Cancel MeshGPT Job"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if jobs.current() is None:
            cls.poll_message_set("No MeshGPT job is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.current().cancel()
        redraw(context)
        return {"FINISHED"}


class MESHGPT_OT_copy_log(bpy.types.Operator):
    """Copy the error, the versions and the model's log to the clipboard, for a bug report"""

    bl_idname = "meshgpt.copy_log"
    bl_label = "Copy Log"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = report_text()
        self.report({"INFO"}, "MeshGPT: the log is on the clipboard")
        return {"FINISHED"}


class MESHGPT_OT_free_memory(bpy.types.Operator):
    """Unload the model and give its memory back; the next job loads it again"""

    bl_idname = "meshgpt.free_memory"
    bl_label = "Free Memory"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if jobs.current() is not None:
            cls.poll_message_set("A MeshGPT job is running")
            return False
        if worker_client.current() is None:
            cls.poll_message_set("No model is loaded")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        worker_client.stop()
        redraw(context)
        return {"FINISHED"}


class MESHGPT_OT_dismiss(bpy.types.Operator):
    """Hide this message"""

    bl_idname = "meshgpt.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.clear_problem()
        redraw(context)
        return {"FINISHED"}


def report_text() -> str:
    """What someone needs to understand a problem: versions, the error, the end of the worker's log."""
    lines = [f"Blender {bpy.app.version_string}, {platform.platform()}"]
    hello = jobs.hello()
    if hello is not None:
        packages = ", ".join(f"{name} {version}" for name, version in hello["packages"].items())
        lines.append(f"MeshGPT {hello['version']}, Python {hello['python']}, {packages}")
        lines += [runtime.describe_device(device) for device in hello["devices"]]
    if jobs.problem() is not None:
        lines += ["", str(jobs.problem())]
    return "\n".join([*lines, "", torch_setup.last_log(), "", worker_client.last_log()]).rstrip() + "\n"


CLASSES = [
    MESHGPT_OT_check_python,
    MESHGPT_OT_cancel,
    MESHGPT_OT_copy_log,
    MESHGPT_OT_free_memory,
    MESHGPT_OT_dismiss,
]
