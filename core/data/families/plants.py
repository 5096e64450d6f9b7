# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees, plants, mushrooms and rocks."""

from __future__ import annotations

import math

import numpy as np

from ..solids import Part, around, ball, grounded, lathe, loft, placed, rough, tube, vessel
from .family import Draw, Family


def _pine(draw: Draw) -> list[Part]:
    sides, tiers = draw.pick("sides", (5, 6, 8)), draw.whole("tiers", 2, 4, {2: "small", 4: "tall"})
    radius, trunk = draw.real("radius", 0.4, 0.7, "slender", "wide"), draw.real("trunk", 0.25, 0.45)
    tier = draw.real("tier", 0.5, 0.7)
    parts = [lathe([(0.1, 0), (0.09, trunk + 0.1)], sides)]
    for index in range(tiers):
        size, base = radius * (1 - 0.8 * index / (tiers + 0.6)), trunk + index * tier * 0.6
        parts.append(placed(lathe([(size, base), (0.0, base + tier)], sides), spin=0.4 * index))
    return parts


def _tree(draw: Draw) -> list[Part]:
    crowns, fine = draw.whole("crowns", 1, 3, {1: "round"}), draw.chance("fine", 0.3)
    trunk, size = draw.real("trunk", 0.5, 1.1, "low", "tall"), draw.real("crown", 0.45, 0.6)
    parts = [lathe([(0.14, 0), (0.09, trunk * 0.5), (0.1, trunk + 0.25)], 6)]
    if crowns == 1:
        crown = placed(ball(size, (0, 0, 0), fine), (0, 0, trunk + size * 0.85), scale=(1, 1, 1.15))
        return [*parts, rough(crown, draw.random, 0.06)]
    for index in range(crowns):
        turn, share = 2 * math.pi * index / crowns + draw.random.uniform(0, 0.8), draw.random.uniform(0.6, 0.75)
        at = (0.36 * math.cos(turn), 0.36 * math.sin(turn), trunk + size * draw.random.uniform(0.4, 0.9))
        parts.append(rough(ball(size * share, at, fine), draw.random, 0.08))
    return [*parts, rough(ball(size * 0.8, (0, 0, trunk + size * 1.15), fine), draw.random, 0.06)]


def _bush(draw: Draw) -> list[Part]:
    clumps, fine = draw.whole("clumps", 1, 4, {1: "round"}), draw.chance("fine", 0.25)
    height = draw.real("height", 0.6, 1.2, "low", "tall")
    parts = []
    for index in range(clumps):
        turn = 2 * math.pi * index / clumps + draw.random.uniform(0, 1.0)
        reach = 0.0 if clumps == 1 else 0.3
        size = 0.45 if clumps == 1 else draw.random.uniform(0.28, 0.4)
        one = rough(ball(size, (0, 0, size * 0.6), fine), draw.random, 0.07)
        at = (reach * math.cos(turn), reach * math.sin(turn), 0)
        parts.append(placed(grounded(one), at, scale=(1, 1, height)))
    return parts


def _leaf(length: float, width: float, rise: float, droop: float, thick: float = 0.045) -> Part:
    """A blade that grows towards +x from the origin, up and over; its ends are tips."""
    spine = [(0.0, 0.0), (0.45 * length, rise), (0.8 * length, rise - droop * 0.4), (length, rise - droop)]
    widths = [0.35 * width, width, 0.75 * width, 0.0]
    rings = []
    for (x, z), w in zip(spine, widths, strict=True):
        t = thick if w else 0.0
        rings.append([[x, -w / 2, z - t], [x, 0, z], [x, w / 2, z - t], [x, 0, z - 2 * t]] if w else [[x, 0, z]] * 4)
    return loft(rings)


def _palm(draw: Draw) -> list[Part]:
    leaves, sides = draw.whole("leaves", 5, 7), draw.pick("sides", (5, 6))
    height, bend = draw.real("height", 1.2, 2.2, "low", "tall"), draw.real("bend", 0.0, 0.6, "straight", "bent")
    length, droop = draw.real("leaf", 0.7, 0.95), draw.real("droop", 0.3, 0.6)
    path = [(bend * t * t, 0.0, height * t) for t in (0.0, 0.35, 0.7, 1.0)]
    trunk = tube(path, [0.13, 0.1, 0.085, 0.08], sides)
    leaf = _leaf(length, 0.3, 0.2, droop)
    parts = [trunk, *(placed(one, (bend, 0, height - 0.03)) for one in around(leaf, leaves))]
    if draw.chance("nuts", 0.4):
        parts += [ball(0.09, (bend + 0.1 * math.cos(a), 0.1 * math.sin(a), height - 0.12)) for a in (0.5, 2.6, 4.7)]
    return parts


def _cactus(draw: Draw) -> list[Part]:
    sides, arms = draw.pick("sides", (6, 8)), draw.whole("arms", 0, 3, {0: "straight"})
    height, radius = draw.real("height", 0.9, 1.6, "low", "tall"), draw.real("radius", 0.14, 0.2)
    parts = [lathe([(radius, 0), (radius * 1.1, height * 0.5), (radius, height - 0.1), (0.0, height)], sides)]
    for index in range(arms):
        turn, low = index * 2.4 if arms == 3 else index * math.pi, height * draw.random.uniform(0.3, 0.55)
        reach, up, thick = radius + draw.random.uniform(0.2, 0.3), height * draw.random.uniform(0.2, 0.35), radius * 0.6
        bend = [
            (0, 0, low),
            (reach * 0.75, 0, low),
            (reach, 0, low + 0.12),
            (reach, 0, low + up),
            (reach, 0, low + up + 0.08),
        ]
        parts.append(placed(tube(bend, [thick, thick, thick, thick, 0.0], sides), spin=turn))
    return parts


def _mushroom(draw: Draw) -> list[Part]:
    sides, count = draw.pick("sides", (6, 8, 10)), draw.whole("stems", 1, 3)
    height, cap = draw.real("stem", 0.35, 0.9, "low", "tall"), draw.real("cap", 0.35, 0.6)
    flat = draw.real("dome", 0.22, 0.5, "flat", "pointed")
    parts = []
    for index in range(count):
        share = 1 - 0.3 * index
        turn = 2.3 * index
        at = (0.55 * math.cos(turn), 0.55 * math.sin(turn)) if index else (0.0, 0.0)
        h, r, d = height * share, cap * share, flat * share
        stem = lathe([(0.16 * share, 0), (0.11 * share, h * 0.5), (0.12 * share, h + 0.05)], sides, at)
        top = [(r * 0.5, h + 0.03), (r, h), (r * 0.85, h + d * 0.5), (r * 0.45, h + d * 0.9), (0.0, h + d)]
        parts += [stem, lathe(top, sides, at)]
    return parts


def _dead_tree(draw: Draw) -> list[Part]:
    branches, sides = draw.whole("branches", 2, 5), draw.pick("sides", (5, 6))
    height, lean = draw.real("height", 1.1, 1.8, "low", "tall"), draw.real("lean", -0.2, 0.2)
    trunk = [(0.0, 0.0, 0.0), (lean * 0.3, 0, height * 0.4), (lean * 0.2, 0, height * 0.75), (lean, 0, height)]
    parts = [tube(trunk, [0.17, 0.12, 0.09, 0.0], sides)]
    for index in range(branches):
        turn, start = 2.4 * index + draw.random.uniform(0, 0.5), height * (0.4 + 0.4 * index / branches)
        reach, up = draw.random.uniform(0.35, 0.55), draw.random.uniform(0.25, 0.45)
        limb = tube([(0, 0, 0), (reach * 0.55, 0, up * 0.35), (reach, 0, up)], [0.07, 0.05, 0.0], 4)
        parts.append(placed(limb, (lean * 0.25, 0, start), turn))
    return parts


def _stump(draw: Draw) -> list[Part]:
    sides, roots = draw.pick("sides", (6, 8, 10)), draw.whole("roots", 0, 5)
    height, radius = draw.real("height", 0.25, 0.7, "low", "tall"), draw.real("radius", 0.3, 0.42)
    parts = [lathe([(radius * 1.2, 0), (radius, height * 0.4), (radius * 0.95, height)], sides)]
    root = tube([(radius * 0.6, 0, 0.16), (radius * 1.3, 0, 0.1), (radius * 1.7, 0, 0.03)], [0.1, 0.08, 0.0], 5)
    return [*parts, *around(grounded(root), roots, 0.3)] if roots else parts


def _rock(draw: Draw) -> list[Part]:
    count, fine = draw.whole("stones", 1, 3), draw.chance("fine", 0.4)
    height = draw.real("height", 0.45, 1.4, "flat", "tall")
    parts = []
    for index in range(count):
        size = 0.5 * (1 - 0.28 * index)
        turn = 2.2 * index + draw.random.uniform(0, 0.6)
        at = (0.55 * math.cos(turn), 0.55 * math.sin(turn), 0) if index else (0, 0, 0)
        stone = rough(ball(size, (0, 0, size * 0.55), fine), draw.random, 0.12)
        long = draw.random.uniform(0.8, 1.3)
        parts.append(placed(placed(grounded(stone), scale=(long, 1, height)), at, draw.random.uniform(0, 6)))
    return parts


def _flower(draw: Draw) -> list[Part]:
    petals, leaves = draw.whole("petals", 5, 7), draw.whole("leaves", 0, 2)
    height, size = draw.real("height", 0.6, 1.2, "low", "tall"), draw.real("petal", 0.24, 0.34)
    stem = tube([(0, 0, 0), (0.04, 0, height * 0.5), (0, 0, height)], 0.03, 4)
    petal = placed(_leaf(size, size * 0.75, 0.06, draw.real("droop", -0.1, 0.08), 0.03), (0.05, 0, height))
    heart = placed(ball(0.1, (0, 0, 0)), (0, 0, height + 0.04), scale=(1, 1, 0.7))
    parts = [stem, heart, *around(petal, petals)]
    for index in range(leaves):
        leaf = _leaf(0.34, 0.14, 0.14, 0.08, 0.025)
        parts.append(placed(leaf, (0.02, 0, height * (0.15 + 0.15 * index)), math.pi * index + 0.4))
    return parts


def _potted_plant(draw: Draw) -> list[Part]:
    leaves, sides = draw.whole("leaves", 5, 8), draw.pick("sides", (6, 8))
    flare, length = draw.real("flare", 1.1, 1.5), draw.real("leaf", 0.4, 0.65)
    rise, tall = draw.real("rise", 0.2, 0.7, "low", "tall"), 0.4
    top = 0.2 * flare
    pot = [(0.2, 0), (top, tall), (top + 0.05, tall), (top + 0.05, tall + 0.09)]
    parts = [lathe([*pot, (top - 0.02, tall + 0.09), (top - 0.03, tall + 0.02)], sides)]
    inner = _leaf(length * 0.6, 0.16, rise * 1.25 + 0.1, 0.02)
    outer = _leaf(length, 0.2, rise, rise * 0.5)
    half = leaves // 2
    both = [*around(outer, leaves - half), *around(inner, half, 0.5)]
    return parts + [placed(one, (0, 0, tall + 0.04)) for one in both]


def _grass(draw: Draw) -> list[Part]:
    blades, height = draw.whole("blades", 4, 9, {4: "small", 9: "large"}), draw.real("height", 0.35, 0.9, "low", "tall")
    parts = []
    for index in range(blades):
        turn, share = 2.4 * index, draw.random.uniform(0.65, 1.0)
        near, lean = 0.06 + 0.2 * index / blades, draw.random.uniform(0.1, 0.3)
        path = [(near, 0, 0), (near + lean * 0.3, 0, height * share * 0.55), (near + lean, 0, height * share)]
        parts.append(placed(tube(path, [0.05, 0.04, 0.0], 3), spin=turn))
    return parts


def _bamboo(draw: Draw) -> list[Part]:
    stems = draw.whole("stems", 1, 4, {1: "single"})
    joints, height = draw.whole("joints", 2, 3), draw.real("height", 1.3, 2.0)
    parts = []
    for index in range(stems):
        turn, reach = 2.0 * index, 0.0 if stems == 1 else 0.2
        at, share = (reach * math.cos(turn), reach * math.sin(turn)), draw.random.uniform(0.7, 1.0)
        profile = []
        for joint in range(joints):
            low, high = (height * share * (joint + k) / joints for k in (0, 1))
            profile += [(0.07, low), (0.055, high - 0.02)] if joint == 0 else [(0.07, low + 0.03), (0.055, high - 0.02)]
        parts.append(lathe(profile, 6, at))
        leaf = _leaf(0.35, 0.12, 0.08, 0.2, 0.025)
        parts += [placed(leaf, (*at, height * share * z), turn + 2.6 * k) for k, z in enumerate((0.65, 0.93))]
    return parts


def _pumpkin(draw: Draw) -> list[Part]:
    ribs, height = draw.whole("ribs", 5, 8), draw.real("height", 0.5, 1.0, "flat", "tall")
    angles = np.arange(2 * ribs) * math.pi / ribs
    waves = np.where(np.arange(2 * ribs) % 2, 0.84, 1.0)
    rings = []
    for radius, z in [(0.0, 0.05), (0.22, 0.0), (0.44, 0.18), (0.5, 0.5), (0.4, 0.85), (0.0, 0.9)]:
        wave = radius * waves
        rings.append(np.stack([wave * np.cos(angles), wave * np.sin(angles), 0 * angles + z * height], axis=1))
    parts = [loft(rings)]
    stem = [(0, 0, 0.88 * height), (0.02, 0, 0.97 * height + 0.04), (0.1, 0, 0.97 * height + 0.14)]
    return [*parts, tube(stem, [0.07, 0.05, 0.045], 5)]


def _planter(draw: Draw) -> list[Part]:
    sides, clumps = draw.pick("sides", (4, 6, 8), {4: "square", 6: "hexagonal"}), draw.whole("clumps", 1, 3)
    wide, tall = draw.real("width", 0.38, 0.55, "narrow", "wide"), draw.real("height", 0.25, 0.5)
    parts = [vessel([(wide * 0.85, 0), (wide, tall)], 0.06, sides)]
    for index in range(clumps):
        reach, size = (0.0, wide * 0.75) if clumps == 1 else (wide * 0.4, wide * 0.5)
        turn = 2 * math.pi * index / clumps
        at = (reach * math.cos(turn), reach * math.sin(turn), tall + size * 0.35)
        parts.append(rough(ball(size, at, clumps == 1), draw.random, 0.07))
    return parts


PLANTS = (
    Family("pine tree", "nature/tree", _pine),
    Family("tree", "nature/tree", _tree),
    Family("bush", "nature/plant", _bush),
    Family("palm tree", "nature/tree", _palm),
    Family("cactus", "nature/plant", _cactus),
    Family("mushroom", "nature/plant", _mushroom),
    Family("dead tree", "nature/tree", _dead_tree),
    Family("rock", "nature/rock", _rock),
    Family("flower", "nature/plant", _flower),
    Family("stump", "nature/tree", _stump),
    Family("potted plant", "nature/plant", _potted_plant),
    Family("grass", "nature/plant", _grass),
    Family("bamboo", "nature/plant", _bamboo),
    Family("pumpkin", "nature/plant", _pumpkin),
    Family("planter", "nature/plant", _planter),
)
