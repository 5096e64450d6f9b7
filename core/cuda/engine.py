# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the kernel writes, and what it keeps of a model: packed weights, and a kernel for each number of branches.

It has been compared on processors only (docs/PERFORMANCE.md), so it is off unless `MESHGPT_KERNEL=1` asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import torch

from ..conditioning import Conditions
from ..generation import Sampler
from ..graphs import GraphSampler
from ..sampling_config import SamplingConfig
from ..transformer import MeshTransformer
from .compiler import CudaKernel
from .job import GROUP, Packed, writes
from .sampler import Kernel, KernelSampler

THREADS = 512  # a mesh: enough to keep a multiprocessor's memory busy, with 128 registers each


class Engine:
    """A model as the kernel knows it, for as long as its weights stay; half: those in float16, as they are shipped."""

    def __init__(self, model: MeshTransformer, half: bool = True, threads: int = THREADS, group: int = GROUP) -> None:
        self.packed, self.threads = Packed(model, half, group), threads
        self._device = next(model.parameters()).device
        self._kernels: dict[int, Kernel | Exception] = {}

    def kernel(self, lanes: int) -> Kernel:
        """The kernel for so many branches of guidance; OSError or RuntimeError where there is none."""
        if lanes not in self._kernels:
            try:
                self._kernels[lanes] = self._compiled(self.packed.source(lanes, self.threads))
            except (OSError, RuntimeError) as error:
                self._kernels[lanes] = error  # which the next batch need not find out again
        if isinstance(found := self._kernels[lanes], Exception):
            raise found
        return found

    def _compiled(self, source: str) -> Kernel:
        return CudaKernel(source, self.threads, self._device)


_engines: WeakKeyDictionary[MeshTransformer, Engine] = WeakKeyDictionary()


def sampler_for(
    model: MeshTransformer,
    conditions: Conditions,
    seeds: Sequence[int],
    config: SamplingConfig,
    max_faces: int,
    prompts: Sequence[str] = (),
    engine: Callable[[MeshTransformer], Engine] = Engine,
) -> Sampler:
    """What writes these meshes on the model's device: the kernel where it is wanted and can be had, else graphs."""
    arguments = (model, conditions, seeds, config, max_faces, prompts)
    if _wanted(model) and conditions.points is None and writes(model, config):
        try:
            if model not in _engines:
                _engines[model] = engine(model)
            return KernelSampler(*arguments, engine=_engines[model])
        except (OSError, RuntimeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
    return GraphSampler(*arguments)


def _wanted(model: MeshTransformer) -> bool:
    return os.environ.get("MESHGPT_KERNEL") == "1" and next(model.parameters()).device.type == "cuda"
