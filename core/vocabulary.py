# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of prompts as the model reads them; NumPy only.

Each word is the sum of a learned vector and of the vectors of its character n-grams (fastText, Bojanowski et al., arXiv
1607.04606). A word that training did not have is read as the nearest that it had (`words.py`), else by its n-grams
alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from .errors import MeshGPTError
from .words import WordTable

STOP_WORDS = frozenset("a an the of with and in on for to theme style low poly mesh model 3d".split())


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

    def encode(self, prompts: Sequence[str], known: Sequence[bool] | None = None) -> np.ndarray:
        """Prompts -> piece ids int64 [B, W, G]. The last words win when there are too many: the head noun comes
        last.
        """
        ids = np.zeros((len(prompts), self.max_words, self.max_pieces), np.int64)
        for row, prompt in enumerate(prompts):
            for place, word in enumerate(self.split(prompt)[-self.max_words :]):
                pieces = self.pieces(word, known is None or known[row])
                ids[row, place, : len(pieces)] = pieces
        return ids

    def category_ids(self, categories: Sequence[str]) -> np.ndarray:
        """Ids int64 [B] of categories, 0 for ""; raises MeshGPTError for one that training did not have."""
        for category in categories:
            if category and category not in self.categories:
                known = ", ".join(self.categories)
                hint = f"Choose one of: {known}." if known else "This model was trained without categories."
                raise MeshGPTError(f'The model knows no category "{category}".', hint)
        return np.array([self.categories.index(name) + 1 if name else 0 for name in categories], np.int64)
