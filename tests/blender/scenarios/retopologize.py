# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopologize: results lie where their sources lie, whatever their transforms, parents, modifiers and instances."""

import json
import math

import bpy
import numpy as np
from _blender import done, part
from _retopology import activate, begin, corners, outwards, retopologize, see
from mathutils import Matrix

cone, cube = begin()

# Places: each of these ends up exactly where its source is, with normals outwards.
parent = bpy.data.objects.new("Parent", None)
bpy.context.collection.objects.link(parent)
parent.location, parent.rotation_euler, parent.scale = (3, 1, -2), (0.5, 0.1, 1.2), (1, 2.5, 0.6)
PLACES = {
    "wide": {"scale": (50, 1, 1)},
    "tall": {"scale": (1, 1, 40), "location": (7, 0, 0)},
    "tiny": {"scale": (1e-4, 1e-4, 2e-4), "location": (5, 5, 5)},
    "huge": {"scale": (3e4, 4e4, 2e4), "location": (-1e4, 0, 0)},
    "rotated": {"rotation_euler": (0.3, -1.2, 2.0), "location": (1, 2, 3)},
    "lying": {"rotation_euler": (math.pi / 2, 0, 0)},
    "mirrored": {"scale": (-1, 1, 1), "location": (0, 4, 0)},
    "mirrored thrice": {"scale": (-1, -2, -3), "rotation_euler": (0, 0.4, 0)},
    "parented": {"parent": parent, "rotation_euler": (0.7, 0.2, 0.1), "location": (2, 0, 0)},
    "parented, mirrored": {"parent": parent, "scale": (1, -1, 1), "rotation_euler": (0, 0.5, 0.3)},
    "quaternion": {"rotation_mode": "QUATERNION", "rotation_quaternion": (0.5, 0.5, -0.5, 0.5)},
    "delta": {"delta_location": (1, 1, 1), "delta_scale": (2, 1, 1)},
}
for name, settings in PLACES.items():
    obj = bpy.data.objects.new(name, cone.data)
    bpy.context.collection.objects.link(obj)
    for key, value in settings.items():
        setattr(obj, key, value)
    if "parented" in name:
        obj.matrix_parent_inverse = Matrix.Rotation(0.4, 4, "X")
    activate(obj)
    wanted, matrix, outer = corners(obj), obj.matrix_world.copy(), outwards(obj)
    with see():
        (made,) = retopologize()
    size = np.ptp(wanted, axis=0).max()
    np.testing.assert_allclose(corners(made), wanted, atol=1e-5 * size, err_msg=name)
    assert outer == outwards(made) == 1.0, (name, outwards(made))
    assert made.matrix_world == matrix and made.parent == obj.parent and made.name == f"{name} Retopologized"
    assert corners(obj).tolist() == wanted.tolist() and "meshgpt" not in obj and not made.data.validate()
    if name == "parented, mirrored":  # the model's own answer lies in the same room
        activate(obj)
        (made,) = retopologize()
        away = np.linalg.norm(corners(made) - (wanted.min(axis=0) + wanted.max(axis=0)) / 2, axis=1).max()
        assert 0.1 * size < away < 1.1 * size, (name, away, size)
    found = json.loads(made["meshgpt"])
    assert found["job"] == "retopologize" and found["source"] == name and found["mean_error_share"] > 0
    bpy.data.batch_remove([obj, made])

# What the model sees stands upright: a mesh that lies in its own space and was put up in the world, or the reverse.
for turn in (Matrix.Rotation(math.pi / 2, 4, "X"), Matrix.Rotation(math.pi / 2, 4, "Y"), Matrix.Rotation(0.4, 4, "Z")):
    pole = bpy.data.objects.new("Pole", cone.data.copy())
    bpy.context.collection.objects.link(pole)
    pole.data.transform(turn.inverted())
    pole.matrix_world = turn
    activate(pole)
    seen = part("mesh_io").read_object(bpy.context, pole).seen()["vertices"]
    upright = np.array([vertex.co for vertex in cone.data.vertices])
    assert np.allclose(np.sort(seen[:, 2]), np.sort(upright[:, 2]), atol=1e-5), turn
    if turn[2][2] < 0.9:
        np.testing.assert_allclose(seen, upright, atol=1e-5)

# A constraint is no part of the result, its effect is.
target = bpy.data.objects.new("Target", None)
target.location, target.scale = (9, 9, 9), (1, 1, -3)
bpy.context.collection.objects.link(target)
held = bpy.data.objects.new("Held", cone.data)
bpy.context.collection.objects.link(held)
held.constraints.new("COPY_TRANSFORMS").target = target
activate(held)
with see():
    (made,) = retopologize()
np.testing.assert_allclose(corners(made), corners(held), atol=1e-4)
assert not made.constraints and outwards(made) == outwards(held) == 1.0
held.constraints.clear()

# Modifiers count: what one sees is what is retopologized.
array = cone.modifiers.new("Array", "ARRAY")
array.count, array.relative_offset_displace = 3, (2, 0, 0)
activate(cone)
with see():
    (made,) = retopologize()
assert len(made.data.polygons) > 3 * 8 and made.dimensions.x > 2.5 * cone.data.vertices[0].co.length
cone.modifiers.clear()

# Several objects, several results of each; linked duplicates are asked for once and share the result.
twins = []
for number in range(2):
    twin = bpy.data.objects.new(f"Twin {number}", cone.data)
    twin.location, twin.rotation_euler = (0, 10 * (number + 1), 0), (0, 0, 0.2 * number)
    bpy.context.collection.objects.link(twin)
    twins.append(twin)
light = bpy.data.objects.new("Light", bpy.data.lights.new("Light", "POINT"))
bpy.context.collection.objects.link(light)
activate(cube, *twins, light)
made = retopologize(count=2, attempts=2, seed=4)
assert len(made) == 6 and bpy.context.active_object.name == "Crate Retopologized"
by_source = {}
for obj in made:
    by_source.setdefault(json.loads(obj["meshgpt"])["source"], []).append(obj)
assert {name: len(objects) for name, objects in by_source.items()} == {"Crate": 2, "Twin 0": 2, "Twin 1": 2}
first, second = by_source["Twin 0"], by_source["Twin 1"]
assert {obj.data for obj in first} == {obj.data for obj in second} and first[0].data != first[1].data
assert first[0].data != by_source["Crate"][0].data
for obj in made:
    found = json.loads(obj["meshgpt"])
    assert found["best_of"] == 2 and 4 <= found["seed"] < 8
    assert obj.matrix_world == bpy.data.objects[found["source"]].matrix_world

# Instances: an empty that shows a collection, and what geometry nodes scatter.
collection = bpy.data.collections.new("Set")
inner = bpy.data.objects.new("Inner", cone.data)
inner.location, inner.scale = (3, 0, 0), (-1, 1, 2)
collection.objects.link(inner)
other = bpy.data.objects.new("Other", cube.data)
collection.objects.link(other)
shown = bpy.data.objects.new("Shown", None)
shown.instance_type, shown.instance_collection = "COLLECTION", collection
shown.location, shown.scale = (0, 0, 20), (2, 1, 1)
bpy.context.collection.objects.link(shown)
activate(shown)
with see():
    (made,) = retopologize()
wanted = [shown.matrix_world @ one.matrix_basis @ vertex.co for one in (inner, other) for vertex in one.data.vertices]
order = np.lexsort(np.round(wanted, 4).T), np.lexsort(np.round(corners(made), 4).T)
np.testing.assert_allclose(corners(made)[order[1]], np.array(wanted)[order[0]], atol=1e-4)
assert made.name == "Shown Retopologized"

tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
enter, leave = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
info, scatter = tree.nodes.new("GeometryNodeObjectInfo"), tree.nodes.new("GeometryNodeInstanceOnPoints")
info.inputs["Object"].default_value = cube
tree.links.new(enter.outputs[0], scatter.inputs["Points"])
tree.links.new(info.outputs["Geometry"], scatter.inputs["Instance"])
tree.links.new(scatter.outputs[0], leave.inputs[0])
field = bpy.data.objects.new("Field", bpy.data.meshes.new("Field"))
field.data.from_pydata([(0, 0, 0), (5, 0, 0), (0, 5, 1)], [], [])
bpy.context.collection.objects.link(field)
field.modifiers.new("Scatter", "NODES").node_group = tree
activate(field)
with see():
    (made,) = retopologize()
assert len(made.data.vertices) == 24 and np.allclose(corners(made).max(axis=0), (6, 6, 2), atol=1e-4)

done()
