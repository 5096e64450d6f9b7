# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools and arms, standing on the end of their handle."""

from __future__ import annotations

import math

import numpy as np

from ..solids import Part, Profile, arc, around, ball, box, frustum, lathe, loft, placed, slab, tube
from .family import Draw, Family


def _handle(draw: Draw, low: float, high: float, radius: float = 0.045) -> tuple[Part, float]:
    """A round or a square handle, and how long it is."""
    sides, length = draw.pick("handle sides", (4, 6)), draw.real("handle", low, high, "short", "long")
    return lathe([(radius, 0), (radius * 1.15, length * 0.2), (radius, length)], sides), length


def _hammer(draw: Draw) -> list[Part]:
    claw, round_ = draw.chance("claw", 0.35, "claw"), draw.chance("round", 0.5)
    handle, length = _handle(draw, 0.6, 1.1)
    size, reach = draw.real("head", 0.09, 0.15), draw.real("reach", 0.2, 0.32)
    parts = [handle]
    sides = 8 if round_ else 4
    shift = reach * 0.5 if claw else 0.0
    half = reach * 0.55 if claw else reach
    face = lathe(
        [
            (size, -half),
            (size, -half + 0.06),
            (size * 0.75, -half + 0.1),
            (size * 0.75, half - 0.1),
            (size, half - 0.06),
            (size, half),
        ],
        sides,
    )
    parts.append(placed(face, (shift, 0, length), tilt=math.pi / 2))
    for s in (-1, 1) if claw else ():
        path = [(0.02, s * 0.04, length), (-reach * 0.6, s * 0.06, length), (-reach, s * 0.085, length - 0.12)]
        parts.append(tube(path, [size * 0.55, size * 0.4, 0.0], 4))
    return parts


def _mallet(draw: Draw) -> list[Part]:
    sides, bands = draw.pick("sides", (4, 6, 8), {4: "square", 8: "round"}), draw.chance("bands", 0.5)
    handle, length = _handle(draw, 0.7, 1.1, 0.055)
    size, reach = draw.real("head", 0.18, 0.26, "", "large"), draw.real("reach", 0.26, 0.36)
    parts = [handle, placed(lathe([(size, -reach), (size, reach)], sides), (0, 0, length), tilt=math.pi / 2)]
    for s in (-1, 1) if bands else ():
        band = lathe([(size + 0.03, -0.045), (size + 0.03, 0.045)], sides)
        parts.append(placed(band, (s * reach * 0.75, 0, length), tilt=math.pi / 2))
    return parts


def _blade(outline: Profile, thick: float, edge: Profile) -> Part:
    """A flat part with its outline in x and z, thinner where the second outline runs: the edge."""
    inner = [np.array([[x, y, z] for x, z in outline]) for y in (-thick / 2, thick / 2)]
    rim = np.array([[x, 0.0, z] for x, z in edge])
    return loft([inner[0], rim, inner[1]])


def _axe(draw: Draw) -> list[Part]:
    double, spike = draw.chance("double", 0.4, "double"), draw.chance("spike", 0.25)
    handle, length = _handle(draw, 0.8, 1.3)
    reach, flare = draw.real("reach", 0.24, 0.36), draw.real("flare", 0.16, 0.28, "narrow", "wide")
    thick, middle = 0.07, length - 0.2
    parts = [handle, slab(0.13, 0.12, middle - 0.09, middle + 0.09)]
    neck, belly = 0.07, reach * 0.8
    flat = [
        (0.03, middle),
        (0.03, middle - neck),
        (belly, middle - flare * 0.85),
        (belly * 1.08, middle),
        (belly, middle + flare * 0.85),
        (0.03, middle + neck),
    ]
    rim = [
        (0.03, middle),
        (0.03, middle - neck - 0.01),
        (reach, middle - flare),
        (reach * 1.15, middle),
        (reach, middle + flare),
        (0.03, middle + neck + 0.01),
    ]
    one = _blade(flat, thick, rim)
    parts.append(one)
    if double:
        parts.append(placed(one, spin=math.pi))
    else:
        parts.append(box((-0.15, -0.045, middle - 0.06), (0.0, 0.045, middle + 0.06)))
    if spike:
        parts.append(lathe([(0.05, length - 0.02), (0.0, length + 0.18)], 4))
    return parts


def _sword(draw: Draw) -> list[Part]:
    long = draw.real("blade", 0.7, 1.5, "short", "long")
    curved, ball_ = draw.chance("curved", 0.25, "curved"), draw.chance("round pommel", 0.5)
    width, guard = draw.real("width", 0.06, 0.1), draw.real("guard", 0.14, 0.24)
    grip = 0.28
    parts = [lathe([(0.035, 0.05), (0.035, grip)], 6)]
    parts.append(ball(0.06, (0, 0, 0.06)) if ball_ else lathe([(0.05, 0), (0.06, 0.07)], 4))
    parts.append(frustum([(2 * guard * 0.85, 0.08, grip - 0.01), (2 * guard, 0.1, grip + 0.05)]))
    steps = 4 if curved else 2
    rings = []
    for step in range(steps + 1):
        t = step / steps
        along = grip + 0.02 + long * (t if curved else (0.0, 0.82, 1.0)[step])
        bend = 0.22 * long * t * t if curved else 0.0
        w = width * (0.0 if step == steps else 1 - 0.2 * t)
        rings.append(
            [
                [bend - w, 0, along],
                [bend, -0.03 if w else 0, along],
                [bend + w, 0, along],
                [bend, 0.03 if w else 0, along],
            ]
        )
    parts.append(loft([np.array(ring) for ring in rings]))
    return parts


def _dagger(draw: Draw) -> list[Part]:
    wide, ring = draw.real("width", 0.07, 0.13, "narrow", "wide"), draw.chance("wings", 0.5)
    long = draw.real("blade", 0.45, 0.65)
    rings = [
        [(-w, 0, z), (0, -t, z), (w, 0, z), (0, t, z)]
        for w, t, z in ((wide * 0.7, 0.03, 0.27), (wide, 0.03, 0.27 + long * 0.35), (0, 0, 0.27 + long))
    ]
    parts = [lathe([(0.05, 0), (0.065, 0.05), (0.04, 0.09), (0.05, 0.18), (0.04, 0.26)], 6), loft(np.array(rings))]
    if ring:
        path = [(-0.2, 0, 0.33), (-0.12, 0, 0.27), (0.12, 0, 0.27), (0.2, 0, 0.33)]
        parts.append(tube(path, [0.025, 0.04, 0.04, 0.025], 4))
    else:
        parts.append(slab(0.28, 0.1, 0.24, 0.29))
    return parts


def _shovel(draw: Draw) -> list[Part]:
    pointed, grip = draw.chance("pointed", 0.5, "pointed", "square"), draw.chance("grip", 0.6)
    length, half = draw.real("handle", 0.8, 1.4, "short", "long"), draw.real("width", 0.15, 0.22)
    blade, sides = draw.real("blade", 0.34, 0.46), draw.pick("sides", (4, 6))
    parts = [lathe([(0.035, blade * 0.7), (0.035, blade + length)], sides)]
    dish = 0.07
    # Points of the blade from below; the middle is set back, so that it is a scoop.
    rows = [(half * 0.5, blade), (half, blade * 0.9), (half, blade * 0.35), (half * (0.0 if pointed else 0.9), 0.0)]
    rings = []
    for width, z in rows:
        back = dish if width else 0.0
        front = [(-width, 0.0), (0.0, back), (width, 0.0)]
        behind = [(width, 0.045), (0.0, back + 0.045), (-width, 0.045)]
        if not width:
            front, behind = [(0.0, 0.0)] * 3, [(0.0, 0.0)] * 3
        rings.append(np.array([[x, y - 0.04, z] for x, y in (*front, *behind)]))
    # Seen from its first point an end ring must be whole: begin in the hollow.
    parts.append(loft([np.roll(ring, -1, axis=0) for ring in rings]))
    top = blade + length
    if grip:
        parts.append(slab(0.24, 0.06, top + 0.08, top + 0.14))
        parts += [tube([(s * 0.02, 0, top - 0.03), (s * 0.1, 0, top + 0.1)], 0.025, 4) for s in (-1, 1)]
    return parts


def _pickaxe(draw: Draw) -> list[Part]:
    adze, sides = draw.chance("adze", 0.3), draw.pick("head sides", (4, 6))
    handle, length = _handle(draw, 0.8, 1.2)
    reach, droop = draw.real("reach", 0.34, 0.5, "narrow", "wide"), draw.real("droop", 0.08, 0.22)
    top = length - 0.06
    middle = [(-0.08, 0, top), (0.08, 0, top)]
    curve = [(-reach, 0, top - droop), (-reach * 0.5, 0, top - droop * 0.25), *middle]
    curve += [(reach * 0.5, 0, top - droop * 0.25), (reach, 0, top - droop)]
    radii = [0.0, 0.05, 0.075, 0.075, 0.05, 0.0]
    if not adze:
        return [handle, tube(curve, radii, sides), slab(0.16, 0.14, top - 0.08, top + 0.06)]
    half = [
        [(x, s * w, z + t) for s, t in ((-1, -0.03), (1, -0.03), (1, 0.03), (-1, 0.03))]
        for x, w, z in ((0.02, 0.06, top), (reach * 0.5, 0.08, top - droop * 0.2), (reach * 0.9, 0.13, top - droop))
    ]
    parts = [handle, tube(curve[:4], radii[:4], sides), loft(np.array(half))]
    return [*parts, slab(0.16, 0.14, top - 0.08, top + 0.06)]


def _spear(draw: Draw) -> list[Part]:
    tips, sides = draw.pick("tips", (1, 1, 3), {3: "three pronged"}), draw.pick("sides", (5, 6))
    length, head = draw.real("shaft", 1.0, 1.7, "short", "long"), draw.real("tip", 0.22, 0.36)
    parts = [lathe([(0.035, 0), (0.035, length)], sides)]
    if tips == 1:
        blade = lathe([(0.03, 0), (0.1, head * 0.35), (0.0, head)], 4)
        return [*parts, placed(placed(blade, spin=math.pi / 4), (0, 0, length - 0.03), scale=(1, 0.5, 1))]
    parts.append(slab(0.4, 0.06, length - 0.05, length + 0.02))
    prong = lathe([(0.04, 0), (0.035, head * 0.7), (0.0, head)], 4)
    return parts + [placed(prong, (x, 0, length), scale=(1, 1, 1 if x else 1.15)) for x in (-0.17, 0.0, 0.17)]


def _torch(draw: Draw) -> list[Part]:
    sides, flame = draw.pick("sides", (5, 6, 8)), draw.chance("flame", 0.7)
    length, wide = draw.real("handle", 0.5, 0.9, "short", "long"), draw.real("head", 0.1, 0.15)
    parts = [lathe([(0.04, 0), (0.055, length)], sides)]
    parts.append(lathe([(0.07, length - 0.06), (wide, length + 0.1), (wide, length + 0.17)], sides))
    if flame:
        fire = [
            (wide * 0.8, length + 0.15),
            (wide * 1.15, length + 0.28),
            (wide * 0.5, length + 0.46),
            (0.0, length + 0.62),
        ]
        parts.append(placed(lathe(fire, 5), spin=0.3))
    return parts


def _shield(draw: Draw) -> list[Part]:
    round_, boss = draw.pick("corners", (0, 8, 12), {8: "round", 12: "round"}), draw.chance("boss", 0.6)
    height, dome = draw.real("height", 0.8, 1.1), draw.real("dome", 0.04, 0.12)
    if round_:
        disc = [(0.5, 0), (0.5, 0.06), (0.42, 0.06), (0.38, 0.03 + dome)]
        parts = [_facing(lathe(disc, round_), 0.5)]
    else:
        half = draw.real("width", 0.33, 0.42, "narrow", "wide")
        outline = [
            (0.0, height * 0.5),
            (-half, height),
            (-half, height * 0.45),
            (-half * 0.65, height * 0.18),
            (0.0, 0.0),
        ]
        outline += [(half * 0.65, height * 0.18), (half, height * 0.45), (half, height)]
        centre = np.array([0.0, height * 0.58])
        rings = []
        for share, y in ((1.0, 0.04), (1.0, -0.02), (0.82, -0.03), (0.7, -0.04 - dome)):
            ring = [centre + (np.array(point) - centre) * share for point in outline[1:]]
            rings.append(np.array([[x, y, z] for x, z in ring]))
        parts = [loft(rings)]
    if boss:
        z = 0.5 if round_ else height * 0.6
        parts.append(placed(_facing(lathe([(0.12, 0), (0.09, 0.09), (0.0, 0.12)], 6), 0.0), (0, -dome, z)))
    return parts


def _facing(part: Part, height: float) -> Part:
    """A turned part whose axis points to the front."""
    return placed(placed(part, tilt=math.pi / 2), (0, 0, height), -math.pi / 2)


def _ladder(draw: Draw) -> list[Part]:
    rungs, width = draw.whole("rungs", 3, 7, {3: "short", 7: "long"}), draw.real("width", 0.35, 0.6, "narrow", "wide")
    step, folding = draw.real("step", 0.22, 0.3), draw.chance("folding", 0.25, "folding")
    height = step * (rungs + 0.6)
    side = slab(0.06, 0.07, 0, height)
    one = [placed(side, (s * width / 2, 0, 0)) for s in (-1, 1)]
    one += [slab(width, 0.045, step * (r + 0.7), step * (r + 0.7) + 0.05) for r in range(rungs)]
    if not folding:
        return one
    lean = 0.22
    spread = [placed(part, spin=math.pi / 2) for part in one]
    front = [placed(placed(part, tilt=lean), (-height * math.sin(lean), 0, 0)) for part in spread]
    back = [placed(part, spin=math.pi) for part in front[:2]]
    brace = slab(0.05, width, height * 0.4, height * 0.4 + 0.05, (height * 0.6 * math.sin(lean), 0))
    return [*front, *back, brace, slab(0.16, width + 0.06, height * 0.965, height * 0.965 + 0.06)]


def _rake(draw: Draw) -> list[Part]:
    tines, length = draw.whole("tines", 4, 7, {4: "narrow", 7: "wide"}), draw.real("handle", 0.9, 1.4, "short", "long")
    sides, pitch = draw.pick("sides", (4, 6)), 0.1
    width = pitch * (tines - 1)
    parts = [lathe([(0.035, 0), (0.03, length)], sides), slab(width + 0.06, 0.06, length - 0.03, length + 0.04)]
    for index in range(tines):
        x = pitch * index - width / 2
        prong = tube([(0, 0.01, 0.0), (0, -0.1, 0.0), (0, -0.16, -0.1)], [0.025, 0.025, 0.015], 4)
        parts.append(placed(prong, (x, 0, length)))
    return parts


def _mace(draw: Draw) -> list[Part]:
    spikes, fine = draw.pick("spikes", (0, 4, 6), {4: "spiked", 6: "spiked"}), draw.chance("fine", 0.3)
    handle, length = _handle(draw, 0.6, 1.0)
    size = draw.real("head", 0.15, 0.22)
    middle = length + size * 0.6
    parts = [handle, ball(size, (0, 0, middle), fine)]
    spike = lathe([(0.055, size * 0.85), (0.0, size + 0.14)], 4)
    if spikes:
        parts += [placed(one, (0, 0, middle)) for one in (*around(placed(spike, tilt=math.pi / 2), spikes, 0.2), spike)]
    else:
        parts.append(lathe([(0.06, length - 0.08), (0.08, length - 0.02)], 6))
    return parts


def _key(draw: Draw) -> list[Part]:
    steps, teeth = draw.pick("bow", (6, 8)), draw.whole("teeth", 1, 3)
    shaft, bow = draw.real("shaft", 0.5, 0.8, "short", "long"), draw.real("ring", 0.14, 0.2)
    rings = []
    for index in range(steps):
        a = 2 * math.pi * index / steps
        section = [(bow - 0.05, -0.04), (bow + 0.05, -0.04), (bow + 0.05, 0.04), (bow - 0.05, 0.04)]
        rings.append(np.array([[r * math.cos(a), y, r * math.sin(a) + shaft + bow] for r, y in section]))
    parts = [loft(rings, loop=True), lathe([(0.045, 0), (0.045, shaft - 0.01)], 6)]
    for tooth in range(teeth):
        z = 0.04 + 0.12 * tooth
        parts.append(box((0.0, -0.035, z), (0.2 - 0.03 * tooth, 0.035, z + 0.07)))
    return parts


def _bow(draw: Draw) -> list[Part]:
    steps, recurve = draw.pick("steps", (6, 8)), draw.chance("recurve", 0.5, "curved")
    height, depth = 1.4, draw.real("depth", 0.3, 0.5)
    half_turn = arc(1.0, -math.pi / 2, math.pi / 2, steps)
    path = [(depth * x, 0.0, height / 2 * z) for x, z in half_turn]
    radii = [0.03 + 0.03 * x for x, _ in half_turn]
    if recurve:  # the ends bend forward again
        path[0], path[-1] = ((0.12, 0.0, end[2]) for end in (path[0], path[-1]))
    limbs = tube(path, radii, 4)
    string = tube([(path[0][0] + 0.01, 0, path[0][2]), (path[0][0] + 0.01, 0, path[-1][2])], 0.018, 3)
    grip = slab(0.14, 0.11, -0.12, 0.12, (depth, 0))
    return [limbs, string, grip]


def _staff(draw: Draw) -> list[Part]:
    gem, sides = draw.whole("gem", 0, 1, {1: "crystal"}), draw.pick("sides", (5, 6))
    length, prongs = draw.real("shaft", 1.0, 1.5, "short", "long"), draw.whole("prongs", 2, 4)
    parts = [lathe([(0.035, 0), (0.045, length * 0.5), (0.04, length), (0.07, length + 0.06)], sides)]
    middle = length + 0.22
    parts.append(
        lathe([(0.0, middle - 0.16), (0.11, middle), (0.0, middle + 0.2)], 5) if gem else ball(0.12, (0, 0, middle))
    )
    prong = tube([(0.03, 0, length), (0.19, 0, length + 0.12), (0.15, 0, length + 0.34)], [0.035, 0.03, 0.0], 4)
    return [*parts, *around(prong, prongs)]


def _anvil(draw: Draw) -> list[Part]:
    horn, height = draw.real("horn", 0.3, 0.5, "", "long"), draw.real("height", 0.45, 0.65, "low", "tall")
    sides = draw.pick("sides", (4, 6))
    levels = [
        (0.55, 0.4, 0),
        (0.5, 0.36, 0.1),
        (0.26, 0.2, 0.2),
        (0.26, 0.2, height - 0.24),
        (0.6, 0.3, height - 0.16),
        (0.6, 0.3, height),
    ]
    tip = tube(
        [(0.28, 0, height - 0.08), (0.3 + horn * 0.6, 0, height - 0.05), (0.3 + horn, 0, height - 0.02)],
        [0.1, 0.065, 0.0],
        sides,
    )
    return [frustum(levels), tip]


TOOLS = (
    Family("hammer", "prop/tool", _hammer),
    Family("axe", "weapon", _axe),
    Family("sword", "weapon", _sword),
    Family("shovel", "prop/tool", _shovel),
    Family("pickaxe", "prop/tool", _pickaxe),
    Family("torch", "prop/tool", _torch),
    Family("shield", "weapon", _shield),
    Family("spear", "weapon", _spear),
    Family("ladder", "prop/tool", _ladder),
    Family("dagger", "weapon", _dagger),
    Family("rake", "prop/tool", _rake),
    Family("mace", "weapon", _mace),
    Family("mallet", "prop/tool", _mallet),
    Family("key", "prop/collectible", _key),
    Family("bow", "weapon", _bow),
    Family("staff", "weapon", _staff),
    Family("anvil", "prop/tool", _anvil),
)
