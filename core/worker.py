# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that runs the model for Blender: requests come in and events go out as JSON lines (see protocol.py).

What can be asked for is in operations.py. The worker stops between two faces when cancelled, and ends when its standard
input closes, so that no worker outlives the Blender that started it. While a request runs, it gives a sign of life
every few seconds: a process that is frozen gives none, one that loads a large model does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from . import protocol
from .environment import default_threads
from .errors import Cancelled, MeshGPTError
from .explanations import explain
from .operations import Operations, identity

EXIT_GRACE = 3.0  # seconds a request may still run after Blender is gone
BEAT_SECONDS = 2.0  # between two signs of life while a request runs


class Connection:
    """The protocol's ends: a queue of requests filled by a reader thread, and a locked way to send events."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._lock = threading.Lock()
        self._cancelled: set[Any] = set()
        self._closed = threading.Event()
        self._busy = threading.Event()
        self._folder: Path | None = None
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

    def fail(self, job: Any, error: BaseException, args: Any = None) -> None:
        """Send an error in a request with these arguments."""
        kind, message, hint = explain(error, args)
        if kind in (protocol.INTERNAL, protocol.MEMORY):
            with contextlib.suppress(OSError):
                traceback.print_exception(error, file=sys.stderr)
        self.send(job, protocol.ERROR, kind=kind, message=message, hint=hint)

    @property
    def closed(self) -> bool:
        """Whether Blender is gone."""
        return self._closed.is_set()

    def is_cancelled(self, job: Any) -> bool:
        return self.closed or job in self._cancelled

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """While a request runs, give signs of life."""
        self._busy.set()
        try:
            yield
        finally:
            self._busy.clear()

    def beat(self) -> None:
        """Body of the thread that gives them."""
        while True:
            self._busy.wait()
            time.sleep(BEAT_SECONDS)
            if self._busy.is_set():
                self.send(None, protocol.ALIVE)

    def _keep_folder(self, args: Any) -> None:
        """Remember the temporary folder of the last request, which may not have begun when Blender dies."""
        folder = Path(str(args.get("folder") or "") if isinstance(args, dict) else "")
        if folder.name.startswith(protocol.JOB_FOLDER):
            self._folder = folder

    def end(self) -> NoReturn:
        """End the process; where Blender went first, what it would have deleted goes too."""
        if self.closed and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(0)  # the reader thread holds the lock of stdin, which the interpreter's own way out would wait for

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
                self._keep_folder(message.get("args"))
                self.requests.put(message)
        self._closed.set()
        self.requests.put(None)
        end = threading.Timer(EXIT_GRACE, self.end)  # for a request that does not look at its flag in time
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
            if request.get("op") == protocol.SHUTDOWN or self.connection.closed:
                return

    def _serve(self, request: dict[str, Any]) -> None:
        job, args = request.get("id"), request.get("args")
        try:
            if self.connection.is_cancelled(job):
                raise Cancelled()
            with self.connection.serving():
                result = self.operations.run(job, request.get("op"), args)
        except Exception as error:
            self.connection.fail(job, error, args)
        else:
            self.connection.send(job, protocol.RESULT, **result)


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal reaches both processes: Blender's cancels
    connection = Connection(sys.stdin.buffer, claim_stdout())
    for body in (connection.read, connection.beat):
        threading.Thread(target=body, daemon=True).start()
    Worker(connection).run(options.idle)
    connection.end()


if __name__ == "__main__":
    main()
