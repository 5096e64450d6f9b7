# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one job that may run at a time: its state, progress and results. Keeps no reference to anything of Blender's."""

import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core import protocol
from ..core.errors import MeshGPTError
from . import worker_client

CANCEL_SECONDS = 0.4  # what a worker gets to stop by itself; while it writes faces, it looks after each
READY_SECONDS = 60.0  # what a Python gets to start, before torch: slow disks, virus scanners
TYPICAL_FACES = 160  # for the progress bar, when no face count was asked for
ESTIMATE_AFTER = 1.0  # seconds of faces before the time left is told
COPY_LOG = "Copy Log in the MeshGPT tab has the details."


class State(Enum):
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class ResultMesh:
    """One mesh from the worker: vertices float32 [V, 3], faces int64 [F, 3], and how it came to be."""

    row: int
    vertices: np.ndarray
    faces: np.ndarray
    ended: bool
    provenance: dict[str, Any]


@dataclass
class Job:
    """A request to the worker and everything it has answered so far."""

    op: str
    args: dict[str, Any]
    client: worker_client.WorkerClient
    folder: Path
    id: int = 0
    hello: int | None = None
    state: State = State.RUNNING
    text: str = "Starting the model"
    stage: str = ""  # of several that the job has, to stand before the count of faces
    started: float = field(default_factory=time.monotonic)
    first_face: float | None = None  # seconds after `started`
    face_counts: dict[int, int] = field(default_factory=dict)
    new_faces: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # rows [n], triangles [n, 3, 3]
    meshes: list[ResultMesh] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    error: MeshGPTError | None = None
    _deadline: float = 0.0
    _reused: bool = False  # the worker had served others before
    _silent: bool = True  # nothing was heard about this job yet

    def __post_init__(self) -> None:
        self._reused = self.client.ready
        self._send()

    def _send(self) -> None:
        """Ask the worker, first for its name where it is new."""
        if self.op == protocol.HELLO:
            self.id = self.hello = self.client.send(self.op, self.args)
            return
        if not self.client.ready:
            self.hello = self.client.send(protocol.HELLO)
        self.id = self.client.send(self.op, self.args)

    @property
    def finished(self) -> bool:
        return self.state in (State.DONE, State.FAILED, State.CANCELLED)

    @property
    def rows(self) -> int:
        """How many meshes are made, those that are not kept among them."""
        return self.args.get("rows") or self.args.get("count") or 1

    @property
    def progress(self) -> float:
        """Share of the work done, as far as one can know before the meshes have ended."""
        rows = self.rows
        done = {mesh.row for mesh in self.meshes}
        usual = sum(len(mesh.faces) for mesh in self.meshes) / max(1, len(done))
        expected = self.args.get("faces") or usual or TYPICAL_FACES
        parts = (1.0 if row in done else min(0.95, self.face_counts.get(row, 0) / expected) for row in range(rows))
        return sum(parts) / rows

    def seconds_left(self) -> float | None:
        """An estimate from the faces so far; None while there are too few."""
        if self.first_face is None:
            return None
        spent = time.monotonic() - self.started - self.first_face
        return spent * (1 / self.progress - 1) if spent >= ESTIMATE_AFTER else None

    def update(self, seconds: float, block: bool = False) -> None:
        """Take in what the worker said, for at most `seconds`."""
        for event in self.client.drain(seconds, block):
            try:
                self._take(event)
            except MeshGPTError as error:  # a file of the worker's cannot be read
                self._fail(error.message, error.hint)
            if self.finished:
                return
        now = time.monotonic()
        if self.state is State.CANCELLING and now > self._deadline:
            self.client.kill()  # it did not stop: a long load, a stuck driver
            self.state = State.CANCELLED
        elif not self.client.ready and now - self.client.started > READY_SECONDS:
            self.client.kill()
            text = rpt_('"{path}" does not answer.').format(path=self.client.launch.python)
            self._fail(text, "Is it a Python? See the preferences.")

    def wait(self) -> None:
        """Block until the job is finished; Ctrl+C cancels it."""
        while not self.finished:
            try:
                self.update(0.2, block=True)
            except KeyboardInterrupt:
                self.cancel()

    def cancel(self) -> None:
        """Ask the worker to stop; the job is over when it has, or, with the worker, a moment later."""
        if self.state is State.RUNNING:
            self.state, self.text = State.CANCELLING, "Cancelling"
            self._deadline = time.monotonic() + CANCEL_SECONDS
            self.client.send(protocol.CANCEL, {"job": self.id})
        elif self.state is State.DONE:  # the results are there, but were not taken yet
            self.state = State.CANCELLED

    def close(self) -> None:
        """Delete the job's files, and remember its error for the panel."""
        global _current, _problem
        shutil.rmtree(self.folder, ignore_errors=True)
        if _current is self:
            _current = None
        if self.error is not None:
            _problem = self.error

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == protocol.CLOSED:
            self._worker_ended()
        elif kind == protocol.RESULT and event.get("id") == self.hello:
            _remember(event)
        if event.get("id") != self.id:
            return
        self._silent = False
        if kind == protocol.PROGRESS and self.state is State.RUNNING:
            self.text, self.stage = event["text"], event.get("stage", "")
        elif kind == protocol.FACE and self.state is State.RUNNING:
            self._take_faces(event["path"])
        elif kind == protocol.MESH and self.state is State.RUNNING:
            arrays = protocol.read_arrays(event["path"])
            mesh = ResultMesh(
                event["row"], arrays["vertices"], arrays["faces"], event.get("ended", True), event["provenance"]
            )
            self.meshes.append(mesh)
        elif kind == protocol.RESULT:
            self.result = event
            self.state = State.CANCELLED if self.state is State.CANCELLING else State.DONE
            _remember(event)
        elif kind == protocol.ERROR:
            self._take_error(event)

    def _take_faces(self, path: str) -> None:
        arrays = protocol.read_arrays(path)
        with contextlib.suppress(OSError):
            Path(path).unlink()
        if self.first_face is None:
            self.first_face = time.monotonic() - self.started
        for row in arrays["rows"].tolist():
            self.face_counts[row] = self.face_counts.get(row, 0) + 1
        self.new_faces.append((arrays["rows"], arrays["triangles"]))
        total = sum(self.face_counts.values())
        if self.args.get("faces"):
            text = iface_("{count} of about {asked} faces").format(count=total, asked=self.args["faces"] * self.rows)
        else:
            text = iface_("{count} faces").format(count=total) if total != 1 else iface_("1 face")
        self.text = self.stage + text
        if (left := self.seconds_left()) is not None:
            span = iface_("{count} s left") if left < 60 else iface_("{count} min left")
            self.text += ", " + span.format(count=f"{left if left < 60 else left / 60:.0f}")

    def _take_error(self, event: dict[str, Any]) -> None:
        if self.state is State.CANCELLING or event["kind"] == protocol.CANCELLED:
            self.state = State.CANCELLED
            return
        hint = COPY_LOG if event["kind"] == protocol.INTERNAL else event["hint"]
        self._fail(event["message"], hint)

    def _worker_ended(self) -> None:
        if self.state is State.CANCELLING:
            self.state = State.CANCELLED
            return
        if self._silent and self._reused:  # it ended, idle, just before this request could reach it
            self._reused = False
            self.client = worker_client.shared(self.client.launch)
            self._send()
            return
        last = self.client.log_text(1).strip()
        if not self.client.ready:
            self._fail(
                rpt_('The Python at "{path}" cannot run the model: {reason}.').format(
                    path=self.client.launch.python, reason=last or rpt_("it ended at once")
                ),
                "Install PyTorch, NumPy and safetensors there, or choose another Python in the preferences.",
            )
        else:
            text = rpt_("The process of the model ended unexpectedly (exit code {code}).")
            self._fail(text.format(code=self.client.returncode), COPY_LOG)

    def _fail(self, message: str, hint: str) -> None:
        self.state, self.error = State.FAILED, MeshGPTError(message, hint)


_current: Job | None = None
_problem: MeshGPTError | None = None
_device: dict[str, Any] | None = None
_hello: dict[str, Any] | None = None


def start(op: str, args: dict[str, Any], launch: worker_client.Launch, arrays: dict | None = None) -> Job:
    """Send a request to the worker, starting one if need be. `arrays` go along as a file, named in args["path"].

    Raises MeshGPTError when a job is running already or no worker can be started.
    """
    global _current, _problem
    if _current is not None:
        raise MeshGPTError("Another MeshGPT job is running.", "Wait for it, or cancel it.")
    _problem = None
    folder = None
    try:
        client = worker_client.shared(launch)
        folder = Path(tempfile.mkdtemp(prefix="meshgpt-"))
        args = args | {"folder": str(folder)}
        if arrays:
            args["path"] = str(protocol.write_arrays(folder / "input.npz", **arrays))
        job = Job(op, args, client, folder)
    except MeshGPTError as error:
        _problem = error
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    _current = job
    return job


def current() -> Job | None:
    """The running job."""
    return _current


def problem() -> MeshGPTError | None:
    """What went wrong last, until the next job starts or `clear_problem()`."""
    return _problem


def set_problem(error: MeshGPTError) -> None:
    global _problem
    _problem = error


def clear_problem() -> None:
    global _problem
    _problem = None


def device() -> dict[str, Any] | None:
    """The device of the last answer: id, name, free and total bytes."""
    return _device


def hello() -> dict[str, Any] | None:
    """What the last started worker said about itself: versions, packages, devices."""
    return _hello


def abandon() -> None:
    """Forget the running job and end the worker: a file is loaded, or the extension is switched off."""
    global _problem, _device, _hello
    if _current is not None:
        _current.client.kill()
        _current.close()
    _problem = _device = _hello = None


def _remember(event: dict[str, Any]) -> None:
    global _device, _hello
    if "packages" in event:
        _hello = event
        _device = next(iter(event["devices"]), None)
    elif event.get("device"):
        _device = event["device"]
