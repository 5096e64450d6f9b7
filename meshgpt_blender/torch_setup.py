# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The set-up of PyTorch seen from Blender: a process of its own, its progress, and what is tidied when it has ended.

It is no job of the worker: it takes minutes, and meanwhile the environment in use can go on generating. A timer that
outlives loading another file looks at it in a window; without one, `wait` does.
"""

import atexit
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..core import protocol
from ..core.errors import MeshGPTError
from ..core.setup import store
from ..core.setup.machine import Machine, look
from ..core.setup.plan import Plan, make_plan
from . import jobs, runtime, worker_client

TICK = 0.25
CANCEL_SECONDS = 10.0  # what the process gets to end pip and delete what was half made
KEPT_LINES = 2000
KEPT_LOGS = 5
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from core.setup.install import main; main(sys.argv[2])"


class SetUp:
    """One run of core.setup.install."""

    def __init__(self, plan: Plan) -> None:
        """Start the process; raises MeshGPTError when that is impossible."""
        self.plan = plan
        self.text, self.progress = "Starting", 0.0
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.result: dict[str, Any] | None = None
        self.error: MeshGPTError | None = None
        self.cancelled = self.cancelling = False
        self._deadline = float("inf")
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        data_dir = Path(plan.data_dir)
        command = [sys.executable, *bpy.app.python_args, "-X", "utf8", "-u", "-c", BOOT]
        try:
            with open(_new_log(data_dir), "ab") as log:
                self._process = subprocess.Popen(
                    [*command, str(worker_client.EXTENSION), json.dumps(plan.as_dict())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=data_dir,
                    start_new_session=True,  # a group of its own, in which everything that it starts ends with it
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            raise MeshGPTError(
                rpt_("The set-up cannot be started: {reason}.").format(reason=error),
                "Is the data folder in the preferences writable?",
            ) from error
        threading.Thread(target=self._read, name="meshgpt-setup", daemon=True).start()

    @property
    def finished(self) -> bool:
        return self.cancelled or self.error is not None or self.result is not None

    def _read(self) -> None:
        """Body of the reader thread: parses lines, touches nothing of Blender."""
        with self._process.stdout as stream:
            for line in stream:
                with contextlib.suppress(MeshGPTError):
                    self._events.put(protocol.decode_line(line))
        self._process.wait()
        self._events.put({"event": protocol.CLOSED})

    def update(self, seconds: float = 0.0) -> None:
        """Take in what the process said, waiting at most `seconds` for the first word."""
        with contextlib.suppress(queue.Empty):
            self._take(self._events.get(timeout=seconds) if seconds else self._events.get_nowait())
            while not self.finished:
                self._take(self._events.get_nowait())
        if not self.finished and time.monotonic() > self._deadline:
            self.kill()
            self.cancelled = True

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == protocol.LOG:
            self.lines.append(event["text"])
        elif kind == protocol.PROGRESS and not self.cancelling:
            self.text, self.progress = event["text"], event["factor"]
        elif kind == protocol.RESULT:
            self.result = event
        elif kind == protocol.ERROR and event["kind"] == protocol.CANCELLED:
            self.cancelled = True
        elif kind == protocol.ERROR:
            self.error = MeshGPTError(event["message"], event["hint"])
        elif kind == protocol.CLOSED and self.cancelling:
            self.cancelled = True
        elif kind == protocol.CLOSED:
            code = self._process.returncode
            self.error = MeshGPTError(
                rpt_("The set-up ended unexpectedly (exit code {code}).").format(code=code),
                "Copy Log has the details; then try again.",
            )

    def cancel(self) -> None:
        """Ask the process to stop; what was in use stays in use, and what was loaded completely is kept."""
        if not self.cancelling and not self.finished:
            self.cancelling, self.text = True, "Cancelling"
            self._deadline = time.monotonic() + CANCEL_SECONDS
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()

    def kill(self) -> None:
        """End the process and all that it has started, now."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def join(self) -> None:
        """Wait until the process is gone, which it is a moment after its last word."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()
        try:
            self._process.wait(CANCEL_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


_current: SetUp | None = None
_last: SetUp | None = None
_machine: Machine | None = None


def current() -> SetUp | None:
    """The running set-up."""
    return _current


def last_log() -> str:
    """pip's own words in the set-up that was started last."""
    return "\n".join(_last.lines) if _last is not None else ""


def plan(build: str, source: str, wheels: str) -> Plan:
    """The plan for this computer; looks at its hardware once. Raises MeshGPTError where there is nothing to install."""
    global _machine
    if _machine is None:
        _machine = look()
    return make_plan(_machine, runtime.data_dir(), build, source, wheels)


def start(chosen: Plan) -> SetUp:
    """Begin; raises MeshGPTError when one is running or the plan cannot end well."""
    global _current, _last
    if _current is not None:
        raise MeshGPTError("PyTorch is being set up already.", "Wait for it, or cancel it.")
    if chosen.source != "folder" and not bpy.app.online_access:
        raise MeshGPTError(
            "Setting up PyTorch needs the network, and Blender's online access is off.",
            "Allow Online Access in Preferences > System, or choose a folder of wheels.",
        )
    chosen.check()
    jobs.clear_problem()
    _current = _last = SetUp(chosen)
    return _current


def watch() -> None:
    """Look after the running set-up from a timer, in a window."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)


def wait() -> None:
    """Block until the set-up is finished; Ctrl+C cancels it."""
    while not _current.finished:
        try:
            _current.update(0.2)
        except KeyboardInterrupt:
            _current.cancel()
    _conclude()


def _tick() -> float | None:
    if _current is None:
        return None
    if not _current.finished:
        _current.update()
    # The model may be at work in the old environment, which is deleted when it has finished.
    if _current.finished and (_current.result is None or jobs.current() is None):
        _conclude()
    _redraw()
    return TICK if _current is not None else None


def _conclude() -> None:
    """Say how it ended, and give up what is no longer in use."""
    global _current
    done, _current = _current, None
    done.join()
    if done.error is not None:
        jobs.set_problem(done.error)
    if done.result is None:
        return
    worker_client.stop()
    runtime.look_again()
    # Thousands of files: not while the window waits.
    data_dir = Path(done.plan.data_dir)
    sweeper = threading.Thread(target=_sweep, args=(data_dir,), name="meshgpt-sweep", daemon=True)
    sweeper.start()
    if bpy.app.background:
        sweeper.join()


def _sweep(data_dir: Path) -> None:
    with contextlib.suppress(MeshGPTError, OSError), store.lock(data_dir):  # else the next set-up does it
        store.sweep(data_dir)


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                for region in area.regions:
                    if region.type in ("UI", "WINDOW") and (area.type == "PREFERENCES" or region.type == "UI"):
                        region.tag_redraw()


def stop() -> None:
    """End the running set-up, if there is one: Blender quits, or the extension is switched off."""
    global _current
    if _current is not None:
        _current.cancel()
        _current.join()
        _current = None


def register() -> None:
    atexit.register(stop)


def unregister() -> None:
    atexit.unregister(stop)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    stop()


def _new_log(data_dir: Path) -> Path:
    folder = store.private_folder(data_dir / "logs")
    for path in sorted(folder.glob("setup-*.log"))[: -(KEPT_LOGS - 1)]:
        with contextlib.suppress(OSError):
            path.unlink()
    return folder / f"setup-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
