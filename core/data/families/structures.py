# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands about outdoors: walls, stairs, bridges, fences, signs."""

from __future__ import annotations

import math

import numpy as np

from ..solids import Part, arc, box, extrude, frustum, lathe, loft, placed, slab, tube
from .family import Draw, Family


def _stairs(draw: Draw) -> list[Part]:
    steps, width = draw.whole("steps", 3, 7, {3: "low", 7: "tall"}), draw.real("width", 0.6, 1.8, "narrow", "wide")
    run, rise = draw.real("run", 0.22, 0.34), draw.real("rise", 0.17, 0.24)
    outline = [(steps * run, 0.0), (0.0, 0.0)]
    for step in range(steps):
        outline += [(step * run, (step + 1) * rise), ((step + 1) * run, (step + 1) * rise)]
    return [extrude(outline, -width / 2, width / 2)]


def _column(draw: Draw) -> list[Part]:
    broken, square = draw.chance("broken", 0.2, "broken"), draw.chance("square", 0.2, "square", "round")
    sides = 4 if square else draw.pick("sides", (6, 8, 10, 12))
    radius, height = draw.real("radius", 0.15, 0.25, "slender", "thick"), draw.real("height", 1.5, 1.9)
    wide = radius * draw.real("base", 1.5, 1.9)
    base = slab(2 * wide, 2 * wide, 0, 0.12)
    if broken:
        vertices, faces = lathe([(radius, 0.1), (radius * 0.9, height * 0.55)], sides)
        slant = np.where(vertices[:, 2] > 0.2, 0.9 * vertices[:, 0], 0.0)
        return [base, (vertices + slant[:, None] * [0, 0, 1], faces)]
    shaft = lathe([(radius, 0.1), (radius * draw.real("taper", 0.8, 1.0), height)], sides)
    return [base, shaft, slab(1.9 * wide, 1.9 * wide, height - 0.02, height + 0.12)]


def _arch(draw: Draw) -> list[Part]:
    segments, inner = draw.whole("segments", 5, 8), draw.real("inner", 0.4, 0.6)
    outer, depth = inner + draw.real("thickness", 0.15, 0.3, "", "thick"), draw.real("depth", 0.2, 0.5)
    post = draw.real("post", 0.2, 1.2, "low", "tall")
    turns = [(math.pi * i / segments, post) for i in range(segments + 1)]
    rings = []
    for angle, lift in [(0.0, 0.0), *turns, (math.pi, 0.0)]:
        c, s = math.cos(angle), math.sin(angle)
        section = [(inner, 0.0), (outer, 0.0), (outer, depth), (inner, depth)]
        rings.append(np.array([[radius * c, y, radius * s + lift] for radius, y in section]))
    rings[-1][:, 2] = 0.0
    return [loft(rings)]


def _wall(draw: Draw) -> list[Part]:
    width, height = draw.real("width", 1.4, 2.2, "short", "long"), draw.real("height", 0.8, 1.3)
    thick = draw.real("thickness", 0.14, 0.3)
    merlons, buttress = (
        draw.pick("merlons", (0, 3, 4, 5), {3: "castle", 4: "castle", 5: "castle"}),
        draw.chance("foot", 0.3),
    )
    parts = [slab(width, thick, 0, height)]
    pitch, rise = width / max(2 * merlons - 1, 1), draw.real("merlon", 0.14, 0.22)
    for index in range(merlons):
        x = (2 * index + 0.5) * pitch - width / 2
        parts.append(slab(pitch - 0.02, thick * 0.8, height - 0.02, height + rise, (x, 0)))
    if buttress:
        parts.append(
            frustum(
                [(width + 0.12, thick + 0.2, 0), (width + 0.12, thick + 0.2, 0.1), (width + 0.02, thick + 0.1, 0.18)]
            )
        )
    return parts


def _fence(draw: Draw) -> list[Part]:
    pointed, posts = draw.chance("pointed", 0.5, "picket"), draw.whole("posts", 2, 4, {2: "short", 4: "long"})
    rails, height = draw.whole("rails", 2, 3), draw.real("height", 0.5, 1.0, "low", "tall")
    pitch, post = 0.7, draw.real("post", 0.07, 0.1)
    width = pitch * (posts - 1)
    parts = [slab(post, post, 0, height, (pitch * index - width / 2, 0)) for index in range(posts)]
    for rail in range(rails):
        z = height * (0.3 + 0.5 * rail / (rails - 1))
        parts.append(slab(width + 0.16, 0.045, z - 0.045, z + 0.045, (0, -0.02)))
    if pointed:
        count = 3 * (posts - 1)
        for index in range(count):
            x = (index + 0.5) * width / count - width / 2
            tip = height * 0.98
            outline = [(x, tip), (x - 0.06, tip - 0.09), (x - 0.06, 0.08), (x + 0.06, 0.08), (x + 0.06, tip - 0.09)]
            parts.append(extrude(outline, -0.085, -0.035))
    return parts


def _bridge(draw: Draw) -> list[Part]:
    arched, steps = draw.chance("arched", 0.5, "arched", "flat"), draw.whole("steps", 4, 6)
    length, width = draw.real("length", 1.6, 2.4, "short", "long"), draw.real("width", 0.6, 0.9)
    rise = draw.real("rise", 0.2, 0.4) if arched else 0.0
    xs = [length * (i / steps - 0.5) for i in range(steps + 1)]
    tops = [0.35 + rise * (1 - (2 * x / length) ** 2) for x in xs]
    rings, half = [], width / 2
    for x, z in zip(xs, tops, strict=True):
        rings.append([[x, -half, z - 0.12], [x, half, z - 0.12], [x, half, z], [x, -half, z]])
    parts = [loft(rings if arched else [rings[0], rings[-1]])]
    for s in (-1, 1):
        y = s * (half - 0.05)
        for x, z in list(zip(xs, tops, strict=True))[:: 1 if not arched else 2]:
            parts.append(slab(0.06, 0.06, z - 0.03, z + 0.3, (x * 0.96, y)))
        rail = [(x * 0.98, y, z + 0.3) for x, z in zip(xs, tops, strict=True)]
        parts.append(tube(rail if arched else [rail[0], rail[-1]], 0.04, 4))
        parts.append(slab(0.22, width * 0.95, 0, 0.26, (s * (length / 2 - 0.13), 0)))
    return parts


def _street_lamp(draw: Draw) -> list[Part]:
    sides, arms = draw.pick("sides", (6, 8)), draw.whole("arms", 0, 2, {2: "double"})
    height = draw.real("height", 1.3, 2.2, "low", "tall")
    lantern = [lathe([(0.07, 0), (0.13, 0.22)], 6), lathe([(0.17, 0.21), (0.0, 0.34)], 6)]
    parts = [lathe([(0.17, 0), (0.14, 0.16), (0.06, 0.22), (0.05, height)], sides)]
    if not arms:
        return parts + [placed(part, (0, 0, height - 0.02)) for part in lantern]
    reach = draw.real("reach", 0.3, 0.5)
    for end in (reach, -reach)[:arms]:
        arm = [(0, 0, height - 0.1), (end * 0.5, 0, height + 0.08), (end, 0, height)]
        parts += [tube(arm, 0.035, 4), *(placed(part, (end, 0, height - 0.33)) for part in lantern)]
    return parts


def _gravestone(draw: Draw) -> list[Part]:
    shape = draw.whole("shape", 0, 2, {0: "square", 1: "round"})
    width, height = draw.real("width", 0.45, 0.65), draw.real("height", 0.7, 1.1, "low", "tall")
    thick, half = draw.real("thickness", 0.12, 0.18), width / 2
    parts = [frustum([(width + 0.2, thick + 0.2, 0), (width + 0.12, thick + 0.12, 0.12)])]
    if shape == 2:
        parts += [slab(0.14, thick, 0.1, height + 0.1), slab(width, thick * 0.9, height * 0.6, height * 0.6 + 0.14)]
        return parts
    top = (
        [(half, height), (-half, height)]
        if shape == 0
        else [(x, height - half + z) for x, z in arc(half, 0, math.pi, 6)]
    )
    parts.append(extrude([(-half, 0.1), (half, 0.1), *top], -thick / 2, thick / 2))
    return parts


def _sign(draw: Draw) -> list[Part]:
    arrows, height = (
        draw.whole("arrows", 0, 3, {1: "arrow", 2: "arrow", 3: "arrow"}),
        draw.real("height", 0.9, 1.5, "low", "tall"),
    )
    post, width = draw.real("post", 0.08, 0.11), draw.real("width", 0.5, 0.8, "narrow", "wide")
    parts = [slab(post, post, 0, height)]
    if not arrows:
        front = -post / 2
        parts.append(box((-width / 2, front - 0.05, height - 0.45), (width / 2, front + 0.02, height - 0.06)))
        return parts
    for index in range(arrows):
        side, z, y = 1 - 2 * (index % 2), height - 0.14 - 0.24 * index, -post / 2 - 0.02
        outline = [
            (width * 0.6, z),
            (width * 0.42, z + 0.1),
            (-width * 0.3, z + 0.1),
            (-width * 0.3, z - 0.1),
            (width * 0.42, z - 0.1),
        ]
        parts.append(extrude([(side * x, h) for x, h in outline], y - 0.04, y + 0.03))
    return parts


STRUCTURES = (
    Family("stairs", "architecture/stairs", _stairs),
    Family("column", "architecture/column", _column),
    Family("arch", "architecture/opening", _arch),
    Family("wall", "architecture/wall", _wall),
    Family("fence", "architecture/wall", _fence),
    Family("bridge", "architecture/module", _bridge),
    Family("street lamp", "furniture/lamp", _street_lamp),
    Family("gravestone", "prop/grave", _gravestone),
    Family("sign", "prop/sign", _sign),
)
