# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights as safetensors files of a bounded size. torch is imported when tensors are read or written."""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import MeshGPTError
from .model_files import COPY_AGAIN, own_file

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 15 * 2**20
_SHARD = re.compile(r"model(-\d+-of-\d+)?\.safetensors")


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


class Weights:
    """The tensors of a checkpoint: their names and shapes from the headers at once, their values when asked for.

    Raises MeshGPTError for files that are damaged, missing or too many. What else lies in the folder, pickles among it,
    is never opened.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors import SafetensorError, safe_open

        self._folder, self.name, self.files = folder, folder.name, shard_files(folder)
        self.shapes: dict[str, tuple[int, ...]] = {}
        for file in self.files:
            try:
                with safe_open(file, framework="pt") as shard:
                    shapes = {name: tuple(shard.get_slice(name).get_shape()) for name in shard.keys()}
            except (OSError, SafetensorError) as error:
                raise damaged(self._folder, file) from error
            if shapes.keys() & self.shapes.keys():
                raise damaged(self._folder, file)
            self.shapes |= shapes

    @property
    def values(self) -> int:
        """How many numbers the weights hold."""
        return sum(map(math.prod, self.shapes.values()))

    def read(self) -> dict[str, Tensor]:
        """All tensors, in the type they are stored in."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        tensors: dict[str, Tensor] = {}
        for file in self.files:
            try:
                tensors |= load_file(file)
            except (OSError, SafetensorError) as error:
                raise damaged(self._folder, file) from error
        return tensors


def damaged(folder: Path, file: Path) -> MeshGPTError:
    """What to say of a file of weights that cannot be read."""
    return MeshGPTError(f'The weights "{file.name}" of the model "{folder.name}" are damaged.', COPY_AGAIN)


def shard_files(folder: Path) -> list[Path]:
    """`model.safetensors` alone, or all of `model-00001-of-0000n.safetensors` and so on; no other name counts."""
    try:
        found = sorted(name for name in os.listdir(folder) if _SHARD.fullmatch(name))
    except OSError:
        found = []
    if not found:
        raise MeshGPTError(f'The model "{folder.name}" has no weights.', COPY_AGAIN)
    whole = [f"model-{number:05d}-of-{len(found):05d}.safetensors" for number in range(1, len(found) + 1)]
    if found not in (["model.safetensors"], whole):
        raise MeshGPTError(f'The weights of the model "{folder.name}" are not complete.', COPY_AGAIN)
    return [own_file(folder, name) for name in found]


@contextmanager
def building_at_most(values: int) -> Iterator[None]:
    """Inside, this thread builds modules of at most so many numbers in all; one more raises MeshGPTError.

    Settings may ask for any size. torch tells of a tensor when a module takes it, which is before it is filled, so what
    is refused never takes memory.
    """
    from torch.nn.modules import module as hooks

    thread, left = threading.get_ident(), values

    def take(module: object, name: str, tensor: Tensor | None) -> None:
        nonlocal left
        if tensor is not None and threading.get_ident() == thread:
            left -= tensor.numel()
            if left < 0:
                raise MeshGPTError("its weights do not fit its config.json, which asks for more.")

    handle = hooks.register_module_parameter_registration_hook(take)
    try:
        yield
    finally:
        handle.remove()
