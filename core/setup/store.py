# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which environment is in use: numbered folders below `env` in the data folder, and one small file that names one.

A new environment is made in a folder of its own, and that file is replaced in one step when it was proven to work. So
there is always either the old one or the new one, whatever happens in between.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MeshGPTError

POINTER = "current.json"
LOCK = "lock"
CACHE = "cache"  # pip's, so that a stopped set-up goes on with what it has; short names for the sake of Windows
SCRATCH = "tmp"
SWEEP_TRIES = 3


@dataclass(frozen=True)
class Environment:
    """The environment in use. `packages` is a folder of packages for a Python that has none itself, or empty."""

    python: str
    packages: str
    folder: Path
    info: dict[str, Any] = field(compare=False)


def root(data_dir: Path) -> Path:
    """The folder of everything that a set-up makes."""
    return data_dir / "env"


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing, for this user only; one that exists stays as it is."""
    missing = []
    while not path.exists() and path != path.parent:
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    return missing[0] if missing else path


_read: tuple[tuple[str, int, int], Environment | None] | None = None


def current(data_dir: Path) -> Environment | None:
    """The environment in use, if it still is there. Cheap: panels ask for it whenever they are drawn."""
    global _read
    pointer = root(data_dir) / POINTER
    try:
        stat = pointer.stat()
    except OSError:
        return None
    key = (str(pointer), stat.st_mtime_ns, stat.st_size)
    if _read is None or _read[0] != key:
        _read = (key, _read_pointer(pointer))
    found = _read[1]
    return found if found is not None and os.path.isfile(found.python) and os.path.isfile(found.info["base"]) else None


def _read_pointer(pointer: Path) -> Environment | None:
    try:
        info = json.loads(pointer.read_text(encoding="utf-8"))
        number = str(int(info["folder"]))  # a number and nothing else: it is joined to a path
        folder = pointer.parent / number
        packages = str(folder / "packages") if info["target"] else ""
        python = info["base"] if info["target"] else str(interpreter(folder))
        return Environment(str(python), packages, folder, info) if isinstance(info["base"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def interpreter(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def check_private(data_dir: Path) -> None:
    """Raise MeshGPTError when other users of the computer could have put code into the environment."""
    if sys.platform == "win32":  # the user's folders are theirs there
        return
    folder = root(data_dir)
    for path in (folder, folder / POINTER):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            if stat.st_mode & 0o022 or stat.st_uid not in (os.getuid(), 0):
                raise MeshGPTError(
                    f'Other users of this computer can change "{path}", and MeshGPT would run what they put there.',
                    f'Take that right away (chmod go-w "{path}"), or choose another data folder.',
                )


def new_folder(data_dir: Path) -> Path:
    """An empty folder for a new environment."""
    base = root(data_dir)
    number = max((int(path.name) for path in base.iterdir() if path.name.isdigit()), default=0) + 1
    folder = base / str(number)
    folder.mkdir(mode=0o700)
    return folder


def switch(data_dir: Path, folder: Path, info: dict[str, Any]) -> None:
    """Make `folder` the environment in use, in one step."""
    part = root(data_dir) / (POINTER + ".new")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"folder": int(folder.name), **info}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, root(data_dir) / POINTER)


def sweep(data_dir: Path, downloads: bool = False) -> None:
    """Delete all environments but the one in use, with `downloads` what pip keeps; what is locked stays for later."""
    base = root(data_dir)
    used = _read_pointer(base / POINTER)
    if not base.is_dir():
        return
    for path in base.iterdir():
        if path.name.isdigit() and (used is None or path != used.folder) or path.name == SCRATCH:
            _delete(path)
        elif path.name == CACHE and downloads:
            _delete(path)


def remove(data_dir: Path) -> None:
    """Delete the environment in use and everything that came with it."""
    with lock(data_dir):
        (root(data_dir) / POINTER).unlink(missing_ok=True)
        sweep(data_dir, downloads=True)


def _delete(path: Path) -> None:
    for left in reversed(range(SWEEP_TRIES)):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists() or not left:
            return
        time.sleep(0.5)  # Windows needs a moment after a process has ended


@contextlib.contextmanager
def lock(data_dir: Path) -> Iterator[None]:
    """Keep other set-ups away; the system lets go when this process ends, however it ends."""
    path = private_folder(root(data_dir)) / LOCK
    with open(path, "a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MeshGPTError("Another Blender is setting up PyTorch.", "Wait until it has finished.") from error
        yield
