# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another Blender, with the same data folder: it starts a job, says so, and does what its first argument says."""

import os
import signal
import sys
import time

import bpy  # noqa: F401 - first: it brings addon_utils
from _blender import MODEL, enable, part

enable()
jobs = part("jobs")
job = jobs.start("generate", {"count": 4, "max_faces": 300, "model": MODEL}, part("runtime").launch())
while job.first_face is None and sys.argv[1] != "early":
    job.update(0.1, block=True)
while not job.client._outgoing.empty():  # what the worker was never told, nobody can clear away
    time.sleep(0.01)
time.sleep(0.05)
print(job.client._process.pid, job.folder, flush=True)
if sys.argv[1] in ("early", "stand"):
    os.kill(os.getpid(), signal.SIGSTOP)
if sys.argv[1] == "work":
    sys.stdin.readline()
    job.wait()
    job.close()
    print(job.state.name, len(job.meshes), flush=True)
if sys.argv[1] == "crash":
    os.abort()
