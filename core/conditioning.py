# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefix conditions: what the user asks for becomes tokens before the first face, each of which can be left out.

A prompt is a handful of words (`vocabulary.py`). A category is a learned token, a face count a Fourier embedding of its
logarithm, a point cloud becomes latents (`nn/points.py`). In training each condition is dropped at random, which is
what classifier-free guidance (Ho and Salimans, arXiv 2207.12598) needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from .nn.points import PointEncoder
from .vocabulary import Vocabulary

_COUNT_FREQUENCIES = 16


@dataclass(frozen=True)
class Conditions:
    """Conditions of a batch; what a row does not have is 0.

    words int64 [B, W, G]: ids of the pieces of each word; faces float [B]; category int64 [B]: ids, or None for none
    at all; points float [B, M, 6]: places in [-1, 1] and unit normals, or None.
    """

    words: Tensor
    faces: Tensor
    category: Tensor | None = None
    points: Tensor | None = None

    def to(self, device: torch.device, non_blocking: bool = False) -> Conditions:
        return self._each(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Conditions:
        return self._each(Tensor.pin_memory)

    def rows(self, index: Tensor | slice) -> Conditions:
        """Only these rows of the batch."""
        return self._each(lambda value: value[index])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Conditions:
        values = (getattr(self, field.name) for field in fields(self))
        return Conditions(*(None if value is None else change(value) for value in values))

    def present(self) -> dict[str, Tensor]:
        """Which rows have which condition: bool [B] by the names of `CONDITIONS`."""
        none = torch.zeros_like(self.faces, dtype=torch.bool)
        return {
            "prompt": (self.words > 0).flatten(1).any(dim=1),
            "category": none if self.category is None else self.category > 0,
            "faces": self.faces > 0,
            "points": none if self.points is None else (self.points != 0).flatten(1).any(dim=1),
        }

    def only(self, names: Collection[str]) -> Conditions:
        """Only the named conditions, in all rows."""
        return Conditions(
            self.words if "prompt" in names else torch.zeros_like(self.words),
            self.faces if "faces" in names else torch.zeros_like(self.faces),
            self.category if "category" in names else None,
            self.points if "points" in names else None,
        )

    def without(self) -> Conditions:
        """No condition at all."""
        return self.only(())


class PrefixConditions(nn.Module):
    """Conditions -> prefix tokens [B, P, d]: W words, the category (if the vocabulary has any), the face count, the
    latents of the points (if any), and the start token, whose state predicts the first slot.
    """

    def __init__(
        self, dim: int, vocabulary: Vocabulary, width: int = 96, point_latents: int = 0, heads: int = 4
    ) -> None:
        super().__init__()
        self.length = vocabulary.max_words + 2 + bool(vocabulary.categories) + point_latents
        self.pieces = nn.Embedding(vocabulary.size, width, padding_idx=0)
        self.project = nn.Linear(width, dim, bias=False)
        self.place = nn.Parameter(torch.randn(vocabulary.max_words, dim) * 0.02)
        self.count = nn.Linear(2 * _COUNT_FREQUENCIES, dim)
        self.no_prompt = nn.Parameter(torch.randn(dim) * 0.02)
        self.no_count = nn.Parameter(torch.randn(dim) * 0.02)
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        self.category = nn.Embedding(1 + len(vocabulary.categories), dim) if vocabulary.categories else None
        self.points = PointEncoder(dim, point_latents, heads) if point_latents else None
        self.no_points = nn.Parameter(torch.randn(point_latents, dim) * 0.02) if point_latents else None
        octaves = math.pi * 2.0 ** torch.linspace(-4, 3, _COUNT_FREQUENCIES)
        self.register_buffer("octaves", octaves, persistent=False)

    def forward(self, conditions: Conditions) -> Tensor:
        tokens = [self._words(conditions.words)]
        if self.category is not None:
            ids = conditions.category
            ids = torch.zeros_like(conditions.words[:, 0, 0]) if ids is None else ids
            tokens.append(self.category(ids)[:, None])
        tokens.append(self._count(conditions.faces)[:, None])
        if self.points is not None:
            tokens.append(self._points(conditions))
        tokens.append(self.start.expand_as(tokens[-1][:, :1]))
        return torch.cat([token.to(tokens[0].dtype) for token in tokens], dim=1)

    def _words(self, words: Tensor) -> Tensor:
        used = (words > 0).sum(dim=-1, keepdim=True)
        vectors = self.pieces(words).sum(dim=-2) / used.clamp(min=1).sqrt()
        tokens = self.project(vectors) + self.place
        empty = (used.sum(dim=1) == 0)[:, :, None]
        return torch.where(empty, self.no_prompt + self.place, tokens)

    def _count(self, faces: Tensor) -> Tensor:
        angles = faces.clamp(min=1).log2()[:, None] * self.octaves
        count = self.count(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return torch.where((faces > 0)[:, None], count, self.no_count)

    def _points(self, conditions: Conditions) -> Tensor:
        nothing = self.no_points.expand(len(conditions.faces), -1, -1)
        if conditions.points is None:
            return nothing
        present = conditions.present()["points"]
        return torch.where(present[:, None, None], self.points(conditions.points), nothing)
