# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefix conditions: what the user asks for becomes tokens before the first face, each of which can be left out.

A prompt is a handful of words; each word is the sum of a learned vector and of the vectors of its character n-grams
(fastText, Bojanowski et al., arXiv 1607.04606). A word that training did not have is read as the nearest that it had
(`words.py`), else by its n-grams alone. A category is a learned token, a face count a Fourier embedding of its
logarithm, a point cloud becomes latents (`nn/points.py`). In training each condition is dropped at random, which is
what classifier-free guidance (Ho and Salimans, arXiv 2207.12598) needs.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from .errors import MeshGPTError
from .nn.points import PointEncoder
from .words import WordTable

STOP_WORDS = frozenset("a an the of with and in on for to theme style low poly mesh model 3d".split())
_COUNT_FREQUENCIES = 16


CONDITIONS = ("prompt", "category", "faces", "points")


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

    def to(self, device: torch.device) -> Conditions:
        return self._each(lambda value: value.to(device))

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


class Vocabulary:
    """Words of the training labels and hashed character n-grams -> piece ids. Id 0 is empty, ids 1.. are words, then
    n-grams. `categories`: those that training knew, when it was given them.
    """

    def __init__(
        self,
        words: Sequence[str] = (),
        buckets: int = 2048,
        max_words: int = 6,
        max_pieces: int = 12,
        categories: Sequence[str] = (),
    ) -> None:
        self.words, self.categories = tuple(words), tuple(categories)
        self.buckets, self.max_words, self.max_pieces = buckets, max_words, max_pieces
        self._ids = {word: index + 1 for index, word in enumerate(self.words)}
        self._meant: dict[str, str | None] = {}

    @property
    def size(self) -> int:
        return 1 + len(self.words) + self.buckets

    def extended(self, words: Sequence[str], categories: Sequence[str] = ()) -> Vocabulary:
        """This vocabulary with the words and categories that it lacks, behind its own."""
        words, categories = dict.fromkeys((*self.words, *words)), dict.fromkeys((*self.categories, *categories))
        return Vocabulary(tuple(words), self.buckets, self.max_words, self.max_pieces, tuple(categories))

    @staticmethod
    def split(prompt: str) -> list[str]:
        """Lower-case words of a prompt, without the empty ones; all of them when nothing else is left."""
        words = re.findall(r"[a-z0-9]+", prompt.lower())
        return [word for word in words if word not in STOP_WORDS] or words

    def meant(self, word: str) -> str | None:
        """The training word for a word: itself, its singular or plural, else the nearest in meaning or spelling (see
        `words.py`); None when nothing is near.
        """
        if word not in self._meant:
            forms = (
                word,
                word[:-1] if word.endswith("s") else word + "s",
                word[:-2] if word.endswith("es") else word + "es",
            )
            found = next((form for form in forms if form in self._ids), None)
            if found is None and self.words:
                near = WordTable.load().nearest(word, self.words)
                found = near[0] if near else None
            if len(self._meant) > 10_000:
                self._meant.clear()
            self._meant[word] = found
        return self._meant[word]

    def understood(self, prompt: str) -> str:
        """The prompt in training words, as the model reads it; what it knows nothing like stays as it is."""
        return " ".join(self.meant(word) or word for word in self.split(prompt)[-self.max_words :])

    def pieces(self, word: str, known: bool = True) -> list[int]:
        """Piece ids of a word: that of the training word it means when `known`, and its 3- to 5-character n-grams."""
        meant = self.meant(word) if known else None
        ids = [self._ids[meant]] if meant else []
        # Another word takes the place of an unseen one altogether; a plural keeps its own letters.
        spelled = meant if meant and meant.rstrip("es") != word.rstrip("es") else word
        padded = f"<{spelled}>"[: self.max_pieces + 2]  # what comes later has no place among the pieces
        grams = [padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1)]
        first = 1 + len(self.words)
        return (ids + [first + zlib.crc32(gram.encode()) % self.buckets for gram in grams])[: self.max_pieces]

    def encode(self, prompts: Sequence[str], known: Sequence[bool] | None = None) -> Tensor:
        """Prompts -> piece ids int64 [B, W, G]. The last words win when there are too many: the head noun comes
        last.
        """
        ids = torch.zeros(len(prompts), self.max_words, self.max_pieces, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            for place, word in enumerate(self.split(prompt)[-self.max_words :]):
                pieces = self.pieces(word, known is None or known[row])
                ids[row, place, : len(pieces)] = torch.tensor(pieces)
        return ids

    def category_ids(self, categories: Sequence[str]) -> Tensor:
        """Ids int64 [B] of categories, 0 for ""; raises MeshGPTError for one that training did not have."""
        for category in categories:
            if category and category not in self.categories:
                known = ", ".join(self.categories)
                hint = f"Choose one of: {known}." if known else "This model was trained without categories."
                raise MeshGPTError(f'The model knows no category "{category}".', hint)
        return torch.tensor([self.categories.index(name) + 1 if name else 0 for name in categories])


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
