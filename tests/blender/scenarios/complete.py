# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete: what is kept stays exactly as it is, new faces are welded to it, variants can be flipped through."""

import json

import bpy

# isort: split
import bmesh  # is there once bpy is
import numpy as np
from _blender import ABLE_MODEL, MODEL, done, enable, names, part, refused
from mathutils import Matrix

enable()
OPTIONS = {"model": ABLE_MODEL, "temperature": 1.0, "guidance": 1.0}


def activate(obj):
    for other in bpy.context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj


def directed_edges(face):
    """The directed edges of a face."""
    return zip(face, [*face[1:], face[0]], strict=True)


def welded(obj):
    """Whether the new faces of all variants of the last completion have their corners where the model put them."""
    _, state, job = part("source_operator")._last["MESHGPT_OT_complete"]
    meshes, attached = [variant.mesh for variant in obj.meshgpt_variants] or [obj.data], 0
    for mesh, made in zip(meshes, sorted(job.meshes, key=lambda one: one.row), strict=True):
        faces = made.faces[len(state.faces) :]
        attached += (faces < len(state.vertices)).sum()
        wanted = state.placement.own(made.vertices)[state.placement.faces(faces)]
        found = [[mesh.vertices[v].co for v in p.vertices] for p in mesh.polygons[-len(faces) :]]
        if not np.allclose(found, wanted, atol=1e-5):
            return False
    assert attached, "no new face is at a kept vertex: take another seed"
    return True


def rich_mesh():
    """Two quads and an n-gon that use all that a mesh can carry."""
    points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.5, 1.4, 0), (0, 0, 1.03), (1, 0, 1.01), (1, 1, 0.97)]
    faces = [(0, 1, 6, 5), (1, 2, 7, 6), (0, 3, 4, 2, 1)]
    mesh = bpy.data.meshes.new("Rich")
    mesh.from_pydata([(x * 3.3 + 0.1, y * 3.3, z * 3.3) for x, y, z in points], [], faces)
    rng = np.random.default_rng(0)
    corners = len(mesh.loops)
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", rng.random(2 * corners).astype(np.float32))
    mesh.attributes.new("mass", "FLOAT", "POINT").data.foreach_set("value", rng.random(8).astype(np.float32))
    mesh.attributes.new("tag", "INT", "FACE").data.foreach_set("value", np.array([7, 8, 9], np.int32))
    mesh.attributes.new("tint", "FLOAT_COLOR", "CORNER").data.foreach_set("color", rng.random(4 * corners))
    for name in ("Wood", "Iron"):
        mesh.materials.append(bpy.data.materials.new(name))
    mesh.polygons.foreach_set("material_index", [0, 1, 0])
    mesh.polygons.foreach_set("use_smooth", [True, False, True])
    obj = bpy.data.objects.new("Rich", mesh)
    bpy.context.collection.objects.link(obj)
    for number, name in enumerate(("left", "right")):
        group = obj.vertex_groups.new(name=name)
        for vertex in range(number, 8, 2):
            group.add([vertex], 0.1 * vertex + 0.05, "REPLACE")
    obj.shape_key_add(name="Basis")
    key = obj.shape_key_add(name="Wide")
    key.data[7].co.x += 2
    return obj


def carried(obj, faces, vertices):
    """All that the first faces and vertices carry, as plain values."""
    mesh = obj.data
    corners = sum(mesh.polygons[face].loop_total for face in range(faces))
    found = {
        "places": [tuple(mesh.vertices[i].co) for i in range(vertices)],
        "faces": [tuple(mesh.polygons[i].vertices) for i in range(faces)],
        "materials": [mesh.polygons[i].material_index for i in range(faces)],
        "smooth": [mesh.polygons[i].use_smooth for i in range(faces)],
        "uv": [tuple(mesh.uv_layers["UVMap"].uv[i].vector) for i in range(corners)],
        "mass": [mesh.attributes["mass"].data[i].value for i in range(vertices)],
        "tag": [mesh.attributes["tag"].data[i].value for i in range(faces)],
        "tint": [tuple(mesh.attributes["tint"].data[i].color) for i in range(corners)],
        "weights": [
            sorted((obj.vertex_groups[group.group].name, group.weight) for group in mesh.vertices[i].groups)
            for i in range(vertices)
        ],
        "shapes": {key.name: [tuple(key.data[i].co) for i in range(vertices)] for key in mesh.shape_keys.key_blocks},
        "slots": [material.name for material in mesh.materials],
    }
    return json.dumps(found)


# Object Mode: the whole mesh is kept, in its place, with everything on it.
source = rich_mesh()
source.location, source.rotation_euler, source.scale = (4, -2, 1), (0.1, 0.3, 0.5), (1, 2, -0.5)
source.modifiers.new("Bevel", "BEVEL").width = 0.01
bpy.context.view_layer.update()
activate(source)
before, state, matrix = names(), carried(source, 3, 8), source.matrix_world.copy()
assert bpy.ops.meshgpt.complete(seed=3, **OPTIONS) == {"FINISHED"}
made = bpy.context.active_object
assert names()[0] - before[0] == {made.name} == {"Rich Completed"} and list(bpy.context.selected_objects) == [made]
found = json.loads(made["meshgpt"])
assert welded(made)
assert found["job"] == "complete" and found["source"] == "Rich" and found["seed"] == 3 and found["model"] == ABLE_MODEL
assert carried(made, 3, 8) == state == carried(source, 3, 8), "what is kept was changed"
assert len(source.data.polygons) == 3 and "meshgpt" not in source and not source.hide_get()
assert len(made.data.polygons) == 3 + found["faces_added"] > 3 and len(made.data.vertices) >= 8
assert made.modifiers[0].name == "Bevel" and not made.data.validate()
bpy.context.view_layer.update()
assert made.matrix_world == matrix, "it is not where its source is"
# New faces are welded to the kept vertices, and lie in the cube around the mesh that the model knows.
new = [tuple(polygon.vertices) for polygon in made.data.polygons[3:]]
assert all(len(face) == 3 for face in new) and any(vertex < 8 for face in new for vertex in face)
# Mirrored as the object is, they run along the kept faces' edges the other way, so normals agree.
edges = [{(a, b) for p in ps for a, b in p.edge_keys} for ps in (made.data.polygons[:3], made.data.polygons[3:])]
assert edges[0] & edges[1], "no new face is at an edge of a kept one"
directed = [set(directed_edges(polygon.vertices)) for polygon in made.data.polygons]
assert not set().union(*directed[:3]) & set().union(*directed[3:]), "a new face is turned over"
places = np.array([vertex.co for vertex in made.data.vertices])
assert len(np.unique(places.round(5), axis=0)) == len(places), "vertices lie on each other"
scaled = places * (1, 2, 0.5)
low, high = scaled[:8].min(axis=0), scaled[:8].max(axis=0)
assert (np.abs(scaled - (low + high) / 2) <= (high - low).max() / 2 / 0.95).all()
assert [polygon.select for polygon in made.data.polygons] == [False] * 3 + [True] * len(new)
shape = made.data.shape_keys.key_blocks["Wide"].data
assert all((shape[i].co - made.data.vertices[i].co).length < 1e-6 for i in range(8, len(made.data.vertices)))

# The same seed adds the same faces; mirrored as it is, the model saw it as it stands in the world.
first = [tuple(polygon.vertices) for polygon in made.data.polygons], [tuple(v.co) for v in made.data.vertices]
activate(source)
bpy.ops.meshgpt.complete(seed=3, **OPTIONS)
again = bpy.context.active_object
assert first == ([tuple(p.vertices) for p in again.data.polygons], [tuple(v.co) for v in again.data.vertices])

# Edit Mode: the selected faces are kept, in the room of the whole mesh; the others are left out.
activate(source)
bpy.ops.object.mode_set(mode="EDIT")
edited = bmesh.from_edit_mesh(source.data)
edited.faces.ensure_lookup_table()
for face in edited.faces:
    face.select_set(False)
edited.faces[2].select_set(True)
edited.faces[2].verts[0].co.z -= 0.25  # not yet written to the mesh
bmesh.update_edit_mesh(source.data)
assert bpy.ops.meshgpt.complete(seed=1, count=6, **OPTIONS) == {"FINISHED"}
assert bpy.context.mode == "OBJECT" and len(source.data.polygons) == 3
made = bpy.context.active_object
assert made.name.startswith("Rich Completed") and json.loads(made["meshgpt"])["faces_in"] == 3  # an n-gon of five
kept = made.data.polygons[0]
assert [tuple(made.data.vertices[v].co) for v in kept.vertices] == [
    tuple(source.data.vertices[v].co) for v in source.data.polygons[2].vertices
]
assert min(v.co.z for v in made.data.vertices) < -0.2 and welded(made)
corners = [tuple(made.data.uv_layers[0].uv[i].vector) for i in kept.loop_indices]
assert corners == [tuple(source.data.uv_layers[0].uv[i].vector) for i in source.data.polygons[2].loop_indices]
assert made.data.attributes["tag"].data[0].value == 9 and kept.use_smooth
assert len(made.data.vertices) == 5 + len({v for p in made.data.polygons[1:] for v in p.vertices if v >= 5})
assert max(v.co.z for v in made.data.vertices) > 1.0, "it did not use the room of the whole mesh"

# Also where the vertices that go come before those that stay.
activate(source)
bpy.ops.object.mode_set(mode="EDIT")
edited = bmesh.from_edit_mesh(source.data)
edited.faces.ensure_lookup_table()
edited.select_mode = {"FACE"}
for face in edited.faces:
    face.select_set(face.index == 1)
bmesh.update_edit_mesh(source.data)
bpy.ops.meshgpt.complete(seed=4, count=6, **OPTIONS)
made = bpy.context.active_object
assert welded(made) and made.data.polygons[0].loop_total == 4 and made.data.attributes["tag"].data[0].value == 8
assert [tuple(made.data.vertices[v].co) for v in made.data.polygons[0].vertices] == [
    tuple(source.data.vertices[v].co) for v in source.data.polygons[1].vertices
]

# And where much is taken away: of five boxes in one mesh the sides of four are kept.
edited = bmesh.new()
for place, size in [((0, 0, 1), 2)] + [((x, y, 0.4), 0.3) for x in (-0.8, 0.8) for y in (-0.5, 0.5)]:
    matrix = Matrix.Translation(place) @ Matrix.Diagonal((size, size, 1 - 0.4 * size, 1))
    bmesh.ops.create_cube(edited, size=1, matrix=matrix)
stool = bpy.data.objects.new("Stool", bpy.data.meshes.new("Stool"))
edited.to_mesh(stool.data)
edited.free()
bpy.context.collection.objects.link(stool)
activate(stool)
sides = [abs(polygon.normal.z) < 0.5 and polygon.index > 5 for polygon in stool.data.polygons]
bpy.ops.object.mode_set(mode="EDIT")
edited = bmesh.from_edit_mesh(stool.data)
edited.select_mode = {"FACE"}
for face, keep in zip(edited.faces, sides, strict=True):
    face.select_set(keep)
bmesh.update_edit_mesh(stool.data)
bpy.ops.meshgpt.complete(seed=4, count=6, **OPTIONS)
made = bpy.context.active_object
assert welded(made) and json.loads(made["meshgpt"])["faces_in"] == 32
kept = [
    [stool.data.vertices[v].co for v in p.vertices] for p, keep in zip(stool.data.polygons, sides, strict=True) if keep
]
assert [[made.data.vertices[v].co for v in p.vertices] for p in made.data.polygons[:16]] == kept

# Nothing selected: all is kept.
activate(source)
bpy.ops.object.mode_set(mode="EDIT")
bpy.ops.mesh.select_all(action="DESELECT")
bpy.ops.meshgpt.complete(seed=1, **OPTIONS)
assert json.loads(bpy.context.active_object["meshgpt"])["faces_in"] == 7

# The room: twice as high, or the box of another object.
heights = {}
guide = bpy.data.objects.new("Guide", None)
guide.empty_display_size, guide.location, guide.scale = 2, (0, 0, 2), (1, 1, 5)
bpy.context.collection.objects.link(guide)
plate = bpy.data.objects.new("Plate", bpy.data.meshes.new("Plate"))
plate.data.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0.2), (0, 0, 1)], [], [(0, 1, 2, 3), (0, 1, 4)])
bpy.context.collection.objects.link(plate)
bpy.context.view_layer.update()
for room in ("MESH", "UPWARDS", "OBJECT"):
    activate(plate)
    bpy.ops.meshgpt.complete(seed=2, room=room, room_object="Guide", **{**OPTIONS, "temperature": 1.5})
    heights[room] = max(vertex.co.z for vertex in bpy.context.active_object.data.vertices)
# Its weights are random, so it may use the cube around the room, whose sides are 2 / 0.95.
assert heights["MESH"] < 1.56 < heights["UPWARDS"] < 2.06 < 5 < heights["OBJECT"], heights
activate(plate)
with refused('There is no object "Nobody"'):
    bpy.ops.meshgpt.complete(room="OBJECT", room_object="Nobody", **OPTIONS)

# A model that only goes on above a mesh does that.
activate(plate)
bpy.ops.meshgpt.complete(model=MODEL, seed=2, temperature=1.0)
assert max(vertex.co.z for vertex in bpy.context.active_object.data.vertices) > 1.56

# Variants: one object, several meshes to flip through.
activate(plate)
before = names()
bpy.ops.meshgpt.complete(count=3, seed=5, variant=2, hide_source=True, **OPTIONS)
made = bpy.context.active_object
assert plate.hide_get() and names()[0] - before[0] == {made.name} and len(names()[1] - before[1]) == 3
plate.hide_set(False)
shapes, seeds = [], []
for _ in range(3):
    shapes.append([tuple(vertex.co) for vertex in made.data.vertices])
    seeds.append(json.loads(made["meshgpt"])["seed"])
    assert bpy.ops.meshgpt.flip_variant() == {"FINISHED"}
assert seeds == [6, 7, 5] and len({json.dumps(shape) for shape in shapes}) == 3
assert [tuple(vertex.co) for vertex in made.data.vertices] == shapes[0]
bpy.ops.meshgpt.flip_variant(step=-1)
assert json.loads(made["meshgpt"])["seed"] == 5

bpy.ops.ed.undo_push(message="flipped")
bpy.ops.meshgpt.flip_variant()
bpy.ops.ed.undo_push(message="flipped again")
bpy.ops.ed.undo()
made = bpy.context.active_object
assert json.loads(made["meshgpt"])["seed"] == 5 and len(made.meshgpt_variants) == 3
assert [tuple(vertex.co) for vertex in made.data.vertices] == shapes[2]
bpy.ops.object.mode_set(mode="EDIT")
with refused("Switch to Object Mode"):
    bpy.ops.meshgpt.flip_variant()
bpy.ops.object.mode_set(mode="OBJECT")
assert bpy.ops.meshgpt.keep_variant() == {"FINISHED"}
assert len(names()[1] - before[1]) == 1 and not made.meshgpt_variants and len(made.data.vertices) == len(shapes[2])
with refused("no variants"):
    bpy.ops.meshgpt.keep_variant()

# All variants are saved with the file.
plate = bpy.data.objects["Plate"]
activate(plate)
bpy.ops.meshgpt.complete(count=2, seed=5, **OPTIONS)
name = bpy.context.active_object.name
path = bpy.app.tempdir + "variants.blend"
bpy.ops.wm.save_as_mainfile(filepath=path)
bpy.ops.wm.open_mainfile(filepath=path)
assert [len(variant.mesh.polygons) > 2 for variant in bpy.data.objects[name].meshgpt_variants] == [True, True]

# A source that changes while the model works is not guessed at; one that is linked is copied.
plate = bpy.data.objects["Plate"]
activate(plate)
partial = part("partial").PartialMesh.read(plate)
plate.data.vertices[0].co.x += 1
try:
    partial.source()
except Exception as error:
    assert "was changed while the model worked" in str(error)
else:
    raise AssertionError("the change went unseen")

# What cannot be done is said.
flat = bpy.data.objects.new("Flat", plate.data.copy())
bpy.context.collection.objects.link(flat)
flat.scale = (1, 1, 0)
bpy.context.view_layer.update()
activate(flat)
with refused('"Flat" is scaled to nothing'):
    bpy.ops.meshgpt.complete(**OPTIONS)
activate(plate)
bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4)
with refused("faces are to be kept", "may have 60"):
    bpy.ops.meshgpt.complete(**OPTIONS)
empty = bpy.data.objects.new("Hollow", bpy.data.meshes.new("Hollow"))
bpy.context.collection.objects.link(empty)
activate(empty)
with refused('"Hollow" has no faces'):
    bpy.ops.meshgpt.complete(**OPTIONS)
activate(bpy.data.objects["Guide"])
with refused("Select a mesh object"):
    bpy.ops.meshgpt.complete(**OPTIONS)
done()
