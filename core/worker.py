# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that runs the model for Blender: requests come in and events go out as JSON lines (see protocol.py).

It imports torch only when a request needs it, keeps the last checkpoint loaded, stops between two faces when cancelled,
and ends when its standard input closes, so that no worker outlives the Blender that started it.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from . import protocol
from .environment import (
    MissingPackageError,
    default_threads,
    describe_device,
    import_check,
    list_devices,
    need_packages,
    set_threads,
)
from .errors import Cancelled, MeshGPTError

FACE_INTERVAL = 0.1  # seconds between two batches of faces
OUT_OF_MEMORY = ("outofmemory", "out of memory", "allocate memory")
AUTOENCODER_PACKAGES = ("torch_geometric", "vector_quantize_pytorch")
EXIT_GRACE = 3.0  # seconds a request may still run after Blender is gone


class Connection:
    """The protocol's ends: a queue of requests filled by a reader thread, and a locked way to send events."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._lock = threading.Lock()
        self._cancelled: set[Any] = set()
        self._closed = threading.Event()
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def send(self, job: Any, event: str, **fields: Any) -> None:
        """Send one event of the request with id `job`."""
        line = protocol.encode_line({"id": job, "event": event, **fields})
        try:
            with self._lock:
                self._sink.write(line)
                self._sink.flush()
        except (OSError, ValueError):  # Blender is gone: nobody left to tell
            self._closed.set()

    def fail(self, job: Any, error: BaseException) -> None:
        kind, message, hint = explain(error)
        if kind == protocol.INTERNAL:
            traceback.print_exception(error, file=sys.stderr)
        self.send(job, protocol.ERROR, kind=kind, message=message, hint=hint)

    def is_cancelled(self, job: Any) -> bool:
        return self._closed.is_set() or job in self._cancelled

    def read(self) -> None:
        """Body of the reader thread: until the input ends, sort lines into requests and cancellations."""
        for line in self._source:
            if not line.strip():
                continue
            try:
                message = protocol.decode_line(line)
            except MeshGPTError as error:
                self.fail(None, error)
                continue
            if message.get("op") == protocol.CANCEL:
                self._cancelled.add((message.get("args") or {}).get("job"))
                self.send(message.get("id"), protocol.RESULT)
            else:
                self.requests.put(message)
        self._closed.set()
        self.requests.put(None)
        end = threading.Timer(EXIT_GRACE, os._exit, (0,))  # for a request that does not look at its flag in time
        end.daemon = True
        end.start()


class Worker:
    """Serves one request after the other; the loaded checkpoint lives here."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._loaded: tuple[tuple[Path, str | None], Any] | None = None
        self._operations: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
            protocol.HELLO: self.hello,
            protocol.MODELS: self.models,
            protocol.GENERATE: self.generate,
            protocol.RECONSTRUCT: self.reconstruct,
            protocol.SHUTDOWN: lambda job, args: {},
        }

    def run(self, idle_seconds: float | None = None) -> None:
        """Serve requests until the input ends, or until none has come for `idle_seconds`."""
        self.connection.send(None, protocol.READY, **identity())
        while True:
            try:
                request = self.connection.requests.get(timeout=idle_seconds or None)
            except queue.Empty:
                return
            if request is None:
                return
            self._serve(request)
            if request.get("op") == protocol.SHUTDOWN:
                return

    def _serve(self, request: dict[str, Any]) -> None:
        job, name = request.get("id"), request.get("op")
        try:
            if self.connection.is_cancelled(job):
                raise Cancelled()
            operation = self._operations.get(name) if isinstance(name, str) else None
            if operation is None:
                known = ", ".join(sorted(self._operations))
                raise MeshGPTError(f"The worker does not know the operation {name!r}.", f"It knows: {known}.")
            args = request.get("args") or {}
            if not isinstance(args, dict):
                raise MeshGPTError(f"The arguments of {name} are not a JSON object.")
            result = operation(job, args)
        except Exception as error:
            self.connection.fail(job, error)
        else:
            self.connection.send(job, protocol.RESULT, **result)

    # -- operations ----------------------------------------------------------------------------------------------------

    def hello(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """Versions, devices and the packages that are missing; never fails because one of them does."""
        self._progress(job, "Starting PyTorch")
        versions, problems = import_check()
        result = {**identity(), "packages": versions, "problem": None, "devices": []}
        if problems:
            error = MissingPackageError(problems)
            result["problem"] = {"message": error.message, "hint": error.hint}
        if "torch" in versions:
            set_threads()
            result["devices"] = [device.as_dict() for device in list_devices()]
        return result

    def models(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        from .checkpoint import list_checkpoints

        found = list_checkpoints()
        fields = ("name", "path", "kind", "parameters", "max_faces", "summary", "created")
        return {"models": [{field: getattr(info, field) for field in fields} for info in found]}

    def generate(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """Stream faces in batches and each mesh when it is finished; arrays go to `args["folder"]`."""
        from .checkpoint import list_checkpoints

        folder = job_folder(args)
        checkpoint = self._checkpoint(job, args)
        if checkpoint.transformer is None:
            raise MeshGPTError(
                f'The model "{checkpoint.name}" is a tokenizer: it can reconstruct meshes, but not generate them.',
                "Choose another model.",
            )
        self._progress(job, "Generating")
        names = ("prompt", "count", "faces", "seed", "temperature", "top_p", "guidance", "manifold", "max_faces")
        options = {name: args[name] for name in names if args.get(name) is not None}
        start = time.monotonic()
        events = checkpoint.stream(**options, cancelled=lambda: self.connection.is_cancelled(job))
        # By name where the name finds it again, else by path.
        found = any(info.path == checkpoint.path for info in list_checkpoints())
        made_by = {"model": checkpoint.name if found else str(checkpoint.path)}
        meshes = self._stream(job, folder, events, made_by)
        if self.connection.is_cancelled(job):
            raise Cancelled()
        return {"meshes": meshes, "seconds": time.monotonic() - start, "device": self._device(checkpoint)}

    def reconstruct(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """The tokenizer's round trip of the mesh in `args["path"]`, with its error."""
        from .mesh import TriangleMesh

        folder = job_folder(args)
        arrays = protocol.read_arrays(args.get("path") or "")
        source = TriangleMesh(arrays["vertices"], arrays["faces"])
        checkpoint = self._checkpoint(job, args | {"model": args.get("model") or self._autoencoder()})
        from .reconstruction import reconstruct

        self._progress(job, "Reconstructing")
        start = time.monotonic()
        found = reconstruct(checkpoint, source)
        if self.connection.is_cancelled(job):
            raise Cancelled()
        path = protocol.write_arrays(folder / "mesh-0.npz", vertices=found.mesh.vertices, faces=found.mesh.faces)
        provenance = {"job": "reconstruct", "model": checkpoint.name, **found.as_dict()}
        self.connection.send(job, protocol.MESH, row=0, path=path, provenance=provenance)
        return {"meshes": 1, "seconds": time.monotonic() - start, "device": self._device(checkpoint)}

    # -- what they share -----------------------------------------------------------------------------------------------

    def _progress(self, job: Any, text: str) -> None:
        self.connection.send(job, protocol.PROGRESS, text=text)

    def _checkpoint(self, job: Any, args: dict[str, Any]) -> Any:
        """The checkpoint named by `args["model"]`, kept from the last request when it is the same one."""
        device = os.environ.get("MESHGPT_DEVICE") or args.get("device") or None
        device = None if device == "auto" else device
        if "torch" not in sys.modules:
            self._progress(job, "Starting PyTorch")
        need_packages()
        set_threads()
        from .checkpoint import find_checkpoint, load_checkpoint

        key = (find_checkpoint(args.get("model")), device)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # first: two models may not fit beside each other
            self._progress(job, "Loading the model")
            self._loaded = (key, load_checkpoint(key[0], device=device))
        return self._loaded[1]

    @staticmethod
    def _autoencoder() -> Path | None:
        """The first autoencoder there is. Without one, or without the packages that only autoencoders need, the default
        model's own tokenizer makes the round trip; the result names the model either way.
        """
        from .checkpoint import list_checkpoints

        if not all(find_spec(package) for package in AUTOENCODER_PACKAGES):
            return None
        return next((info.path for info in list_checkpoints() if info.kind == "tokenizer"), None)

    @staticmethod
    def _device(checkpoint: Any) -> dict[str, Any]:
        return describe_device(str(checkpoint.device))

    def _stream(self, job: Any, folder: Path, events: Iterable[Any], made_by: dict[str, Any]) -> int:
        """Pass events on, faces in batches; returns how many meshes were finished."""
        batch = FaceBatch(self.connection, job, folder)
        finished = 0
        for event in _closing(events):
            if hasattr(event, "triangle"):
                batch.add(event.row, event.triangle)
                continue
            batch.flush()
            mesh = event.mesh
            path = protocol.write_arrays(folder / f"mesh-{event.row}.npz", vertices=mesh.vertices, faces=mesh.faces)
            provenance = {"job": "generate", **mesh.provenance(), **made_by}
            self.connection.send(job, protocol.MESH, row=event.row, path=path, ended=mesh.ended, provenance=provenance)
            finished += 1
        batch.flush()
        return finished


class FaceBatch:
    """Collects faces and sends them a few times a second; the very first one goes out at once."""

    def __init__(self, connection: Connection, job: Any, folder: Path) -> None:
        self._connection, self._job, self._folder = connection, job, folder
        self._rows: list[int] = []
        self._triangles: list[np.ndarray] = []
        self._files = 0
        self._last = 0.0

    def add(self, row: int, triangle: np.ndarray) -> None:
        self._rows.append(row)
        self._triangles.append(triangle)
        if time.monotonic() - self._last >= FACE_INTERVAL:
            self.flush()

    def flush(self) -> None:
        if not self._rows:
            return
        path = protocol.write_arrays(
            self._folder / f"faces-{self._files:06d}.npz",
            rows=np.asarray(self._rows, np.int32),
            triangles=np.asarray(self._triangles, np.float32),
        )
        self._connection.send(self._job, protocol.FACE, path=path, faces=len(self._rows))
        self._files += 1
        self._last = time.monotonic()
        self._rows, self._triangles = [], []


def _closing(events: Iterable[Any]) -> Iterator[Any]:
    """Iterate, and close a generator also when the consumer stops early, so that its buffers are freed."""
    try:
        yield from events
    finally:
        close = getattr(events, "close", None)
        if close:
            close()


def identity() -> dict[str, Any]:
    from . import __version__

    return {
        "protocol": protocol.PROTOCOL_VERSION,
        "version": __version__,
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "pid": os.getpid(),
    }


def job_folder(args: dict[str, Any]) -> Path:
    folder = Path(args.get("folder") or "")
    if not args.get("folder") or not folder.is_dir():
        raise MeshGPTError(f'The folder for the results "{args.get("folder") or ""}" does not exist.')
    return folder


def explain(error: BaseException) -> tuple[str, str, str]:
    """Kind, message and hint of an error, in words for a user."""
    text = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, Cancelled):
        return protocol.CANCELLED, error.message, error.hint
    if isinstance(error, MissingPackageError):
        return protocol.SETUP, error.message, error.hint
    if isinstance(error, MeshGPTError):
        return protocol.USER, error.message, error.hint
    words = f"{type(error).__name__} {text}".lower()
    if isinstance(error, MemoryError) or any(sign in words for sign in OUT_OF_MEMORY):
        return (
            protocol.MEMORY,
            "The device ran out of memory.",
            "Generate fewer meshes at once or smaller ones, close other programs, or choose the CPU in Preferences.",
        )
    return (
        protocol.INTERNAL,
        f"The model stopped with an unexpected error ({type(error).__name__}: {text}).",
        "The log says more.",
    )


def claim_stdout() -> BinaryIO:
    """Keep the real standard output for the protocol; whatever anything prints from now on goes to standard error."""
    sys.stdout.flush()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return sink


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the worker on this process's standard input and output, and end the process."""
    parser = argparse.ArgumentParser(prog="core.worker", description=__doc__)
    parser.add_argument(
        "--idle", type=float, default=0.0, help="end after this many seconds without a request (0: never)"
    )
    options = parser.parse_args(arguments)
    # Before torch is imported: threads that spin while they wait would take the cores Blender draws with.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["OMP_NUM_THREADS"] = str(default_threads())
    connection = Connection(sys.stdin.buffer, claim_stdout())
    threading.Thread(target=connection.read, name="requests", daemon=True).start()
    Worker(connection).run(options.idle)
    sys.stderr.flush()
    os._exit(0)  # the reader thread holds the lock of stdin, which the interpreter's own way out would wait for


if __name__ == "__main__":
    main()
