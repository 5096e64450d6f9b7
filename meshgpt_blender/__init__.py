# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender side of the extension: it knows bpy and numpy; torch stays in the worker."""

import bpy

from . import (
    cli,
    jobs,
    manual,
    models,
    preferences,
    preview,
    properties,
    source_operator,
    torch_setup,
    translations,
    worker_client,
)
from .operators import again, choices, complete, generate, reconstruct, retopologize, set_up_torch, setup
from .ui import menus, panels, presets, status, templates, tools_panels

CLASSES = [
    *preferences.CLASSES,
    *properties.CLASSES,
    *setup.CLASSES,
    *set_up_torch.CLASSES,
    *generate.CLASSES,
    *again.CLASSES,
    *choices.CLASSES,
    *complete.CLASSES,
    *reconstruct.CLASSES,
    *retopologize.CLASSES,
    *menus.CLASSES,
    *presets.CLASSES,
    *panels.CLASSES,
    *tools_panels.CLASSES,
    *status.CLASSES,
    *templates.CLASSES,
]


def register() -> None:
    """Called by Blender when the extension is enabled; starts no process and looks nothing up."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    menus.register()
    complete.register()
    retopologize.register()
    templates.register()
    manual.register()
    translations.register()
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
    source_operator.forget()
    models.forget()
    cli.unregister()
    retopologize.unregister()
    complete.unregister()
    translations.unregister()
    manual.unregister()
    templates.unregister()
    menus.unregister()
    properties.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
