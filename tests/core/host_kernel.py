# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel of core/cuda on a processor: its source by a C++ compiler, with a thread for each of a GPU's."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from core.cuda.job import Job

COMPILER = shutil.which("g++") or shutil.which("clang++")
_FOLDER = tempfile.TemporaryDirectory(prefix="meshgpt-kernels-")


def sanitizer(what: str) -> str | None:
    """The library of the compiler's "thread" or "address" sanitizer, which a program that is not built with it has to
    load first.
    """
    name = f"lib{what[0]}san.so"
    found = subprocess.run([COMPILER, f"-print-file-name={name}"], text=True, capture_output=True).stdout.strip()
    return found if Path(found).is_absolute() else None


class HostKernel:
    """`core.cuda.sampler.Kernel` from the source of `Packed.source`; options: of the compiler."""

    def __init__(self, source: str, *options: str) -> None:
        self._write = ctypes.CDLL(_built(source, options)).write_meshes

    def launch(self, job: Job) -> None:
        self._write(ctypes.byref(job))


@functools.cache
def _built(source: str, options: tuple[str, ...]) -> str:
    with tempfile.NamedTemporaryFile(suffix=".so", dir=_FOLDER.name, delete=False) as library:
        command = [COMPILER, "-x", "c++", "-std=c++20", "-O2", "-shared", "-fPIC", "-pthread", *options]
        done = subprocess.run([*command, "-o", library.name, "-"], input=source, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[:5000]
    return library.name
