# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios of retopology share.

The tiny model's meshes are noise, so `see` lets it draw the source itself where a test is about places: all that comes
after the model's answer is then as in earnest.
"""

import bpy
import numpy as np
from _blender import ABLE_MODEL, enable, part

OPTIONS = {"model": ABLE_MODEL, "faces": 30, "attempts": 1, "guidance": 1.0}


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
        self.jobs = part("jobs")

        def start(op, args, launch, arrays=None):
            job = self.start(op, args, launch, arrays)
            self.seen = arrays
            job.wait = lambda: (type(job).wait(job), self.swap(job))
            return job

        self.start, self.jobs.start = self.jobs.start, start

    def swap(self, job):
        each = job.args["count"] * job.args["best_of"]
        job.meshes = [
            self.jobs.ResultMesh(
                mesh.row,
                self.seen[f"vertices_{mesh.row // each}"],
                self.seen[f"faces_{mesh.row // each}"].astype(np.int64),
                True,
                mesh.provenance,
            )
            for mesh in job.meshes
        ]

    def __exit__(self, *error):
        self.jobs.start = self.start


def begin():
    """An empty file with a cone and a cube."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    enable()
    bpy.ops.mesh.primitive_cone_add(vertices=5, radius1=1, radius2=0.4, depth=2)
    cone = bpy.context.active_object
    cone.name = "Cone"
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.active_object
    cube.name = "Crate"
    return cone, cube
