# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender and the worker process say to each other: JSON lines, and arrays in .npz files.

Both ends import this module, so it needs the standard library and numpy only.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .errors import MeshGPTError

PROTOCOL_VERSION = 1

# Operations Blender asks for.
HELLO = "hello"
MODELS = "models"
GENERATE = "generate"
COMPLETE = "complete"
RECONSTRUCT = "reconstruct"
RETOPOLOGIZE = "retopologize"
CANCEL = "cancel"
SHUTDOWN = "shutdown"

# Events the worker answers with. Each request ends with exactly one `result` or `error`.
READY = "ready"
PROGRESS = "progress"
FACE = "face"
MESH = "mesh"
RESULT = "result"
ERROR = "error"
LOG = "log"
# Made by the client itself when the worker's output ends.
CLOSED = "closed"

# Kinds of error.
CANCELLED = "cancelled"
USER = "user"
SETUP = "setup"
MEMORY = "memory"
INTERNAL = "internal"


def encode_line(message: dict[str, Any]) -> bytes:
    """One message as one line of ASCII JSON; numpy scalars and paths are written as plain values."""
    return json.dumps(message, default=_plain, separators=(",", ":")).encode("ascii") + b"\n"


def decode_line(line: bytes | str) -> dict[str, Any]:
    """The message in a line; raises MeshGPTError when the line is not a JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, UnicodeDecodeError) as error:
        raise MeshGPTError("A line of the worker protocol is not JSON.", f"{error}.") from error
    if not isinstance(message, dict):
        raise MeshGPTError("A line of the worker protocol is not a JSON object.")
    return message


def write_arrays(path: str | Path, **arrays: np.ndarray) -> Path:
    """Write named arrays to an .npz file that appears whole or not at all; returns its path."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        np.savez(file, **arrays)
    os.replace(part, path)
    return path


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; raises MeshGPTError when it is missing or unreadable."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise MeshGPTError(f"The array file {Path(path).name} could not be read.", f"{error}.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
