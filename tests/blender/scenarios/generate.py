# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate from a script: objects, selection, layout, provenance, undo, the same mesh from the same seed."""

import json

import bpy
from _blender import MODEL, done, enable, names, part
from mathutils import Vector

enable()
before = names()
bpy.context.scene.cursor.location = (1, 2, 3)
bpy.ops.ed.undo_push(message="before")
arguments = {
    "prompt": "round table",
    "count": 3,
    "seed": 7,
    "temperature": 0.9,
    "top_p": 0.9,
    "guidance": 1.0,
    "model": MODEL,
}
assert bpy.ops.meshgpt.generate(**arguments) == {"FINISHED"}
made = [bpy.data.objects[name] for name in sorted(names()[0] - before[0])]
assert [obj.name for obj in made] == ["Round table", "Round table.001", "Round table.002"]
assert set(bpy.context.selected_objects) == set(made) and bpy.context.view_layer.objects.active == made[0]

for index, obj in enumerate(made):
    found = json.loads(obj["meshgpt"])
    assert found["prompt"] == "round table" and found["seed"] == 7 + index and found["model"] == MODEL, found
    assert abs(found["temperature"] - 0.9) < 1e-6 and found["job"] == "generate"
    assert not obj.data.validate(), "the mesh was not valid"
    assert len(obj.data.polygons) > 0 and abs(obj.location.z - 3) < 1e-6
    assert min(vertex.co.z for vertex in obj.data.vertices) == 0, "it does not stand on the ground"
places = [obj.location - Vector((1, 2, 3)) for obj in made]
assert all(abs(place.y) < 1e-5 and abs(place.z) < 1e-5 for place in places), places
assert places[0].x >= 2.0, "the row covers the cursor"
assert all(right.x - left.x >= 2.0 for left, right in zip(places, places[1:], strict=False)), "they stand in each other"

# Each mesh of a batch comes back alone from what it carries, which is what Regenerate does.
third = json.loads(made[2]["meshgpt"])
options = {name: third[name] for name in part("properties").MODEL_OPTIONS if name in third}
shape = [tuple(vertex.co) for vertex in made[2].data.vertices]
bpy.ops.meshgpt.generate(**options)
again = bpy.context.active_object
assert again not in made and [tuple(vertex.co) for vertex in again.data.vertices] == shape

# The best of several attempts is one of the meshes that their seeds make; its own seed makes it again.
bpy.ops.meshgpt.generate(**arguments | {"count": 2, "attempts": 3, "guidance": 2.0})
for place, obj in enumerate(sorted(bpy.context.selected_objects, key=lambda obj: obj.name)):
    found = json.loads(obj["meshgpt"])
    assert 7 + 3 * place <= found["seed"] < 10 + 3 * place and found["best_of"] == 3, found
    shape = [tuple(vertex.co) for vertex in obj.data.vertices]
    bpy.context.view_layer.objects.active = obj
    bpy.ops.meshgpt.regenerate()
    again = bpy.context.active_object
    assert again is not obj and [tuple(vertex.co) for vertex in again.data.vertices] == shape

# Blender as a module keeps no undo steps unless asked; one step holds the whole result.
bpy.ops.object.select_all(action="DESELECT")
bpy.ops.ed.undo_push(message="two jobs")
count = len(bpy.data.objects)
bpy.ops.meshgpt.generate(prompt="chair", count=2, model=MODEL)
bpy.ops.ed.undo_push(message="MeshGPT")
assert len(bpy.data.objects) == count + 2
bpy.ops.ed.undo()
assert len(bpy.data.objects) == count

# The size scales, and does not ask the model again when only it changes.
generate = part("operators.generate")
bpy.ops.meshgpt.generate(prompt="chair", seed=3, model=MODEL, size=2.0)
small = bpy.context.active_object.dimensions.copy()
bpy.ops.meshgpt.generate(prompt="chair", seed=3, model=MODEL, size=4.0)
assert (bpy.context.active_object.dimensions - 2 * small).length < 1e-5
assert generate._last[0][0] == "chair"
done()
