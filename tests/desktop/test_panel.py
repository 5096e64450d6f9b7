# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All panels open, in dark and light, at 1x and 2x; the prompt's suggestions; a row of results and what can be done
with them. Run by tests/desktop/run.sh, to be looked at.
"""

import json
import os
import sys

import bpy

MODULE = "bl_ext.user_default.meshgpt"
UP, DOWN = 4, 5  # buttons of the pointer that are its wheel


def part(name):
    """A module of the running add-on."""
    return sys.modules[f"{MODULE}.meshgpt_blender.{name}"]


def settings():
    """Looked up each time: an undo replaces the scene."""
    return bpy.context.scene.meshgpt


def test(rig):
    yield 1.0
    _open_all()
    for name in ("Light", "Camera", "Cube"):
        bpy.data.objects[name].hide_set(True)
    area, region = yield from rig.sidebar("MeshGPT")
    settings().model = os.environ.get("MESHGPT_TEST_MODEL", "")
    bpy.ops.ed.undo_push(message="Ready")
    yield from _suggestions(rig, area, region)
    yield from _presets(rig, region)
    yield from _row(rig, area)
    yield from _adjust(rig, area)
    yield from _again(rig, area, region)
    yield from _looks(rig)


def _open_all():
    """Panels that begin closed begin open, as if the user had opened them."""
    panels, status = part("ui.panels"), part("ui.status")
    for cls in (panels.MESHGPT_PT_sampling, panels.MESHGPT_PT_result, status.MESHGPT_PT_models):
        bpy.utils.unregister_class(cls)
        cls.bl_options = set()
        bpy.utils.register_class(cls)


def _suggestions(rig, area, region):
    """Typing offers the model's words; Return takes what was typed, a click what was offered."""
    hit = yield from rig.scan(area, region, want="meshgpt.prompt")
    _, x, y = hit[0]
    yield from _edit(rig, x, y, "round ch")
    yield from rig.shot("01_suggestions")
    yield from rig.key("Return")
    yield 0.5
    rig.note(f"Return took {settings().prompt!r}")
    assert settings().prompt == "round ch", settings().prompt
    yield from _edit(rig, x, y, "round ch")
    yield from rig.key("Down")
    yield 0.3
    yield from rig.key("Return")
    yield 0.5
    assert settings().prompt.startswith("round ch") and len(settings().prompt) > 8, settings().prompt
    yield from _edit(rig, x, y, "")
    yield from rig.shot("02_suggestions_for_nothing")
    yield from rig.key("Return")
    yield 0.5
    assert settings().prompt == "", settings().prompt
    yield from _edit(rig, x, y, "chair")
    yield from rig.key("Return")
    yield 0.5
    assert settings().prompt == "chair", settings().prompt


def _edit(rig, x, y, text):
    yield from rig.move(x, y)
    yield 0.2
    yield from rig.key("Return")
    yield from rig.key("ctrl+a")
    yield from rig.key("BackSpace")
    if text:
        yield from rig.type(text)
    yield 0.6


def _presets(rig, region):
    """The icon in the title of Generate opens the presets."""
    yield from rig.press(region.x + region.width - 49, region.y + region.height - 23)
    yield 0.5
    yield from rig.shot("02_presets")
    yield from rig.key("Escape")
    yield 0.3


def _row(rig, area):
    """Four chairs stand in a row beside the cursor, which stays free."""
    settings().count, settings().faces, settings().use_faces = 4, 80, True
    view = area.spaces.active.region_3d
    view.view_distance, view.view_location = 16.0, (5.0, 0.0, 0.5)
    yield from rig.click("meshgpt.generate(")
    job = part("jobs").current()
    yield from rig.wait(lambda: job.finished or sum(job.face_counts.values()) > 80, 180, "many faces")
    yield from rig.shot("03_running", 0.2)
    yield from rig.wait(lambda: part("jobs").current() is None, 180, "the end of the job")
    yield 0.5
    made = list(bpy.context.selected_objects)
    assert len(made) == 4 and all(obj.location.x > 1.0 for obj in made), made
    yield from rig.shot("04_row")


def _adjust(rig, area):
    """Adjust Last Operation makes quads, shades and sizes without another job, and draws what it offers."""
    start, begun = part("jobs").start, []
    part("jobs").start = lambda *args: begun.append(args) or start(*args)
    faces = sum(len(obj.data.polygons) for obj in bpy.context.selected_objects)
    area.spaces.active.show_region_hud = True
    with rig.override(area, rig.region(area, "WINDOW")):
        operator = bpy.context.window_manager.operators[-1]
        operator.quads, operator.shading, operator.size = True, "SMOOTH", 1.5
        bpy.ops.ed.undo_redo("EXEC_DEFAULT", True)  # what the panel does when one of its values changes
    yield 0.8
    part("jobs").start = start
    assert not begun, "changing what becomes of the meshes ran the model again"
    made = list(bpy.context.selected_objects)
    assert sum(len(obj.data.polygons) for obj in made) < faces and all(max(obj.dimensions) < 1.51 for obj in made)
    assert all(obj.data.polygons[0].use_smooth for obj in made)
    yield from rig.press(110, 104)  # the title of the panel in the corner of the view, which opens it
    yield 0.8
    yield from rig.shot("05_adjust")


def _again(rig, area, region):
    """More Like This, from the object's panel: as many as Count says, with new seeds; one undo takes them back."""
    before = set(bpy.data.objects.keys())
    seeds = {json.loads(obj["meshgpt"])["seed"] for obj in bpy.context.selected_objects}
    yield from _scroll(rig, region, DOWN)
    yield from rig.click("meshgpt.more_like_this(")
    yield from rig.wait(lambda: part("jobs").current() is None and set(bpy.data.objects.keys()) != before, 180, "more")
    yield 0.5
    made = [bpy.data.objects[name] for name in set(bpy.data.objects.keys()) - before]
    found = [json.loads(obj["meshgpt"]) for obj in made]
    assert len(made) == 4 and not {one["seed"] for one in found} & seeds
    assert all(one["prompt"] == "chair" for one in found)
    view = rig.region(area, "WINDOW")
    yield from rig.move(view.x + view.width // 3, view.y + view.height // 3)
    yield from rig.key("ctrl+z")
    yield 0.8
    assert set(bpy.data.objects.keys()) == before and settings().prompt == "chair", settings().prompt
    yield from rig.click("meshgpt.mark_asset(")
    yield from rig.wait(lambda: bpy.context.active_object.asset_data is not None, 30, "the asset")
    tags = {tag.name for tag in bpy.context.active_object.asset_data.tags}
    assert "chair" in tags, tags


def _scroll(rig, region, wheel, times=9):
    for _ in range(times):
        yield from rig.press(region.x + region.width // 2, region.y + region.height // 2, button=wheel)


def _looks(rig):
    """The tab from top to bottom in each look."""
    themes = bpy.utils.preset_paths("interface_theme")
    paths = {
        theme: next(path for folder in themes if os.path.exists(path := os.path.join(folder, f"Blender_{theme}.xml")))
        for theme in ("Dark", "Light")
    }
    # Panels keep the places that they got at another scale, so each scale has a sidebar that was never open before.
    for scale, workspace in ((1, "Layout"), (2, "Modeling")):
        bpy.context.preferences.view.ui_scale = scale
        bpy.context.window.workspace = bpy.data.workspaces[workspace]
        yield 1.5
        with rig.override(rig.area()):
            bpy.ops.screen.screen_full_area(use_hide_panels=False)
        yield 1.0
        area, region = yield from rig.sidebar("MeshGPT")
        yield from rig.move(region.x + region.width // 2, region.y + region.height // 2)
        for theme, path in paths.items():
            bpy.ops.script.execute_preset(filepath=path, menu_idname="USERPREF_MT_interface_theme_presets")
            yield 1.5
            for page in range(1 if scale == 1 else 3):
                yield from rig.shot(f"1{scale}_{theme.lower()}_{page}", 0.8)
                yield from _scroll(rig, region, DOWN)
            yield from _scroll(rig, region, UP, 30)
    bpy.context.preferences.view.ui_scale = 1
    yield 0.5
