# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How meshes are drawn from a model, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import check_types, need_at_least, need_at_most
from .errors import MeshGPTError

CONDITIONS = ("prompt", "category", "faces", "points")
NO_AREA = 1e-6  # of a parallelogram in [-1, 1]: a 128-lattice has none between 0 and 2e-4


@dataclass(frozen=True)
class SamplingConfig:
    """How to draw. temperature 0: the likeliest choice each time. guidance 1: the conditions as they are; above:
    overstated. A condition with a guidance of its own takes that instead.

    Guidance is for where new vertices stand and when the mesh ends. Which vertices a face joins is drawn as asked for:
    overstated, it tears holes.
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
    manifold: bool = True  # at most two faces on an edge
    close: bool = True  # leave no hole by chance, with a model that has `closing`; otherwise as often as artists do
    attempts: int = 64  # tries for a face before the mesh is given up as it stands
    draws: int = 4  # candidates for a new vertex, of which the first that keeps the rules is taken

    def __post_init__(self) -> None:
        check_types(self)
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
        need_at_most(10_000, self, "attempts")
        need_at_most(64, self, "draws")

    def weights(self) -> dict[str, float]:
        """The guidance of each condition."""
        own = {name: getattr(self, f"{name}_guidance") for name in CONDITIONS}
        return {name: self.guidance if weight is None else weight for name, weight in own.items()}


def shipped_sampling(config: dict[str, Any], prompted: bool) -> dict[str, Any]:
    """Fields of SamplingConfig that a model's config.json ships. What guidance does for a prompt is not there without
    one, so a model may draw otherwise then.
    """
    return {**config.get("sampling", {}), **({} if prompted else config.get("sampling_without_prompt", {}))}
