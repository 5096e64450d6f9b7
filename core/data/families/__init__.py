# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of procedural shapes, in the order in which a data set takes them."""

from __future__ import annotations

from itertools import zip_longest

from .buildings import BUILDINGS
from .containers import CONTAINERS
from .family import Draw, Family
from .furniture import FURNITURE
from .plants import PLANTS
from .primitives import PRIMITIVES
from .seats import SEATS
from .structures import STRUCTURES
from .tools import TOOLS

# What has few faces comes first: tests and first steps take a handful of meshes.
_FIRST = (
    *("crate", "table", "round table", "chair", "stool", "bench", "bed", "stairs", "barrel", "column", "pine tree"),
    *("pyramid", "prism", "gem", "ring", "arch", "house", "wall", "floor lamp"),
)


def _ordered() -> tuple[Family, ...]:
    """The first ones, then the groups in turn, so that any stretch holds something of each."""
    groups = (FURNITURE, CONTAINERS, BUILDINGS, PLANTS, TOOLS, SEATS, STRUCTURES, PRIMITIVES)
    by_noun = {family.noun: family for row in zip_longest(*groups) for family in row if family}
    return (*(by_noun.pop(noun) for noun in _FIRST), *by_noun.values())


FAMILIES = _ordered()

__all__ = ["FAMILIES", "Draw", "Family"]
