# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that sets PyTorch up: a fresh environment, one call of pip, the proof, then the switch.

Blender starts it and reads its events, JSON lines like the worker's: `progress` (text, factor), `log` (pip's line) and,
at the end, one `result` or `error`. It stops when its standard input ends, so it never outlives Blender, and then what
was in use stays in use. Everything that it starts is in its process group and ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .. import protocol
from ..errors import Cancelled, MeshGPTError
from ..worker import claim_stdout
from . import store
from .pip_errors import explain, known_cause, without_extras_may_work
from .plan import BUILDS, Plan

CHECK = 0.3  # seconds between two looks at how much has arrived
PROVE_SECONDS = 600  # importing torch for the first time compiles thousands of files
EXTENSION = Path(__file__).resolve().parents[2]
BOOT = "import sys; sys.path[:0] = sys.argv[1:]; from core.setup.prove import main; main()"


class Installer:
    """One set-up from beginning to end."""

    def __init__(self, plan: Plan, sink: BinaryIO) -> None:
        self.plan = plan
        self.data_dir = Path(plan.data_dir)
        self.cancelled = threading.Event()
        self._sink = sink
        self._lock = threading.Lock()
        self._base_free = 0
        self._ending = False
        self._stage = ""

    # -- what Blender hears --------------------------------------------------------------------------------------------

    def send(self, event: str, **fields: Any) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # Blender may be gone
            self._sink.write(protocol.encode_line({"event": event, **fields}))
            self._sink.flush()

    def log(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # the log file
        self.send(protocol.LOG, text=line)

    def progress(self, text: str, factor: float) -> None:
        self._stage = text
        self.send(protocol.PROGRESS, text=text, factor=round(min(1.0, factor), 3))

    # -- the steps -----------------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Set up; returns what the new environment is. Raises MeshGPTError, with what was in use still in use."""
        store.private_folder(self.data_dir)
        self.plan.check()
        with store.lock(self.data_dir):
            store.sweep(self.data_dir)  # what an earlier set-up that was killed left behind
            folder = store.new_folder(self.data_dir)
            scratch = store.private_folder(store.root(self.data_dir) / store.SCRATCH)
            try:
                info = self._fill(folder, scratch)
                self._check_cancelled()
                store.switch(self.data_dir, folder, info)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(store.root(self.data_dir) / store.CACHE, ignore_errors=True)
        return info

    def _fill(self, folder: Path, scratch: Path) -> dict[str, Any]:
        self.progress("Making an environment", 0.0)
        pip, target = self._make_environment(folder)
        extras = self._install(pip, scratch)
        self.progress("Trying PyTorch", 0.95)
        python = sys.executable if target else str(store.interpreter(folder))
        proof = self._prove(python, [str(folder / "packages")] if target else [])
        return {
            "target": target,
            "base": sys.executable,
            "python": ".".join(map(str, sys.version_info[:3])),
            "build": self.plan.build,
            "source": self.plan.source,
            "wheels": self.plan.wheels,
            "extras": extras and not proof["extras"],
            "packages": proof["packages"],
            "devices": proof["devices"],
            "warning": self._warning(proof),
            "created": time.strftime("%Y-%m-%d %H:%M:%S"),
        }

    def _make_environment(self, folder: Path) -> tuple[list[str], bool]:
        """A virtual environment and the pip that fills it; where this Python cannot make one, a folder of packages.

        Returns the beginning of pip's command line, and whether it is such a folder.
        """
        own, inside = [sys.executable, "-I", "-u", "-m", "pip"], str(store.interpreter(folder))
        if self._call([*own, "--python", sys.executable, "--version"])[0] == 0:  # 22.3 or newer
            if self._call([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)])[0] == 0:
                return [*own, "--python", inside, "install"], False
        elif self._call([sys.executable, "-I", "-m", "venv", str(folder)])[0] == 0:  # brings a pip of its own
            return [inside, "-I", "-u", "-m", "pip", "install"], False
        self.log("This Python cannot make a virtual environment; the packages go to a folder instead.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        code, output = self._call([*own, "--version"])
        if code:
            raise explain(output, code)
        return [*own, "install", "--target", str(folder / "packages")], True

    def _install(self, pip: list[str], scratch: Path) -> bool:
        """One call of pip for all; without the extras when one of them is at fault. Returns whether they came."""
        command = [
            *(*pip, "--only-binary", ":all:", "--no-input", "--no-color", "--no-warn-script-location"),
            *("--disable-pip-version-check", "--progress-bar", "off", "--cache-dir"),
            *(str(store.private_folder(store.root(self.data_dir) / store.CACHE)), *self.plan.pip_options),
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)) | {"PYTHONUTF8": "1"}
        if self.plan.source == "folder":  # no network, whatever pip's settings say
            environment = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
            environment["PIP_CONFIG_FILE"] = os.devnull
        self._base_free = shutil.disk_usage(self.data_dir).free
        code, output = self._call([*command, *self.plan.requirements, *self.plan.extras], environment, scratch)
        if code == 0:
            return True
        error = explain(output, code, self.plan.wheels)
        if not without_extras_may_work(error):
            raise error
        self.log(f"{error.message} Trying without the packages that only autoencoders and training need.")
        code, output = self._call([*command, *self.plan.requirements], environment, scratch)
        if code:
            raise explain(output, code, self.plan.wheels)
        return False

    def _prove(self, python: str, packages: list[str]) -> dict[str, Any]:
        command = [python, "-I", "-X", "utf8", "-c", BOOT, str(EXTENSION), *packages]
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
        code, output = self._call(command, environment, seconds=PROVE_SECONDS)
        try:
            # The last but for what libraries print while the process ends.
            proof = json.loads([line for line in output.splitlines() if line.startswith("{")][-1])
            problems, devices = proof["problems"], proof["devices"]
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise MeshGPTError(
                f"PyTorch was installed, but its test ended without an answer (exit code {code}).",
                "What was in use before is still in use. Copy Log has the details.",
            ) from error
        if problems:
            name, reason = next(iter(problems.items()))
            raise MeshGPTError(
                f"PyTorch was installed, but {name} does not work: {reason.rstrip('.')}.",
                "What was in use before is still in use. Copy Log has the details.",
            )
        if all(device["failure"] for device in devices):
            reason = devices[-1]["failure"] if devices else "it has none"
            message = f"PyTorch was installed, but computes on no device: {reason}."
            raise MeshGPTError(message, "Copy Log has the details.")
        self._check_not_worse(devices)
        return proof

    def _check_not_worse(self, devices: list[dict[str, Any]]) -> None:
        """The environment in use is given up only for one that can use at least its devices."""
        used = store.current(self.data_dir)
        if used is None or self.plan.build == "cpu":  # who chooses the CPU's build wants it so
            return
        able = {device["id"] for device in devices if not device["failure"]}
        before = {device["id"] for device in used.info.get("devices", []) if not device.get("failure")}
        if before - able:
            raise MeshGPTError(
                f"The new PyTorch cannot use {', '.join(sorted(before - able))}, which the one in use can.",
                "What was in use before is still in use. Update the GPU's driver, or choose another build.",
            )

    def _warning(self, proof: dict[str, Any]) -> str:
        """What the user should know although it works."""
        wanted = BUILDS[self.plan.build]
        found = [device for device in proof["devices"] if device["id"].split(":")[0] == wanted.kind]
        if self.plan.source != "folder" and not any(not device["failure"] for device in found):
            reason = found[0]["failure"] if found else "PyTorch sees none; is its driver installed"
            return f"The GPU cannot be used ({reason}): the model runs on the CPU."
        return self.plan.note

    # -- other programs ------------------------------------------------------------------------------------------------

    def _call(
        self,
        command: list[str],
        environment: dict[str, str] | None = None,
        scratch: Path | None = None,
        seconds: float | None = None,
    ) -> tuple[int, str]:
        """Run a program to its end, with its lines as log; returns exit code and output. Raises Cancelled."""
        self._check_cancelled()
        self.log("> " + " ".join(command))
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=store.root(self.data_dir),
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        with self._watching(child, scratch, seconds):
            lines = []
            for line in child.stdout:
                lines.append(line)
                self.log(line.rstrip())
                if scratch is not None and line.startswith("Installing collected packages"):
                    self.progress("Installing", 0.75)
                elif scratch is not None and line.lstrip().startswith("Downloading "):
                    package = line.split()[1].rsplit("/", 1)[-1].split("-")[0]
                    self.progress(f"Downloading {package}", self._share(scratch))
            code = child.wait()
        self._check_cancelled()
        return code, "".join(lines)

    @contextlib.contextmanager
    def _watching(self, child: subprocess.Popen, scratch: Path | None, seconds: float | None) -> Iterator[None]:
        """Meanwhile, in a thread: end the child when cancelled or too late, and say how much has arrived."""
        over = threading.Event()

        def watch() -> None:
            end = time.monotonic() + seconds if seconds else float("inf")
            while not over.wait(CHECK):
                if self.cancelled.is_set() or time.monotonic() > end:
                    self._ending = True
                    _end_tree(child)
                    self._ending = False
                    return
                if scratch is not None and self._stage.startswith(("Downloading", "Installing")):
                    self.progress(self._stage, self._share(scratch))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _share(self, scratch: Path) -> float:
        """How far it is, by the bytes that have come; the download is taken to last three times as long as the rest."""
        if self._stage == "Installing":
            used = self._base_free - shutil.disk_usage(self.data_dir).free
            expected = self.plan.needed - 2 * self.plan.download
            return 0.75 + 0.2 * min(1.0, max(0.0, used / max(1, expected)))
        folders = (scratch, store.root(self.data_dir) / store.CACHE)
        there = max(sum(_size(path) for path in folder.rglob("*")) for folder in folders)
        return 0.05 + 0.7 * min(1.0, there / max(1, self.plan.download))

    def _check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled()

    def stop_kindly(self) -> None:
        """Somebody asked this process to end; when it was this process itself, ending a child, it goes on."""
        if not self._ending:
            self.cancelled.set()

    def watch_input(self, source: BinaryIO) -> None:
        """Body of a thread: anything on the standard input, and its end, cancels."""
        source.readline()
        self.cancelled.set()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _end_tree(child: subprocess.Popen) -> None:
    """End a program and what it has started."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(child.pid)], capture_output=True)
    elif os.getpgrp() == os.getpid():  # the group is ours alone: everybody in it but this process ends
        os.killpg(os.getpgrp(), signal.SIGTERM)
        time.sleep(0.5)
    child.kill()


def main(argument: str) -> NoReturn:
    """Set up what the plan in `argument`, a JSON object, says; then end the process."""
    sink = claim_stdout()
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(argument).items()}
    installer = Installer(Plan(**fields), sink)
    if sys.platform != "win32":
        # A function rather than SIG_IGN, which the children would inherit.
        signal.signal(signal.SIGTERM, lambda *_: installer.stop_kindly())
    threading.Thread(target=installer.watch_input, args=(sys.stdin.buffer,), daemon=True).start()
    try:
        info = installer.run()
    except MeshGPTError as error:
        kind = protocol.CANCELLED if isinstance(error, Cancelled) else protocol.USER
        installer.send(protocol.ERROR, kind=kind, message=error.message, hint=error.hint)
    except OSError as error:
        known = known_cause(str(error)) or MeshGPTError(f"The set-up stopped: {error}.", "Copy Log has the details.")
        installer.log(f"{type(error).__name__}: {error}")
        installer.send(protocol.ERROR, kind=protocol.USER, message=known.message, hint=known.hint)
    except Exception as error:
        import traceback

        traceback.print_exc()
        text = f"The set-up stopped with an unexpected error ({type(error).__name__}: {error})."
        installer.send(protocol.ERROR, kind=protocol.INTERNAL, message=text, hint="Copy Log has the details.")
    else:
        installer.send(protocol.RESULT, **info)
    sys.stderr.flush()
    os._exit(0)  # the thread holds the lock of stdin
