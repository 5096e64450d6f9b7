# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab in a real window: type, click, watch, undo, cancel, reconstruct. Run by tests/desktop/run.sh."""

import json
import os
import sys
import time

import bpy

MODULE = "bl_ext.user_default.meshgpt"


def part(name):
    """A module of the running add-on."""
    return sys.modules[f"{MODULE}.meshgpt_blender.{name}"]


def scene_settings():
    """Looked up each time: an undo replaces the scene."""
    return bpy.context.scene.meshgpt


def test(rig):
    yield 1.0
    _open(part("ui.tools_panels").MESHGPT_PT_reconstruct)
    _frame(rig)
    area, region = yield from rig.sidebar("MeshGPT")
    settings = scene_settings()
    settings.model = os.environ.get("MESHGPT_TEST_MODEL", "")
    settings.random_seed, settings.seed = False, 3
    yield from rig.shot("01_tab")
    ticks = _measure_ticks()
    yield from _generate(rig, area, region)
    yield from _cancel(rig, area, region)
    yield from _reconstruct(rig, area, region)
    yield from _error(rig, area, region)
    ticks.sort()
    rig.note(f"{len(ticks)} looks at a running job: median {ticks[len(ticks) // 2]:.2f} ms, longest {ticks[-1]:.2f} ms")
    assert ticks[len(ticks) // 2] < 5, "the timer holds Blender up"
    assert "torch" not in sys.modules, "Blender's process imported torch"
    scene_settings().count = 200
    yield from _start(rig)  # Blender quits in the middle of a job, and must do so cleanly
    yield 1.0


def _open(panel):
    """A panel that begins closed begins open, as if the user had opened it."""
    bpy.utils.unregister_class(panel)
    panel.bl_options = set()
    bpy.utils.register_class(panel)


def _measure_ticks():
    """A list that gets the milliseconds of each look at a running job."""
    ticks, operator = [], part("job_operator").JobOperator
    modal = operator.modal

    def timed(self, context, event):
        start = time.perf_counter()
        result = modal(self, context, event)
        if event.type == "TIMER" and result == {"PASS_THROUGH"}:
            ticks.append(1000 * (time.perf_counter() - start))
        return result

    operator.modal = timed
    return ticks


def _frame(rig):
    """Look at the origin from a bit further away, without the default objects in the way."""
    for name in ("Light", "Camera"):
        bpy.data.objects[name].hide_set(True)
    rig.area().spaces.active.region_3d.view_distance = 9.0
    bpy.data.objects["Cube"].location.x = -3.0
    bpy.ops.ed.undo_push(message="Scene ready")


def _generate(rig, area, region):
    """One click makes the mesh, one undo removes it, in the window as a user sees it."""
    yield from rig.fill("meshgpt.prompt", "chair")
    assert scene_settings().prompt == "chair", scene_settings().prompt
    before = set(bpy.data.objects.keys())
    for run in ("cold", "warm"):
        job, start = (yield from _start(rig)), time.monotonic()
        yield from rig.wait(lambda job=job: job.finished or job.first_face is not None, 120, "the first face")
        rig.note(f"click to first face, {run}: {job.first_face:.2f} s")
        if run == "cold":
            yield from rig.wait(lambda job=job: job.finished or sum(job.face_counts.values()) > 20, 120, "some faces")
            yield from rig.shot("02_running", 0.3)
        yield from rig.wait(lambda: part("jobs").current() is None, 120, "the end of the job")
        yield 0.3
        assert part("jobs").problem() is None, part("jobs").problem()
        made = set(bpy.data.objects.keys()) - before
        assert len(made) == 1, made
        obj = bpy.data.objects[made.pop()]
        assert obj.select_get() and bpy.context.view_layer.objects.active == obj
        assert json.loads(obj["meshgpt"])["prompt"] == "chair"
        rig.note(f"{obj.name}: {len(obj.data.polygons)} faces, {time.monotonic() - start:.1f} s")
        yield from rig.shot(f"03_generated_{run}")
        if run == "warm":
            yield from _adjust(rig, area, obj.name)
        yield from _undo(rig, area)
        assert set(bpy.data.objects.keys()) == before, (before, set(bpy.data.objects.keys()))
    yield from rig.shot("04_undone")


def _adjust(rig, area, name):
    """Adjust Last Operation changes the size at once: the same mesh again, and no new job."""
    start, begun = part("jobs").start, []
    part("jobs").start = lambda *args: begun.append(args) or start(*args)
    before = bpy.data.objects[name].dimensions.copy()
    with rig.override(area, rig.region(area, "WINDOW")):
        bpy.context.window_manager.operators[-1].size = 4.0
        bpy.ops.ed.undo_redo("EXEC_DEFAULT", True)  # what the panel does when one of its values changes
    yield 0.5
    yield from rig.shot("03_adjusted")
    part("jobs").start = start
    assert not begun, "changing the size ran the model again"
    assert (bpy.data.objects[name].dimensions - 2 * before).length < 1e-3, (before, bpy.data.objects[name].dimensions)


def _cancel(rig, area, region):
    """The preview keeps up with hundreds of meshes, each the best of four; the X and Esc over the viewport stop them at
    once; neither leaves anything behind.
    """
    scene_settings().count = 200
    assert scene_settings().attempts == 4
    before = set(bpy.data.objects.keys()), set(bpy.data.meshes.keys())
    for way in ("button", "escape"):
        job = yield from _start(rig)
        yield from rig.wait(lambda job=job: job.finished or job.first_face is not None, 120, "the first face")
        if way == "button":
            updates, begun = _count_updates(), time.monotonic()
            yield from rig.wait(lambda job=job: job.finished or sum(job.face_counts.values()) > 300, 120, "many faces")
            rate = len(updates) / (time.monotonic() - begun)
            rig.note(f"200 x 4 meshes: {rate:.1f} updates of the preview a second")
            assert rate >= 5, rate
            yield from rig.shot("05_many_running", 0.3)
            pressed = _watch_cancel()
            yield from _press_cancel(rig, area, region)
        else:
            yield from _over_viewport(rig, area)
            pressed = _watch_cancel()
            yield from rig.key("Escape")
        yield from rig.wait(lambda: part("jobs").current() is None, 10, "the job to stop")
        rig.note(f"200 x 4 meshes: cancelled by {way} within {pressed[1] - pressed[0]:.2f} s")
        assert pressed[1] - pressed[0] <= 0.5, pressed
        assert job.state.value == "cancelled", job.state
        assert not job.folder.exists() and part("preview")._shown is None
        assert (set(bpy.data.objects.keys()), set(bpy.data.meshes.keys())) == before
    yield from rig.shot("06_cancelled")
    scene_settings().count = 1


def _count_updates():
    """A list that grows with each update of the preview."""
    updates, preview = [], part("preview")
    add = preview.Preview.add
    preview.Preview.add = lambda self, rows, triangles: updates.append(len(rows)) or add(self, rows, triangles)
    return updates


def _watch_cancel():
    """A list that gets the times at which the job is told to stop, and is closed."""
    times, job = [], part("jobs").Job
    cancel, close = job.cancel, job.close
    job.cancel = lambda self: times.append(time.monotonic()) or cancel(self)
    job.close = lambda self: times.append(time.monotonic()) or close(self)
    return times


def _start(rig):
    """Click Generate; returns the job, which may be over before the click's own pause is."""
    begun, begin = [], part("jobs").start
    part("jobs").start = lambda *args: begun.append(begin(*args)) or begun[-1]
    try:
        yield from rig.click("meshgpt.generate(")
        yield from rig.wait(lambda: begun, 10, "the job to start")
    finally:
        part("jobs").start = begin
    return begun[0]


def _press_cancel(rig, area, region):
    """The X stands at the right end of the progress bar, beside the column that the rig sweeps."""
    x, top = region.x + region.width - 48, region.y + region.height - 90
    for y in range(top, region.y, -8):
        yield from rig.move(x, y)
        if "meshgpt.cancel" in rig.hovered(area, region):
            yield from rig.press(x, y - 3)
            return
    raise AssertionError("no cancel button")


def _reconstruct(rig, area, region):
    cube = bpy.data.objects["Cube"]
    cube.select_set(True)
    bpy.context.view_layer.objects.active = cube
    cube.rotation_euler.z = 0.5
    bpy.ops.ed.undo_push(message="Cube ready")
    yield 0.3
    yield from rig.click("meshgpt.reconstruct(")
    yield from rig.wait(lambda: "Cube Reconstructed" in bpy.data.objects, 60, "the reconstruction")
    yield 0.3
    made, cube = bpy.data.objects["Cube Reconstructed"], bpy.data.objects["Cube"]
    offset = made.matrix_world.translation - cube.matrix_world.translation
    assert offset.x > 2 and abs(offset.y) + abs(offset.z) < 1e-4 and len(made.data.polygons) == 12
    yield from rig.shot("07_reconstructed")
    yield from _undo(rig, area)
    assert "Cube Reconstructed" not in bpy.data.objects and "Cube" in bpy.data.objects


def _error(rig, area, region):
    """A model that is not there is said before anything runs; what goes wrong later stays readable in the panel."""
    model, scene_settings().model = scene_settings().model, "no such model"
    yield from rig.shot("08_no_model")
    yield from rig.click("meshgpt.choose_model(")
    assert scene_settings().model == ""
    scene_settings().model = model
    os.environ["MESHGPT_PYTHON"] = "/nowhere/python3"
    yield from _over_viewport(rig, area)  # off the button that now lies under the pointer
    yield 0.5
    yield from rig.click("meshgpt.generate(")
    yield from rig.wait(lambda: part("jobs").problem() is not None, 60, "the error")
    yield 0.5
    yield from rig.shot("08_error")
    yield from rig.key("Escape")  # closes the pop-up, which Blender shows for every error
    yield 0.5
    yield from rig.click("meshgpt.copy_log(")
    assert "/nowhere/python3" in bpy.context.window_manager.clipboard
    del os.environ["MESHGPT_PYTHON"]


def _over_viewport(rig, area):
    view = rig.region(area, "WINDOW")
    yield from rig.move(view.x + view.width // 3, view.y + view.height // 3)


def _undo(rig, area):
    yield from _over_viewport(rig, area)
    yield from rig.key("ctrl+z")
    yield 0.6
