# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopologize: what results take over from their sources, what is reported, and what is refused."""

import bpy
import numpy as np
from _blender import MODEL, done, names, part, refused
from _retopology import OPTIONS, activate, begin, corners, outwards, retopologize, see
from mathutils import Matrix

cone, cube = begin()
FAR, provenance = part("operators.retopologize").FAR, part("provenance")
light = bpy.data.objects.new("Light", bpy.data.lights.new("Light", "POINT"))
bpy.context.collection.objects.link(light)
shown = bpy.data.objects.new("Shown", None)
shown.instance_type, shown.instance_collection = "COLLECTION", bpy.data.collections.new("Set")
shown.instance_collection.objects.link(bpy.data.objects.new("Inner", cone.data))
bpy.context.collection.objects.link(shown)

# Materials by the nearest face, unless they are not wanted; an object's own slots and a missing material count.
wood, iron = (bpy.data.materials.new(name) for name in ("Wood", "Iron"))
painted = bpy.data.objects.new("Painted", cube.data.copy())
bpy.context.collection.objects.link(painted)
for material in (wood, None):
    painted.data.materials.append(material)
painted.material_slots[1].link = "OBJECT"
painted.material_slots[1].material = iron
tops = [polygon.index for polygon in painted.data.polygons if polygon.normal.z > 0.5]
for index in tops:
    painted.data.polygons[index].material_index = 1
activate(painted)
with see():
    (made,) = retopologize()
assert [material.name for material in made.data.materials] == ["Wood", "Iron"]
for polygon in made.data.polygons:
    assert (polygon.material_index == 1) == (polygon.normal.z > 0.5)
activate(painted)
(made,) = retopologize(keep_materials=False)
assert not made.data.materials

# UV maps and vertex groups by Blender's data transfer, from the source as it looks.
painted.data.uv_layers.new(name="Second")
group = painted.vertex_groups.new(name="top")
group.add([vertex.index for vertex in painted.data.vertices if vertex.co.z > 0], 0.75, "REPLACE")
painted.vertex_groups.new(name="unused")
painted.matrix_world = Matrix.Translation((5, 6, 7)) @ Matrix.Diagonal((1, 2, -3, 1))
activate(painted)
with see():
    (made,) = retopologize(transfer_uvs=True, transfer_groups=True)
assert not made.modifiers and [layer.name for layer in made.data.uv_layers] == ["UVMap", "Second"]
assert [group.name for group in made.vertex_groups] == ["top", "unused"] and len(made.data.materials) == 2
for vertex in made.data.vertices:
    weight = next((g.weight for g in vertex.groups if g.group == 0), 0.0)
    assert abs(weight - (0.75 if vertex.co.z > 0 else 0)) < 1e-5


def uv_at(obj, place, normal):
    """The UV of the corner at a place, of a face that looks that way."""
    for polygon in obj.data.polygons:
        for loop in polygon.loop_indices:
            corner = obj.data.vertices[obj.data.loops[loop].vertex_index].co
            if (corner - place).length < 1e-4 and polygon.normal.dot(normal) > 0.9:
                return obj.data.uv_layers["UVMap"].uv[loop].vector


for polygon in painted.data.polygons:
    for loop in polygon.loop_indices:
        place = painted.data.vertices[painted.data.loops[loop].vertex_index].co
        there = uv_at(made, place, polygon.normal)
        assert there is None or (there - painted.data.uv_layers["UVMap"].uv[loop].vector).length < 1e-4
assert any(layer.vector.length > 0.1 for layer in made.data.uv_layers["UVMap"].uv)
activate(shown)
(made,) = retopologize(transfer_groups=True)
assert not made.vertex_groups

# Linked from another file: not even a name of it changes.
path = bpy.app.tempdir + "library.blend"
bpy.data.libraries.write(path, {cube, iron})
with bpy.data.libraries.load(path, link=True) as (source, target):
    target.objects = ["Crate"]
linked = target.objects[0]
bpy.context.collection.objects.link(linked)
activate(linked)
wanted = corners(linked)
with see():
    (made,) = retopologize()
np.testing.assert_allclose(corners(made), wanted, atol=1e-5)
assert made.library is None and made.data.library is None and linked.library is not None

# Sources are hidden when asked; the report measures, and warns when the result is far away.
activate(cube)
(made,) = retopologize(hide_source=True)
assert cube.hide_get() and not made.hide_get() and bpy.context.active_object == made
cube.hide_set(False)

# One undo step holds everything.
activate(cube, cone)
bpy.ops.ed.undo_push(message="before")
count = len(bpy.data.objects)
retopologize()
bpy.ops.ed.undo_push(message="MeshGPT")
assert len(bpy.data.objects) == count + 2
bpy.ops.ed.undo()
assert len(bpy.data.objects) == count

# Where the model misses the surface Decimate can take its place: once a source, in the same room, and said as such.
bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, location=(3, 4, 5))
ball = bpy.context.active_object
ball.scale = (-1, 2, 3)
ball.data.materials.append(wood)
activate(ball)
(plain,) = retopologize(seed=2)
far = provenance.read(plain)
assert far["mean_error_share"] > FAR and "decimated" not in far and len(plain.data.polygons) <= 40
activate(ball)
(made,) = retopologize(seed=2, faces=200, count=2, decimate_far=True)
found = provenance.read(made)
assert found["decimated"] and found["ended"] and found["mean_error_share"] < 0.01 < FAR < found["model_error_share"]
assert 190 <= found["faces_out"] == len(made.data.polygons) <= 200 and found["faces_in"] == 2 * 48 * 23
assert made.matrix_world == ball.matrix_world and made.data.materials[:] == [wood] and outwards(made) == 1.0
np.testing.assert_allclose(np.ptp(corners(made), axis=0), np.ptp(corners(ball), axis=0), rtol=0.05)
assert set(bpy.data.meshes) == {obj.data for obj in bpy.data.objects if obj.type == "MESH"}
measure, part("decimate").difference = part("decimate").difference, lambda *meshes: {"mean_error_share": 1.0}
activate(ball)
(made,) = retopologize(seed=2, decimate_far=True)
part("decimate").difference = measure
assert "decimated" not in provenance.read(made), "a mesh that lies still farther took the place of the model's"
largest, part("operators.retopologize").LARGEST = part("operators.retopologize").LARGEST, 100
activate(ball)
(made,) = retopologize(seed=2, decimate_far=True)
part("operators.retopologize").LARGEST = largest
assert "decimated" not in provenance.read(made)

# A file that is dropped into the viewport is imported by Blender, then retopologized.
cube = bpy.data.objects["Crate"]
activate(cube)
folder = bpy.app.tempdir
for suffix, export in (
    (".obj", bpy.ops.wm.obj_export),
    (".ply", bpy.ops.wm.ply_export),
    (".stl", bpy.ops.wm.stl_export),
):
    export(filepath=f"{folder}drop{suffix}", export_selected_objects=True)
settings = bpy.context.scene.meshgpt_retopologize
for name in ("model", "faces", "attempts", "guidance"):
    setattr(settings, name, OPTIONS[name])
handler = bpy.types.MESHGPT_FH_retopologize
assert handler.bl_import_operator == "meshgpt.retopologize_file"
for suffix in handler.bl_file_extensions.split(";"):
    if suffix != ".glb":
        before = set(bpy.data.objects)
        bpy.ops.meshgpt.retopologize_file(directory=folder, files=[{"name": f"drop{suffix}"}])
        new = [obj for obj in bpy.data.objects if obj not in before]
        assert len(new) == 2 and sum("meshgpt" in obj for obj in new) == 1, (suffix, new)
with refused("no mesh file"):
    bpy.ops.meshgpt.retopologize_file(filepath=folder + "drop.txt")

# What cannot be done is said, and leaves nothing.
before = names()
bpy.context.view_layer.objects.active = cube
with refused("without point clouds"):
    bpy.ops.meshgpt.retopologize(model=MODEL)
point = bpy.data.objects.new("Point", bpy.data.meshes.new("Point"))
point.data.from_pydata([(1, 1, 1)] * 3, [], [(0, 1, 2)])
bpy.context.collection.objects.link(point)
activate(point, cube)
with refused('"Point" (1 of 2): The mesh has no size'):
    bpy.ops.meshgpt.retopologize(**OPTIONS)
activate(light)
with refused("Select mesh objects"):
    bpy.ops.meshgpt.retopologize(**OPTIONS)
bpy.data.batch_remove([point])
assert names()[0] == before[0]
done()
