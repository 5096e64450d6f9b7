# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many jobs in one run of Blender: the memory of Blender and of the worker stays as it was after the first ones.

Each job makes one mesh, whose object is deleted again.
MESHGPT_MEMORY_JOBS is how many (60); the memory after the first MESHGPT_MEMORY_FIRST (30) is what the last is compared
with.
"""

import gc
import json
import os
import shutil
from pathlib import Path

import bpy
from _blender import MODEL, done, enable, skip_unless_linux

enable()
skip_unless_linux()

import _faults as faults  # noqa: E402
from _faults import client  # noqa: E402

JOBS = int(os.environ.get("MESHGPT_MEMORY_JOBS", "60"))
FIRST = int(os.environ.get("MESHGPT_MEMORY_FIRST", "30"))
MOST = 1.02
SLACK = (
    2048  # kB; of a small process: Python keeps the names of attributes it has looked up, and takes memory by the MB
)
# The same model, for meshes of four faces: the number of jobs counts, not their length.
folder = Path(os.environ["MESHGPT_DATA_DIR"]) / "small"
shutil.copytree(MODEL, folder)
config = json.loads((folder / "config.json").read_text())
config["transformer"]["max_faces"] = 4
(folder / "config.json").write_text(json.dumps(config))


def memory(pid):
    """Resident memory in kB that is the process's own, not pages of files that the system may drop and read again."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("RssAnon:")[2].split()[0])


sizes = {}
threads, files = [], []
for number in range(1, JOBS + 1):
    assert bpy.ops.meshgpt.generate(model=str(folder), seed=number, prompt="table") == {"FINISHED"}
    obj = bpy.context.active_object
    bpy.data.meshes.remove(obj.data)
    if number % 10 == 0:
        bpy.data.orphans_purge()
    if number in (FIRST, JOBS) or number % 100 == 0:
        gc.collect()
        sizes[number] = memory(os.getpid()), memory(client.current()._process.pid)
        threads.append(len(list(Path("/proc/self/task").iterdir())))
        files.append(len(list(Path("/proc/self/fd").iterdir())))
        print(f"after {number} jobs: Blender {sizes[number][0]} kB, worker {sizes[number][1]} kB", flush=True)
for name, first, last in zip(("Blender", "worker"), sizes[FIRST], sizes[JOBS], strict=True):
    print(f"{name}: {100 * (last / first - 1):+.2f}% from job {FIRST} to job {JOBS}")
    assert last <= max(first * MOST, first + SLACK), f"{name} grew from {first} to {last} kB"
assert threads[-1] <= threads[0] and files[-1] <= files[0], (threads, files)
assert not faults.gone(client.current()._process.pid)
done()
