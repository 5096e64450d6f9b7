# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender side of the extension: it knows bpy and numpy; torch stays in the worker."""

import bpy

from . import cli, jobs, manual, preferences, preview, properties, translations, worker_client
from .operators import generate, reconstruct, setup
from .ui import menus, panels, templates

CLASSES = [
    *preferences.CLASSES,
    *properties.CLASSES,
    *setup.CLASSES,
    *generate.CLASSES,
    *reconstruct.CLASSES,
    *panels.CLASSES,
    *templates.CLASSES,
]


def register() -> None:
    """Called by Blender when the extension is enabled; starts no process and looks nothing up."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    menus.register()
    templates.register()
    manual.register()
    translations.register()
    cli.register()
    worker_client.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends the worker and takes everything back."""
    jobs.abandon()
    worker_client.unregister()
    preview.stop()
    generate.forget()
    cli.unregister()
    translations.unregister()
    manual.unregister()
    templates.unregister()
    menus.unregister()
    properties.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
