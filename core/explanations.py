# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong in the worker, in words for a user, with what to try instead."""

from __future__ import annotations

import errno
import os
from typing import Any

from . import protocol
from .environment import MissingPackageError
from .errors import Cancelled, MeshGPTError

_OUT_OF_MEMORY = ("outofmemory", "out of memory", "allocate memory", "unable to allocate")
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_FEWEST_FACES = 16  # half of fewer is no mesh
_SOME_FACES = 100  # to try where no number was given


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of the processor or of a device; each library has its own words for that."""
    words = f"{type(error).__name__} {error}".partition("\n")[0].lower()
    return isinstance(error, MemoryError) or any(sign in words for sign in _OUT_OF_MEMORY)


def is_full_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def explain(error: BaseException, args: Any = None) -> tuple[str, str, str]:
    """Kind, message and hint of an error in a request with these arguments."""
    text = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, Cancelled):
        return protocol.CANCELLED, error.message, error.hint
    if isinstance(error, MissingPackageError):
        return protocol.SETUP, error.message, error.hint
    if isinstance(error, MeshGPTError):
        return protocol.USER, error.message, error.hint
    if is_out_of_memory(error):
        cpu = "" if os.environ.get("MESHGPT_DEVICE") == "cpu" else ", or choose the CPU in the preferences"
        return protocol.MEMORY, "The device ran out of memory.", f"{smaller(args)}, close other programs{cpu}."
    if is_full_disk(error):
        folder = args.get("folder") if isinstance(args, dict) else None
        return protocol.USER, *full_disk(os.path.dirname(str(folder or "")))
    return (
        protocol.INTERNAL,
        f"The model stopped with an unexpected error ({type(error).__name__}: {text}).",
        "The log says more.",
    )


def full_disk(folder: str) -> tuple[str, str]:
    """Message and hint when there is no space for the files of a job."""
    return "The disk is full.", f'Free some space: a job keeps its files in "{folder}" while it runs.'


def smaller(args: Any) -> str:
    """A request that needs about half the memory, as the beginning of a hint."""
    args = args if isinstance(args, dict) else {}
    number = {name: args[name] for name in ("count", "best_of", "faces") if isinstance(args.get(name), int)}
    if (count := number.get("count", 1)) > 1:
        return f"Ask for {count // 2} at once instead of {count}"
    if (best_of := number.get("best_of", 1)) > 1:
        return f"Try {best_of // 2} candidates instead of {best_of}"
    if (faces := number.get("faces", 0)) >= _FEWEST_FACES:
        return f"Ask for {faces // 2} faces instead of {faces}"
    return f"Ask for a small number of faces ({_SOME_FACES})"
