# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that is killed, frozen, idle or of another version: what the user sees. Rows of docs/RELIABILITY.md."""

import dataclasses
import os
import signal
import time

import bpy
from _blender import MODEL, done, enable, part, skip_unless_linux

enable()
skip_unless_linux()

import _faults as faults  # noqa: E402
from _faults import SHORT, client, jobs  # noqa: E402

State = jobs.State


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

    job = faults.begun()
    jobs.FROZEN_SECONDS = 2.0
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


faults.make_happen(
    killed_between_jobs,
    killed_before_it_began,
    killed_with_faces,
    frozen,
    frozen_at_its_start,
    a_long_request_to_a_frozen_worker,
    idle,
    an_update_of_the_extension,
)
done()
