# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What words mean, offline: an unseen or misspelled word of a prompt -> the nearest word that the model was trained on.

The table `data/words.npz` is distilled from the sentence encoder all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0)
and definitions of WordNet 3.0; `data/words.md` says how, and what it reaches. It needs NumPy only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from .errors import MeshGPTError
from .protocol import read_arrays

TABLE = Path(__file__).parent / "data" / "words.npz"
# Measured, see words.md: 97% of the right answers are above, 89% of words for no thing below.
LEAST = 0.32
_LONGEST = 40  # letters; what is longer is no word
_HALF = 8  # codes are 4 bits: -7..7, stored from 1 to 15


class WordTable:
    """Words, the common ones first, and the vectors of those that mean something a mesh could show.

    words: lower-case letters a-z, unique. codes: int8 [N, C], the vectors of the first N words in units of step,
    float32 [C]; the words after those are real, but say nothing about shapes (names, particles). Unlike a unit vector,
    a vector is the shorter the less its word is about things; so similarities below are dot products.
    """

    def __init__(self, words: Sequence[str], codes: np.ndarray, step: np.ndarray) -> None:
        self.words = tuple(words)
        self._codes, self._step = codes, step
        self._rows = {word: row for row, word in enumerate(self.words)}
        self._group = lru_cache(maxsize=4)(lambda among: _Group(self, among))

    @cached_property
    def _spelling(self) -> _Spelling:
        return _Spelling(self.words, strict=True)

    @classmethod
    def read(cls, path: Path) -> WordTable:
        """A table that `save` wrote; raises MeshGPTError for a file that is none."""
        try:
            arrays = read_arrays(path, "words", "codes", "step")
            packed, step = arrays["codes"], arrays["step"]
            words = _unpacked(arrays["words"].astype(np.uint8, casting="no"))
            fits = len(packed) <= len(words) and (step.dtype, step.shape) == (np.float32, (2 * packed.shape[1],))
            if not fits or packed.dtype != np.uint8 or packed.ndim != 2:
                raise ValueError("The arrays do not fit together")
        except (MeshGPTError, ValueError, TypeError, IndexError) as error:
            raise MeshGPTError(f'The table of words "{path.name}" is damaged.', "Install MeshGPT again.") from error
        byte = np.arange(256)
        pairs = (np.stack([byte >> 4, byte & 15], axis=-1) - _HALF).astype(np.int8)
        return cls(words, pairs.view(np.int16)[:, 0].take(packed).view(np.int8), step)

    def save(self, path: Path) -> None:
        """Two codes a byte, the words as one text; nothing in it is a pickle."""
        pairs = (self._codes + _HALF).astype(np.uint8).reshape(len(self._codes), -1, 2)
        text = np.frombuffer("\n".join(self.words).encode("ascii"), dtype=np.uint8)
        np.savez_compressed(path, words=text, codes=pairs[..., 0] << 4 | pairs[..., 1], step=self._step)

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> WordTable:
        """The bundled table, read once."""
        return WordTable.read(TABLE)

    def __contains__(self, word: str) -> bool:
        return word in self._rows

    def vector(self, word: str) -> np.ndarray | None:
        """Meaning float32 [C] of a word or its singular; None when unknown, or when it says nothing about shapes."""
        row = next((self._rows[form] for form in _forms(_plain(word)) if form in self._rows), len(self._codes))
        return self._codes[row] * self._step if row < len(self._codes) else None

    def nearest(self, word: str, among: Sequence[str], least: float = LEAST) -> tuple[str, float] | None:
        """The word of `among` that means most nearly the same, and how nearly (1: itself or its singular or plural).

        None when none is as near as `least`. A word that is unknown is read as a slip of the keyboard first, then as a
        compound whose last part says what it is. Any text is a word; no text raises.
        """
        word = _plain(word)
        group = self._group(tuple(among))
        if not word or not group.places:
            return None
        for reading in self._readings(word, group):
            for form in _forms(reading):
                if form in group.places:
                    return group.name(form), 1.0 if reading == word else _likeness(word, form)
            vector = self.vector(reading)
            if vector is not None:
                similarities = group.vectors @ vector
                best = int(similarities.argmax())
                return (among[best], float(similarities[best])) if similarities[best] >= least else None
        return None

    def _readings(self, word: str, group: _Group) -> Iterator[str]:
        """The word itself; if it is unknown, one slip from it, else the last part of a compound, else two slips."""
        yield word
        if word in self._rows:
            return
        slips, corrected = min(
            (found for spelling in (group.spelling, self._spelling) if (found := spelling.nearest(word))),
            key=lambda found: found[0],
            default=(0, ""),
        )
        tail = self._last_part(word, group) if slips != 1 else ""
        if tail or corrected:
            yield tail or corrected

    def _last_part(self, word: str, group: _Group) -> str:
        for cut in range(3, len(word) - 3):
            head, tail = word[:cut], word[cut:]
            if all(part in self._rows or part in group.places for part in (head, tail)):
                return tail
        return ""


def common_words() -> list[str]:
    """The words of the bundled table, the common ones first, without reading what they mean."""
    with np.load(TABLE, allow_pickle=False) as arrays:
        return _unpacked(arrays["words"])


def _unpacked(words: np.ndarray) -> list[str]:
    return words.tobytes().decode("ascii").split("\n")


class _Group:
    """The words to choose among: where each is, their vectors float32 [A, C] (0 without meaning) and spellings."""

    def __init__(self, table: WordTable, among: Sequence[str]) -> None:
        plain = [_plain(word) for word in among]
        self._among = among
        self.places = {word: place for place, word in reversed(list(enumerate(plain))) if word}
        self.spelling = _Spelling(list(self.places))
        nothing = np.zeros(len(table._step), dtype=np.float32)
        found = [table.vector(word) for word in plain]
        self.vectors = np.array([nothing if vector is None else vector for vector in found], dtype=np.float32)

    def name(self, word: str) -> str:
        return self._among[self.places[word]]


class _Spelling:
    """Finds the word that differs from a given one by one or two slips: a letter more, less, wrong, or two swapped.

    strict: two slips must leave all letters but one as they were, for among very many words something is always near.
    """

    def __init__(self, words: Sequence[str], strict: bool = False) -> None:
        self._words, self._strict = words, strict
        self._letters = _letter_counts(words)

    def nearest(self, word: str) -> tuple[int, str] | None:
        """The slips and the word. Words below four letters are taken as they are, two slips need seven letters."""
        slips = 0 if len(word) < 4 else 1 if len(word) < 7 else 2
        if not slips or not self._words:
            return None
        # One slip changes the counts of two letters at most, which rules nearly all words out at once.
        apart = np.abs(self._letters - _letter_counts([word])[0]).sum(axis=1)
        best: tuple[int, bool, int, int] | None = None
        for row in np.flatnonzero(apart <= (2 if self._strict else 2 * slips)):
            other = self._words[row]
            if min(len(word), len(other)) < 4 or (len(word) == 4 or slips == 2) and other[0] != word[0]:
                continue
            distance = _edit_distance(word, other)
            if distance <= slips:
                # Rather a slip inside than at the start, rather swapped than wrong letters, rather a common word.
                rank = (distance, other[0] != word[0], int(apart[row]), int(row))
                best = min(best, rank) if best else rank
        return (best[0], self._words[best[-1]]) if best else None


def _plain(word: str) -> str:
    """Lower case without accents ("Café" -> "cafe"); empty when that is no word of the letters a-z."""
    word = unicodedata.normalize("NFKD", word[: 2 * _LONGEST].strip().lower())
    word = "".join(letter for letter in word if not unicodedata.combining(letter))
    return word if len(word) <= _LONGEST and word.isascii() and word.isalpha() else ""


def _forms(word: str) -> Iterator[str]:
    """The word, what it may be the plural of, and its own plural."""
    yield word
    for ending, singular in (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            yield word.removesuffix(ending) + singular
    yield word + "s"
    yield word + "es"


def _likeness(word: str, other: str) -> float:
    return 1 - _edit_distance(word, other) / max(len(word), len(other))


def _letter_counts(words: Sequence[str]) -> np.ndarray:
    """How often each letter occurs in each word, int8 [N, 26]."""
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    letters = np.frombuffer("".join(words).encode("ascii"), dtype=np.uint8) - ord("a")
    cells = np.repeat(np.arange(len(words)), lengths) * 26 + letters
    return np.bincount(cells, minlength=26 * len(words)).reshape(-1, 26).astype(np.int8)


def _edit_distance(a: str, b: str) -> int:
    """Letters to insert, delete, replace or swap with their neighbour (optimal string alignment)."""
    before, row = [], list(range(len(b) + 1))
    for i, x in enumerate(a):
        before, last, row = row, before, [i + 1]
        for j, y in enumerate(b):
            cost = min(before[j + 1] + 1, row[j] + 1, before[j] + (x != y))
            if i and j and x == b[j - 1] and a[i - 1] == y:
                cost = min(cost, last[j - 1] + 1)
            row.append(cost)
    return row[-1]
