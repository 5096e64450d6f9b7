# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds things: boxes, barrels and vessels."""

from __future__ import annotations

import math

from ..solids import Part, Profile, arc, box, extrude, frustum, lathe, loft, placed, slab, tube, vessel
from .family import CORNERS, Draw, Family


def _crate(draw: Draw) -> list[Part]:
    framed = draw.chance("framed", 0.4, "wooden")
    width, depth = draw.real("width", 0.7, 1.5, "", "long"), draw.real("depth", 0.6, 1.0)
    height = draw.real("height", 0.4, 1.2, "low", "tall")
    if not framed:
        return [slab(width, depth, 0, height)]
    bar, out = 0.12, 0.035
    parts = [slab(width, depth, out, height)]
    for z in (0.0, height + out - bar):
        parts += [slab(width + 2 * out, bar, z, z + bar, (0, s * (depth / 2 + out - bar / 2))) for s in (-1, 1)]
        parts += [
            slab(bar, depth - bar, z + 0.004, z + bar - 0.004, (s * (width / 2 + out - bar / 2), 0)) for s in (-1, 1)
        ]
    for sx in (-1, 1):
        for sy in (-1, 1):
            at = (sx * (width / 2 + out - bar * 0.51), sy * (depth / 2 + out - bar * 0.51))
            parts.append(slab(bar * 0.9, bar * 0.9, bar * 0.9, height + out - bar * 0.9, at))
    return parts


def _barrel(draw: Draw) -> list[Part]:
    sides, hoops = draw.pick("sides", (8, 10, 12)), draw.chance("hoops", 0.3)
    height = draw.real("height", 0.7, 1.2, "low", "tall")
    radius, bulge = draw.real("radius", 0.28, 0.36), draw.real("bulge", 1.12, 1.4, "", "round")
    belly = radius * bulge
    parts = [lathe([(radius, 0), (belly, height * 0.33), (belly, height * 0.67), (radius, height)], sides)]
    if hoops:
        for z in (0.14, 0.7):
            low, high = (radius + (belly - radius) * min(share, 1 - share) * 3 for share in (max(z, 0.14), z + 0.12))
            low, high = min(low, belly) + 0.025, min(high, belly) + 0.025
            parts.append(lathe([(low, height * z), (high, height * (z + 0.12))], sides))
    return parts


def _bottle(draw: Draw) -> list[Part]:
    sides, square = draw.pick("sides", (6, 8, 10)), draw.chance("square", 0.2, "square")
    height, radius = draw.real("height", 0.8, 1.5, "short", "tall"), draw.real("radius", 0.24, 0.3)
    neck, stopper = draw.real("neck", 0.08, 0.12), draw.chance("stopper", 0.5)
    sides = 4 if square else sides
    shoulder = height * draw.real("shoulder", 0.6, 0.78)
    profile = [(radius, 0), (radius, shoulder - 0.8 * radius), (neck, shoulder), (neck, height), (neck * 1.3, height)]
    parts = [lathe([*profile, (neck * 1.3, height + 0.07)], sides)]
    if stopper:
        parts.append(lathe([(neck * 0.75, height + 0.05), (neck, height + 0.17)], sides))
    return parts


def _potion(draw: Draw) -> list[Part]:
    sides, cone = draw.pick("sides", (6, 8, 10)), draw.chance("cone", 0.35, "conical", "round")
    radius, neck = draw.real("radius", 0.32, 0.48), draw.real("neck", 0.09, 0.13)
    long = draw.real("neck length", 0.15, 0.4, "short", "tall")
    if cone:
        belly: list[tuple[float, float]] = [(radius * 0.95, 0), (radius, 0.07), (neck, radius * 1.7)]
    else:
        belly = [(radius * 0.45, 0), (radius * 0.92, radius * 0.4), (radius, radius * 0.9)]
        belly += [(radius * 0.75, radius * 1.45), (neck, radius * 1.75)]
    top = belly[-1][1] + long
    rim = [(neck, top), (neck * 1.45, top), (neck * 1.45, top + 0.08)]
    return [lathe([*belly, *rim], sides), lathe([(neck * 0.8, top + 0.05), (neck * 1.05, top + 0.2)], sides)]


def _bucket(draw: Draw) -> list[Part]:
    sides, flare = draw.pick("sides", (8, 10, 12)), draw.real("flare", 1.15, 1.5)
    height = draw.real("height", 0.45, 0.85, "low", "tall")
    handle = draw.pick("handle", (0, 4, 6))
    top = 0.26 * flare
    parts = [vessel([(0.26, 0), (top, height)], 0.045, sides)]
    if handle:
        bow = arc(top, 0.0, math.pi, handle)
        parts.append(tube([(x, 0, z * 0.85 + height - 0.06) for x, z in bow], 0.025, 4))
    return parts


def _chest(draw: Draw) -> list[Part]:
    rounded = draw.pick("lid", (0, 4, 6), {0: "flat"})
    width, depth = draw.real("width", 0.8, 1.4, "", "wide"), draw.real("depth", 0.55, 0.7)
    height, bands = draw.real("height", 0.35, 0.5), draw.whole("bands", 0, 3)
    lid = depth * draw.real("bulge", 0.35, 0.5)
    parts = [slab(width, depth, 0, height)]

    def cover(half: float, low: float, grown: float) -> Part:
        reach = depth / 2 + grown
        curve = arc(1.0, 0.0, math.pi, rounded) if rounded else [(1.0, 0.0), (1.0, 0.55), (-1.0, 0.55), (-1.0, 0.0)]
        outline = [(reach * c, low + (lid + grown) * s) for c, s in curve]
        return loft([_upright(outline, x) for x in (-half, half)])

    parts.append(cover(width / 2 + 0.015, height - 0.01, 0.015))
    for band in range(bands):
        x = 0.0 if bands == 1 else (band / (bands - 1) - 0.5) * (width - 0.2)
        strip = cover(0.045, height - 0.02, 0.045)
        parts += [placed(strip, (x, 0, 0)), slab(0.09, depth + 0.05, 0.0, height - 0.03, (x, 0))]
    if bands in (0, 2):
        parts.append(box((-0.07, -depth / 2 - 0.06, height - 0.11), (0.07, -depth / 2 + 0.01, height + 0.07)))
    return parts


def _upright(outline: Profile, x: float) -> list[list[float]]:
    """An outline in y and z at some x."""
    return [[x, y, z] for y, z in outline]


def _pot(draw: Draw) -> list[Part]:
    sides, lid = draw.pick("sides", (8, 10, 12)), draw.chance("lid", 0.5)
    handles, height = draw.pick("handles", (0, 2)), draw.real("height", 0.3, 0.65, "shallow", "deep")
    bulge = draw.real("bulge", 1.0, 1.3)
    radius = 0.36 * bulge
    parts = [vessel([(0.33, 0), (radius, height * 0.4), (0.36, height)], 0.05, sides)]
    if lid:
        parts.append(lathe([(0.39, height - 0.01), (0.39, height + 0.03), (0.08, height + 0.1)], sides))
        parts.append(lathe([(0.04, height + 0.08), (0.07, height + 0.18)], 6))
    for index in range(handles):
        ear = tube([(0.3, -0.1, 0), (0.5, -0.1, 0), (0.5, 0.1, 0), (0.3, 0.1, 0)], 0.03, 4)
        parts.append(placed(ear, (0, 0, height * 0.75), math.pi * index))
    return parts


def _cup(draw: Draw) -> list[Part]:
    sides, handle = draw.pick("sides", (6, 8, 10, 12)), draw.pick("handle", (0, 3, 4))
    height, flare = draw.real("height", 0.5, 1.0, "low", "tall"), draw.real("flare", 0.9, 1.3)
    foot = 0.32
    top = foot * flare
    parts = [vessel([(foot, 0), (top, height)], 0.06, sides)]
    if handle:
        inside = math.cos(math.pi / sides) * min(foot, top) - 0.03
        bow = arc(height * 0.3, math.pi / 2, -math.pi / 2, handle)
        parts.append(tube([(inside + 0.02 + max(x, 0) * 1.1, 0, height * 0.52 + z) for x, z in bow], 0.045, 4))
    return parts


def _bowl(draw: Draw) -> list[Part]:
    sides, foot = draw.pick("sides", (6, 8, 10, 12), {6: "hexagonal"}), draw.chance("foot", 0.5)
    height = draw.real("height", 0.18, 0.5, "shallow", "deep")
    outside = [(0.26, 0.0), (0.4, height * 0.45), (0.5, height)]
    if foot:
        outside = [(0.2, -0.07), (0.2, 0.0), *outside[1:]]
        inside = [(0.45, height), (0.35, height * 0.5), (0.18, 0.05)]
        return [lathe([*outside, *inside], sides)]
    return [vessel(outside, 0.05, sides)]


def _vase(draw: Draw) -> list[Part]:
    sides = draw.pick("sides", (4, 6, 8, 10), {4: "square", 6: "hexagonal"})
    height, belly = draw.real("height", 0.7, 1.3, "short", "tall"), draw.real("belly", 0.22, 0.42, "slender", "wide")
    foot, neck, lip = draw.real("foot", 0.15, 0.22), draw.real("neck", 0.11, 0.16), draw.real("lip", 0.17, 0.24)
    outside = [(foot, 0), (belly, height * 0.4), (neck, height * 0.8), (lip, height)]
    inside = [(lip - 0.045, height), (neck - 0.04, height * 0.8), (neck - 0.04, height * 0.6)]
    return [lathe([*outside, *inside], sides)]


def _jar(draw: Draw) -> list[Part]:
    sides = draw.pick("sides", (6, 8, 10), CORNERS)
    height, knob = draw.real("height", 0.45, 0.95, "low", "tall"), draw.chance("knob", 0.5)
    shoulder = draw.real("shoulder", 0.06, 0.16)
    neck = 0.34 - shoulder
    body = [(0.3, 0), (0.34, 0.06), (0.34, height - shoulder), (neck, height), (neck, height + 0.04)]
    cover = [(neck + 0.04, height + 0.04), (neck + 0.04, height + 0.13)]
    parts = [lathe([*body, *cover], sides)]
    if knob:
        parts.append(lathe([(0.06, height + 0.12), (0.08, height + 0.22)], 6))
    return parts


def _basket(draw: Draw) -> list[Part]:
    round_, handle = draw.chance("round", 0.5, "round", "square"), draw.pick("handle", (0, 5, 6))
    height = draw.real("height", 0.35, 0.6, "shallow", "deep")
    sides = 10 if round_ else 4
    foot = (0.38, 0.46) if round_ else (0.5, 0.6)
    parts = [vessel([(foot[0], 0), (foot[1], height)], 0.05, sides)]
    rim = foot[1] * math.cos(math.pi / sides)
    parts.append(_band(rim, height, sides))
    if handle:
        bow = [(x, 0.0, z * 1.1 + height - 0.03) for x, z in arc(rim - 0.02, 0.0, math.pi, handle)]
        parts.append(tube(bow, 0.035, 4))
    return parts


def _band(reach: float, height: float, sides: int) -> Part:
    """A rim around an opening, `reach` from the middle to its flat sides."""
    radius = reach / math.cos(math.pi / sides)
    ring = [(radius - 0.06, -0.03), (radius + 0.04, -0.03), (radius + 0.04, 0.05), (radius - 0.06, 0.05)]
    angles = [2 * math.pi * i / sides + math.pi / sides for i in range(sides)]
    rings = [[[r * math.cos(a), r * math.sin(a), height + z] for r, z in ring] for a in angles]
    return loft(rings, loop=True)


def _cart(draw: Draw) -> list[Part]:
    length, sides = draw.real("length", 0.9, 1.5, "short", "long"), draw.pick("sides", (8, 10))
    wheels, high = draw.pick("wheels", (2, 4), {2: "two wheeled", 4: "four wheeled"}), draw.real("wall", 0.2, 0.45)
    radius, width = draw.real("wheel", 0.22, 0.3), 0.7
    floor = radius + 0.08
    parts = [slab(length, width, floor - 0.08, floor)]
    parts += [slab(length, 0.06, floor - 0.02, floor + high, (0, s * (width / 2 - 0.03))) for s in (-1, 1)]
    parts += [
        slab(0.06, width - 0.1, floor - 0.02, floor + high * 0.95, (s * (length / 2 - 0.035), 0)) for s in (-1, 1)
    ]
    wheel = lathe([(radius, -0.05), (radius, 0.05)], sides)
    hub = lathe([(0.07, -0.09), (0.07, 0.09)], 6)
    for x in (0.0,) if wheels == 2 else (-length / 2 + radius, length / 2 - radius):
        axle = slab(0.07, width + 0.15, radius - 0.035, radius + 0.035, (x, 0))
        parts.append(axle)
        for s in (-1, 1):
            at = (x, s * (width / 2 + 0.1), radius)
            parts += [placed(_lying(disc), at) for disc in (wheel, hub)]
    for s in (-1, 1):
        shaft = [(length / 2 - 0.1, s * 0.25, floor - 0.04), (length / 2 + 0.55, s * 0.22, floor - 0.02)]
        parts.append(tube(shaft, 0.035, 4))
    return parts


def _lying(part: Part) -> Part:
    """A turned part with its axis along y."""
    return placed(part, spin=math.pi / 2, tilt=math.pi / 2)


def _trough(draw: Draw) -> list[Part]:
    length = draw.real("length", 1.0, 2.0, "short", "long")
    outline = [
        (0.0, 0.06),
        (0.2, 0.06),
        (0.32, 0.42),
        (0.25, 0.42),
        (0.0, 0.14),
        (-0.25, 0.42),
        (-0.32, 0.42),
        (-0.2, 0.06),
    ]
    feet = draw.whole("feet", 2, 3)
    body = placed(extrude(outline, -length / 2, length / 2), spin=math.pi / 2)
    ends = [box((s * length / 2 - 0.04, -0.3, 0.1), (s * length / 2 + 0.03, 0.3, 0.4)) for s in (-1, 1)]
    parts = [body, *ends]
    for index in range(feet):
        x = (index / (feet - 1) - 0.5) * length * 0.85
        parts.append(frustum([(0.1, 0.5, 0), (0.1, 0.3, 0.1)], (x, 0)))
    return parts


CONTAINERS = (
    Family("crate", "prop/container", _crate),
    Family("barrel", "prop/container", _barrel),
    Family("bottle", "prop/container", _bottle),
    Family("bucket", "prop/container", _bucket),
    Family("chest", "prop/container", _chest),
    Family("pot", "kitchenware", _pot),
    Family("cup", "kitchenware", _cup),
    Family("vase", "prop/container", _vase),
    Family("potion", "prop/collectible", _potion),
    Family("bowl", "kitchenware", _bowl),
    Family("jar", "prop/container", _jar),
    Family("basket", "prop/container", _basket),
    Family("cart", "prop/other", _cart),
    Family("trough", "prop/container", _trough),
)
