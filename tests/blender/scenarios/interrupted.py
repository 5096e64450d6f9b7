# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may do while a job runs: save, undo, delete the source, go to another scene, load another file."""

import os
import sys
from pathlib import Path

import bpy
from _blender import ABLE_MODEL, MODEL, done, enable, part

enable()
jobs, results, runtime, client = (part(name) for name in ("jobs", "results", "runtime", "worker_client"))
LONG = {"count": 4, "max_faces": 300, "model": MODEL}
folder = Path(os.environ["TMPDIR"])


def begun():
    job = jobs.start("generate", LONG, runtime.launch())
    while job.first_face is None:
        job.update(0.1, block=True)
    return job


def conclude(job):
    job.wait()
    job.close()
    assert job.state is jobs.State.DONE and len(job.meshes) == 4, job.error
    return results.build(bpy.context, job.meshes, results.ResultOptions())


def while_it_runs(operator, disturb, **options):
    """Call an operator, and do something else when its job has begun."""
    wait = jobs.Job.wait

    def wait_and(job):
        disturb()
        wait(job)

    jobs.Job.wait = wait_and
    try:
        return operator(**options)
    finally:
        jobs.Job.wait = wait


# Saved: the file has what the scene has, and nothing of the job.
job = begun()
path = str(folder / "saved.blend")
assert bpy.ops.wm.save_as_mainfile(filepath=path, copy=True) == {"FINISHED"}
made = conclude(job)
with bpy.data.libraries.load(path) as (content, _):
    assert content.objects and not [name for name in content.objects if name in {obj.name for obj in made}]

# Undone and redone: the results come on top of what is there then.
bpy.ops.ed.undo_push(message="before")
bpy.ops.mesh.primitive_cone_add()
bpy.ops.ed.undo_push(message="cone")
job = begun()
bpy.ops.ed.undo()
assert "Cone" not in bpy.data.objects
count = len(bpy.data.objects)
made = conclude(job)
assert len(bpy.data.objects) == count + 4 and all(obj.data.polygons for obj in made)

# The source is deleted, renamed, or hidden while each of the tools works.
tools = {"reconstruct": {"model": MODEL}, "complete": {"model": ABLE_MODEL}, "retopologize": {"model": ABLE_MODEL}}
for name, options in tools.items():
    bpy.ops.mesh.primitive_cube_add()
    source = bpy.context.active_object
    source.name = "Source"
    before = {obj.name for obj in bpy.data.objects} - {"Source"}

    def delete():
        bpy.data.objects.remove(bpy.data.objects["Source"])

    try:
        assert while_it_runs(getattr(bpy.ops.meshgpt, name), delete, **options) == {"FINISHED"}
    except RuntimeError as error:
        assert "Traceback" not in str(error), error
        print(name, "without its source:", error)
        assert {obj.name for obj in bpy.data.objects} == before
    else:
        made = {obj.name for obj in bpy.data.objects} - before
        print(name, "without its source:", made)
        assert made and all(bpy.data.objects[one].data.polygons for one in made)
    assert jobs.current() is None

# Another scene: the results come where the user is, and the first scene stays as it was.
first = bpy.context.scene
there = set(first.objects.keys())
other = bpy.data.scenes.new("Other")


def go():
    bpy.context.window.scene = other


assert while_it_runs(bpy.ops.meshgpt.generate, go, model=MODEL, faces=8) == {"FINISHED"}
assert bpy.context.scene == other and len(other.objects) == 1 and set(first.objects.keys()) == there
job = begun()
bpy.data.scenes.remove(other)
made = conclude(job)
assert all(obj.name in first.objects for obj in made)

# Another file: Blender ends the operator, which ends the job.
job = begun()
bpy.ops.wm.open_mainfile(filepath=path)
jobs.abandon()
assert jobs.current() is None and client.current() is None and not job.folder.exists() and jobs.problem() is None
assert bpy.ops.meshgpt.generate(model=MODEL, faces=8) == {"FINISHED"}

# The extension is switched off, and on again.
job = begun()
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.meshgpt")
assert not job.folder.exists() and not job.client.alive
bpy.ops.preferences.addon_enable(module="bl_ext.user_default.meshgpt")
assert bpy.ops.meshgpt.generate(model=MODEL, faces=8) == {"FINISHED"}
assert "torch" not in sys.modules
done()
