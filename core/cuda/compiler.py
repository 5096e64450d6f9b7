# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels compiled where they run: by NVRTC, which comes with PyTorch for CUDA, and launched by the driver.

PyTorch's own way, `torch.cuda._compile_kernel`, is private and wants a CUDA toolkit on the machine. Both libraries have
had these functions for ten years.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import torch

from .job import Job

_NAME = b"write_meshes"
_MOST_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES


class CudaKernel:
    """The kernel of this source on a GPU; OSError or RuntimeError where it cannot be had."""

    def __init__(self, source: str, threads: int, device: torch.device) -> None:
        self._threads, self._device, self._driver = threads, device, _library(_driver_names())
        major, minor = torch.cuda.get_device_capability(device)
        program = compiled(source, f"sm_{major}{minor}")
        self._module, bytes_of_block = ctypes.c_void_p(), torch.zeros(1, dtype=torch.int32, device=device)
        with torch.cuda.device(device):
            torch.cuda.current_stream().synchronize()  # which makes PyTorch's context this thread's
            self._check(self._driver.cuModuleLoadData(ctypes.byref(self._module), program))
            self._launch(self._function(b"tell_shared_bytes"), 1, 1, 0, ctypes.c_uint64(bytes_of_block.data_ptr()))
            self._write, self._shared = self._function(_NAME), int(bytes_of_block)
            self._check(self._driver.cuFuncSetAttribute(self._write, _MOST_SHARED, self._shared))
            # A mesh that is finished: whatever hinders a launch shows now.
            nothing = torch.zeros(3, dtype=torch.int64, device=device)
            read = ("face_counts", "vertex_count", "last", "failures", "alive")
            self.launch(Job(rows=1, **dict.fromkeys(read, nothing.data_ptr())))
            torch.cuda.current_stream().synchronize()

    def launch(self, job: Job) -> None:
        """Let a block write each mesh of the job, on PyTorch's stream."""
        self._launch(self._write, job.rows, self._threads, self._shared, job)

    def _function(self, name: bytes) -> ctypes.c_void_p:
        function = ctypes.c_void_p()
        self._check(self._driver.cuModuleGetFunction(ctypes.byref(function), self._module, name))
        return function

    def _launch(self, function: ctypes.c_void_p, blocks: int, threads: int, shared: int, argument: Any) -> None:
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(argument))
        with torch.cuda.device(self._device):
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
            grid = (blocks, 1, 1, threads, 1, 1)
            self._check(self._driver.cuLaunchKernel(function, *grid, shared, stream, arguments, None))

    def _check(self, status: int) -> None:
        if status:
            name = ctypes.c_char_p()
            self._driver.cuGetErrorName(status, ctypes.byref(name))
            raise RuntimeError(f"The GPU's driver says {(name.value or str(status).encode()).decode()}.")


def compiled(source: str, architecture: str) -> bytes:
    """The source as machine code for an architecture such as "sm_90"; OSError or RuntimeError where that fails."""
    compiler = _library(_compiler_names())
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    _checked(compiler.nvrtcCreateProgram(ctypes.byref(program), source.encode(), _NAME, 0, None, None))
    try:
        options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++17"]
        failed = compiler.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        if failed:
            _checked(compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
            log = ctypes.create_string_buffer(size.value)
            _checked(compiler.nvrtcGetProgramLog(program, log))
            raise RuntimeError(f"The kernel could not be compiled for {architecture}: {log.value.decode()}")
        _checked(compiler.nvrtcGetCUBINSize(program, ctypes.byref(size)))
        result = ctypes.create_string_buffer(size.value)
        _checked(compiler.nvrtcGetCUBIN(program, result))
    finally:
        compiler.nvrtcDestroyProgram(ctypes.byref(program))
    return result.raw


def _checked(status: int) -> None:
    if status:
        raise RuntimeError(f"NVRTC ended with code {status}.")


def _driver_names() -> list[str]:
    return ["nvcuda.dll"] if sys.platform == "win32" else ["libcuda.so.1"]


def _compiler_names() -> list[str]:
    """Names of NVRTC as PyTorch's own CUDA has it, and where its packages put it."""
    major = (torch.version.cuda or "12").partition(".")[0]
    if sys.platform == "win32":
        return [f"nvrtc64_{major}0_0.dll"]
    name = f"libnvrtc.so.{major}"
    packages = Path(torch.__file__).parents[1] / "nvidia"
    # By its name alone the system's comes first, which may be too old for a GPU that PyTorch's knows.
    return [*map(str, sorted(packages.glob(f"*/lib/{name}"))), name]


def _library(names: list[str]) -> ctypes.CDLL:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise OSError(f"There is no {names[0]} here.")
