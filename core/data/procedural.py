# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural low-poly shapes with captions: the data set that needs no download.

For tests, first steps and `train --data procedural`. Furniture, containers, buildings, plants and tools, drawn from a
seeded generator; every shape is made of closed parts wound outwards, and stands on z = 0. The families are in
`families/`, what they are built of in `solids.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..mesh import TriangleMesh
from .families import FAMILIES, Draw, Family
from .families.family import Parameter
from .solids import Part, merged


@dataclass(frozen=True)
class Shape:
    """One shape: its closed parts, what it is called, and the parameters it was drawn with."""

    parts: tuple[Part, ...]
    label: str  # "tall three legged stool"
    head: str  # "stool"
    category: str  # "furniture/chair"
    family: tuple[str, str]  # the noun, and the variant: what shares both has the same faces in other proportions
    parameters: dict[str, Parameter]

    @cached_property
    def mesh(self) -> TriangleMesh:
        return merged(self.parts)


def procedural_samples(count: int, seed: int = 0) -> list[Shape]:
    """`count` shapes, the families in turn. Shape i of a seed is the same whatever `count` is."""
    return [draw_shape(FAMILIES[i % len(FAMILIES)], np.random.default_rng([seed, i])) for i in range(count)]


def procedural_meshes(count: int, seed: int = 0) -> list[tuple[TriangleMesh, str]]:
    """The meshes of `procedural_samples` with their labels."""
    return [(shape.mesh, shape.label) for shape in procedural_samples(count, seed)]


def draw_shape(family: Family, random: np.random.Generator) -> Shape:
    """One member of a family."""
    draw = Draw(random)
    parts = tuple(family.build(draw))
    label, variant = draw.label(family.noun), (family.noun, draw.variant())
    return Shape(parts, label, family.head, family.category, variant, draw.parameters)
