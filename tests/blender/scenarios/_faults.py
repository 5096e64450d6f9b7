# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios of faults share: how each one is made to happen to a worker that runs. For Linux."""

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from _blender import MODEL, part

jobs, client, protocol = part("jobs"), part("worker_client"), part("jobs").protocol
LONG = {"count": 4, "max_faces": 300, "model": MODEL}  # seconds of work for the tiny model, on NumPy
SHORT = {"count": 2, "max_faces": 8, "model": MODEL}


def start(args=LONG, op="generate", launch=None, arrays=None):
    """A job, as the operators start it."""
    return jobs.start(op, args, launch or part("runtime").launch(), arrays)


def until(condition, job=None, seconds=60.0):
    """Wait for a condition, and keep a job up to date meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {job and (job.state, job.text, job.error)}"
        if job is not None and not job.finished:
            job.update(0.05, block=True)
        else:
            time.sleep(0.02)


def begun(args=LONG, **more):
    """A job that has shown faces."""
    job = start(args, **more)
    until(lambda: job.first_face is not None, job)
    return job


def end(job):
    """Wait for the end; returns what the user sees."""
    job.wait()
    job.close()
    assert not job.folder.exists() and jobs.current() is None
    return str(job.error) if job.error is not None else ""


def pid_of(job):
    return job.client._process.pid


def gone(pid):
    """Whether a process has ended; one whose parent has not asked for its exit code yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def send(job, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid_of(job), number)


@contextlib.contextmanager
def frozen(job):
    """The worker stands still inside."""
    send(job, signal.SIGSTOP)
    try:
        yield
    finally:
        send(job, signal.SIGCONT)


def say(job, content):
    """Bytes that seem to come from the worker: into its end of the pipe."""
    inode = os.fstat(job.client._process.stdout.fileno()).st_ino
    folder = Path(f"/proc/{pid_of(job)}/fd")
    number = next(path for path in folder.iterdir() if os.readlink(path) == f"pipe:[{inode}]")
    with open(number, "wb", buffering=0) as pipe:
        while content:
            content = content[pipe.write(content) :]


def close_pipe(stream):
    """The other end of a pipe finds it closed."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, stream.fileno())
    os.close(null)


def limit_memory(job, more=0):
    """The worker gets no memory beyond what it has."""
    pages = int(Path(f"/proc/{pid_of(job)}/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + more
    resource.prlimit(pid_of(job), resource.RLIMIT_AS, (size, size))


class SmallDisk:
    """A disk for the files of jobs that can be filled. `missing` says why there is none."""

    def __init__(self, size="2m"):
        self._old = tempfile.gettempdir()
        self.path = Path(tempfile.mkdtemp(prefix="disk-"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.path)]
        self.missing = os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0
        if not self.missing:
            tempfile.tempdir = str(self.path)

    def fill(self):
        with contextlib.suppress(OSError), open(self.path / "full", "ab", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def empty(self):
        (self.path / "full").unlink(missing_ok=True)

    def close(self):
        tempfile.tempdir = self._old
        if not self.missing:
            subprocess.run(["umount", "-l", str(self.path)], check=True)
        self.path.rmdir()
