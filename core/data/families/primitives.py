# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain solids, of a few faces each."""

from __future__ import annotations

import math

import numpy as np

from ..solids import Part, around, lathe, loft, placed
from .family import CORNERS, Draw, Family


def _pyramid(draw: Draw) -> list[Part]:
    sides = draw.pick("sides", (3, 4, 4, 4), {3: "triangular"})
    return [lathe([(0.8, 0), (0.0, draw.real("height", 0.5, 1.7, "low", "tall"))], sides)]


def _prism(draw: Draw) -> list[Part]:
    sides, height = draw.pick("sides", (3, 5, 6), CORNERS), draw.real("height", 0.3, 1.6, "flat", "tall")
    return [lathe([(0.5, 0), (0.5, height)], sides)]


def _gem(draw: Draw) -> list[Part]:
    sides, cluster = draw.pick("sides", (4, 5, 6, 8)), draw.pick("crystals", (1, 1, 1, 3, 4))
    radius, waist = draw.real("radius", 0.3, 0.6, "slender", "wide"), draw.real("waist", 0.3, 0.6)
    top, cut = draw.real("top", 1.0, 1.4), draw.chance("cut", 0.3, "cut")
    if cut:
        return [lathe([(0.0, 0), (radius, waist), (radius * 0.6, waist + 0.3)], sides)]
    one = lathe([(0.0, 0), (radius, waist), (0.0, top)], sides)
    if cluster == 1:
        return [one]
    small = placed(one, (radius * 0.4, 0, 0), tilt=0.6, scale=(0.5, 0.5, 0.6))
    return [one, *around(small, cluster - 1)]


def _ring(draw: Draw) -> list[Part]:
    turns, tube = draw.pick("around", (8, 10, 12)), draw.whole("tube", 4, 6)
    big, small = 0.75, draw.real("tube radius", 0.1, 0.28, "thin", "thick")
    u = np.arange(turns)[:, None] * (2 * math.pi / turns)
    v = np.arange(tube)[None, :] * (2 * math.pi / tube) + math.pi / tube
    reach = big + small * np.cos(v)
    return [loft(np.stack([reach * np.cos(u), reach * np.sin(u), small * (1 + np.sin(v)) + 0 * u], axis=-1), loop=True)]


PRIMITIVES = (
    Family("pyramid", "prop/other", _pyramid),
    Family("prism", "prop/other", _prism),
    Family("gem", "prop/collectible", _gem),
    Family("ring", "prop/collectible", _ring),
)
