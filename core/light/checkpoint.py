# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint that the NumPy engine writes with."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint
from ..environment import has_torch
from ..errors import MeshGPTError
from ..events import GeneratedMesh
from ..model_files import read_config, read_labels
from ..sampling_config import SamplingConfig
from .model import light_transformer, writes
from .sampler import LightSampler
from .weights import read_weights

# Up to how many meshes this engine writes although there is a GPU, where a face takes as long for one as for dozens:
# one comes slower there, four a little faster once PyTorch has started (docs/PERFORMANCE.md).
FEW = 4
SET_UP = "Set up PyTorch, or choose another device."


def writing_device(path: Path, device: str, meshes: int) -> str | None:
    """The device on which the model in a folder writes so many meshes best, of those that `device` leaves open; None:
    the best that PyTorch has. "auto" leaves all open, "cpu" both ways to use the processor.

    Without PyTorch and its packages it is NumPy's, if the model can be written with that. So it is on a processor: each
    mesh comes as soon as it is written, and faces evenly, however many are asked for (docs/PERFORMANCE.md); and for a
    few beside a GPU. `meshes` 0: the model is wanted for something else.
    """
    if device in ("auto", "cpu") and writes(read_config(path)) and (not has_torch() or _suits(meshes, device)):
        return "numpy"
    return None if device == "auto" else device


def _suits(meshes: int, device: str) -> bool:
    return meshes > 0 and (meshes <= FEW or device == "cpu" or not _has_gpu())


@functools.cache
def _has_gpu() -> bool:
    from ..setup.machine import look  # only now: it asks programs of the system

    return bool(look().gpus)


class LightCheckpoint(Checkpoint):
    """A loaded model without PyTorch: it generates, completes and follows surfaces, and no more."""

    device = "numpy"

    def _sampler(
        self,
        prompts: Sequence[str],
        asked: dict[str, Any],
        seeds: Sequence[int],
        settings: SamplingConfig,
        cap: int,
        draft: Checkpoint | None,
    ) -> LightSampler:
        if draft is not None:
            raise MeshGPTError("Without PyTorch no smaller model can guess ahead.", SET_UP)
        model = self._generator()
        wishes = [model.asked(prompt, **asked) for prompt in prompts]
        return LightSampler(model, wishes, seeds, settings, cap, prompts)

    def _log_p(self, meshes: Sequence[GeneratedMesh], **asked: Any) -> list[float]:
        return [mesh.log_p for mesh in meshes]  # counted while they were written


def load_light(path: Path) -> LightCheckpoint:
    """Load the checkpoint in a folder; raises MeshGPTError for one that needs PyTorch, or is damaged."""
    config = read_config(path)
    if not writes(config):
        raise MeshGPTError(f'The model "{path.name}" needs PyTorch.', SET_UP)
    labels = read_labels(path, config["kind"])
    model = light_transformer(read_weights(path), config, labels, path.name)
    return LightCheckpoint(path, config, model.tokenizer, model, labels)
