# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of the worker once: what the user sees, and that nothing else is lost. Rows of docs/RELIABILITY.md."""

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import bpy
import numpy as np
from _blender import MODEL, done, enable, names, part

enable()
if sys.platform != "linux":
    print("The faults are made with Linux's /proc")
    done()
    sys.exit()

import _faults as faults  # noqa: E402
from _faults import LONG, SHORT, client, jobs, protocol  # noqa: E402

State = jobs.State
before = names()


def killed_between_jobs():
    """The next job starts a new worker."""
    assert not faults.end(faults.start(SHORT))
    os.kill(client.current()._process.pid, signal.SIGKILL)
    assert bpy.ops.meshgpt.generate(model=MODEL, faces=8) == {"FINISHED"}
    bpy.ops.object.delete()
    assert len(bpy.context.selected_objects) == 0


def killed_before_it_began():
    """It is started again, once."""
    client.stop()
    job = faults.start(SHORT)
    first = faults.pid_of(job)
    faults.send(job, signal.SIGKILL)
    assert not faults.end(job) and job.state is State.DONE and len(job.meshes) == 2
    assert faults.pid_of(job) != first and faults.gone(first)
    client.stop()
    job = faults.start(SHORT)
    for _ in range(2):
        old = job.client
        faults.send(job, signal.SIGKILL)
        faults.until(lambda old=old: job.finished or job.client is not old, job)
    assert "process of the model" in faults.end(job) or "ended" in str(job.error)
    assert job.state is State.FAILED


def killed_with_faces():
    """It is not begun again: what was shown would change under the user's eyes."""
    job = faults.begun()
    pid = faults.pid_of(job)
    faults.send(job, signal.SIGKILL)
    text = faults.end(job)
    assert "memory may have run out" in text and "Ask for 2 at once instead of 4" in text, text
    assert job.state is State.FAILED and faults.pid_of(job) == pid
    job = faults.begun()
    faults.send(job, signal.SIGSEGV)
    assert "ended unexpectedly (exit code -11)" in faults.end(job)


def frozen():
    """The panel says so; cancel ends it; when it goes on, so does the job; and it does not last for ever."""
    jobs.QUIET_SECONDS = 0.5
    job = faults.begun()
    faults.send(job, signal.SIGSTOP)
    faults.until(lambda: "has not answered" in job.text and "cancel" in job.text, job)
    job.cancel()
    started = time.monotonic()
    assert not faults.end(job) and job.state is State.CANCELLED and faults.gone(faults.pid_of(job))
    assert time.monotonic() - started < 20

    job = faults.begun()
    shown = job.text
    with faults.frozen(job):
        faults.until(lambda: "has not answered" in job.text, job)
    assert shown != job.text
    faults.until(lambda: "has not answered" not in job.text, job)
    assert not faults.end(job) and job.state is State.DONE

    jobs.FROZEN_SECONDS = 2.0
    job = faults.begun()
    faults.send(job, signal.SIGSTOP)
    assert "was frozen for" in faults.end(job) and faults.gone(faults.pid_of(job))
    jobs.QUIET_SECONDS, jobs.FROZEN_SECONDS = 20.0, 300.0


def frozen_at_its_start():
    client.stop()
    jobs.READY_SECONDS = 1.5
    job = faults.start()
    faults.send(job, signal.SIGSTOP)
    assert "does not answer" in faults.end(job) and faults.gone(faults.pid_of(job))
    jobs.READY_SECONDS = 60.0


def a_long_request_to_a_frozen_worker():
    """It fills the pipe; Blender must not wait for that."""
    assert not faults.end(faults.start(SHORT))
    os.kill(client.current()._process.pid, signal.SIGSTOP)
    started = time.monotonic()
    job = faults.start(SHORT | {"prompt": "table " * 80_000})
    assert time.monotonic() - started < 20
    job.cancel()
    assert not faults.end(job) and job.state is State.CANCELLED and faults.gone(faults.pid_of(job))


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
    for name, stopped in (("stdout", False), ("stdin", False), ("stdout", True)):
        job = faults.begun()
        pid = faults.pid_of(job)
        faults.close_pipe(getattr(job.client._process, name))
        if stopped:
            faults.say(job, b"\n")  # so that the reader sees it
            faults.send(job, signal.SIGSTOP)
        assert "ended" in faults.end(job), (name, job.error)
        faults.until(lambda pid=pid: faults.gone(pid))


def a_full_disk():
    disk = faults.SmallDisk()
    try:
        if disk.missing:
            print("Only root can mount a small disk")
            return
        disk.fill()
        bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
        try:
            bpy.ops.meshgpt.reconstruct(model=MODEL)
        except RuntimeError as error:
            assert "The disk is full." in str(error), error
        else:
            raise AssertionError("a full disk took a mesh")
        assert not list(disk.path.glob("meshgpt-*"))
        disk.empty()
        job = faults.begun()
        disk.fill()
        text = faults.end(job)
        assert "The disk is full." in text and str(disk.path) in text and job.state is State.FAILED, text
        # A log is not worth a job.
        disk.empty()
        launch = dataclasses.replace(part("runtime").launch(), data_dir=disk.path / "data")
        job = faults.start(SHORT, launch=launch)
        faults.until(lambda: job.client.ready, job)
        job.client._log.write(b"x" * 10**6)
        assert not faults.end(job) and job.state is State.DONE
        client.stop()
    finally:
        disk.close()


def out_of_memory():
    """The hint names a smaller request, and the same worker serves it."""
    for args, hint in ((LONG, "Ask for 2 at once instead of 4"), (LONG | {"count": 1, "faces": 300}, "150 faces")):
        client.stop()
        job = faults.start({}, "hello")
        faults.until(lambda job=job: job.client.ready, job)
        assert not faults.end(job)
        job = faults.start(args)
        faults.limit_memory(job)
        text = faults.end(job)
        assert "The device ran out of memory." in text and hint in text, text


def a_log_has_an_end():
    job = faults.begun()
    with faults.frozen(job):
        for number in range(30):
            faults.say(job, b"\n".join(b"%d" % number * 400 for _ in range(250)) + b"\n")
        faults.say(job, b"the last line\n")
    assert not faults.end(job)
    path = job.client._log._path
    assert path.stat().st_size <= part("worker_log").LONGEST_LOG and "the last line" in client.last_log()
    assert path.read_text().startswith("[what was printed before")
    for _ in range(8):
        client.stop()
        client.shared(part("runtime").launch())
    assert len(list(path.parent.glob("worker-*.log"))) <= part("worker_log").KEPT_LOGS


def idle():
    """A worker that nobody needs ends, and the next job starts another."""
    client.stop()
    launch = dataclasses.replace(part("runtime").launch(), idle_seconds=0.5)
    job = faults.start(SHORT, launch=launch)
    assert not faults.end(job)
    faults.until(lambda: client.current() is None and faults.gone(faults.pid_of(job)))
    assert not faults.end(faults.start(SHORT))


def an_update_of_the_extension():
    """The worker runs the new version, Blender still the old one."""
    client.stop()
    jobs.__version__, version = "0.0.9", jobs.__version__
    job = faults.start(SHORT)
    assert "was updated" in faults.end(job) and "start Blender again" in str(job.error)
    assert faults.gone(faults.pid_of(job))
    jobs.__version__ = version
    assert not faults.end(faults.start(SHORT))


for fault in (
    killed_between_jobs,
    killed_before_it_began,
    killed_with_faces,
    frozen,
    frozen_at_its_start,
    a_long_request_to_a_frozen_worker,
    garbage_from_the_worker,
    messages_that_make_no_sense,
    closed_pipes,
    a_full_disk,
    out_of_memory,
    a_log_has_an_end,
    idle,
    an_update_of_the_extension,
):
    started = time.monotonic()
    print(fault.__name__, end=" ", flush=True)
    if len(sys.argv) > 1 and fault.__name__ not in sys.argv[1:]:
        continue
    fault()
    assert names()[0] == before[0], fault
    assert not list(Path(os.environ["TMPDIR"]).glob("meshgpt-*")), fault
    print(f"{time.monotonic() - started:.1f} s", flush=True)
assert bpy.ops.meshgpt.generate(model=MODEL, faces=8) == {"FINISHED"}
bpy.ops.meshgpt.free_memory()
assert client.current() is None
done()
