# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker process seen from Blender: start it, send requests, collect its events, end it."""

import atexit
import contextlib
import itertools
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpy.app.translations import pgettext_rpt as rpt_

from ..core import protocol
from ..core.errors import MeshGPTError
from .worker_log import WorkerLog

EXTENSION = Path(__file__).resolve().parent.parent
EXIT_SECONDS = 5.0  # what a process gets to end that was killed or has closed its output
# Runs under any Python the user names, so it uses nothing that old ones could not parse. The worker's own folder comes
# first in the search path, and the current directory never is in it.
BOOT = (
    "import sys\n"
    "if sys.version_info < (3, 11):\n"
    "    sys.exit('it is Python ' + sys.version.split()[0] + ', and 3.11 or newer is needed')\n"
    "sys.path = sys.argv[1].split('\\n') + [path for path in sys.path if path]\n"
    "try:\n"
    "    import numpy\n"
    "except ImportError as error:\n"
    "    sys.exit('it cannot import NumPy: ' + str(error))\n"
    "from core.worker import main\n"
    "main(sys.argv[2:])\n"
)


@dataclass(frozen=True)
class Launch:
    """How to start a worker; a running one serves as long as this stays the same."""

    python: str
    flags: tuple[str, ...]
    device: str
    data_dir: Path
    idle_seconds: float
    packages: str = ""  # a folder of packages, for a Python that has none of its own


class WorkerClient:
    """One worker process and the queue of its events."""

    def __init__(self, launch: Launch) -> None:
        """Start the process; raises MeshGPTError when that is impossible."""
        self.launch = launch
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.started = self.heard = time.monotonic()
        self.ready = self.cut_off = False
        self._ids = itertools.count(1)
        self._log = WorkerLog(launch.data_dir)
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        command = [
            launch.python,
            *launch.flags,
            "-X",
            "utf8",
            "-u",
            "-c",
            BOOT,
            f"{EXTENSION}\n{launch.packages}".rstrip(),
        ]
        if launch.idle_seconds:
            command += ["--idle", str(launch.idle_seconds)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=launch.data_dir,  # never the extension's folder: Windows locks a process's directory
                env=_environment(launch),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise MeshGPTError(
                rpt_('The Python at "{path}" cannot be started ({reason}).').format(
                    path=launch.python, reason=error.strerror or error
                ),
                "Choose another one in the preferences of MeshGPT.",
            ) from error
        self._logging = self._thread(self._keep_log)
        self._thread(self._read)
        self._thread(self._write)

    def _thread(self, body: Callable[[], None]) -> threading.Thread:
        """A thread that works for the process; none touches anything of Blender."""
        thread = threading.Thread(target=body, name="meshgpt-worker", daemon=True)
        thread.start()
        return thread

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def send(self, op: str, args: dict[str, Any] | None = None) -> int:
        """Send a request and return its id, at once; a worker that is gone shows in its `closed` event, not here."""
        number = next(self._ids)
        self._outgoing.put(protocol.encode_line({"id": number, "op": op, "args": args or {}}))
        return number

    def log_text(self, lines: int = 200) -> str:
        """The end of what the worker printed."""
        return self._log.tail(lines)

    def kill(self) -> None:
        """End the process now; its memory is free when this returns."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver: the system ends it when it can
            self._process.wait(EXIT_SECONDS)
        self._outgoing.put(None)

    def _write(self) -> None:
        """Send what waits: a worker that is frozen, or does not read yet, holds up this thread and not Blender."""
        with contextlib.suppress(OSError, ValueError), self._process.stdin as stream:
            while (line := self._outgoing.get()) is not None:
                stream.write(line)
                stream.flush()

    def _read(self) -> None:
        """Take in the worker's lines; what is no message was printed by something, and goes to the log."""
        with self._process.stdout as stream:
            for line in protocol.read_lines(stream):
                self.heard = time.monotonic()
                try:
                    event = protocol.decode_line(line)
                except MeshGPTError:
                    self._log.write(line[:1000].rstrip(b"\n") + b"\n")
                    continue
                if event.get("event") not in (protocol.ALIVE, protocol.CLOSED):
                    self.events.put(event)
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:  # it can say nothing any more
            self.cut_off = True
            self.kill()
        self._outgoing.put(None)
        self._logging.join(EXIT_SECONDS)
        self.events.put({"event": protocol.CLOSED})

    def _keep_log(self) -> None:
        with self._process.stderr as stream:
            while text := stream.read1():
                self._log.write(text)

    def drain(self, seconds: float, block: bool = False) -> Iterator[dict[str, Any]]:
        """Events for at most `seconds`; without `block` it ends when none is waiting."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                event = self.events.get(block, left if block else None)
            except queue.Empty:
                return
            self.ready = self.ready or event.get("event") == protocol.READY
            yield event


_shared: WorkerClient | None = None
_last: WorkerClient | None = None


def shared(launch: Launch) -> WorkerClient:
    """The running worker, when it was started as `launch` says; else a new one in its place."""
    global _shared, _last
    if _shared is not None and (not _shared.alive or _shared.launch != launch):
        stop()
    if _shared is None:
        _shared = _last = WorkerClient(launch)
    return _shared


def current() -> WorkerClient | None:
    """The worker that was started last, if it still runs."""
    return _shared if _shared is not None and _shared.alive else None


def last_log() -> str:
    """The end of the log of the worker that was started last, also when it has ended."""
    return _last.log_text() if _last is not None else ""


def stop() -> None:
    """End the worker, if there is one."""
    global _shared
    if _shared is not None:
        _shared.kill()
        _shared = None


def register() -> None:
    atexit.register(stop)


def unregister() -> None:
    atexit.unregister(stop)
    stop()


def _environment(launch: Launch) -> dict[str, str]:
    environment = os.environ | {"MESHGPT_DEVICE": launch.device, "MESHGPT_DATA_DIR": str(launch.data_dir)}
    # NumPy's products are too small to share, and threads that wait for the next one would take Blender's cores.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform == "linux":
        # glibc gives every large buffer back to the system at once, which costs small models most of their speed.
        environment.setdefault("MALLOC_MMAP_THRESHOLD_", str(1 << 30))
        environment.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 30))
    return environment
