# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file with what one worker printed: of bounded size, among a bounded number."""

import contextlib
import itertools
import os
import sys
import threading
import time
from pathlib import Path

from bpy.app.translations import pgettext_rpt as rpt_

from ..core.errors import MeshGPTError
from ..core.setup.store import private_folder

KEPT_LOGS = 5
LONGEST_LOG = 2**20  # bytes; of a longer one the newest half stays
CUT = b"[what was printed before is left out]\n"


class WorkerLog:
    """Takes what the worker prints. Threads may write at once, and a full disk is no error: there is just no log."""

    def __init__(self, data_dir: Path) -> None:
        """Make a new file, and delete the oldest ones; raises MeshGPTError when the folder cannot be written."""
        folder = data_dir / "logs"
        self._lock = threading.Lock()
        try:
            private_folder(folder)
            _sweep(folder)
            name = f"worker-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{next(_numbers)}.log"
            self._path = folder / name
            self._path.touch()
        except OSError as error:
            raise MeshGPTError(
                rpt_('The data folder "{path}" cannot be written ({reason}).').format(
                    path=data_dir, reason=error.strerror
                ),
                "Choose another one in the preferences of MeshGPT.",
            ) from error

    def write(self, text: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):
            with open(self._path, "ab") as file:
                file.write(text)
                size = file.tell()
            if size > LONGEST_LOG:
                with open(self._path, "r+b") as file:
                    file.seek(-LONGEST_LOG // 2, os.SEEK_END)
                    file.readline()
                    newest = file.read()
                    file.seek(0)
                    file.write(CUT + newest)
                    file.truncate()

    def tail(self, lines: int) -> str:
        """The last lines."""
        try:
            with self._lock:
                text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


_numbers = itertools.count()


def _sweep(folder: Path) -> None:
    """Delete all but the newest few of earlier sessions; those of another Blender that still runs stay."""
    old = sorted(folder.glob("worker-*.log"), key=lambda path: path.stat().st_mtime)
    for path in old[: -(KEPT_LOGS - 1)]:
        if not _in_use(path):
            with contextlib.suppress(OSError):  # Windows keeps an open file
                path.unlink()


def _in_use(path: Path) -> bool:
    """Whether another Blender that runs has made this log: its process number is in the name."""
    number = path.stem.split("-")[3:4]
    if sys.platform == "win32" or not number or not number[0].isdigit() or int(number[0]) == os.getpid():
        return False
    try:
        os.kill(int(number[0]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
