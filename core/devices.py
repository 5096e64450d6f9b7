# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device the model runs on, and what that device can do: found out by computing there, never assumed.

Generating and reconstructing run in float32 everywhere, which every device can; half precision is for training.
"""

from __future__ import annotations

import torch

from .errors import MeshGPTError

GPU_KINDS = {"cuda": "The GPU", "mps": "The Apple GPU", "xpu": "The Intel GPU"}
DTYPES = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}  # and how far a product of ours may be off
_proven: set[tuple[str, torch.dtype]] = set()


def choose_device(name: str | None = None) -> torch.device:
    """The torch device of that name, or the best that can compute for None, "" and "auto"."""
    if name and name != "auto":
        reason = failure(name)
        if reason:
            raise MeshGPTError(f'The device "{name}" cannot be used: {reason}', "Choose Automatic or CPU.")
        return torch.device(name)
    return torch.device(next((kind for kind in _gpu_kinds() if not failure(kind)), "cpu"))


def failure(name: str, dtype: torch.dtype = torch.float32) -> str:
    """Why a device cannot compute, or "" when it can: a small product there must be what it is on the CPU."""
    if (name, dtype) in _proven:
        return ""
    try:
        device = torch.device(name)
        values = torch.linspace(-1.0, 1.0, 256).reshape(16, 16)
        there = values.to(device, dtype)
        found = (there @ there.T).to("cpu", torch.float32)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    if not torch.allclose(found, values @ values.T, atol=DTYPES[dtype], rtol=0.0):
        return f"it computes wrong numbers in {str(dtype).removeprefix('torch.')}"
    _proven.add((name, dtype))
    return ""


def usable_dtypes(name: str) -> list[str]:
    """The kinds of numbers that a device computes with, by name: some GPUs fail in half precision."""
    return [str(dtype).removeprefix("torch.") for dtype in DTYPES if not failure(name, dtype)]


def cpu_note() -> str:
    """Why an automatic choice fell on the CPU although there may be a GPU; "" when there is nothing to say."""
    for kind in _gpu_kinds():
        reason = failure(kind)
        if not reason:
            return ""
        return f"{GPU_KINDS[kind]} cannot be used ({reason.rstrip('.')}): the model runs on the CPU."
    made_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    if torch.version.cuda or torch.version.hip:
        return f"This PyTorch is made for {made_for}, but finds no such GPU: the model runs on the CPU."
    from .setup.machine import look

    gpus = [gpu for gpu in look().gpus if gpu.vendor != "apple"]
    if gpus:
        return f"This PyTorch is made for the CPU and cannot use the {gpus[0].name}; Set Up PyTorch may have another."
    return ""


def trains_in_bf16(device: torch.device) -> bool:
    """Whether bfloat16 autocast is faster than float32 here: a CPU needs instructions for it (AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported() and not failure(str(device), torch.bfloat16)
    if device.type == "cpu":
        # Not public, and not in every release that we run with; where they are missing, training takes float32.
        has = (getattr(torch.cpu, f"_is_{name}_supported", bool) for name in ("avx512_bf16", "amx_tile"))
        return any(probe() for probe in has)
    return False


def _gpu_kinds() -> list[str]:
    """The kinds of GPU that torch says it has, the fastest first. ROCm builds answer to "cuda"."""
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "xpu": torch.xpu.is_available}
    return [kind for kind, available in there.items() if available()]
