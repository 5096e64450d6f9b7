# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights as safetensors files of a bounded size. torch is imported when tensors are read or written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import MeshGPTError

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 15 * 2**20


def write_shards(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Write `model.safetensors`, or `model-00001-of-0000n.safetensors` and so on, into a folder."""
    from safetensors.torch import save_file

    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        if shards[-1] and size + value.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += value.nbytes
    for number, shard in enumerate(shards, start=1):
        suffix = f"-{number:05d}-of-{len(shards):05d}" if len(shards) > 1 else ""
        path = folder / f"model{suffix}.safetensors"
        save_file(shard, path)
        path.chmod(0o644)  # the library makes it readable to its owner only


def read_shards(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint, in float32 where they are floating-point."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(path.glob("model*.safetensors"))
    if not files:
        raise MeshGPTError(f'The model "{path.name}" has no weights.', "Copy the whole folder of the model.")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except (OSError, SafetensorError) as error:
            raise MeshGPTError(
                f'The weights "{file.name}" of the model "{path.name}" are damaged.', "Copy the model again."
            ) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
