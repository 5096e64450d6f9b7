# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where users look for it: the Add menu, the menu search, the preferences. Run by tests/desktop/run.sh."""

import os
import sys

import bpy

MODULE = "bl_ext.user_default.meshgpt"


def part(name):
    """A module of the running add-on."""
    return sys.modules[f"{MODULE}.meshgpt_blender.{name}"]


def test(rig):
    yield 1.0
    settings = bpy.context.scene.meshgpt
    settings.prompt, settings.model = "chair", os.environ.get("MESHGPT_TEST_MODEL", "")
    yield from _search(rig)
    yield from _edit_mode(rig)
    yield from _preferences(rig)


def _search(rig):
    """F3, a few letters, Enter: the dialog; its button: a mesh."""
    view = rig.region(rig.area(), "WINDOW")
    x, y = view.x + view.width // 2, view.y + view.height // 2
    yield from rig.move(x, y)
    yield from _open_search(rig, view)
    yield from rig.type("meshgpt")
    yield 0.5
    yield from rig.shot("01_search")
    yield from rig.key("Escape", "Escape")
    yield 0.3
    yield from _open_search(rig, view)
    yield from rig.type("meshgpt gen")
    yield 0.5
    yield from rig.key("Return")
    yield 0.8
    yield from rig.shot("02_dialog")
    before = len(bpy.data.objects)
    yield from rig.press(x - 52, y - 195)  # Enter would edit the prompt, where the pointer is over it
    yield from rig.wait(lambda: len(bpy.data.objects) == before + 1, 120, "the mesh")
    yield 0.3
    assert part("jobs").current() is None and bpy.context.active_object.name == "Chair"
    yield from rig.key("ctrl+z")
    yield 0.6
    assert len(bpy.data.objects) == before, "one undo step takes the mesh back, the dialog adds none"


def _open_search(rig, view):
    """Menu search, which F3 opens; the virtual screen's keyboard has no such key."""
    with rig.override(rig.area(), view):
        bpy.ops.wm.search_menu("INVOKE_DEFAULT")
    yield 1.0


def _edit_mode(rig):
    """A result that arrives in Edit Mode waits, and is added when the user comes back."""
    area, region = yield from rig.sidebar("MeshGPT")
    settings = bpy.context.scene.meshgpt  # the undo took its values back
    settings.prompt, settings.count, settings.attempts = "chair", 8, 1
    settings.model = os.environ.get("MESHGPT_TEST_MODEL", "")
    before = len(bpy.data.objects)
    yield from rig.click("meshgpt.generate(")
    job = part("jobs").current()
    with rig.override(area, rig.region(area, "WINDOW")):
        bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
        bpy.ops.object.mode_set(mode="EDIT")
    yield from rig.wait(lambda: job.finished, 120, "the job to end")
    yield 0.6
    assert len(bpy.data.objects) == before and part("jobs").current() is job
    yield from rig.shot("03_edit_mode")
    with rig.override(area, rig.region(area, "WINDOW")):
        bpy.ops.object.mode_set(mode="OBJECT")
    yield from rig.wait(lambda: len(bpy.data.objects) == before + 8, 20, "the meshes")
    yield 0.3


def _preferences(rig):
    """The page opens from the extension's own button, and Check tells what the Python has."""
    with rig.override():
        bpy.ops.screen.userpref_show("INVOKE_DEFAULT", section="ADDONS")
    yield from rig.wait(lambda: len(bpy.context.window_manager.windows) == 2, 10, "the preferences")
    with rig.override():
        bpy.ops.preferences.addon_show(module=MODULE)
    yield 1.5
    rig.win = len(bpy.context.window_manager.windows) - 1
    area = rig.area("PREFERENCES")
    region = rig.region(area, "WINDOW")
    yield from rig.shot("04_preferences")
    yield from rig.click("meshgpt.check_python(", area, region)
    yield from rig.wait(lambda: part("jobs").current() is None and part("jobs").hello(), 120, "the check")
    yield 0.5
    yield from rig.shot("05_checked")
    assert part("jobs").hello()["packages"]["torch"] and part("jobs").problem() is None
