# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random faults in a row against running jobs: Blender lives, the scene is unchanged or complete, nothing is left.

MESHGPT_CHAOS is how many (15), MESHGPT_CHAOS_SEED which.
"""

import collections
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import bpy
from _blender import MODEL, done, enable, names, skip_unless_linux

enable()
skip_unless_linux()

import _faults as faults  # noqa: E402
from _faults import client, jobs, protocol  # noqa: E402

NUMBER = int(os.environ.get("MESHGPT_CHAOS", "15"))
SEED = int(os.environ.get("MESHGPT_CHAOS_SEED", "6"))
ARGS = {"count": 3, "max_faces": 60, "model": MODEL}
OURS = ("kill", "abort", "stop", "pause", "stdin", "stdout", "memory", "garbage", "lie", "cancel", "disk")
chance = random.Random(SEED)
jobs.QUIET_SECONDS, jobs.FROZEN_SECONDS = 1.0, 6.0  # three signs of life, for busy machines
disk = faults.SmallDisk("1m")
folder = Path(os.environ["TMPDIR"]) if disk.missing else disk.path


def strike(kind, job):
    """One fault, now."""
    if kind == "kill":
        faults.send(job, signal.SIGKILL)
    elif kind == "abort":
        faults.send(job, signal.SIGABRT)
    elif kind == "stop":
        faults.send(job, signal.SIGSTOP)
    elif kind == "pause":
        faults.send(job, signal.SIGSTOP)
        threading.Timer(0.5, faults.send, (job, signal.SIGCONT)).start()
    elif kind in ("stdin", "stdout"):
        faults.close_pipe(getattr(job.client._process, kind))
    elif kind == "memory":
        faults.limit_memory(job)
    elif kind == "disk":
        disk.fill()
    elif kind == "garbage":
        faults.say(job, b"\n" + chance.randbytes(chance.randrange(10**5)).replace(b"\n", b"") + b"\n")
        job.client._outgoing.put(chance.randbytes(1000) + b'\n{"op":"cancel","args":[1]}\n{"id":[],"op":')
        job.client._outgoing.put(b"\n")
    elif kind == "lie":
        fields = {"event": chance.choice(["mesh", "face", "result", "error"]), "path": chance.choice(["x", 5, None])}
        faults.say(job, b"\n" + protocol.encode_line({"id": job.id, **fields}))
    else:
        job.cancel()


def children():
    """The processes that Blender has started and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


ends = collections.Counter()
before = names()
for number in range(NUMBER):
    kind = chance.choice(OURS)
    job = faults.start(ARGS | {"seed": number})
    delay = chance.choice((0.0, 0.02, 0.1, 0.3, 0.6))
    if chance.random() < 0.7:  # else it may still be starting
        faults.until(lambda job=job: job.finished or job.first_face is not None, job)
    end = time.monotonic() + delay
    while time.monotonic() < end and not job.finished:
        job.update(0.02, block=True)
    try:
        strike(kind, job)
    except (OSError, StopIteration, ValueError):
        kind += ", too late"  # the worker was gone, or done
    text = faults.end(job)
    disk.empty()
    assert text == "" or text.endswith(".") and text.isprintable() and "Traceback" not in text, (number, kind, text)
    # Cancelled when the results were there but not taken yet: none is taken.
    whole = len(job.meshes) == 3 and bool(job.result) and job.state is not jobs.State.CANCELLED
    assert (job.state is jobs.State.DONE) == whole, (number, kind, job.state)
    assert names() == before and not list(folder.glob("meshgpt-*")), (number, kind)
    ends[f"{kind}: {job.state.name.lower()}"] += 1
    if job.state is not jobs.State.DONE and chance.random() < 0.5:
        client.stop()
    if number % 10 == 9:
        # It still works, with the operator, whatever has happened to the worker that may be there.
        if client.current() is not None:
            os.kill(client.current()._process.pid, signal.SIGKILL)
        assert bpy.ops.meshgpt.generate(model=MODEL, count=2, faces=8) == {"FINISHED"}
        made = [bpy.data.objects[name] for name in names()[0] - before[0]]
        assert len(made) == 2 and all(json.loads(obj["meshgpt"])["job"] == "generate" for obj in made)
        for obj in made:
            bpy.data.meshes.remove(obj.data)
        assert names() == before
        assert children() == [client.current()._process.pid]
        print(number + 1, flush=True)
client.stop()
faults.until(lambda: not children())
disk.close()
print(json.dumps(dict(sorted(ends.items())), indent=1))
print(f"{NUMBER} faults with seed {SEED}{', without a small disk' if disk.missing else ''}")
done()
