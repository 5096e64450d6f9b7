# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural low-poly shapes with labels: the data set that needs no download.

For tests, first steps and `train --data procedural`. Every shape is made of closed parts wound outwards,
stands on z = 0, and is drawn from a seeded generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..mesh import TriangleMesh

Part = tuple[np.ndarray, np.ndarray]  # vertices [V, 3], faces [F, 3]
Random = np.random.Generator


def procedural_meshes(count: int, seed: int = 0) -> list[tuple[TriangleMesh, str]]:
    """`count` meshes with their labels, the families in turn. Mesh i of a seed is the same whatever `count` is."""
    families = list(FAMILIES.items())
    result = []
    for index in range(count):
        label, make = families[index % len(families)]
        result.append((_merged(make(np.random.default_rng([seed, index]))), label))
    return result


def loft(rings: Sequence[np.ndarray], loop: bool = False) -> Part:
    """The closed part through cross-sections: R rings [N, 3] joined by quads, cut into triangles and wound outwards.

    The ends are closed by fans from their first point (an end ring must be star-shaped seen from there), or joined
    with each other when `loop`. A ring drawn together to one point is a tip.
    """
    points = np.asarray(rings, np.float64)
    R, N, _ = points.shape
    ring, step = np.meshgrid(np.arange(R if loop else R - 1), np.arange(N), indexing="ij")
    a, b = ring * N + step, ring * N + (step + 1) % N
    c, d = (ring + 1) % R * N + (step + 1) % N, (ring + 1) % R * N + step
    quads = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    if loop:
        faces = quads
    else:
        fan = np.stack([np.zeros(N - 2, np.int64), np.arange(2, N), np.arange(1, N - 1)], axis=1)
        faces = np.concatenate([quads, fan, fan[:, ::-1] + (R - 1) * N])
    vertices, index = np.unique(points.reshape(-1, 3), axis=0, return_inverse=True)
    faces = index.reshape(-1)[faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    corners = vertices[faces]
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return vertices, faces if volume > 0 else faces[:, ::-1]


def box(low: Sequence[float], high: Sequence[float]) -> Part:
    """An axis-aligned box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    ring = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]], np.float64)
    return loft([ring + [0, 0, z0], ring + [0, 0, z1]])


def lathe(profile: Sequence[tuple[float, float]], sides: int, centre: tuple[float, float] = (0.0, 0.0)) -> Part:
    """A turned part: `profile` is radius and height from bottom to top; radius 0 at an end is a tip."""
    angle = np.arange(sides) * (2 * math.pi / sides) + math.pi / sides
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], axis=1)
    middle = np.array([*centre, 0.0])
    return loft([circle * radius + middle + [0, 0, height] for radius, height in profile])


def extrude(outline: Sequence[tuple[float, float]], low: float, high: float) -> Part:
    """An outline in x and z, star-shaped seen from its first point, drawn out along y."""
    return loft([np.array([[x, y, z] for x, z in outline]) for y in (low, high)])


def _merged(parts: Sequence[Part]) -> TriangleMesh:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in parts[:-1])])
    vertices = np.concatenate([vertices for vertices, _ in parts])
    return TriangleMesh(
        vertices - [0, 0, vertices[:, 2].min()],
        np.concatenate([faces + start for (_, faces), start in zip(parts, starts, strict=True)]),
    )


def _legs(width: float, depth: float, height: float, thick: float) -> list[Part]:
    """Four legs under a top of `width` and `depth`, a little inside its corners and a little sunk into it."""
    x, y = width / 2 - 1.2 * thick, depth / 2 - 1.2 * thick
    half = thick / 2
    return [
        box((sx * x - half, sy * y - half, 0), (sx * x + half, sy * y + half, height + 0.3 * thick))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]


def _slab(width: float, depth: float, low: float, high: float) -> Part:
    return box((-width / 2, -depth / 2, low), (width / 2, depth / 2, high))


def _crate(random: Random) -> list[Part]:
    width, depth, height = random.uniform(0.5, 1.5, 3)
    return [_slab(width, depth, 0, height)]


def _table(random: Random) -> list[Part]:
    width, depth, height = random.uniform(1.0, 2.0), random.uniform(0.7, 1.1), random.uniform(0.5, 1.0)
    return [
        _slab(width, depth, height, height + random.uniform(0.06, 0.14)),
        *_legs(width, depth, height, random.uniform(0.08, 0.16)),
    ]


def _round_table(random: Random) -> list[Part]:
    sides, radius, height = int(random.integers(8, 17)), random.uniform(0.5, 0.9), random.uniform(0.6, 0.9)
    foot, stem = radius * random.uniform(0.4, 0.7), random.uniform(0.05, 0.1)
    profile = [(foot, 0), (foot, 0.06), (stem, 0.12), (stem, height), (radius, height), (radius, height + 0.08)]
    return [lathe(profile, sides)]


def _chair(random: Random) -> list[Part]:
    width, seat, back = random.uniform(0.45, 0.6), random.uniform(0.4, 0.5), random.uniform(0.4, 0.7)
    thick = random.uniform(0.05, 0.09)
    rest = box((-width / 2, width / 2 - thick, seat + 0.02), (width / 2, width / 2, seat + thick + back))
    return [_slab(width, width * 0.99, seat, seat + thick), rest, *_legs(width, width, seat, thick)]


def _stool(random: Random) -> list[Part]:
    sides, radius, height = int(random.integers(6, 13)), random.uniform(0.2, 0.32), random.uniform(0.4, 0.75)
    seat = lathe([(radius, height), (radius, height + random.uniform(0.04, 0.1))], sides)
    return [seat, *_legs(radius * 1.6, radius * 1.6, height, random.uniform(0.04, 0.06))]


def _bench(random: Random) -> list[Part]:
    width, depth, height = random.uniform(1.2, 2.2), random.uniform(0.35, 0.5), random.uniform(0.4, 0.5)
    thick, inset = random.uniform(0.06, 0.1), random.uniform(0.1, 0.3)
    x = width / 2 - inset
    sides = [
        box((s * x - thick / 2, -depth * 0.4, 0), (s * x + thick / 2, depth * 0.4, height + 0.02)) for s in (-1, 1)
    ]
    return [_slab(width, depth, height, height + thick), *sides]


def _bed(random: Random) -> list[Part]:
    width, length, height = random.uniform(0.9, 1.6), random.uniform(1.9, 2.1), random.uniform(0.25, 0.4)
    frame = _slab(width, length, 0.1, height)
    mattress = _slab(width * 0.94, length * 0.96, height - 0.02, height + random.uniform(0.12, 0.22))
    head = box(
        (-width * 0.52, length / 2 - 0.02, 0), (width * 0.52, length / 2 + 0.08, height + random.uniform(0.4, 0.7))
    )
    return [frame, mattress, head]


def _stairs(random: Random) -> list[Part]:
    steps, run, rise = int(random.integers(3, 8)), random.uniform(0.22, 0.35), random.uniform(0.15, 0.25)
    outline = [(steps * run, 0.0), (0.0, 0.0)]
    for step in range(steps):
        outline += [(step * run, (step + 1) * rise), ((step + 1) * run, (step + 1) * rise)]
    return [extrude(outline, 0, random.uniform(0.6, 1.4))]


def _barrel(random: Random) -> list[Part]:
    sides, radius, height = int(random.integers(8, 15)), random.uniform(0.28, 0.36), random.uniform(0.8, 1.1)
    belly = radius * random.uniform(1.15, 1.35)
    return [lathe([(radius, 0), (belly, height * 0.33), (belly, height * 0.67), (radius, height)], sides)]


def _column(random: Random) -> list[Part]:
    sides, radius, height = int(random.integers(6, 13)), random.uniform(0.15, 0.25), random.uniform(1.4, 2.2)
    wide = radius * random.uniform(1.5, 1.9)
    shaft = lathe([(radius, 0.1), (radius * random.uniform(0.8, 1.0), height)], sides)
    return [_slab(2 * wide, 2 * wide, 0, 0.12), shaft, _slab(1.9 * wide, 1.9 * wide, height - 0.02, height + 0.12)]


def _tree(random: Random) -> list[Part]:
    sides, tiers, radius = int(random.integers(5, 9)), int(random.integers(2, 5)), random.uniform(0.5, 0.7)
    trunk, tier = random.uniform(0.25, 0.45), random.uniform(0.5, 0.7)
    parts = [lathe([(0.1, 0), (0.09, trunk + 0.1)], sides)]
    for index in range(tiers):
        size, base = radius * (1 - 0.22 * index), trunk + index * tier * 0.6
        parts.append(lathe([(size, base), (0.0, base + tier)], sides))
    return parts


def _pyramid(random: Random) -> list[Part]:
    return [lathe([(random.uniform(0.6, 1.0), 0), (0.0, random.uniform(0.6, 1.4))], 4)]


def _prism(random: Random) -> list[Part]:
    radius = random.uniform(0.3, 0.7)
    return [lathe([(radius, 0), (radius, random.uniform(0.5, 1.5))], int(random.choice([3, 5, 6])))]


def _gem(random: Random) -> list[Part]:
    waist, top = random.uniform(0.3, 0.6), random.uniform(1.0, 1.6)
    return [lathe([(0.0, 0), (random.uniform(0.4, 0.6), waist), (0.0, top)], int(random.integers(4, 9)))]


def _ring(random: Random) -> list[Part]:
    around, tube = int(random.integers(8, 13)), int(random.integers(4, 7))
    big, small = random.uniform(0.6, 0.9), random.uniform(0.12, 0.25)
    u = np.arange(around)[:, None] * (2 * math.pi / around)
    v = np.arange(tube)[None, :] * (2 * math.pi / tube) + math.pi / tube
    reach = big + small * np.cos(v)
    return [loft(np.stack([reach * np.cos(u), reach * np.sin(u), small * (1 + np.sin(v)) + 0 * u], axis=-1), loop=True)]


def _arch(random: Random) -> list[Part]:
    segments, inner = int(random.integers(5, 11)), random.uniform(0.4, 0.7)
    outer, depth, post = inner + random.uniform(0.15, 0.3), random.uniform(0.2, 0.5), random.uniform(0.3, 0.9)
    turns = [(math.pi * i / segments, post) for i in range(segments + 1)]
    rings = []
    for angle, lift in [(0.0, 0.0), *turns, (math.pi, 0.0)]:
        c, s = math.cos(angle), math.sin(angle)
        section = [(inner, 0.0), (outer, 0.0), (outer, depth), (inner, depth)]
        rings.append(np.array([[radius * c, y, radius * s + lift] for radius, y in section]))
    rings[-1][:, 2] = 0.0
    return [loft(rings)]


def _house(random: Random) -> list[Part]:
    width, depth, eaves = random.uniform(1.0, 1.4), random.uniform(1.2, 2.0), random.uniform(0.6, 1.0)
    ridge = eaves + random.uniform(0.3, 0.7)
    half, over = width / 2, random.uniform(0.08, 0.18)
    walls = extrude([(-half, 0), (half, 0), (half, eaves), (0, ridge), (-half, eaves)], 0, depth)
    slope = (ridge - eaves) / half
    edge, low, thick = half + over, eaves - slope * over, random.uniform(0.06, 0.12)
    # From the ridge's underside every corner of the chevron is seen.
    roof = [(0, ridge), (-edge, low), (-edge, low + thick), (0, ridge + thick), (edge, low + thick), (edge, low)]
    parts = [walls, extrude(roof, -over, depth + over)]
    if random.random() < 0.5:
        parts.append(box((half * 0.4, depth * 0.6, eaves), (half * 0.7, depth * 0.75, ridge + 0.25)))
    return parts


def _wall(random: Random) -> list[Part]:
    width, height, thick = random.uniform(1.5, 2.2), random.uniform(0.8, 1.4), random.uniform(0.12, 0.25)
    merlons = int(random.integers(0, 5))
    parts = [box((0, 0, 0), (width, thick, height))]
    pitch = width / max(2 * merlons - 1, 1)
    for index in range(merlons if merlons > 1 else 0):
        x = 2 * index * pitch
        parts.append(
            box(
                (x + 0.01, 0.1 * thick, height - 0.02),
                (x + pitch - 0.01, 0.9 * thick, height + random.uniform(0.15, 0.2)),
            )
        )
    return parts


def _lamp(random: Random) -> list[Part]:
    sides, height, shade = int(random.integers(6, 11)), random.uniform(1.0, 1.5), random.uniform(0.25, 0.35)
    stand = lathe([(0.22, 0), (0.2, 0.05), (0.06, 0.1), (0.06, height)], 6)
    return [stand, lathe([(shade, height - 0.05), (shade * random.uniform(0.5, 0.8), height + 0.3)], sides)]


FAMILIES: dict[str, Callable[[Random], list[Part]]] = {
    "crate": _crate,
    "table": _table,
    "round table": _round_table,
    "chair": _chair,
    "stool": _stool,
    "bench": _bench,
    "bed": _bed,
    "stairs": _stairs,
    "barrel": _barrel,
    "column": _column,
    "pine tree": _tree,
    "pyramid": _pyramid,
    "prism": _prism,
    "gem": _gem,
    "ring": _ring,
    "arch": _arch,
    "house": _house,
    "wall": _wall,
    "floor lamp": _lamp,
}
