# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a choice is drawn from logits: temperature, the filters, and one uniform number a choice."""

from __future__ import annotations

import torch
from torch import Tensor

from .sampling_config import SamplingConfig


def filtered_probabilities(logits: Tensor, config: SamplingConfig) -> Tensor:
    """Logits [..., C] -> probabilities [..., C] after temperature, top-k, min-p and top-p; at temperature 0 one-hot."""
    if config.temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    p = (logits / config.temperature).softmax(dim=-1)
    if config.top_k and config.top_k < p.shape[-1]:
        p = p * (p >= p.topk(config.top_k, dim=-1).values[..., -1:])
    if config.min_p:
        p = p * (p >= config.min_p * p.amax(dim=-1, keepdim=True))
    if config.top_p < 1:
        ordered, order = p.sort(dim=-1, descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        keep = before < config.top_p * p.sum(dim=-1, keepdim=True)
        p = torch.zeros_like(p).scatter(-1, order, ordered * keep)
    return p / p.sum(dim=-1, keepdim=True)


def draw(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """One index [...] of probabilities [..., C] by inverse transform of uniform numbers [...] in [0, 1)."""
    cumulative = probabilities.cumsum(dim=-1)
    # Kept below the total, whatever the rounding, so that it never leads past the last index with any probability.
    point = uniform.clamp(max=1 - 1e-6)[..., None] * cumulative[..., -1:]
    return (cumulative <= point).sum(dim=-1)
