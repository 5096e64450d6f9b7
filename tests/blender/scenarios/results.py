# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the meshes: size, quads, shading, material, asset; the same mesh again, and more like it."""

import json
import math

import bpy
import numpy as np
from _blender import done, enable, names, part, refused
from mathutils import Vector

enable()
jobs, generate = part("jobs"), part("operators.generate")
bpy.data.materials.new("Clay")
# The bundled model: noise has no two triangles that would make a quad.
request = {"prompt": "Round red table", "seed": 7, "faces": 60}


def made(**options):
    """The only object that Generate makes."""
    before = names()[0]
    assert bpy.ops.meshgpt.generate(**request | options) == {"FINISHED"}
    assert len(names()[0] - before) == 1
    return bpy.context.active_object


def corners(obj):
    return sorted(tuple(round(value, 5) for value in vertex.co) for vertex in obj.data.vertices)


plain = made()
assert plain.location == bpy.context.scene.cursor.location, "one alone stands at the cursor"
assert all(len(polygon.vertices) == 3 and not polygon.use_smooth for polygon in plain.data.polygons)
assert not plain.data.materials and plain.asset_data is None
low, high = np.min(corners(plain), axis=0), np.max(corners(plain), axis=0)
assert abs(max(high - low) - 2.0) < 3e-5 and abs(low[2]) < 1e-6, "longest side 2 m, the origin at the base"
assert np.abs((low + high)[:2]).max() < 3e-5, "the origin in the middle of the base"

full = made(size=0.75, quads=True, shading="SMOOTH", angle=math.radians(60), material="Clay", asset=True)
assert abs(max(full.dimensions) - 0.75) < 1e-5
sizes = {len(polygon.vertices) for polygon in full.data.polygons}
assert sizes == {3, 4} and len(full.data.polygons) < len(plain.data.polygons), "no triangles were joined"
assert len(full.data.vertices) == len(plain.data.vertices) and not full.data.uv_layers and not full.data.validate()
assert all(polygon.use_smooth for polygon in full.data.polygons)
sharp = np.zeros(len(full.data.edges), bool)
full.data.attributes["sharp_edge"].data.foreach_get("value", sharp)
assert sharp.any() and not sharp.all(), "smooth by angle keeps some edges sharp"
assert [material.name for material in full.data.materials] == ["Clay"]
tags = {tag.name for tag in full.asset_data.tags}
assert tags == {part("models").named("").name, "round", "red", "table"}, tags
assert full.asset_data.description == "Round red table"
pixels = np.array(full.preview.image_pixels_float)
assert pixels.size and pixels.max() > 0, "the asset has no preview"

# What it carries makes it again, as it was; a count and a seed of their own make more.
found = json.loads(full["meshgpt"])
assert found["seed"] == 7 and found["faces"] == 60 and found["result"]["quads"] and found["result"]["size"] == 0.75
before = names()[0]
assert bpy.ops.meshgpt.regenerate() == {"FINISHED"}
again = bpy.context.active_object
assert again is not full and corners(again) == corners(full) and len(again.data.polygons) == len(full.data.polygons)
step = part("results").GAP * 0.75
assert (again.location - full.location - Vector((step, 0, 0))).length < 1e-5, "it hides the one it was made from"
bpy.context.view_layer.objects.active = full
full.location = (5.0, 1.0, 0.5)
full.scale = (2.0, 2.0, 2.0)
bpy.context.view_layer.update()
for number in (2, 3):  # the cursor is elsewhere, it was made larger, and the second time the next place is taken
    bpy.context.view_layer.objects.active = full
    assert bpy.ops.meshgpt.regenerate() == {"FINISHED"}
    offset = bpy.context.active_object.location - full.location
    assert (offset - Vector((number * step, 0, 0))).length < 1e-4, offset
bpy.context.scene.meshgpt.count = 3
assert bpy.ops.meshgpt.more_like_this() == {"FINISHED"}
more = [json.loads(obj["meshgpt"]) for obj in bpy.context.selected_objects]
beside = sorted(round((obj.location.x - full.location.x) / step, 4) for obj in bpy.context.selected_objects)
assert beside == [4, 5, 6], beside
assert len(more) == 3 and len({one["seed"] for one in more} | {7}) == 4
assert all(one["prompt"] == "Round red table" and one["result"]["quads"] and one["faces"] == 60 for one in more)
bpy.data.materials.remove(bpy.data.materials["Clay"])
bpy.context.view_layer.objects.active = full
assert bpy.ops.meshgpt.regenerate() == {"FINISHED"}, "the material it had is gone"
plain["meshgpt"] = json.dumps(json.loads(plain["meshgpt"]) | {"count": "many"})
bpy.context.view_layer.objects.active = plain
with refused("count"):
    bpy.ops.meshgpt.regenerate()

# Objects that are there already become assets, the others in the selection do not.
bpy.ops.object.select_all(action="SELECT")
assert bpy.ops.meshgpt.mark_asset() == {"FINISHED"}
assert plain.asset_data is not None and bpy.data.objects["Cube"].asset_data is None
bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
for operator in (bpy.ops.meshgpt.regenerate, bpy.ops.meshgpt.more_like_this, bpy.ops.meshgpt.mark_asset):
    with refused("Select an object that MeshGPT has generated"):
        operator()

# A material that does not exist is said before the model runs.
before = names()
with refused('no material "Nothing"'):
    bpy.ops.meshgpt.generate(material="Nothing", **request)
assert names() == before and jobs.current() is None

# Nobody set how to sample: the model's own values are used, and carried.
usual = part("models").sampling("", request["prompt"])
carried = json.loads(made()["meshgpt"])
assert {name: carried[name] for name in usual} == usual, carried
assert json.loads(made(temperature=0.3)["meshgpt"])["temperature"] == 0.3

# Several rows where one would be too long, and none of them over the cursor.
places = part("results").row(40, 1.0)
assert len({tuple(place) for place in places}) == 40 and min(place.x for place in places) >= 1.0
assert max(place.x for place in places) < 20 and max(place.y for place in places) < 5

# Scripts get the defaults, whatever the call before had.
assert max(made().dimensions) > 1.99
done()
