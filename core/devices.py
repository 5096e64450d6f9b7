# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device the model runs on, and what that device can do."""

from __future__ import annotations

import torch

from .errors import MeshGPTError


def choose_device(name: str | None = None) -> torch.device:
    """The torch device of that name, or the best there is for None, "" and "auto"."""
    if name and name != "auto":
        try:
            device = torch.device(name)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise MeshGPTError(f'The device "{name}" cannot be used: {reason}', "Choose Automatic or CPU.") from error
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def trains_in_bf16(device: torch.device) -> bool:
    """Whether bfloat16 autocast is faster than float32 here: a CPU needs instructions for it (AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        has = (getattr(torch.cpu, f"_is_{name}_supported", bool) for name in ("avx512_bf16", "amx_tile"))
        return any(probe() for probe in has)
    return False
