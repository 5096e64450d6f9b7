# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions for scripts return objects, mean what the operators mean, and raise MeshGPTError."""

import bpy
from _blender import MODEL, done, enable, names, part

enable()
api = bpy.context.scene.meshgpt.api
assert api is part("api") and not hasattr(bpy.context.scene.meshgpt, "no such thing")


def fails(call, *words):
    before = names()
    try:
        call()
    except api.MeshGPTError as error:
        assert all(word in str(error) for word in words), str(error)
        assert error.message.endswith(".") and not error.message.startswith("Error"), error.message
    else:
        raise AssertionError(f"no error with {words}")
    assert names() == before


made = api.generate("round table", count=3, seed=7, guidance=1.0, model=MODEL, size=0.5)
assert [obj.name for obj in made] == ["Round table", "Round table.001", "Round table.002"]
assert [api.provenance(obj)["seed"] for obj in made] == [7, 8, 9]
assert set(made) == set(bpy.context.selected_objects)
(alone,) = api.generate("round table", seed=8, guidance=1.0, model=MODEL, size=1.0, manifold=True)
for vertex, other in zip(alone.data.vertices, made[1].data.vertices, strict=True):
    assert (vertex.co - 2 * other.co).length < 1e-6, "not the same mesh at twice the size"

# The object that is named counts, not the one that is active or selected.
assert bpy.context.active_object == alone
back = api.reconstruct(bpy.data.objects["Cube"], model=MODEL)
assert back.name == "Cube Reconstructed" and len(back.data.polygons) == 12 and bpy.context.selected_objects == [back]
found = api.provenance(back)
assert found["job"] == "reconstruct" and found["faces_in"] == 12 and api.provenance(bpy.data.objects["Cube"]) == {}
away = bpy.data.objects.new("Away", bpy.data.objects["Cube"].data)  # in no scene
assert len(api.reconstruct(away, model=MODEL).data.polygons) == 12

listed = api.models()
assert any(info.name == "meshgpt-lowpoly" and info.kind == "transformer" and info.max_faces for info in listed)

fails(lambda: api.generate(model="no such model"), 'There is no model "no such model"', "Choose one of")
fails(lambda: api.reconstruct(bpy.data.objects["Camera"]), '"Camera" is not a mesh object')
empty = bpy.data.objects.new("Empty", bpy.data.meshes.new("Empty"))
fails(lambda: api.reconstruct(empty), '"Empty" has no faces')
bpy.context.view_layer.objects.active = made[0]
bpy.ops.object.mode_set(mode="EDIT")
fails(lambda: api.generate("table", model=MODEL), "Switch to Object Mode.")
bpy.ops.object.mode_set(mode="OBJECT")
try:
    api.generate("table", faecs=200)
except TypeError as error:  # a slip of the script's author, and nothing for users
    assert "faecs" in str(error)
else:
    raise AssertionError("an unknown property was accepted")

half = bpy.data.objects["Cube"].copy()
half.data = half.data.copy()
bpy.context.collection.objects.link(half)
kept = {tuple(vertex.co) for vertex in half.data.vertices}
whole = api.complete(half, "table", count=2, seed=3, model=MODEL)
assert len(whole) == 2 and all(obj not in (half, back) and len(obj.data.polygons) >= 6 for obj in whole)
for obj in whole:
    assert kept <= {tuple(vertex.co) for vertex in obj.data.vertices}
bpy.ops.mesh.primitive_uv_sphere_add(location=(1, 2, 3))
sphere = bpy.context.active_object
light = api.retopologize(sphere, faces=60, seed=1)
assert light != sphere and 0 < len(light.data.polygons) < len(sphere.data.polygons)
assert (light.matrix_world.translation - sphere.matrix_world.translation).length < 1e-4
done()
