# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender side of the extension: it knows bpy and numpy; torch stays in the worker."""

import bpy

from . import cli, jobs, models, preferences, preview, properties, worker_client
from .operators import again, choices, generate, reconstruct, setup
from .ui import menus, panels, presets, status

CLASSES = [
    *preferences.CLASSES,
    *properties.CLASSES,
    *setup.CLASSES,
    *generate.CLASSES,
    *again.CLASSES,
    *choices.CLASSES,
    *reconstruct.CLASSES,
    *menus.CLASSES,
    *presets.CLASSES,
    *panels.CLASSES,
    *status.CLASSES,
]


def register() -> None:
    """Called by Blender when the extension is enabled; starts no process and looks nothing up."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    menus.register()
    cli.register()
    worker_client.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends the worker and takes everything back."""
    jobs.abandon()
    worker_client.unregister()
    preview.stop()
    generate.forget()
    models.forget()
    cli.unregister()
    menus.unregister()
    properties.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
