# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefix conditions: what the user asks for becomes tokens before the first face, each of which can be left out.

A prompt is a handful of words; each word is the sum of a learned vector (when training knew the word) and of the
vectors of its character n-grams (fastText, Bojanowski et al., arXiv 1607.04606), so that unknown words still mean
something. A face count is a Fourier embedding of its logarithm. In training each condition is dropped at random, which
is what classifier-free guidance (Ho and Salimans, arXiv 2207.12598) needs.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

STOP_WORDS = frozenset("a an the of with and in on for to theme style low poly mesh model 3d".split())
_COUNT_FREQUENCIES = 16


@dataclass(frozen=True)
class Conditions:
    """Conditions of a batch. words int64 [B, W, G]: ids of the pieces of each word, 0 where empty; faces float [B],
    0: none.
    """

    words: Tensor
    faces: Tensor

    def to(self, device: torch.device) -> Conditions:
        return Conditions(self.words.to(device), self.faces.to(device))

    def dropped(self, prompt: Tensor, faces: Tensor) -> Conditions:
        """The same without the prompt / the face count in the rows where the bool tensors [B] say so."""
        words = self.words.masked_fill(prompt[:, None, None], 0)
        return Conditions(words, self.faces.masked_fill(faces, 0.0))

    def without(self) -> Conditions:
        """No condition at all: the other branch of guidance."""
        return Conditions(torch.zeros_like(self.words), torch.zeros_like(self.faces))


class Vocabulary:
    """Words of the training labels and hashed character n-grams -> piece ids. Id 0 is empty, ids 1.. are words, then
    n-grams.
    """

    def __init__(self, words: Sequence[str], buckets: int = 2048, max_words: int = 6, max_pieces: int = 12) -> None:
        self.words = tuple(words)
        self.buckets, self.max_words, self.max_pieces = buckets, max_words, max_pieces
        self._ids = {word: index + 1 for index, word in enumerate(self.words)}

    @property
    def size(self) -> int:
        return 1 + len(self.words) + self.buckets

    @staticmethod
    def split(prompt: str) -> list[str]:
        """Lower-case words of a prompt, without the empty ones; all of them when nothing else is left."""
        words = re.findall(r"[a-z0-9]+", prompt.lower())
        return [word for word in words if word not in STOP_WORDS] or words

    def known(self, word: str) -> bool:
        return self._lemma(word) is not None

    def _lemma(self, word: str) -> str | None:
        """The word as training knew it; a plural counts as its singular and the other way round."""
        forms = (
            word,
            word[:-1] if word.endswith("s") else word + "s",
            word[:-2] if word.endswith("es") else word + "es",
        )
        return next((form for form in forms if form in self._ids), None)

    def pieces(self, word: str, known: bool = True) -> list[int]:
        """Piece ids of a word: its own when `known` and in the vocabulary, and its 3- to 5-character n-grams."""
        lemma = self._lemma(word)
        ids = [self._ids[lemma]] if known and lemma else []
        padded = f"<{word}>"
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


class PrefixConditions(nn.Module):
    """Conditions -> prefix tokens [B, P, d]: W words, the face count, and the start token, whose state predicts the
    first slot.
    """

    def __init__(self, dim: int, vocabulary: Vocabulary, width: int = 96) -> None:
        super().__init__()
        self.length = vocabulary.max_words + 2
        self.pieces = nn.Embedding(vocabulary.size, width, padding_idx=0)
        self.project = nn.Linear(width, dim, bias=False)
        self.place = nn.Parameter(torch.randn(vocabulary.max_words, dim) * 0.02)
        self.count = nn.Linear(2 * _COUNT_FREQUENCIES, dim)
        self.no_prompt = nn.Parameter(torch.randn(dim) * 0.02)
        self.no_count = nn.Parameter(torch.randn(dim) * 0.02)
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        octaves = math.pi * 2.0 ** torch.linspace(-4, 3, _COUNT_FREQUENCIES)
        self.register_buffer("octaves", octaves, persistent=False)

    def forward(self, conditions: Conditions) -> Tensor:
        words = conditions.words
        used = (words > 0).sum(dim=-1, keepdim=True)
        vectors = self.pieces(words).sum(dim=-2) / used.clamp(min=1).sqrt()
        tokens = self.project(vectors) + self.place
        empty = (used.sum(dim=1) == 0)[:, :, None]
        tokens = torch.where(empty, self.no_prompt + self.place, tokens)
        angles = conditions.faces.clamp(min=1).log2()[:, None] * self.octaves
        count = self.count(torch.cat([angles.sin(), angles.cos()], dim=-1))
        count = torch.where((conditions.faces > 0)[:, None], count, self.no_count)
        start = self.start.expand_as(count)
        return torch.cat([tokens, torch.stack([count, start], dim=1).to(tokens.dtype)], dim=1)
