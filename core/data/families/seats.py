# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one sits or lies on."""

from __future__ import annotations

import math

from ..solids import Part, around, box, cushion, frustum, lathe, legs, placed, slab, tube
from .family import Draw, Family


def _chair(draw: Draw) -> list[Part]:
    width, seat = draw.real("width", 0.42, 0.6), draw.real("seat", 0.4, 0.5)
    back, thick = draw.real("back", 0.35, 0.75, "low", "tall"), draw.real("thickness", 0.05, 0.08)
    slats, arms = draw.whole("slats", 0, 3), draw.chance("arms", 0.2)
    front, top = width / 2 - thick, seat + thick + back
    parts = [slab(width, width * 0.98, seat, seat + thick), *legs(width, width, seat, thick)]
    if slats:
        parts += [slab(thick, thick, seat + 0.02, top, (s * (width / 2 - thick / 2), front + 0.02)) for s in (-1, 1)]
        for index in range(slats):
            high = top - 0.03 - index * back * 0.9 / slats
            parts.append(slab(width - thick, thick * 0.6, high - back * 0.5 / slats, high, (0, front + 0.02)))
    else:
        parts.append(box((-width / 2, front, seat + 0.02), (width / 2, width / 2, top)))
    if arms:
        height = seat + thick + 0.22
        for s in (-1, 1):
            x = s * (width / 2 - thick / 2 + 0.01)
            parts.append(slab(thick, thick, seat + 0.02, height, (x, -width / 2 + 0.12)))
            parts.append(
                box((x - thick * 0.7, -width / 2 + 0.05, height - 0.02), (x + thick * 0.7, front + 0.03, height + 0.03))
            )
    return parts


def _stool(draw: Draw) -> list[Part]:
    sides, radius = draw.pick("sides", (6, 8, 10, 12)), draw.real("radius", 0.18, 0.26)
    height, count = draw.real("height", 0.35, 0.8, "low", "tall"), draw.pick("legs", (3, 4), {3: "three legged"})
    thick, lean = draw.real("thickness", 0.045, 0.06), draw.real("lean", 0.02, 0.2)
    seat = lathe([(radius, height), (radius, height + draw.real("seat", 0.05, 0.1))], sides)
    reach = radius * 0.75
    leg = tube([(reach + lean * height, 0, 0), (reach, 0, height + 0.02)], thick / math.sqrt(2), 4)
    return [seat, *around(leg, count, math.pi / count)]


def _bench(draw: Draw) -> list[Part]:
    length, height = draw.real("length", 1.0, 2.2, "short", "long"), draw.real("height", 0.4, 0.5)
    depth, thick = draw.real("depth", 0.35, 0.5), draw.real("thickness", 0.06, 0.1)
    planks, back = draw.whole("planks", 1, 3), draw.chance("back", 0.35)
    x, pitch = length / 2 - draw.real("inset", 0.1, 0.25), depth / planks
    parts = [
        slab(length, pitch - (0.04 if planks > 1 else 0), height, height + thick, (0, (i + 0.5) * pitch - depth / 2))
        for i in range(planks)
    ]
    for s in (-1, 1):
        parts.append(slab(thick, depth * 0.85, 0, height + 0.02, (s * x, 0)))
        if back:
            parts.append(slab(thick * 0.8, thick * 0.8, height + 0.02, height + 0.5, (s * x, depth / 2 - 0.05)))
    if back:
        parts.append(slab(length, thick * 0.6, height + 0.25, height + 0.48, (0, depth / 2 - 0.05 - thick * 0.5)))
    return parts


def _padded(draw: Draw, seats: int, corner: bool = False) -> list[Part]:
    """A seat with cushions, arms and a back; around the corner it goes on to the front."""
    each, depth = draw.real("seat", 0.55, 0.7), draw.real("depth", 0.75, 0.9)
    low, height = draw.real("feet", 0.06, 0.14), draw.real("height", 0.7, 1.0, "low", "tall")
    arm, back = draw.real("arm", 0.12, 0.2), 0.2
    inner, seat = each * seats, low + 0.3
    outer, front = inner + 2 * arm, -depth / 2
    parts = [
        slab(outer - 0.02, depth - 0.04, low, low + 0.16),
        cushion(outer - 0.04, back, low + 0.02, height, (0, depth / 2 - back / 2 + 0.01)),
        *legs(outer - 0.08, depth - 0.08, low, 0.08, 0.7),
    ]
    for s in (-1, 1):
        parts.append(cushion(arm, depth, low + 0.03, seat + 0.22, (s * (outer / 2 - arm / 2), -0.01)))
    for index in range(seats):
        x = (index - (seats - 1) / 2) * each
        deep = depth - back
        parts.append(cushion(each - 0.02, deep, low + 0.14, seat + 0.04, (x, front + deep / 2)))
    if corner:
        at = (-(seats - 1) / 2 * each, front - 0.25)
        parts += [slab(each - 0.06, 0.6, low, low + 0.15, at), cushion(each - 0.03, 0.62, low + 0.13, seat + 0.03, at)]
        parts += [slab(0.08, 0.08, 0, low + 0.02, (at[0] + s * (each / 2 - 0.1), at[1] - 0.2)) for s in (-1, 1)]
    return parts


def _armchair(draw: Draw) -> list[Part]:
    return _padded(draw, 1)


def _sofa(draw: Draw) -> list[Part]:
    corner, seats = draw.chance("corner", 0.25, "corner"), draw.whole("seats", 2, 4, {2: "small", 4: "long"})
    return _padded(draw, seats, corner)


def _bed(draw: Draw) -> list[Part]:
    double = draw.chance("double", 0.5, "double", "single")
    width = draw.real("width", 1.4, 1.8) if double else draw.real("width", 0.8, 1.0)
    length, height = 2.0, draw.real("height", 0.28, 0.42)
    footboard = draw.chance("footboard", 0.4)
    head = height + draw.real("headboard", 0.3, 0.8, "", "tall")
    soft = draw.real("mattress", 0.12, 0.2)
    parts = [
        slab(width, length, 0.1, height),
        cushion(width * 0.94, length * 0.95, height - 0.02, height + soft),
        slab(width * 1.04, 0.1, 0, head, (0, length / 2 + 0.03)),
    ]
    if footboard:
        parts.append(slab(width * 1.04, 0.08, 0, height + soft + 0.1, (0, -length / 2 - 0.02)))
    else:
        parts += [slab(0.1, 0.1, 0, 0.12, (s * (width / 2 - 0.1), 0.1 - length / 2)) for s in (-1, 1)]
    for index in range(2 if double else 1):
        at = ((index - 0.5) * width * 0.44 if double else 0.0, length / 2 - 0.26)
        parts.append(cushion(width * (0.36 if double else 0.66), 0.32, height + soft - 0.02, height + soft + 0.1, at))
    return parts


def _bunk_bed(draw: Draw) -> list[Part]:
    width, length, post = draw.real("width", 0.8, 1.0), 2.0, draw.real("post", 0.08, 0.12)
    gap, beds = draw.real("gap", 0.75, 0.95), draw.whole("beds", 2, 3, {3: "three story"})
    rungs = draw.whole("rungs", 3, 4) + 2 * (beds - 2)
    top = 0.25 + gap * (beds - 1)
    x, y = width / 2, length / 2
    parts = [slab(post, post, 0, top + 0.45, (sx * x, sy * y)) for sx in (-1, 1) for sy in (-1, 1)]
    for bed in range(beds):
        low = 0.25 + gap * bed
        parts += [slab(width, length, low, low + 0.1), cushion(width * 0.92, length * 0.95, low + 0.08, low + 0.25)]
        parts += [slab(width, post * 0.6, low + 0.26, low + 0.4, (0, s * y)) for s in (-1, 1)]
    side, ladder = x + 0.09, -y + 0.3
    parts += [slab(0.05, 0.05, 0, top + 0.3, (side, ladder + s * 0.18)) for s in (-1, 1)]
    for rung in range(rungs):
        high = (rung + 1) * top / rungs
        parts.append(slab(0.04, 0.36, high - 0.04, high, (side, ladder)))
    return parts


def _rocking_chair(draw: Draw) -> list[Part]:
    width, back = draw.real("width", 0.5, 0.6), draw.real("back", 0.55, 0.8, "", "tall")
    steps, rods = draw.whole("steps", 4, 6), draw.whole("rods", 2, 4)
    parts = [slab(width, 0.5, 0.42, 0.49)]
    reach = 0.9
    for s in (-1, 1):
        x = s * (width / 2 - 0.06)
        curve = [
            (x, reach * math.sin(angle), reach * (1 - math.cos(angle)) + 0.04)
            for angle in (0.52 * (2 * i / steps - 1) for i in range(steps + 1))
        ]
        parts.append(tube(curve, 0.045, 4))
        parts += [slab(0.055, 0.055, 0.07, 0.44, (x, y)) for y in (-0.18, 0.18)]
        parts.append(placed(slab(0.06, 0.06, 0, back), (x, 0.2, 0.46), math.pi / 2, 0.2))
    for index in range(rods):
        x = ((index + 1) / (rods + 1) - 0.5) * (width - 0.12)
        parts.append(placed(slab(0.035, 0.035, 0, back - 0.08), (x, 0.2, 0.47), math.pi / 2, 0.2))
    rail = frustum([(0.07, width, 0), (0.07, width * 0.9, 0.14)])
    parts.append(placed(rail, (0, 0.2 + math.sin(0.2) * (back - 0.1), 0.46 + back - 0.1), math.pi / 2, 0.2))
    return parts


def _swivel_chair(draw: Draw) -> list[Part]:
    feet, sides = draw.whole("feet", 4, 5), draw.pick("sides", (6, 8))
    seat, back = draw.real("seat", 0.4, 0.55), draw.real("back", 0.35, 0.7, "low", "tall")
    stem = lathe([(0.05, 0.05), (0.04, seat)], sides)
    foot = frustum([(0.3, 0.05, 0.03), (0.3, 0.035, 0.08)], (0.16, 0))
    wheel = lathe([(0.04, 0), (0.04, 0.07)], 6, (0.3, 0))
    shell = frustum([(0.34, 0.05, 0), (0.46, 0.07, back * 0.5), (0.36, 0.05, back)])
    bar = slab(0.07, 0.05, seat - 0.02, seat + 0.3, (0, 0.25))
    parts = [stem, *around(foot, feet, math.pi / 2), *around(wheel, feet, math.pi / 2)]
    parts += [cushion(0.5, 0.48, seat, seat + 0.1), bar, placed(shell, (0, 0.22, seat + 0.18))]
    if draw.chance("arms", 0.5):
        for s in (-1, 1):
            parts.append(slab(0.04, 0.05, seat + 0.02, seat + 0.25, (s * 0.265, 0.02)))
            parts.append(slab(0.07, 0.28, seat + 0.23, seat + 0.28, (s * 0.265, 0.0)))
    return parts


SEATS = (
    Family("chair", "furniture/chair", _chair),
    Family("stool", "furniture/chair", _stool),
    Family("bench", "furniture/chair", _bench),
    Family("bed", "furniture/bed", _bed),
    Family("armchair", "furniture/chair", _armchair),
    Family("sofa", "furniture/sofa", _sofa),
    Family("bunk bed", "furniture/bed", _bunk_bed),
    Family("rocking chair", "furniture/chair", _rocking_chair),
    Family("office chair", "furniture/chair", _swivel_chair),
)
