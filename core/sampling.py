# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a choice is drawn from logits: temperature, the filters, and one uniform number a choice.

torch is imported with the first choice, so that the defaults can be read without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .checks import need_at_least
from .errors import MeshGPTError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SamplingConfig:
    """How to draw. temperature 0: the likeliest choice each time. guidance 1: the conditions as they are; above:
    overstated. A condition with a guidance of its own takes that instead.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 0
    min_p: float = 0.0
    guidance: float = 1.5
    prompt_guidance: float | None = None
    category_guidance: float | None = None
    faces_guidance: float | None = None
    points_guidance: float | None = None
    manifold: bool = True
    attempts: int = 64  # tries for a face before the mesh is given up as it stands
    draws: int = 4  # candidates for a new vertex, of which the first that keeps the rules is taken

    def __post_init__(self) -> None:
        weights = self.weights().values()
        if not (
            0 <= self.temperature <= 10
            and 0 < self.top_p <= 1
            and 0 <= self.min_p < 1
            and 0 <= min(weights) <= max(weights) <= 20
        ):
            raise MeshGPTError(
                f"Sampling cannot use temperature {self.temperature}, top_p {self.top_p}, min_p {self.min_p}, "
                f"guidance {', '.join(map(str, sorted(set(weights))))}.",
                "Use a temperature of 0 to 10, top_p above 0 up to 1, min_p from 0 below 1, and guidance of 0 to 20.",
            )

        need_at_least(0, self, "top_k")
        need_at_least(1, self, "attempts", "draws")

    def weights(self) -> dict[str, float]:
        """The guidance of each condition."""
        from .conditioning import CONDITIONS

        own = {name: getattr(self, f"{name}_guidance") for name in CONDITIONS}
        return {name: self.guidance if weight is None else weight for name, weight in own.items()}


def filtered_probabilities(logits: Tensor, config: SamplingConfig) -> Tensor:
    """Logits [..., C] -> probabilities [..., C] after temperature, top-k, min-p and top-p; at temperature 0 one-hot."""
    import torch

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
