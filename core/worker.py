# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that runs the model for Blender: requests come in and events go out as JSON lines (see protocol.py).

What can be asked for is in operations.py. The worker stops between two faces when cancelled, and ends when its standard
input closes, so that no worker outlives the Blender that started it.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO, NoReturn

from . import protocol
from .environment import MissingPackageError, default_threads
from .errors import Cancelled, MeshGPTError
from .operations import Operations, identity

OUT_OF_MEMORY = ("outofmemory", "out of memory", "allocate memory")
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
        for line in protocol.read_lines(self._source):
            try:
                message = protocol.decode_line(line)
            except MeshGPTError as error:
                self.fail(None, error)
                continue
            if message.get("op") == protocol.CANCEL:
                args = message.get("args")
                job = args.get("job") if isinstance(args, dict) else None
                if isinstance(job, int | str):
                    self._cancelled.add(job)
                self.send(message.get("id"), protocol.RESULT)
            else:
                self.requests.put(message)
        self._closed.set()
        self.requests.put(None)
        end = threading.Timer(EXIT_GRACE, os._exit, (0,))  # for a request that does not look at its flag in time
        end.daemon = True
        end.start()


class Worker:
    """Serves one request after the other."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.operations = Operations(connection)

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
        job = request.get("id")
        try:
            if self.connection.is_cancelled(job):
                raise Cancelled()
            result = self.operations.run(job, request.get("op"), request.get("args"))
        except Exception as error:
            self.connection.fail(job, error)
        else:
            self.connection.send(job, protocol.RESULT, **result)


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
