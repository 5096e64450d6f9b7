# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Furniture that one puts things on, or into; and lamps."""

from __future__ import annotations

import math

from ..solids import Part, around, ball, box, frustum, lathe, legs, placed, slab, tube
from .family import Draw, Family

FRONT = 0.03  # how far doors and drawers stand out


def _table(draw: Draw) -> list[Part]:
    depth = draw.real("depth", 0.7, 0.9)
    square = draw.chance("square", 0.25, "square")
    width = depth if square else draw.real("width", 1.1, 2.0, "", "long")
    height, thick = draw.real("height", 0.4, 0.95, "low", "tall"), draw.real("thickness", 0.06, 0.12)
    leg, apron = draw.real("leg", 0.08, 0.14), draw.chance("apron", 0.25)
    parts = [slab(width, depth, height, height + thick), *legs(width, depth, height, leg, draw.real("foot", 0.6, 1.0))]
    if apron:
        parts.append(slab(width - 2.4 * leg, depth - 2.4 * leg, height - 0.11, height + 0.01))
    return parts


def _round_table(draw: Draw) -> list[Part]:
    sides, radius = draw.pick("sides", (8, 10, 12, 16)), draw.real("radius", 0.45, 0.8)
    height = draw.real("height", 0.35, 0.95, "low", "tall")
    count = draw.pick("legs", (1, 1, 3, 4), {3: "three legged", 4: "four legged"})
    top = [(radius, height), (radius, height + 0.08)]
    if count == 1:
        foot, stem = radius * draw.real("foot", 0.4, 0.7), draw.real("stem", 0.06, 0.1)
        return [lathe([(foot, 0), (foot, 0.06), (stem, 0.12), (stem, height), *top], sides)]
    leg = tube([(radius * draw.real("spread", 0.6, 0.95), 0, 0), (radius * 0.65, 0, height + 0.02)], 0.055, 4)
    return [lathe(top, sides), *around(leg, count, math.pi / count)]


def _desk(draw: Draw) -> list[Part]:
    width, depth, height = draw.real("width", 1.1, 1.7, "", "wide"), draw.real("depth", 0.55, 0.75), 0.75
    blocks, rows = draw.whole("blocks", 0, 2), draw.whole("rows", 2, 3)
    parts = [slab(width, depth, height, height + 0.06)]
    for index, s in enumerate((1, -1)):
        if index < blocks:
            wide, x = 0.38, s * (width / 2 - 0.23)
            parts.append(slab(wide, depth * 0.9, 0, height + 0.02, (x, 0)))
            each = (height - 0.1) / rows
            parts += _drawers(x, wide, -depth * 0.45, [0.06 + each * row for row in range(rows)], each)
        else:
            x = s * (width / 2 - 0.08)
            parts += [slab(0.08, 0.08, 0, height + 0.02, (x, y)) for y in (0.08 - depth / 2, depth / 2 - 0.08)]
    if blocks < 2:
        parts.append(slab(width - 0.2, 0.04, height - 0.35, height + 0.01, (0, depth / 2 - 0.08)))
    return parts


def _drawers(x: float, width: float, front: float, lows: list[float], height: float) -> list[Part]:
    """The fronts of drawers one above the other, each with a knob."""
    parts = []
    for low in lows:
        middle = low + height / 2
        parts.append(
            box((x - width * 0.44, front - FRONT, low + 0.02), (x + width * 0.44, front + 0.02, low + height - 0.02))
        )
        parts.append(box((x - 0.05, front - 0.07, middle - 0.025), (x + 0.05, front - FRONT + 0.01, middle + 0.025)))
    return parts


def _dresser(draw: Draw) -> list[Part]:
    columns, rows = draw.whole("columns", 1, 2, {2: "wide"}), draw.whole("rows", 2, 4)
    each, depth = draw.real("drawer", 0.22, 0.3), draw.real("depth", 0.4, 0.55)
    wide, feet = draw.real("width", 0.6, 0.75), draw.real("feet", 0.08, 0.2)
    width, height = columns * wide, rows * each + 0.06
    parts = [
        slab(width, depth, feet, feet + height),
        slab(width + 0.08, depth + 0.08, feet + height - 0.01, feet + height + 0.05),
        *legs(width, depth, feet, 0.08, 0.6),
    ]
    for column in range(columns):
        x = (column - (columns - 1) / 2) * wide
        parts += _drawers(x, wide, -depth / 2, [feet + 0.03 + each * row for row in range(rows)], each)
    return parts


def _nightstand(draw: Draw) -> list[Part]:
    width, height = draw.real("width", 0.4, 0.55), draw.real("height", 0.5, 0.7, "low", "tall")
    shelf, thick = draw.chance("shelf", 0.5, "open"), 0.05
    depth = width * 0.95
    parts = [*legs(width, depth, height, 0.06, 0.8), slab(width, depth, height, height + thick)]
    low = height - 0.2
    parts.append(slab(width * 0.94, depth * 0.94, low, height + 0.01))
    parts += _drawers(0, width, -depth * 0.47, [low + 0.01], 0.18)
    if shelf:
        parts.append(slab(width * 0.9, depth * 0.9, 0.12, 0.17))
    return parts


def _shelf(draw: Draw) -> list[Part]:
    width, rows = draw.real("width", 0.6, 1.2, "narrow", "wide"), draw.whole("rows", 2, 5, {2: "low", 5: "tall"})
    books = draw.chance("books", 0.5, "full", "empty")
    per_row = draw.whole("books per row", 2, 4) if books else 0
    pitch, depth, board = (
        draw.real("pitch", 0.32, 0.42),
        draw.real("depth", 0.26, 0.38),
        draw.real("board", 0.04, 0.055),
    )
    foot, height = 0.06, rows * pitch
    parts = [slab(board, depth, 0, foot + height + board + 0.03, (s * (width / 2 - board / 2), 0)) for s in (-1, 1)]
    parts.append(
        box((0.02 - width / 2, depth / 2 - 0.04, foot), (width / 2 - 0.02, depth / 2 - 0.005, foot + height + 0.01))
    )
    inner = width - 2 * board
    for row in range(rows + 1):
        low = foot + row * pitch
        parts.append(slab(inner + 0.02, depth - 0.04, low, low + board, (0, -0.015)))
        if row == rows or not books:
            continue
        x = -inner / 2 + 0.02
        for size in draw.random.dirichlet([6] * per_row) * inner * draw.random.uniform(0.6, 0.9):
            size = max(float(size), 0.05)
            high = low + board + (pitch - board) * draw.random.uniform(0.55, 0.85)
            parts.append(box((x, -depth * 0.36, low + board - 0.01), (x + size - 0.015, depth / 2 - 0.06, high)))
            x += size
    return parts


def _cabinet(draw: Draw) -> list[Part]:
    doors, feet = draw.whole("doors", 1, 2, {1: "single door", 2: "double door"}), draw.chance("feet", 0.5)
    each, depth = draw.real("door", 0.42, 0.55), draw.real("depth", 0.4, 0.5)
    height = draw.real("height", 0.6, 1.4, "low", "tall")
    width, low = each * doors, 0.14 if feet else 0.08
    parts = [slab(width, depth, low, height), slab(width + 0.07, depth + 0.07, height - 0.01, height + 0.05)]
    parts += legs(width, depth, low, 0.07) if feet else [slab(width * 0.94, depth * 0.9, 0, low + 0.01)]
    return parts + _doors(doors, each, -depth / 2, low + 0.02, height - 0.03)


def _doors(count: int, width: float, front: float, low: float, high: float) -> list[Part]:
    """Doors side by side, their handles towards the middle."""
    parts = []
    for index in range(count):
        x = (index - (count - 1) / 2) * width
        parts.append(box((x - width * 0.46, front - FRONT, low), (x + width * 0.46, front + 0.02, high)))
        knob = x + width * (0.36 if index < count / 2 else -0.36)
        middle = (low + high) / 2
        parts.append(
            box((knob - 0.02, front - 0.08, middle - 0.07), (knob + 0.02, front - FRONT + 0.01, middle + 0.07))
        )
    return parts


def _wardrobe(draw: Draw) -> list[Part]:
    doors, drawer = draw.whole("doors", 2, 3, {3: "wide"}), draw.chance("drawer", 0.5)
    each, depth = draw.real("door", 0.42, 0.52), draw.real("depth", 0.5, 0.6)
    height, width = draw.real("height", 1.6, 2.1), each * doors
    parts = [
        slab(width * 0.96, depth * 0.94, 0, 0.11),
        slab(width, depth, 0.1, height),
        frustum([(width, depth, height - 0.01), (width + 0.12, depth + 0.1, height + 0.1)]),
    ]
    low = 0.42 if drawer else 0.14
    if drawer:
        parts += _drawers(0, width * 1.03, -depth / 2, [0.12], 0.28)
    return parts + _doors(doors, each, -depth / 2, low, height - 0.05)


def _shade(draw: Draw, low: float, radius: float, sides: int) -> Part:
    top = radius * draw.real("shade", 0.45, 0.9)
    return lathe([(radius, low), (top, low + draw.real("shade height", 0.22, 0.35))], sides)


def _floor_lamp(draw: Draw) -> list[Part]:
    sides, height = draw.pick("sides", (6, 8, 10)), draw.real("height", 1.0, 1.6, "", "tall")
    feet = draw.pick("feet", (1, 1, 3), {3: "tripod"})
    shade = _shade(draw, height - 0.05, draw.real("radius", 0.22, 0.34), sides)
    if feet == 1:
        return [lathe([(0.22, 0), (0.2, 0.05), (0.06, 0.1), (0.06, height)], 6), shade]
    leg = tube([(0.36, 0, 0), (0.03, 0, height * 0.75)], 0.04, 4)
    return [lathe([(0.06, height * 0.68), (0.05, height)], 6), *around(leg, 3), shade]


def _table_lamp(draw: Draw) -> list[Part]:
    sides, shape = draw.pick("sides", (6, 8)), draw.chance("round base", 0.5)
    height, radius = draw.real("height", 0.3, 0.5, "low", "tall"), draw.real("radius", 0.18, 0.26)
    foot = draw.real("foot", 0.1, 0.15)
    if shape:
        base = [
            (foot * 0.7, 0),
            (foot, height * 0.25),
            (foot * 0.8, height * 0.5),
            (0.04, height * 0.65),
            (0.04, height),
        ]
    else:
        base = [(foot, 0), (foot, 0.04), (0.04, 0.08), (0.04, height)]
    return [lathe(base, sides), _shade(draw, height - 0.03, radius, sides)]


def _desk_lamp(draw: Draw) -> list[Part]:
    sides, lower = draw.pick("sides", (6, 8)), draw.real("arm", 0.32, 0.5, "low", "tall")
    lean, reach = draw.real("lean", 0.15, 0.4), draw.real("reach", 0.28, 0.42)
    elbow = (-lower * math.sin(lean), lower * math.cos(lean) + 0.04)
    end = (elbow[0] + reach, elbow[1] + reach * 0.35)
    arm = tube([(0, 0, 0.04), (elbow[0], 0, elbow[1]), (end[0], 0, end[1])], 0.025, 4)
    shade = lathe([(0.13, -0.14), (0.06, 0.0), (0.04, 0.05)], sides)
    return [
        lathe([(0.15, 0), (0.13, 0.05)], sides),
        arm,
        ball(0.045, (elbow[0], 0, elbow[1])),
        placed(shade, (end[0], 0, end[1])),
    ]


FURNITURE = (
    Family("table", "furniture/table", _table),
    Family("round table", "furniture/table", _round_table),
    Family("floor lamp", "furniture/lamp", _floor_lamp),
    Family("shelf", "furniture/storage", _shelf),
    Family("cabinet", "furniture/storage", _cabinet),
    Family("table lamp", "furniture/lamp", _table_lamp),
    Family("desk", "furniture/table", _desk),
    Family("dresser", "furniture/storage", _dresser),
    Family("wardrobe", "furniture/storage", _wardrobe),
    Family("nightstand", "furniture/storage", _nightstand),
    Family("desk lamp", "furniture/lamp", _desk_lamp),
)
