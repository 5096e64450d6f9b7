# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender side of the extension: it knows bpy and numpy; torch stays in the worker."""

import bpy

from . import cli, jobs, preferences, preview, properties, torch_setup, worker_client
from .operators import generate, reconstruct, set_up_torch, setup
from .ui import menus, panels

CLASSES = [
    *preferences.CLASSES,
    *properties.CLASSES,
    *setup.CLASSES,
    *set_up_torch.CLASSES,
    *generate.CLASSES,
    *reconstruct.CLASSES,
    *panels.CLASSES,
]


def register() -> None:
    """Called by Blender when the extension is enabled; starts no process and looks nothing up."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    menus.register()
    cli.register()
    worker_client.register()
    torch_setup.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends the worker and takes everything back."""
    jobs.abandon()
    torch_setup.unregister()
    worker_client.unregister()
    preview.stop()
    generate.forget()
    cli.unregister()
    menus.unregister()
    properties.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
