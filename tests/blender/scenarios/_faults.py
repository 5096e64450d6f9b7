# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios of faults share: how each one is made to happen to a worker that runs. For Linux."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bpy
from _blender import MODEL, names, part


def bare_python():
    """A Python with NumPy alone, on which all of this is about the processes and starts fast."""
    folder = Path(os.environ["MESHGPT_DATA_DIR"]) / "bare"
    python = os.environ["MESHGPT_PYTHON"]
    ask = [python, "-c", "import numpy, pathlib; print(pathlib.Path(numpy.__file__).parents[1])"]
    found = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    if not folder.exists():
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
        packages = next(folder.glob("lib/python*/site-packages"))
        for path in Path(found).glob("numpy*"):
            (packages / path.name).symlink_to(path)
    return str(folder / "bin" / "python")


os.environ["MESHGPT_PYTHON"] = bare_python()
jobs, client, protocol = part("jobs"), part("worker_client"), part("jobs").protocol
LONG = {"count": 4, "max_faces": 120, "model": MODEL}  # a second or more of work for the tiny model, on NumPy
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


def mouth(job):
    """The worker's end of the pipe to Blender."""
    inode = os.fstat(job.client._process.stdout.fileno()).st_ino
    folder = Path(f"/proc/{pid_of(job)}/fd")
    number = next(path for path in folder.iterdir() if os.readlink(path) == f"pipe:[{inode}]")
    return open(number, "wb", buffering=0)


def say(job, content):
    """Bytes that seem to come from the worker."""
    with mouth(job) as pipe:
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


def make_happen(*faults):
    """Each fault once, or those named on the command line: nothing stays in the scene or on the disk, and all works."""
    before = names()
    for fault in faults:
        if len(sys.argv) > 1 and fault.__name__ not in sys.argv[1:]:
            continue
        started = time.monotonic()
        fault()
        assert names()[0] == before[0] and jobs.current() is None, fault
        assert not list(Path(os.environ["TMPDIR"]).glob("meshgpt-*")), fault
        print(f"{fault.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    assert bpy.ops.meshgpt.generate(model=MODEL, faces=8) == {"FINISHED"}
    assert bpy.ops.meshgpt.free_memory() == {"FINISHED"} and client.current() is None
