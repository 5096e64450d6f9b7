# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the machine, not of the scene: which Python runs the model, on which device, and where files go."""

import os

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import EnumProperty, FloatProperty, StringProperty

from .. import __package__ as ADDON

DEFAULT_IDLE_MINUTES = 10.0


class MESHGPT_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    python_mode: EnumProperty(
        name="Python",
        description="The Python that runs the model, in a process of its own",
        items=[
            ("AUTOMATIC", "Automatic", "The PyTorch that was set up here, else Blender's own Python, which needs none"),
            ("EXISTING", "Existing Python", "Any Python 3.11 or newer that has PyTorch: a virtual environment, conda"),
        ],
    )
    python: StringProperty(
        name="Path",
        description="The interpreter, or the folder of its environment",
        subtype="FILE_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="Where the model runs",
        items=[
            ("AUTO", "Automatic", "The GPU, if PyTorch can use one, else the CPU"),
            ("CPU", "CPU", "The processor: slower, but always there"),
            ("CUDA", "CUDA or ROCm", "An NVIDIA or AMD GPU"),
            ("MPS", "Metal", "An Apple GPU"),
            ("XPU", "XPU", "An Intel GPU"),
        ],
    )
    data_dir: StringProperty(
        name="Data Folder",
        description="Models, logs and the managed environment; empty: the system's folder for such data",
        subtype="DIR_PATH",
    )
    idle_minutes: FloatProperty(
        name="Unload After",
        description="Minutes without a job after which the model leaves the memory; 0 keeps it",
        default=DEFAULT_IDLE_MINUTES,
        min=0.0,
        soft_max=120.0,
        precision=0,
        step=100,
    )

    def draw(self, context: bpy.types.Context) -> None:
        from . import jobs, runtime
        from .ui.text import draw_problem, wrapped
        from .ui.torch_setup import draw_managed

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_overruled(layout, self, "python_mode", "MESHGPT_PYTHON")
        if self.python_mode == "EXISTING" and not os.environ.get("MESHGPT_PYTHON"):
            layout.prop(self, "python")
        elif not os.environ.get("MESHGPT_PYTHON"):
            draw_managed(layout, context)
        _draw_overruled(layout, self, "device", "MESHGPT_DEVICE")
        _draw_overruled(layout, self, "data_dir", "MESHGPT_DATA_DIR", placeholder=str(runtime.default_data_dir()))
        layout.prop(self, "idle_minutes", text="Unload After (Minutes)")

        row = layout.row()
        row.use_property_split = False
        row.operator("meshgpt.check_python", icon="CHECKMARK")
        row.operator("meshgpt.free_memory", icon="X")
        hello = jobs.hello()
        if jobs.current() is not None:
            layout.label(text=jobs.current().text, icon="TIME")
        elif jobs.problem() is not None:
            draw_problem(layout, context, jobs.problem())
        elif hello is not None:
            column = layout.column(align=True)
            torch = hello["packages"].get("torch")
            versions = (f"PyTorch {torch}" if torch else iface_("Without PyTorch"), f"Python {hello['python']}")
            column.label(text=", ".join(versions), icon="CHECKMARK", translate=False)
            for device in hello["devices"]:
                column.label(text=runtime.describe_device(device), icon="BLANK1", translate=False)
                if runtime.describe_note(device):
                    wrapped(column, context, runtime.describe_note(device), icon="INFO")
            wrapped(column, context, hello["executable"], icon="BLANK1")


def _draw_overruled(layout, owner, name: str, variable: str, **options: str) -> None:
    """A setting, or what the environment says instead of it."""
    value = os.environ.get(variable)
    if value:
        split = layout.split(factor=0.4)
        label = split.row()
        label.alignment = "RIGHT"
        label.label(text=owner.bl_rna.properties[name].name)
        split.label(text=f"{value} ({variable})", translate=False)
    else:
        layout.prop(owner, name, **options)


def get_preferences() -> MESHGPT_AP_preferences | None:
    """The extension's preferences; None when it was enabled without being stored among them."""
    addon = bpy.context.preferences.addons.get(ADDON)
    return addon.preferences if addon else None


CLASSES = [MESHGPT_AP_preferences]
