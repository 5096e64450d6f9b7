# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of the Blender extension; imports lazily so that tests can load the tree without Blender."""


def register() -> None:
    from . import meshgpt_blender

    meshgpt_blender.register()


def unregister() -> None:
    from . import meshgpt_blender

    meshgpt_blender.unregister()
