# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set Up PyTorch in the preferences: the plan, progress, cancelled half-way, again, then generating with it.

Small wheels stand for the real ones, which Blender's own Python has here. Run by tests/desktop/run.sh.
"""

import os
import sys
import tempfile
from pathlib import Path

import bpy

sys.path.append("/project")  # where the tool shows this tree to Blender
from tests.fake_wheels import make_wheels  # noqa: E402

MODULE = "bl_ext.user_default.meshgpt"


def part(name):
    """A module of the running add-on."""
    return sys.modules[f"{MODULE}.meshgpt_blender.{name}"]


def test(rig):
    yield 1.0
    os.environ.pop("MESHGPT_PYTHON", None)
    folders = [path for path in sys.path if path.endswith("dist-packages") and Path(path).is_dir()]
    wheels = make_wheels(Path(tempfile.mkdtemp()) / "wheels", *folders)
    slow = make_wheels(wheels.with_name("slow"), *folders, torch="import time; time.sleep(300)")  # time to cancel
    yield from _open_preferences(rig)
    area = rig.area("PREFERENCES")
    region = rig.region(area, "WINDOW")
    torch_setup, runtime = part("torch_setup"), part("runtime")
    yield from rig.shot("01_preferences")
    yield from rig.click("meshgpt.set_up_torch(", area, region)
    yield 1.0
    yield from rig.shot("02_dialog_online")  # Blender is offline here, and the dialog says so
    yield from rig.key("Escape")
    yield 0.5
    assert torch_setup.current() is None

    yield from _set_up(rig, area, region, slow, "03_dialog_folder")
    yield from rig.wait(lambda: torch_setup.current().text == "Trying PyTorch", 90, "the proof")
    yield 0.4
    yield from rig.shot("04_running")
    cancelled = torch_setup.current()
    yield from _press_cancel(rig, area, region)
    yield from rig.wait(lambda: torch_setup.current() is None, 60, "the end of the set-up")
    assert cancelled.cancelled and part("jobs").problem() is None

    yield from _set_up(rig, area, region, wheels, "05_again")
    second = torch_setup.current()
    yield from rig.wait(lambda: torch_setup.current() is None, 200, "PyTorch")
    yield 0.5
    assert second.result is not None, second.error
    yield from rig.shot("06_done")
    assert Path(runtime.find_python()[0]).is_relative_to(runtime.data_dir() / "env")

    rig.win = 0
    area, region = yield from rig.sidebar("MeshGPT")
    settings = bpy.context.scene.meshgpt
    settings.prompt, settings.model = "chair", os.environ.get("MESHGPT_TEST_MODEL", "")
    before = len(bpy.data.objects)
    yield from rig.click("meshgpt.generate(")
    yield from rig.wait(lambda: len(bpy.data.objects) == before + 1, 240, "the mesh")
    assert part("worker_client").current().launch.python == runtime.find_python()[0]
    yield from rig.shot("07_generated")


def _press_cancel(rig, area, region):
    """The small X to the right of the progress, too narrow for the tool's search."""
    y = region.y + region.height - 20
    while y > region.y:
        x = region.x + region.width - 28
        yield from rig.move(x, y)
        yield 0.05
        if "meshgpt.cancel_set_up" in rig.hovered(area, region):
            yield from rig.press(x, y)
            return
        y -= 8
    raise AssertionError("no cancel button")


def _open_preferences(rig):
    with rig.override():
        bpy.ops.screen.userpref_show("INVOKE_DEFAULT", section="ADDONS")
    yield from rig.wait(lambda: len(bpy.context.window_manager.windows) == 2, 10, "the preferences")
    with rig.override():
        bpy.ops.preferences.addon_show(module=MODULE)
    yield 1.5
    rig.win = len(bpy.context.window_manager.windows) - 1


def _set_up(rig, area, region, wheels, picture):
    """The dialog with a folder chosen, then Enter."""
    with rig.override(area, region):
        bpy.ops.meshgpt.set_up_torch("INVOKE_DEFAULT", source="FOLDER", wheels=str(wheels))
    yield 1.0
    yield from rig.shot(picture)
    yield from rig.key("Return")
    yield from rig.wait(lambda: part("torch_setup").current() is not None, 30, "the start")
