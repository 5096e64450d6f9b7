# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one job that may run at a time: its state, progress and results. Keeps no reference to anything of Blender's."""

import contextlib
import errno
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

from ..core import __version__, protocol
from ..core.errors import MeshGPTError, one_line
from ..core.explanations import full_disk, smaller
from ..core.mesh import TriangleMesh
from . import worker_client

CANCEL_SECONDS = 0.4  # what a worker gets to stop by itself; while it writes faces, it looks after each
READY_SECONDS = 60.0  # what a Python gets to start, before torch: slow disks, virus scanners
QUIET_SECONDS = 20.0  # without a sign of life, which comes every two seconds: the user is told
FROZEN_SECONDS = 300.0  # the same: the worker is ended; a driver or a slow disk may hold up all of a process for long
AWAY_SECONDS = 5.0  # between two looks at the worker: Blender itself was held up, by a render or because it slept
TYPICAL_FACES = 160  # for the progress bar, when no face count was asked for
ESTIMATE_AFTER = 1.0  # seconds of faces before the time left is told
LOST = "The connection to the process of the model was lost."
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
    _silent: bool = True  # nothing was heard about this job yet
    _restarted: bool = False
    _looked: float = 0.0  # when `update` last did
    _covered: str | None = None  # the text that the one about a quiet worker stands in for

    def __post_init__(self) -> None:
        self._send()

    def _send(self) -> None:
        """Ask the worker, first for its name where it is new."""
        self.client.heard = self._looked = time.monotonic()
        self.hello = None
        if self.op == protocol.HELLO:
            self.id = self.hello = self.client.send(self.op, self.args)
            return
        if not self.client.ready:
            self.hello = self.client.send(protocol.HELLO, {"quick": True})
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
        if time.monotonic() - self._looked > AWAY_SECONDS:
            self.client.heard = time.monotonic()
        for event in self.client.drain(seconds, block):
            try:
                self._take(event)
            except MeshGPTError as error:  # a file of the worker's cannot be read, or none can be started again
                if event.get("event") in (protocol.FACE, protocol.MESH) and not self.folder.exists():
                    self._give_up(LOST, COPY_LOG)  # it has found its end of a pipe closed, and has tidied up
                else:
                    self._give_up(error.message, error.hint)
            except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
                self._give_up("The process of the model sent something that makes no sense.", COPY_LOG)
            if self.finished:
                return
        now = self._looked = time.monotonic()
        if self.state is State.CANCELLING and now > self._deadline:
            self.client.kill()  # it did not stop: a long load, a stuck driver
            self.state = State.CANCELLED
        elif not self.client.ready:
            if now - self.client.started > READY_SECONDS:
                text = rpt_('"{path}" does not answer.').format(path=self.client.launch.python)
                self._give_up(text, "Is it a Python? See the preferences.")
        elif self.state is State.RUNNING:
            self._listen(now - self.client.heard)

    def _listen(self, silence: float) -> None:
        """Tell the user when the worker gives no sign of life for long, and end it when that goes on."""
        if silence > FROZEN_SECONDS:
            text = rpt_("The process of the model was frozen for {count} s, and was ended.")
            self._give_up(text.format(count=round(silence)), COPY_LOG)
        elif silence > QUIET_SECONDS:
            if self._covered is None:
                self._covered = self.text
            text = iface_("The model has not answered for {count} s: wait, or cancel")
            self.text = text.format(count=round(silence))
        elif self._covered is not None:
            self.text, self._covered = self._covered, None

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
        elif kind == protocol.READY:
            self._check_version(event)
        elif kind == protocol.RESULT and self.hello is not None and event.get("id") == self.hello:
            _remember(event)
        if event.get("id") != self.id:
            return
        self._silent, self._covered = False, None
        if kind == protocol.PROGRESS and self.state is State.RUNNING:
            self.text, self.stage = one_line(event["text"], 200), one_line(event.get("stage", ""), 200)
        elif kind == protocol.FACE and self.state is State.RUNNING:
            self._take_faces(self._file(event))
        elif kind == protocol.MESH and self.state is State.RUNNING:
            arrays = protocol.read_arrays(self._file(event), "vertices", "faces")
            mesh = TriangleMesh(arrays["vertices"], arrays["faces"])  # which looks at the numbers
            about = dict(event["provenance"])
            self.meshes.append(
                ResultMesh(int(event["row"]), mesh.vertices, mesh.faces, bool(event.get("ended", True)), about)
            )
        elif kind == protocol.RESULT:
            self._take_result(event)
        elif kind == protocol.ERROR:
            self._take_error(event)

    def _file(self, event: dict[str, Any]) -> Path:
        """The file that an event names; there are none outside of the job's folder."""
        return self.folder / Path(event["path"]).name

    def _take_result(self, event: dict[str, Any]) -> None:
        if self.state is State.CANCELLING:
            self.state = State.CANCELLED
            return
        if self.op != protocol.HELLO and not 0 < event["meshes"] == len(self.meshes):
            raise ValueError("Meshes are missing")
        _remember(event)
        self.result, self.state = event, State.DONE

    def _check_version(self, event: dict[str, Any]) -> None:
        """A worker runs what is on the disk, Blender what it has loaded: they differ after an update."""
        if event.get("protocol") != protocol.PROTOCOL_VERSION or event.get("version") != __version__:
            self._give_up("MeshGPT was updated while Blender was running.", "Save your work, and start Blender again.")

    def _take_faces(self, path: Path) -> None:
        arrays = protocol.read_arrays(path, "rows", "triangles")
        with contextlib.suppress(OSError):
            path.unlink()
        rows, triangles = arrays["rows"], arrays["triangles"]
        if rows.dtype.kind != "i" or triangles.shape != (*rows.shape, 3, 3) or not np.isfinite(triangles).all():
            raise ValueError("These are no faces")
        if self.first_face is None:
            self.first_face = time.monotonic() - self.started
        for row in rows.tolist():
            self.face_counts[row] = self.face_counts.get(row, 0) + 1
        self.new_faces.append((rows, triangles))
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
        if self.state is State.CANCELLING:
            self.state = State.CANCELLED
            return
        if event.get("kind") == protocol.CANCELLED:  # by nobody here: it has found its end of a pipe closed
            self._give_up(LOST, COPY_LOG)
            return
        hint = COPY_LOG if event.get("kind") == protocol.INTERNAL else event["hint"]
        self._fail(event["message"], hint)

    def _worker_ended(self) -> None:
        code = self.client.returncode
        if self.state is State.CANCELLING:
            self.state = State.CANCELLED
        elif not self.client.ready and (code is None or code >= 0):
            last = self.client.log_text(1).strip()
            self._fail(
                rpt_('The Python at "{path}" cannot run the model: {reason}.').format(
                    path=self.client.launch.python, reason=last or rpt_("it ended at once")
                ),
                "Install PyTorch, NumPy and safetensors there, or choose another Python in the preferences.",
            )
        elif self._silent and not self._restarted:  # idle just before this request reached it, or killed at its start
            self._restarted = True
            self.client = worker_client.shared(self.client.launch)
            self._send()
        elif self.client.cut_off:
            self._fail(LOST, COPY_LOG)
        elif code == -9:  # SIGKILL; Windows has no such codes
            message = "The system has ended the process of the model: memory may have run out."
            self._fail(message, smaller(self.args) + ".")
        else:
            text = rpt_("The process of the model ended unexpectedly (exit code {code}).")
            self._fail(text.format(code=code), COPY_LOG)

    def _give_up(self, message: str, hint: str) -> None:
        """Fail, and end a worker that cannot be relied on."""
        self.client.kill()
        self._fail(message, hint)

    def _fail(self, message: str, hint: str) -> None:
        self.state, self.error = State.FAILED, MeshGPTError(str(message), str(hint))


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
        folder = Path(tempfile.mkdtemp(prefix=protocol.JOB_FOLDER))
        args = args | {"folder": str(folder)}
        if arrays:
            args["path"] = str(protocol.write_arrays(folder / "input.npz", **arrays))
        job = Job(op, args, client, folder)
    except (MeshGPTError, OSError) as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        _problem = error if isinstance(error, MeshGPTError) else _no_folder(error)
        raise _problem from error
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


def _no_folder(error: OSError) -> MeshGPTError:
    """Why a job has no folder for its files."""
    if error.errno == errno.ENOSPC:
        return MeshGPTError(*full_disk(tempfile.gettempdir()))
    return MeshGPTError(
        rpt_("The folder for temporary files cannot be written ({reason}).").format(reason=error.strerror),
        "See Temporary Files in the preferences.",
    )


def _remember(event: dict[str, Any]) -> None:
    global _device, _hello
    devices = event["devices"] if "packages" in event else [event["device"]] if event.get("device") else []
    if not all(isinstance(device[name], str) for device in devices for name in ("id", "name")):
        raise ValueError("These are no devices")
    if "packages" in event:
        _hello = event
    if devices:
        _device = devices[0]
