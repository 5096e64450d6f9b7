# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong is one sentence, in the error and in the panel, and leaves nothing behind."""

import os
import sys
from pathlib import Path

import bpy
import numpy
from _blender import MODEL, done, enable, names, part, refused

enable()
jobs, client = part("jobs"), part("worker_client")
before = names()

with refused('There is no model "no such model"'):
    bpy.ops.meshgpt.generate(model="no such model")
assert "no such model" in jobs.problem().message and jobs.current() is None
assert "no such model" in part("operators.setup").report_text()
bpy.ops.meshgpt.dismiss()
assert jobs.problem() is None

# Python: missing, not a Python, without the packages, too old to know
python = os.environ["MESHGPT_PYTHON"]
os.environ["MESHGPT_PYTHON"] = "/nowhere/python3"
with refused("/nowhere/python3", "cannot be started", "preferences"):
    bpy.ops.meshgpt.generate(model=MODEL)
with refused("/nowhere/python3", "cannot be started"):
    bpy.ops.meshgpt.check_python()
os.environ["MESHGPT_PYTHON"] = "/bin/false"
with refused("/bin/false", "cannot run the model"):
    bpy.ops.meshgpt.generate(model=MODEL)

bare = Path(os.environ["MESHGPT_DATA_DIR"]) / "bare"
bare.mkdir(parents=True)
os.system(f"{python} -m venv --without-pip {bare}")
os.environ["MESHGPT_PYTHON"] = str(bare)  # the folder of an environment is enough
for operator in (bpy.ops.meshgpt.check_python, bpy.ops.meshgpt.generate):
    with refused("cannot import NumPy", "Install PyTorch"):
        operator()
packages = next(bare.glob("lib/python*/site-packages"))
for folder in Path(numpy.__file__).parents[1].glob("numpy*"):
    (packages / folder.name).symlink_to(folder)
with refused("cannot import PyTorch", "pip install torch"):
    bpy.ops.meshgpt.check_python()
bpy.ops.meshgpt.dismiss()

# NumPy is enough to generate; what takes more is refused.
assert bpy.ops.meshgpt.generate(prompt="table", faces=30) == {"FINISHED"}
assert jobs.device()["id"] == "numpy" and len(bpy.context.active_object.data.polygons) > 3
with refused("cannot import PyTorch", "pip install torch"):
    bpy.ops.meshgpt.reconstruct(model="meshgpt-autoencoder")
assert bpy.ops.meshgpt.reconstruct() == {"FINISHED"}  # the lattice, with which the default model writes
os.environ["MESHGPT_PYTHON"] = python
assert bpy.ops.meshgpt.check_python() == {"FINISHED"}
assert jobs.hello()["executable"] == python and jobs.device()["id"] == "cpu"

# A worker that dies takes its job with it, not Blender; the next job starts a new one.
os.kill(client.current()._process.pid, 9)
assert bpy.ops.meshgpt.generate(model=MODEL) == {"FINISHED"}

# Polls say what is missing.
with refused("Select a mesh object"):
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = None
    bpy.ops.meshgpt.reconstruct()
with refused("No MeshGPT job is running"):
    bpy.ops.meshgpt.cancel()
bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
bpy.ops.object.mode_set(mode="EDIT")
with refused("Switch to Object Mode"):
    bpy.ops.meshgpt.generate()
bpy.ops.object.mode_set(mode="OBJECT")
empty = bpy.data.objects.new("Empty", bpy.data.meshes.new("Empty"))
bpy.context.collection.objects.link(empty)
bpy.context.view_layer.objects.active = empty
with refused('"Empty" has no faces'):
    bpy.ops.meshgpt.reconstruct(model=MODEL)

# Cancelled between two looks at the worker: nothing stays.
before = names()
job = jobs.start("generate", {"count": 64, "model": MODEL}, part("runtime").launch())
while job.first_face is None:
    job.update(0.2, block=True)
assert job.folder.exists() and 0 < job.progress < 1
try:
    jobs.start("generate", {}, part("runtime").launch())
except Exception as error:
    assert "running" in str(error)
else:
    raise AssertionError("two jobs at once")
bpy.ops.meshgpt.cancel()
job.wait()
job.close()
assert job.state is jobs.State.CANCELLED and not job.folder.exists() and names() == before and jobs.current() is None
if client.current() is not None:  # else it took too long to stop, and was ended
    assert bpy.ops.meshgpt.free_memory() == {"FINISHED"} and client.current() is None

# Results that wait for Object Mode can still be thrown away.
job = jobs.start("generate", {"model": MODEL}, part("runtime").launch())
job.wait()
assert job.state is jobs.State.DONE and bpy.ops.meshgpt.cancel() == {"FINISHED"}
job.close()
assert job.state is jobs.State.CANCELLED and names() == before

# A job that is abandoned (another file is loaded) ends its process.
job = jobs.start("generate", {"count": 64, "model": MODEL}, part("runtime").launch())
pid = job.client._process.pid
jobs.abandon()
assert not job.folder.exists() and not Path(f"/proc/{pid}").exists() or sys.platform != "linux"
done()
