# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two Blenders with one data folder, and a Blender that ends in the middle of a job: nothing of it stays."""

import os
import subprocess
import sys
from pathlib import Path

import bpy  # noqa: F401 - first: it brings addon_utils
from _blender import done, enable, part, skip_unless_linux

enable()
skip_unless_linux()

import _faults as faults  # noqa: E402
from _faults import client, jobs  # noqa: E402


def second(what):
    """Another Blender in the middle of a job; the pid of its worker and the folder of the job."""
    command = [sys.executable, str(Path(__file__).with_name("_second.py")), what]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid, folder = process.stdout.readline().split()
    if what not in ("crash", "quit"):  # those are over at once
        assert Path(folder).is_dir() and not faults.gone(int(pid))
    return process, int(pid), Path(folder)


# Both work at once, each with its own worker, log and files.
other, pid, folder = second("work")
job = faults.begun()
assert faults.pid_of(job) != pid and job.folder != folder
logs = part("worker_log").Path(os.environ["MESHGPT_DATA_DIR"]) / "logs"
for _ in range(part("worker_log").KEPT_LOGS + 2):
    part("worker_log").WorkerLog(logs.parent)
kept = [path for path in logs.glob("worker-*.log") if f"-{other.pid}-" in path.name]
assert len(kept) == 1, "the log of another Blender that runs was deleted"
assert not faults.end(job) and job.state is jobs.State.DONE and len(job.meshes) == 4
assert other.communicate("\n")[0].split() == ["DONE", "4"]
faults.until(lambda: faults.gone(pid))
assert not folder.exists()

# Blender is killed, crashes, or quits while a job runs.
for what in ("early", "stand", "crash", "quit"):
    other, pid, folder = second(what)
    if what in ("early", "stand"):
        other.kill()
    other.communicate()
    faults.until(lambda pid=pid: faults.gone(pid), seconds=30)
    faults.until(lambda folder=folder: not folder.exists(), seconds=5)
    print(what, other.returncode)
client.stop()
done()
