# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A family of procedural shapes, and the draw of one member: its parameters, and the words that they earn it.

A word stands with the parameter that makes it true, so that a caption cannot say what the mesh does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..solids import Part

Parameter = float | int | bool
Value = TypeVar("Value", float, int, bool)
CORNERS = {3: "triangular", 4: "square", 5: "pentagonal", 6: "hexagonal", 8: "octagonal"}


class Draw:
    """Draws the parameters of one shape by name.

    A real number changes proportions only. Whole numbers and yes or no change which faces there are, so together they
    name the variant: shapes of one variant have the same faces, and differ in where the vertices are.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.parameters: dict[str, Parameter] = {}
        self._sizes: list[str] = []
        self._features: list[str] = []

    def real(self, name: str, low: float, high: float, least: str = "", most: str = "") -> float:
        """A number between two others; in its lowest quarter the shape is called `least`, in its highest `most`."""
        place = self.random.random()
        word = least if place < 0.25 else most if place > 0.75 else ""
        self._sizes += [word] if word else []
        return self._kept(name, float(low + place * (high - low)))

    def whole(self, name: str, low: int, high: int, words: Mapping[int, str] | None = None) -> int:
        """A whole number, both ends included, and what a shape with so many is called."""
        return self.pick(name, range(low, high + 1), words)

    def pick(self, name: str, options: Sequence[int], words: Mapping[int, str] | None = None) -> int:
        """One of some whole numbers."""
        value = int(options[self.random.integers(len(options))])
        self._name((words or {}).get(value, ""))
        return self._kept(name, value)

    def chance(self, name: str, odds: float, word: str = "", otherwise: str = "") -> bool:
        """Yes with those odds, and what the shape is called then, or otherwise."""
        value = bool(self.random.random() < odds)
        self._name(word if value else otherwise)
        return self._kept(name, value)

    def label(self, noun: str) -> str:
        """The first word for the size and the first for a feature, then the noun: more would be no one's prompt."""
        return " ".join([*self._sizes[:1], *self._features[:1], noun])

    def variant(self) -> str:
        """The parameters that decide which faces there are, as text."""
        return " ".join(f"{name}={int(v)}" for name, v in self.parameters.items() if isinstance(v, int))

    def _name(self, word: str) -> None:
        self._features += [word] if word else []

    def _kept(self, name: str, value: Value) -> Value:
        self.parameters[name] = value
        return value


@dataclass(frozen=True)
class Family:
    """Shapes that share a noun. Of "pine tree" the head noun is the last word."""

    noun: str
    category: str
    build: Callable[[Draw], list[Part]]

    @property
    def head(self) -> str:
        return self.noun.split()[-1]
