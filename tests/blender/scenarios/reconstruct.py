# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruct: a new object in the place of its source, with its materials; the source stays as it was."""

import json

import bpy
from _blender import MODEL, done, enable, names
from mathutils import Matrix, Vector


def same(one, other, tolerance=1e-5):
    return max(abs(one[i][j] - other[i][j]) for i in range(4) for j in range(4)) < tolerance


enable()
bpy.ops.mesh.primitive_cube_add(size=2)
cube = bpy.context.active_object
cube.name = "Crate"
cube.location, cube.rotation_euler, cube.scale = (1, -2, 0.5), (0.1, 0.2, 0.3), (1, 2, 3)
for name in ("Wood", "Iron"):
    cube.data.materials.append(bpy.data.materials.new(name))
cube.data.polygons[5].material_index = 1
top = cube.data.polygons[5].normal.copy()
bpy.context.view_layer.update()
before = names()
matrix, coordinates = cube.matrix_world.copy(), [tuple(vertex.co) for vertex in cube.data.vertices]

assert bpy.ops.meshgpt.reconstruct(model=MODEL) == {"FINISHED"}
made = bpy.context.active_object
assert made.name == "Crate Reconstructed" and names()[0] - before[0] == {made.name}
bpy.context.view_layer.update()
# It stands beside its source along X, else as it does.
xs = [(obj.matrix_world @ Vector(corner)).x for obj in (cube, made) for corner in obj.bound_box]
assert max(xs[:8]) < min(xs[8:]), xs
offset = made.matrix_world.translation - matrix.translation
assert abs(offset.x - 1.2 * (max(xs[:8]) - min(xs[:8]))) < 0.01 and abs(offset.y) + abs(offset.z) < 1e-5
assert same(Matrix.Translation(-offset) @ made.matrix_world, matrix)
assert len(made.data.polygons) == 12 and len(made.data.vertices) == 8
for vertex in made.data.vertices:
    assert all(abs(abs(value) - 1) < 0.02 for value in vertex.co), tuple(vertex.co)
assert [material.name for material in made.data.materials] == ["Wood", "Iron"]
iron = [polygon for polygon in made.data.polygons if polygon.material_index == 1]
assert len(iron) == 2 and all(polygon.normal.dot(top) > 0.99 for polygon in iron)
found = json.loads(made["meshgpt"])
assert found["job"] == "reconstruct" and found["source"] == "Crate" and found["faces_in"] == 12
assert [tuple(vertex.co) for vertex in cube.data.vertices] == coordinates and cube.matrix_world == matrix
assert not cube.select_get() and "meshgpt" not in cube

# Modifiers count: what one sees is what is reconstructed.
bpy.context.view_layer.objects.active = cube
cube.modifiers.new("Array", "ARRAY").count = 2
bpy.ops.meshgpt.reconstruct(model=MODEL)
assert len(bpy.context.active_object.data.polygons) >= 20
cube.modifiers.clear()

# In its place when asked; with a parent that shears it, too.
parent = bpy.data.objects.new("Parent", None)
bpy.context.collection.objects.link(parent)
parent.scale, parent.rotation_euler = (1, 3, 0.5), (0.4, 0.2, 0)
cube.parent = parent
bpy.context.view_layer.update()
for beside in (False, True):
    bpy.context.view_layer.objects.active = cube
    bpy.ops.meshgpt.reconstruct(model=MODEL, beside=beside)
    made = bpy.context.active_object
    bpy.context.view_layer.update()
    offset = made.matrix_world.translation - cube.matrix_world.translation
    assert (offset.x > 1) == beside and abs(offset.y) + abs(offset.z) < 1e-4
    assert same(Matrix.Translation(-offset) @ made.matrix_world, cube.matrix_world)
done()
