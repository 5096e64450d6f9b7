# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint that the NumPy engine writes with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint
from ..errors import MeshGPTError
from ..events import GeneratedMesh
from ..model_files import read_config, read_labels
from ..sampling_config import SamplingConfig
from .model import light_transformer, writes
from .sampler import LightSampler
from .weights import read_weights

SET_UP = "Set up PyTorch, or choose another device."


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

    def _ranking(self) -> Callable[..., GeneratedMesh]:
        raise MeshGPTError("Without PyTorch the best of several cannot be chosen.", SET_UP)


def load_light(path: Path) -> LightCheckpoint:
    """Load the checkpoint in a folder; raises MeshGPTError for one that needs PyTorch, or is damaged."""
    config = read_config(path)
    if not writes(config):
        raise MeshGPTError(f'The model "{path.name}" needs PyTorch.', SET_UP)
    labels = read_labels(path, config["kind"])
    model = light_transformer(read_weights(path), config, labels, path.name)
    return LightCheckpoint(path, config, model.tokenizer, model, labels)
