# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopologize: results lie where their sources lie, whatever their transforms, and take over what can be taken over.

The tiny model's meshes are noise, so `see` lets it draw the source itself where a test is about places: all that comes
after the model's answer is then as in earnest.
"""

import json
import math

import bpy
import numpy as np
from _blender import ABLE_MODEL, MODEL, done, enable, names, part, refused
from mathutils import Matrix

enable()
OPTIONS = {"model": ABLE_MODEL, "faces": 30, "attempts": 1, "guidance": 1.0}
jobs, mesh_io = part("jobs"), part("mesh_io")


def activate(*objects):
    for other in bpy.context.selected_objects:
        other.select_set(False)
    for obj in objects:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]
    bpy.context.view_layer.update()


def corners(obj):
    """Places of an object's vertices in the world, float [V, 3]."""
    bpy.context.view_layer.update()
    places = np.array([vertex.co for vertex in obj.data.vertices])
    matrix = np.array(obj.matrix_world)
    return places @ matrix[:3, :3].T + matrix[:3, 3]


def outwards(obj):
    """Share of the faces whose normal, as Blender shows it, points away from the middle."""
    places, turned = corners(obj), obj.matrix_world.determinant() < 0
    away = []
    for polygon in obj.data.polygons:
        a, b, c = (places[number] for number in polygon.vertices[:3])
        normal = np.cross(b - a, c - a) * (-1 if turned else 1)
        away.append(normal @ (a - places.mean(axis=0)) > 0)
    return np.mean(away)


def retopologize(**options):
    """Run it; returns the new objects."""
    before = set(bpy.data.objects)
    assert bpy.ops.meshgpt.retopologize(**(OPTIONS | options)) == {"FINISHED"}
    return [obj for obj in bpy.context.selected_objects if obj not in before]


class see:
    """In it, the model gives each mesh back as it saw it."""

    def __enter__(self):
        def start(op, args, launch, arrays=None):
            job = self.start(op, args, launch, arrays)
            self.seen = arrays
            job.wait = lambda: (type(job).wait(job), self.swap(job))
            return job

        self.start, jobs.start = jobs.start, start

    def swap(self, job):
        each = job.args["count"] * job.args["best_of"]
        job.meshes = [
            jobs.ResultMesh(
                mesh.row,
                self.seen[f"vertices_{mesh.row // each}"],
                self.seen[f"faces_{mesh.row // each}"].astype(np.int64),
                True,
                mesh.provenance,
            )
            for mesh in job.meshes
        ]

    def __exit__(self, *error):
        jobs.start = self.start


bpy.ops.wm.read_factory_settings(use_empty=True)
enable()
bpy.ops.mesh.primitive_cone_add(vertices=5, radius1=1, radius2=0.4, depth=2)
cone = bpy.context.active_object
cone.name = "Cone"
bpy.ops.mesh.primitive_cube_add(size=2)
cube = bpy.context.active_object
cube.name = "Crate"

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
    # The model's own answer lies in the same room.
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
    seen = mesh_io.read_object(bpy.context, pole).seen()["vertices"]
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
    assert found["attempts"] == 2 and 4 <= found["seed"] < 8
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
activate(cube, twins[0])
bpy.ops.ed.undo_push(message="before")
count = len(bpy.data.objects)
retopologize()
bpy.ops.ed.undo_push(message="MeshGPT")
assert len(bpy.data.objects) == count + 2
bpy.ops.ed.undo()
assert len(bpy.data.objects) == count

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
