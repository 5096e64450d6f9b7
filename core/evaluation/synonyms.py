# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a model makes the same things of words that mean the same: "couch" what it makes of "sofa"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ..data.captions import synonym_groups
from ..data.dataset import MeshDataset
from .clouds import chamfer_among, point_clouds
from .distribution import one_nearest_neighbour_accuracy
from .generated import Wish, make
from .writers import Writers

_ALWAYS = ("couch", "automobile", "spaceship")  # words that people use, and hardly any mesh is named by
_PAIRS, _MESHES = 5, 12  # pairs of words, meshes of each word


def synonym_pairs(train: MeshDataset, most: int = _PAIRS) -> list[tuple[str, str]]:
    """At most so many pairs of the commonest noun of a group of synonyms and another word of it: groups with words that
    are always asked for, then those that name most of what artists made. The other word is one that is always asked
    for, else that which names least.
    """
    counts = Counter(sample.noun for sample in train if sample.derived_from is None)
    pairs = []
    for group in synonym_groups():
        noun = max(group, key=counts.__getitem__)
        others = [word for word in group if word != noun]
        if counts[noun] and others:
            other = min(others, key=lambda word: (word not in _ALWAYS, counts[word]))
            pairs.append(((other in _ALWAYS, sum(counts[word] for word in group)), (noun, other)))
    pairs.sort(key=lambda pair: pair[0], reverse=True)
    return [words for _, words in pairs[:most]]


def synonyms(
    writers: Writers,
    train: MeshDataset,
    *,
    count: int = _MESHES,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    **sampling: Any,
) -> dict[str, Any]:
    """`count` meshes of each word of `synonym_pairs`, without a face count, and how often the nearest other mesh tells
    which word of its pair a mesh is of, on Chamfer distances.

    one_nna: mean over the pairs; one_nna_of_pairs: of each. 0.5 (a little less, as a mesh is not its own neighbour):
    the words cannot be told apart; 1: they give different things. one_nna_of_other_nouns is the control row: the noun
    of each pair with that of the next, no synonym.

    Two dozen meshes tell little of one pair: chance moves it by 0.13 (standard deviation), the mean of five by 0.06. So
    the mean is to be read, beside its control; a single pair only where it is near 1. All meshes have seeds of their
    own: with seeds in common, twins in both sets would be each other's neighbours, and words that give the same would
    come out below 0.5.
    """
    pairs = synonym_pairs(train)
    if not pairs:
        return {"pairs": 0}
    wishes = [Wish(word) for pair in pairs for word in pair for _ in range(count)]
    made = make(writers, wishes, seed=seed, advance=advance, **sampling)
    found = [(mesh, wish.prompt) for mesh, wish in zip(made, wishes, strict=True) if mesh is not None]
    result = {"pairs": len(pairs), "generated": len(made), "failed": len(made) - len(found)}
    if not found:
        return result
    among = chamfer_among(point_clouds([mesh for mesh, _ in found]))
    rows = {word: [i for i, (_, prompt) in enumerate(found) if prompt == word] for pair in pairs for word in pair}

    def accuracy(first: str, second: str) -> float | None:
        """None where a word has too few meshes for a neighbour of its own."""
        a, b = rows[first], rows[second]
        if min(len(a), len(b)) < 2:
            return None
        return one_nearest_neighbour_accuracy(among[a][:, a], among[a][:, b], among[b][:, b])

    nouns = [noun for noun, _ in pairs]
    measured = {f"{noun}/{other}": accuracy(noun, other) for noun, other in pairs}
    measured = {name: value for name, value in measured.items() if value is not None}
    controls = [accuracy(noun, nouns[i - 1]) for i, noun in enumerate(nouns)] if len(nouns) > 1 else []
    controls = [value for value in controls if value is not None]
    if measured:
        result |= {"one_nna": float(np.mean(list(measured.values()))), "one_nna_of_pairs": measured}
    return result | ({"one_nna_of_other_nouns": float(np.mean(controls))} if controls else {})
