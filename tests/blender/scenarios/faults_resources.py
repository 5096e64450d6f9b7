# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk, no memory, endless logs. Rows of docs/RELIABILITY.md."""

import dataclasses

import bpy
from _blender import MODEL, done, enable, part, skip_unless_linux

enable()
skip_unless_linux()

import _faults as faults  # noqa: E402
from _faults import LONG, SHORT, client, jobs  # noqa: E402

State = jobs.State


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
    client.stop()


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


faults.make_happen(
    a_full_disk,
    out_of_memory,
    a_log_has_an_end,
)
done()
