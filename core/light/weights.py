# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""safetensors files without the library of that name, which Blender's Python does not have.

The format: the length of a header (eight bytes, little-endian), the header (JSON: dtype, shape and place of each
tensor), and the bytes of the tensors. Nothing in a file is run, and no number in it is believed before it was checked.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..shards import damaged, shard_files

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
_LONGEST_HEADER = 100_000_000  # bytes, as the library has it


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """All tensors of a checkpoint, in float32 where they are floating-point; raises MeshGPTError for damaged files."""
    tensors: dict[str, np.ndarray] = {}
    for file in shard_files(folder):
        try:
            found = _read(file)
            if found.keys() & tensors.keys() or not all(np.isfinite(value.sum()) for value in found.values()):
                raise ValueError("a tensor comes twice, or is no number")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise damaged(folder, file) from error
        tensors |= found
    return tensors


def _read(file: Path) -> dict[str, np.ndarray]:
    data = np.memmap(file, np.uint8, mode="r")
    length = int.from_bytes(data[:8].tobytes(), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, len(data) - 8):
        raise ValueError("the header is longer than the file")
    header = json.loads(data[8 : 8 + length].tobytes())
    header.pop("__metadata__", None)
    return {name: _tensor(data[8 + length :], **entry) for name, entry in header.items()}


def _tensor(data: np.ndarray, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    kind = np.dtype(_TYPES[dtype])
    start, end = data_offsets
    sizes: list[Any] = [*shape, start, end]
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("a size is no number")
    if end > len(data) or end - start != math.prod(shape) * kind.itemsize:
        raise ValueError("a tensor is not where the header says")
    value = np.frombuffer(data[start:end].tobytes(), kind).reshape(shape)
    return value.astype(np.float32) if kind.kind == "f" else value
