# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions of training meshes: one mesh has many, so that the model hears a thing by all its names."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("synonyms.txt")


@cache
def synonym_groups() -> tuple[tuple[str, ...], ...]:
    """Words that are used for each other, group by group."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(tuple(line.split()) for line in lines if not line.startswith("#"))


@cache
def _synonyms() -> dict[str, tuple[str, ...]]:
    return {word: tuple(other for other in group if other != word) for group in synonym_groups() for word in group}


def captions(label: str, head: str = "", theme: str = "", category: str = "") -> list[tuple[str, float]]:
    """Prompts that describe a mesh, with the weight that each has in training: its label, its head noun, the label with
    a synonym, with its theme, and the noun with its category.
    """
    noun = head or label
    found = [(label, 0.5)]
    if head and head != label:
        found.append((head, 0.15))
    words = label.split()
    others = [(i, other) for i, word in enumerate(words) for other in _synonyms().get(word, ())]
    for i, other in others:
        found.append((" ".join([*words[:i], other, *words[i + 1 :]]), 0.25 / len(others)))
    if theme:
        found.append((f"{theme} {label}", 0.15))
    if category:
        found.append((" ".join([*(kind for kind in category.split("/") if kind != noun), noun]), 0.1))
    return found
