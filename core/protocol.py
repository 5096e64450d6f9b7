# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender and the worker process say to each other: JSON lines, and arrays in .npz files.

Both ends import this module, so it needs the standard library and numpy only.
"""

import io
import json
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .checks import shown
from .errors import MeshGPTError

PROTOCOL_VERSION = 1
LONGEST_LINE = 2**24  # bytes; a mesh goes through a file, and a prompt of 100 kB is 600 kB at most as ASCII
MOST_BYTES = 2**32  # of the arrays in a file, unpacked
JOB_FOLDER = "meshgpt-"  # how the name of a job's temporary folder begins; the worker deletes it when Blender is gone
_KINDS = {"id": int | str, "event": str}

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
ALIVE = "alive"  # of no request: a sign of life while one runs
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
    """The message in a line; raises MeshGPTError when the line is not JSON or no message: an object whose id is a
    whole number, a text or null, and whose event is a text.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MeshGPTError("A line of the worker protocol is not JSON.", f"{error}.") from error
    if not isinstance(message, dict):
        raise MeshGPTError("A line of the worker protocol is not a JSON object.")
    for name, kind in _KINDS.items():
        if message.get(name) is not None and not isinstance(message[name], kind):
            raise MeshGPTError(f"A line of the worker protocol has {name} {shown(message[name])}.")
    return message


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream that are not empty, without ever holding more than `LONGEST_LINE`.

    A longer one comes as its beginning, which is no message; an unfinished one at the end as it is.
    """
    while line := stream.readline(LONGEST_LINE):
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
        if line.strip():
            yield line[:1000] if rest is not line else line


def write_arrays(path: str | Path, **arrays: np.ndarray) -> Path:
    """Write named arrays to an .npz file that appears whole or not at all; returns its path."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    content = io.BytesIO()  # an archive that a full disk cuts short complains once more when it is collected
    np.savez(content, **arrays)
    part.write_bytes(content.getbuffer())
    os.replace(part, path)
    return path


def read_arrays(path: str | Path, *needed: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name, the needed ones among them; never a pickle, nor more than the file says.

    Raises MeshGPTError when it is missing, unreadable, or larger than `MOST_BYTES` when unpacked.
    """
    try:
        if not os.path.isfile(path):
            raise FileNotFoundError("There is no such file")
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
                raise ValueError("It is too large")
            arrays = {info.filename.removesuffix(".npy"): _read_array(archive, info) for info in archive.infolist()}
        if missing := [name for name in needed if name not in arrays]:
            raise ValueError(f"It lacks {', '.join(missing)}")
    except Exception as error:  # the readers raise whatever the damaged bytes lead to
        raise MeshGPTError(f"The array file {Path(path).name} could not be read.", f"{error}.") from error
    return arrays


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array of an archive. NumPy makes room for what a header says before it reads, so that is looked at."""
    with archive.open(info) as file:
        headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = headers[np.lib.format.read_magic(file)](file)
        if math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
            raise ValueError("Its size is not what it says")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
