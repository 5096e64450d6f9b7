# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a generated mesh is what the prompt asked for: a small PointNet that tells nouns apart, trained on training
meshes only (Qi et al., arXiv 1612.00593).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .clouds import turned

_POINTS = 256
STEPS = 400
_BATCH, _RATE = 64, 2e-3


class NounClassifier(nn.Module):
    """Clouds [A, M, 3] -> logits [A, C] of C nouns."""

    def __init__(self, nouns: Sequence[str]) -> None:
        super().__init__()
        self.nouns = list(nouns)
        self.points = nn.Sequential(
            nn.Linear(3, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 128), nn.LayerNorm(128), nn.GELU()
        )
        self.lift = nn.Linear(128, 256)
        self.judge = nn.Sequential(nn.Linear(512, 128), nn.GELU(), nn.Dropout(0.3), nn.Linear(128, len(self.nouns)))

    def forward(self, clouds: Tensor) -> Tensor:
        x = self.lift(self.points(clouds))
        return self.judge(torch.cat([x.amax(dim=1), x.mean(dim=1)], dim=-1))

    @torch.no_grad()
    def name(self, clouds: Tensor) -> list[str]:
        """The noun of each cloud."""
        self.eval()
        logits = torch.cat([self(part) for part in clouds[:, :_POINTS].split(_BATCH)])
        return [self.nouns[i] for i in logits.argmax(dim=1).tolist()]

    def accuracy(self, clouds: Tensor, nouns: Sequence[str]) -> float:
        """Share of the clouds whose noun is found."""
        return sum(a == b for a, b in zip(self.name(clouds), nouns, strict=True)) / len(nouns)


def train_classifier(
    clouds: Tensor, labels: Sequence[str], nouns: Sequence[str], *, steps: int = STEPS, seed: int = 0
) -> NounClassifier:
    """A classifier of clouds [A, M, 3] with a label each, all of them of `nouns`; rare nouns count as much as
    others.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NounClassifier(nouns)
        targets = torch.tensor([model.nouns.index(label) for label in labels])
        weights = 1 / targets.bincount(minlength=len(nouns)).clamp(min=1)
        optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        model.train()
        for _ in range(steps):
            rows = torch.randint(len(clouds), (_BATCH,))
            logits = model(_varied(clouds[rows]))
            loss = F.cross_entropy(logits, targets[rows], weight=weights / weights.mean(), label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def _varied(clouds: Tensor) -> Tensor:
    """Other points, turned, mirrored and stretched, as generated meshes are."""
    points = torch.randperm(clouds.shape[1])[:_POINTS]
    clouds = turned(clouds[:, points])[torch.arange(len(clouds)), torch.randint(8, (len(clouds),))]
    clouds = clouds * (0.8 + 0.45 * torch.rand(len(clouds), 1, 3))
    low, high = clouds.amin(dim=1, keepdim=True), clouds.amax(dim=1, keepdim=True)
    return (clouds - (low + high) / 2) * (1.9 / (high - low).amax(dim=-1, keepdim=True))
