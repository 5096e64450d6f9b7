# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete from a selection in Edit Mode, with variants, and Retopologize with two materials. The pictures are
the handbook's. Run by tests/desktop/run.sh.
"""

import json
import sys

import bpy

MODULE = "bl_ext.user_default.meshgpt"


def part(name):
    """A module of the running add-on."""
    return sys.modules[f"{MODULE}.meshgpt_blender.{name}"]


def test(rig):
    yield 1.0
    for name in ("Light", "Camera"):
        bpy.data.objects[name].hide_set(True)
    tools, panels, status = part("ui.tools_panels"), part("ui.panels"), part("ui.status")
    _open(
        tools.MESHGPT_PT_complete,
        tools.MESHGPT_PT_retopologize,
        classes=panels.CLASSES + tools.CLASSES + status.CLASSES,
    )
    area, region = yield from rig.sidebar("MeshGPT")
    yield from _complete(rig, area)
    yield from _retopologize(rig, area)


def _open(*opened, classes):
    """These panels begin open and the others closed, as if the user had done that before."""
    for panel in reversed(classes):  # sub-panels before those that they are in
        bpy.utils.unregister_class(panel)
    for panel in classes:
        panel.bl_options = set() if panel in opened else {"DEFAULT_CLOSED"}
        bpy.utils.register_class(panel)


def _view(area, distance, height):
    view = area.spaces.active.region_3d
    view.view_distance, view.view_location = distance, (0, 0, height)


def _complete(rig, area):
    """The legs and the frame of a table are selected; the model adds the rest."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    for x in (-0.8, 0.8):
        for y in (-0.5, 0.5):
            bpy.ops.mesh.primitive_cube_add(size=1, location=(x, y, 0.5), scale=(0.14, 0.14, 1))
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 1.05), scale=(2, 1.3, 0.1))
    top = bpy.context.active_object
    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.join()
    bpy.ops.object.transform_apply()
    top.name = "Table"
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    for polygon in top.data.polygons:
        polygon.select = polygon.center.z < 0.99 or polygon.center.z == 1.0
    bpy.ops.object.mode_set(mode="EDIT")
    settings = bpy.context.scene.meshgpt_complete
    settings.prompt, settings.count, settings.random_seed, settings.seed = "table", 3, False, 6
    bpy.ops.ed.undo_push(message="Table ready")
    _view(area, 5, 0.6)
    yield 0.5
    before = set(bpy.data.objects.keys())
    yield from rig.shot("01_complete")
    yield from rig.click("meshgpt.complete(")
    yield from rig.wait(
        lambda: part("jobs").current() is None and set(bpy.data.objects.keys()) != before, 400, "result"
    )
    yield 0.5
    made = bpy.context.active_object
    assert made.name == "Table Completed" and len(made.meshgpt_variants) == 3 and top.hide_get()
    yield from rig.shot("02_completed")
    shown = made.data
    with rig.override(area, rig.region(area, "WINDOW")):
        bpy.ops.meshgpt.keep_variant()
    assert not made.meshgpt_variants
    assert made.data == shown
    for obj in list(bpy.data.objects):
        obj.hide_set(True)


def _retopologize(rig, area):
    """A dense, smooth monkey with two materials."""
    bpy.ops.mesh.primitive_monkey_add(size=2, location=(0, 0, 1))
    dense = bpy.context.active_object
    dense.modifiers.new("Subdivision", "SUBSURF").levels = 2
    for name, color in (("Fur", (0.5, 0.25, 0.1, 1)), ("Eyes", (0.1, 0.2, 0.8, 1))):
        material = bpy.data.materials.new(name)
        material.diffuse_color = color
        dense.data.materials.append(material)
    for polygon in dense.data.polygons:
        polygon.material_index = int(polygon.center.y < -0.6 and polygon.center.z > 0.1)
    settings = bpy.context.scene.meshgpt_retopologize
    settings.faces, settings.attempts, settings.random_seed, settings.seed = 300, 2, False, 1
    settings.hide_source = False
    area.spaces.active.shading.color_type = "MATERIAL"
    bpy.ops.ed.undo_push(message="Monkey ready")
    _view(area, 6, 1)
    yield 0.5
    name, before = dense.name, set(bpy.data.objects.keys())
    yield from rig.click("meshgpt.retopologize(")
    job = part("jobs").current()
    yield from rig.wait(lambda: not job or job.finished or sum(job.face_counts.values()) > 150, 300, "many faces")
    yield from rig.shot("03_running", 0.2)
    yield from rig.wait(
        lambda: part("jobs").current() is None and set(bpy.data.objects.keys()) != before, 500, "result"
    )
    made = bpy.context.active_object
    assert [material.name for material in made.data.materials] == ["Fur", "Eyes"]
    assert json.loads(made["meshgpt"])["source"] == name
    bpy.data.objects[name].location.x -= 2.4
    yield from rig.shot("04_retopologized", 2.0)  # the panel grows in steps
