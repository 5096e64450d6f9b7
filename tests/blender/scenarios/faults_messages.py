# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Garbage, lies and closed pipes between Blender and the worker. Rows of docs/RELIABILITY.md."""

import shutil
import signal

import bpy
import numpy as np
from _blender import done, enable, part, skip_unless_linux

enable()
skip_unless_linux()

import _faults as faults  # noqa: E402
from _faults import client, jobs, protocol  # noqa: E402

State = jobs.State


GARBAGE = (
    b"\n\nsomething printed this\n\xff\xfe\0\n[1,2]\nnull\n" + b'{"id":1,"event":\n' + b"x" * 2**20 + b"\n",
    b'{"event":"closed"}\n{"event":"dance"}\n{"id":-1,"event":"mesh"}\n{"id":null,"event":"result"}\n{}\n',
    b'{"id":999999,"event":"result"}\n{"id":[1],"event":"mesh"}\n' + b"[" * 100_000 + b"\n",
)


def garbage_from_the_worker():
    """It is kept in the log, and the job goes on."""
    for content in GARBAGE:
        job = faults.begun()
        with faults.frozen(job):
            faults.say(job, content)
        assert not faults.end(job) and job.state is State.DONE and len(job.meshes) == 4
    assert bpy.ops.meshgpt.copy_log() == {"FINISHED"}
    assert "something printed this" in part("operators.setup").report_text()


def messages_that_make_no_sense():
    """A job whose messages cannot be trusted fails, whole."""
    lies = [
        {"event": "mesh"},
        {"event": "mesh", "path": 5, "row": 0, "provenance": {}},
        {"event": "mesh", "path": "none.npz", "row": 0, "provenance": {}},
        {"event": "mesh", "path": "nan.npz", "row": 0, "provenance": {}},
        {"event": "mesh", "path": "mesh-0.npz", "row": "x", "provenance": {}},
        {"event": "face", "path": "flat.npz"},
        {"event": "face", "path": "/etc/passwd"},
        {"event": "progress"},
        {"event": "progress", "text": 5},
        {"event": "result"},
        {"event": "result", "meshes": 4},
        {"event": "error"},
    ]
    for lie in lies:
        job = faults.begun()
        with faults.frozen(job):
            np.savez(job.folder / "nan.npz", vertices=np.full((3, 3), np.nan), faces=np.array([[0, 1, 2]]))
            np.savez(job.folder / "flat.npz", rows=np.zeros(2, np.int32), triangles=np.zeros(3))
            faults.say(job, protocol.encode_line({"id": job.id, **lie}))
        text = faults.end(job)
        assert job.state is State.FAILED and text.endswith(".") and "Traceback" not in text, (lie, job.state, text)
        assert faults.gone(faults.pid_of(job)), lie


def closed_pipes():
    """Whichever end closes, the job ends and so does the process."""
    for name in ("stdout", "stdin"):
        job = faults.begun()
        pid = faults.pid_of(job)
        faults.close_pipe(getattr(job.client._process, name))
        text = faults.end(job)
        assert job.state is State.FAILED and ("ended" in text or "was lost" in text), (name, job.state, text)
        faults.until(lambda pid=pid: faults.gone(pid))
    job = faults.begun()  # faces that it had told of are gone with the folder that it deletes when it ends
    shutil.rmtree(job.folder)
    faults.say(job, b"\n" + protocol.encode_line({"id": job.id, "event": "face", "path": "faces-9.npz", "faces": 1}))
    assert "was lost" in faults.end(job)
    client.EXIT_SECONDS = 1.0  # for one that closes its output and lives on
    job = faults.begun()
    with faults.mouth(job) as pipe:
        faults.send(job, signal.SIGSTOP)
        faults.close_pipe(job.client._process.stdout)
        pipe.write(b"\n")
    assert "was lost" in faults.end(job) and faults.gone(faults.pid_of(job)), job.error
    client.EXIT_SECONDS = 5.0


faults.make_happen(
    garbage_from_the_worker,
    messages_that_make_no_sense,
    closed_pipes,
)
done()
