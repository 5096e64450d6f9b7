# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Houses, and what else has walls and a roof; the front looks to -y."""

from __future__ import annotations

import math

from ..solids import Part, around, box, extrude, frustum, gable, lathe, loft, placed, slab, tube
from .family import CORNERS, Draw, Family


def _door(front: float, width: float, height: float, x: float = 0.0) -> Part:
    return box((x - width / 2, front - 0.04, 0), (x + width / 2, front + 0.03, height))


def _merlons(sides: int, radius: float, low: float, size: float) -> list[Part]:
    """Battlements on the corners of a tower."""
    reach = radius - size * 0.45
    return around(slab(size, size, low - 0.02, low + size, (reach, 0)), sides, math.pi / sides)


def _house(draw: Draw) -> list[Part]:
    stories = draw.whole("stories", 1, 2, {2: "two story"})
    width, depth = draw.real("width", 1.0, 1.3), draw.real("depth", 1.1, 2.2, "", "long")
    eaves, pitch = 0.7 * stories + draw.real("wall", 0.0, 0.25), draw.real("pitch", 0.6, 1.3, "", "steep")
    ridge, thick = eaves + pitch * width / 2, draw.real("roof", 0.07, 0.12)
    chimney, door, windows = draw.chance("chimney", 0.5), draw.chance("door", 0.5), draw.chance("windows", 0.25)
    parts = gable(width, depth, eaves, ridge, draw.real("overhang", 0.08, 0.18), thick)
    if door:
        parts.append(_door(-depth / 2, 0.3, 0.55))
    if chimney:
        parts.append(slab(0.2, 0.2, eaves, ridge + 0.28, (width * 0.27, depth * draw.random.uniform(-0.25, 0.3))))
    for story in range(stories if windows else 0):
        low = 0.28 + 0.7 * story
        for y in (-depth * 0.25, depth * 0.25):
            parts += [slab(0.08, 0.26, low, low + 0.3, (s * width / 2, y)) for s in (-1, 1)]
    return parts


def _barn(draw: Draw) -> list[Part]:
    width, depth = draw.real("width", 1.3, 1.6), draw.real("depth", 1.6, 2.4, "", "long")
    wall, kink, top = draw.real("wall", 0.6, 0.9), draw.real("kink", 0.35, 0.5), draw.real("top", 0.15, 0.3)
    half, bend, loft_door = width / 2, width * 0.3, draw.chance("loft door", 0.5)
    knee, ridge = wall + kink, wall + kink + top
    outline = [(-half, 0.0), (half, 0.0), (half, wall), (bend, knee), (0.0, ridge), (-bend, knee), (-half, wall)]
    front, over, thick = -depth / 2, 0.1, 0.09
    under = [(-half - 0.05, wall - 0.08), (-bend, knee), (0.0, ridge), (bend, knee), (half + 0.05, wall - 0.08)]
    above = [(half + 0.15, wall - 0.05), (bend + 0.06, knee + thick), (0.0, ridge + thick)]
    above += [(-bend - 0.06, knee + thick), (-half - 0.15, wall - 0.05)]
    # The shell of the roof bends: no point sees all of it, so it is lofted across instead of capped.
    pairs = zip(under, reversed(above), strict=True)
    rings = [
        [
            [x, y, z]
            for (x, z), y in ((low, front - over), (high, front - over), (high, -front + over), (low, -front + over))
        ]
        for low, high in pairs
    ]
    parts = [extrude([outline[4], *outline[5:], *outline[:4]], front, -front), loft(rings)]
    parts += [_door(front, 0.32, 0.6, s * 0.17) for s in (-1, 1)]
    if loft_door:
        parts.append(box((-0.14, front - 0.04, wall + 0.05), (0.14, front + 0.03, wall + 0.33)))
    return parts


def _hut(draw: Draw) -> list[Part]:
    stilts = draw.chance("stilts", 0.25, "stilt")
    sides = draw.pick("sides", (4, 6, 8, 10), {4: "square", 6: "hexagonal", 8: "round", 10: "round"})
    radius, wall = draw.real("radius", 0.5, 0.65), draw.real("wall", 0.4, 0.8, "low", "tall")
    roof, floor = draw.real("roof", 0.35, 0.8), 0.35 if stilts else 0.0
    front = -radius * math.cos(math.pi / sides)
    parts = [lathe([(radius, floor), (radius * 0.94, floor + wall)], sides)]
    parts.append(lathe([(radius * 1.3, floor + wall - 0.08), (0.0, floor + wall + roof)], sides))
    entry = box((-0.14, front - 0.05, floor + 0.01), (0.14, front + 0.15, floor + min(wall - 0.12, 0.42)))
    parts.append(entry)
    if stilts:
        parts.append(lathe([(radius * 1.25, floor - 0.06), (radius * 1.25, floor + 0.02)], sides))
        parts += around(slab(0.08, 0.08, 0, floor - 0.04, (radius * 0.9, 0)), 4, math.pi / 4)
    return parts


def _tower(draw: Draw) -> list[Part]:
    names = {**CORNERS, 10: "round", 12: "round"}
    sides, pointed = draw.pick("sides", (4, 6, 8, 10), names), draw.chance("pointed", 0.5)
    height, radius = draw.real("height", 1.3, 2.8, "low", "tall"), 0.45
    taper, wide = draw.real("taper", 0.75, 0.95), draw.real("crown", 1.12, 1.3)
    neck = radius * taper
    head = neck * wide
    profile = [(radius, 0), (neck, height * 0.8), (head, height * 0.86), (head, height)]
    parts = [lathe(profile, sides)]
    if pointed:
        parts.append(lathe([(head * 1.15, height - 0.01), (0.0, height + draw.real("roof", 0.5, 1.1))], sides))
    else:
        size = 0.22 if sides > 4 else 0.26
        parts += _merlons(sides, head, height, size * min(1.0, 6 / sides))
    if draw.chance("door", 0.5):
        front = -radius * math.cos(math.pi / sides)
        parts.append(box((-0.14, front - 0.04, 0), (0.14, front + 0.12, 0.42)))
    return parts


def _castle(draw: Draw) -> list[Part]:
    sides = draw.pick("sides", (4, 6, 8))
    pointed, keep = draw.chance("pointed", 0.5), draw.chance("keep", 0.5)
    reach, wall = draw.real("reach", 0.7, 1.0, "", "wide"), draw.real("wall", 0.45, 0.65)
    height, radius = wall + draw.real("rise", 0.15, 0.6, "", "tall"), draw.real("radius", 0.2, 0.27)
    parts = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            at = (sx * reach, sy * reach)
            crown = height if pointed else height + 0.1
            body = [(radius, 0), (radius * 0.9, height - 0.13), (radius * 1.12, height - 0.05), (radius * 1.12, crown)]
            parts.append(lathe(body, sides, at))
            if pointed:
                parts.append(lathe([(radius * 1.3, height - 0.03), (0.0, height + 0.45)], sides, at))
    for s in (-1, 1):
        parts += [slab(2 * reach, 0.16, 0, wall, (0, s * reach)), slab(0.16, 2 * reach, 0, wall - 0.01, (s * reach, 0))]
        for step in (-0.5, 0.0, 0.5):
            parts.append(slab(0.16, 0.12, wall - 0.02, wall + 0.1, (step * reach, s * reach)))
            parts.append(slab(0.12, 0.16, wall - 0.03, wall + 0.1, (s * reach, step * reach)))
    parts.append(box((-0.18, -reach - 0.13, 0), (0.18, -reach, 0.38)))
    if keep:
        parts += [slab(0.7, 0.6, 0, height + 0.1), frustum([(0.82, 0.72, height + 0.08), (0.5, 0.1, height + 0.45)])]
    return parts


def _gate(draw: Draw) -> list[Part]:
    sides = draw.pick("sides", (4, 6, 8), CORNERS)
    pointed, steps = draw.chance("pointed", 0.5), draw.whole("steps", 4, 6)
    opening, height = draw.real("opening", 0.35, 0.55, "narrow", "wide"), draw.real("height", 1.3, 1.8, "low", "tall")
    radius, post = 0.32, height * 0.35
    wall = post + opening + 0.25
    parts = []
    for s in (-1, 1):
        at = (s * (opening + radius + 0.08), 0.0)
        parts.append(lathe([(radius, 0), (radius * 0.92, height - 0.12), (radius * 1.15, height)], sides, at))
        if pointed:
            parts.append(lathe([(radius * 1.3, height - 0.01), (0.0, height + 0.6)], sides, at))
        else:
            for merlon in _merlons(sides, radius * 1.15, height - 0.005, 0.13):
                parts.append(placed(merlon, (*at, 0)))
    edge = opening + 0.16
    rings = [_across((opening, 0.0), (edge, 0.0))]
    for step in range(steps + 1):
        turn = math.pi * step / steps
        inner = (opening * math.cos(turn), post + opening * math.sin(turn))
        rings.append(_across(inner, (edge * (1 - 2 * step / steps), wall)))
    parts.append(loft([*rings, _across((-opening, 0.0), (-edge, 0.0))]))
    parts += [slab(0.16, 0.24, wall - 0.02, wall + 0.13, (x * opening, 0)) for x in (-0.75, 0.0, 0.75)]
    return parts


def _across(inner: tuple[float, float], outer: tuple[float, float]) -> list[list[float]]:
    """A section of the wall around an opening, from a point on the opening's edge to one on the wall's."""
    (x, z), (far, high) = inner, outer
    return [[x, -0.15, z], [far, -0.15, high], [far, 0.15, high], [x, 0.15, z]]


def _tent(draw: Draw) -> list[Part]:
    sides = draw.pick("sides", (2, 2, 6, 8), {6: "round", 8: "round"})
    height = draw.real("height", 0.7, 1.3, "low", "tall")
    if sides > 2:
        poles = around(tube([(-0.1, 0.03, height - 0.15), (0.09, 0.03, height + 0.22)], 0.02, 4), 3)
        front = -0.62 * math.cos(math.pi / sides)
        flap = placed(extrude([(0.0, 0.5), (-0.17, 0.0), (0.17, 0.0)], -0.03, 0.03), spin=-math.pi / 2)
        flap = placed(placed(flap, tilt=math.atan2(-front, height)), (0, front - 0.01, 0), math.pi / 2)
        return [lathe([(0.62, 0), (0.0, height)], sides), *poles, flap]
    length, half, thick = draw.real("length", 1.0, 1.8, "short", "long"), 0.55, 0.06
    run = half / height
    outline = [
        (0, height - 0.02),
        (-half, 0),
        (-half - thick * 1.6, 0),
        (0, height + thick),
        (half + thick * 1.6, 0),
        (half, 0),
    ]
    back = [(0.0, height), (-height * run, 0.0), (height * run, 0.0)]
    parts = [extrude(outline, -length / 2, length / 2), extrude(back, length / 2 - 0.14, length / 2 - 0.08)]
    parts += [slab(0.05, 0.05, 0, height + 0.16, (0, s * (length / 2 - 0.03))) for s in (-1, 1)]
    return parts


def _well(draw: Draw) -> list[Part]:
    sides, roof = draw.pick("sides", (6, 8, 10), {**CORNERS, 10: "round"}), draw.chance("roof", 0.7)
    height = draw.real("wall", 0.3, 0.5)
    rim = [(0.5, 0), (0.46, height - 0.08), (0.52, height - 0.08), (0.52, height), (0.36, height), (0.36, 0.1)]
    parts = [lathe(rim, sides)]
    if roof:
        top = height + draw.real("posts", 0.5, 0.9, "", "tall")
        parts += [slab(0.08, 0.08, height - 0.03, top, (s * 0.42, 0)) for s in (-1, 1)]
        edge, ridge, thick = 0.42, top + 0.28, 0.07
        chevron = [
            (0, ridge - 0.01),
            (-edge, top - 0.08),
            (-edge, top),
            (0, ridge + thick),
            (edge, top),
            (edge, top - 0.08),
        ]
        parts.append(placed(extrude(chevron, -0.6, 0.6), spin=math.pi / 2))
        parts.append(slab(1.0, 0.06, top - 0.25, top - 0.19))
        parts.append(lathe([(0.1, top - 0.5), (0.13, top - 0.34)], 6))
    return parts


def _windmill(draw: Draw) -> list[Part]:
    sides, blades = draw.pick("sides", (6, 8)), draw.pick("blades", (3, 4, 4, 6))
    height, length = draw.real("height", 1.4, 2.2, "low", "tall"), draw.real("blade", 0.8, 1.1)
    parts = [
        lathe([(0.5, 0), (0.34, height)], sides),
        lathe([(0.44, height - 0.02), (0.34, height + 0.18), (0.0, height + 0.45)], sides),
        box((-0.14, -0.52, 0), (0.14, -0.3, 0.45)),
        box((-0.06, -0.55, height - 0.06), (0.06, -0.2, height + 0.06)),
    ]
    arm, sail = slab(0.06, 0.05, 0, length), slab(0.2, 0.035, 0.22, length - 0.03, (0.11, 0))
    for index in range(blades):
        turn = 2 * math.pi * index / blades + 0.35
        parts += [placed(part, (0, -0.5, height), tilt=turn) for part in (arm, sail)]
    return parts


def _church(draw: Draw) -> list[Part]:
    width, depth = draw.real("width", 0.9, 1.1), draw.real("depth", 1.5, 2.2, "", "long")
    eaves, high = draw.real("wall", 0.7, 0.9), draw.real("tower", 1.5, 2.1, "", "tall")
    windows, cross = draw.whole("windows", 0, 3), draw.chance("cross", 0.6)
    front, half = -depth / 2 - 0.25, 0.26
    parts = gable(width, depth, eaves, eaves + 0.55, 0.08, 0.08)
    parts.append(slab(2 * half, 2 * half, 0, high, (0, front)))
    tip = high + draw.real("spire", 0.6, 1.1)
    parts.append(lathe([(0.46, high - 0.01), (0.0, tip)], 4, (0, front)))
    parts.append(_door(front - half, 0.28, 0.55))
    for index in range(windows):
        y = (index - (windows - 1) / 2) * depth * 0.28 + 0.1
        parts += [slab(0.08, 0.14, 0.25, 0.62, (s * width / 2, y)) for s in (-1, 1)]
    if cross:
        parts.append(slab(0.05, 0.05, tip - 0.12, tip + 0.25, (0, front)))
        parts.append(slab(0.2, 0.045, tip + 0.1, tip + 0.15, (0, front)))
    return parts


def _watchtower(draw: Draw) -> list[Part]:
    height, roof = draw.real("height", 1.0, 1.9, "low", "tall"), draw.chance("roof", 0.7, "", "open")
    braces, ladder = draw.whole("braces", 1, 2), draw.whole("rungs", 3, 5)
    top, size = height + 0.55, 0.8
    parts = [slab(size, size, height, height + 0.08)]
    for sx in (-1, 1):
        for sy in (-1, 1):
            end = 0.36
            upper = top + 0.02 if roof else height + 0.35
            parts.append(
                tube([(sx * 0.48, sy * 0.48, 0), (sx * end, sy * end, height), (sx * end, sy * end, upper)], 0.05, 4)
            )
    for brace in range(braces):
        z = height * (brace + 1) / (braces + 1)
        reach = 0.48 - 0.12 * z / height
        parts += [slab(2 * reach, 0.05, z - 0.03, z + 0.03, (0, s * reach)) for s in (-1, 1)]
        parts += [slab(0.05, 2 * reach, z + 0.01, z + 0.07, (s * reach, 0)) for s in (-1, 1)]
    parts += [
        slab(size - 0.04, 0.05, height + 0.2, height + 0.32, (0, 0.36)),
        slab(0.05, size - 0.1, height + 0.21, height + 0.31, (0.36, 0)),
    ]
    parts.append(slab(0.05, size - 0.1, height + 0.21, height + 0.31, (-0.36, 0)))
    if roof:
        parts.append(lathe([(0.72, top), (0.0, top + 0.5)], 4))
    parts += [slab(0.045, 0.045, 0, height + 0.3, (s * 0.14, -0.52)) for s in (-1, 1)]
    for rung in range(ladder):
        z = (rung + 1) * height / (ladder + 0.5)
        parts.append(slab(0.3, 0.035, z - 0.025, z + 0.025, (0, -0.52)))
    return parts


def _lighthouse(draw: Draw) -> list[Part]:
    sides, height = draw.pick("sides", (6, 8, 10), {6: "hexagonal"}), draw.real("height", 1.6, 2.6, "low", "tall")
    bands = draw.whole("bands", 0, 2)
    foot, neck = draw.real("foot", 0.4, 0.5), 0.26
    parts = [lathe([(foot + 0.1, 0), (foot + 0.1, 0.12), (foot, 0.12), (neck, height)], sides)]
    for band in range(bands):
        low = height * (band + 1) / (bands + 1.6)
        radii = [foot + (neck - foot) * (z - 0.12) / (height - 0.12) + 0.035 for z in (low, low + 0.22)]
        parts.append(lathe([(radii[0], low), (radii[1], low + 0.22)], sides))
    parts.append(lathe([(0.4, height - 0.01), (0.4, height + 0.07), (0.2, height + 0.07), (0.2, height + 0.36)], sides))
    parts.append(lathe([(0.3, height + 0.35), (0.0, height + 0.62)], sides))
    parts.append(box((-0.12, -foot - 0.06, 0.1), (0.12, -foot * 0.8, 0.5)))
    return parts


def _temple(draw: Draw) -> list[Part]:
    front, rows = draw.pick("front", (2, 4), {2: "small"}), draw.whole("rows", 2, 3)
    sides, height = draw.pick("sides", (6, 8)), draw.real("height", 0.7, 1.1, "low", "tall")
    pitch, steps, radius = 0.42, draw.whole("steps", 1, 3), 0.08
    width, depth = pitch * (front - 1), pitch * (rows - 1) * 1.3
    base = 0.08 * steps
    parts = []
    for step in range(steps):
        grow = 0.4 + 0.16 * (steps - 1 - step)
        parts.append(slab(width + grow, depth + grow, 0.08 * step - (0.01 if step else 0), 0.08 * (step + 1)))
    for column in range(front):
        for row in range(rows):
            at = (pitch * (column - (front - 1) / 2), pitch * 1.3 * (row - (rows - 1) / 2))
            if row in (0, rows - 1) or column in (0, front - 1):
                parts.append(lathe([(radius, base - 0.01), (radius * 0.8, base + height)], sides, at))
    top = base + height - 0.01
    parts.append(slab(width + 0.34, depth + 0.34, top, top + 0.12))
    ridge = top + 0.12 + (width + 0.4) * 0.22
    outline = [(0.0, ridge), (-width / 2 - 0.22, top + 0.11), (width / 2 + 0.22, top + 0.11)]
    parts.append(extrude(outline, -depth / 2 - 0.22, depth / 2 + 0.22))
    return parts


def _skyscraper(draw: Draw) -> list[Part]:
    tiers, ribs = draw.whole("tiers", 1, 3, {2: "stepped", 3: "stepped"}), draw.whole("ledges", 0, 4)
    width, depth = 0.8, draw.real("depth", 0.6, 0.8)
    height, antenna = draw.real("height", 1.6, 2.8, "low", "tall"), draw.chance("antenna", 0.5)
    parts, low = [], 0.0
    for tier in range(tiers):
        share = 1 - 0.24 * tier
        high = height * (tier + 1) / tiers
        parts.append(slab(width * share, depth * share, low - (0.01 if tier else 0), high))
        for ledge in range(ribs):
            z = low + (high - low) * (ledge + 1) / (ribs + 1)
            parts.append(slab(width * share + 0.06, depth * share + 0.06, z - 0.035, z + 0.035))
        low = high
    if antenna:
        parts.append(lathe([(0.06, height - 0.01), (0.025, height + 0.5)], 4))
    parts.append(box((-0.12, -depth / 2 - 0.05, 0), (0.12, -depth / 2 + 0.05, 0.2)))
    return parts


BUILDINGS = (
    Family("house", "building", _house),
    Family("tower", "building", _tower),
    Family("hut", "building", _hut),
    Family("tent", "building", _tent),
    Family("castle", "building", _castle),
    Family("well", "building", _well),
    Family("windmill", "building", _windmill),
    Family("castle gate", "building", _gate),
    Family("church", "building", _church),
    Family("watchtower", "building", _watchtower),
    Family("lighthouse", "building", _lighthouse),
    Family("barn", "building", _barn),
    Family("temple", "building", _temple),
    Family("skyscraper", "building", _skyscraper),
)
