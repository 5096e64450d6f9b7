# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of which the procedural shapes are built: each is closed, wound outwards, and has no face twice.

z is up. Parts of one shape may run into each other, as those of game assets do; they share no vertex.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..mesh import TriangleMesh

Part = tuple[np.ndarray, np.ndarray]  # vertices [V, 3], faces [F, 3]
Profile = Sequence[tuple[float, float]]
Point = Sequence[float]


def loft(rings: Sequence[ArrayLike], loop: bool = False) -> Part:
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
    return vertices, faces if volume(vertices, faces) > 0 else faces[:, ::-1]


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """What a closed part holds: positive when it is wound outwards."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


def box(low: Point, high: Point) -> Part:
    """An axis-aligned box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    ring = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]], np.float64)
    return loft([ring + [0, 0, z0], ring + [0, 0, z1]])


def slab(width: float, depth: float, low: float, high: float, at: tuple[float, float] = (0.0, 0.0)) -> Part:
    """A box from one height to another, its middle over a point of the ground."""
    x, y = at
    return box((x - width / 2, y - depth / 2, low), (x + width / 2, y + depth / 2, high))


def frustum(levels: Sequence[tuple[float, float, float]], at: tuple[float, float] = (0.0, 0.0)) -> Part:
    """A box that changes its size on the way up: width, depth and height of each level from the bottom."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return loft(
        [np.array([[at[0] + x * w, at[1] + y * d, height] for x, y in corners]) for w, d, height in levels],
    )


def cushion(width: float, depth: float, low: float, high: float, at: tuple[float, float] = (0.0, 0.0)) -> Part:
    """A slab whose upper edges are cut off."""
    cut = min(0.35 * (high - low), 0.2 * min(width, depth))
    return frustum([(width, depth, low), (width, depth, high - cut), (width - 2 * cut, depth - 2 * cut, high)], at)


def lathe(profile: Profile, sides: int, centre: tuple[float, float] = (0.0, 0.0)) -> Part:
    """A turned part: `profile` is radius and height from bottom to top; radius 0 at an end is a tip."""
    angle = np.arange(sides) * (2 * math.pi / sides) + math.pi / sides
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], axis=1)
    middle = np.array([*centre, 0.0])
    return loft([circle * radius + middle + [0, 0, height] for radius, height in profile])


def vessel(outside: Profile, wall: float, sides: int) -> Part:
    """A turned part that is hollow and open above: the profile of its outside, and how thick it is."""
    inside = [(radius - wall, height) for radius, height in reversed(outside[1:])]
    radius, height = outside[0]
    return lathe([*outside, *inside, (min(radius, inside[-1][0] + wall) - wall, height + wall)], sides)


def extrude(outline: Profile, low: float, high: float) -> Part:
    """An outline in x and z, star-shaped seen from its first point, drawn out along y."""
    return loft([np.array([[x, y, z] for x, z in outline]) for y in (low, high)])


def tube(path: Sequence[Point], radius: float | Sequence[float], sides: int) -> Part:
    """A rod along a path, of one radius or one for each of its points (0 at an end is a tip)."""
    points = np.asarray(path, np.float64)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    # The axis along which the path reaches least is the normal of a flat one: its sections do not twist.
    across = np.cross(along, np.eye(3)[np.ptp(points, axis=0).argmin()])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = (np.arange(sides) * (2 * math.pi / sides) + math.pi / sides)[None, :, None]
    circle = np.cos(angle) * across[:, None] + np.sin(angle) * np.cross(across, along)[:, None]
    return loft(points[:, None] + circle * np.broadcast_to(radius, len(points))[:, None, None])


def arc(radius: float, start: float, end: float, steps: int) -> list[tuple[float, float]]:
    """Points of a circle about the origin, from one angle to another (radians), both included."""
    angles = np.linspace(start, end, steps + 1)
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]


def gable(width: float, depth: float, eaves: float, ridge: float, over: float, thick: float) -> list[Part]:
    """Walls under a gable roof that hangs over by `over`; the ridge runs along y, the front looks to -y."""
    half, slope = width / 2, (ridge - eaves) / (width / 2)
    edge, low = half + over, eaves - slope * over
    walls = extrude([(-half, 0), (half, 0), (half, eaves), (0, ridge), (-half, eaves)], -depth / 2, depth / 2)
    # From the ridge's underside every corner of the chevron is seen.
    roof = [(0, ridge), (-edge, low), (-edge, low + thick), (0, ridge + thick), (edge, low + thick), (edge, low)]
    return [walls, extrude(roof, -depth / 2 - over, depth / 2 + over)]


def ball(radius: float, at: Point, fine: bool = False) -> Part:
    """A ball of 20 faces, or 80."""
    golden = (1 + math.sqrt(5)) / 2
    vertices = np.array([[x, s * golden * y, 0] for s in (-1, 1) for y in (1,) for x in (-1, 1)], np.float64)
    vertices = np.concatenate([np.roll(vertices, turn, axis=1) for turn in range(3)])
    far = np.linalg.norm(vertices[:, None] - vertices, axis=-1) > 2.1
    near = [
        (a, b, c)
        for a in range(12)
        for b in range(a + 1, 12)
        for c in range(b + 1, 12)
        if not (far[a, b] or far[b, c] or far[a, c])
    ]
    faces = np.array([_outwards(vertices, face) for face in near])
    if fine:
        vertices, faces = _split(vertices, faces)
    return vertices / np.linalg.norm(vertices, axis=1, keepdims=True) * radius + np.asarray(at), faces


def _outwards(vertices: np.ndarray, face: tuple[int, int, int]) -> tuple[int, int, int]:
    a, b, c = face
    return face if np.linalg.det(vertices[list(face)]) > 0 else (a, c, b)


def _split(vertices: np.ndarray, faces: np.ndarray) -> Part:
    """Each face in four, through the middles of its edges."""
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1), axis=-1).reshape(-1, 2)
    unique, index = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = (index.reshape(-1, 3) + len(vertices)).T
    a, b, c = faces.T
    quarters = [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
    return (
        np.concatenate([vertices, vertices[unique].mean(axis=1)]),
        np.concatenate([np.stack(quarter, axis=1) for quarter in quarters]),
    )


def rough(part: Part, random: np.random.Generator, amount: float) -> Part:
    """The part with each vertex a little nearer to its middle, or farther from it."""
    vertices, faces = part
    middle = vertices.mean(axis=0)
    return middle + (vertices - middle) * random.uniform(1 - amount, 1 + amount, (len(vertices), 1)), faces


def grounded(part: Part, height: float = 0.0) -> Part:
    """The part with what lies below a height flattened to it; the part must be convex and its middle above that."""
    vertices, faces = part
    return np.concatenate([vertices[:, :2], np.maximum(vertices[:, 2:], height)], axis=1), faces


def placed(
    part: Part, at: Point = (0.0, 0.0, 0.0), spin: float = 0.0, tilt: float = 0.0, scale: Point = (1.0, 1.0, 1.0)
) -> Part:
    """The part scaled, tilted about y (its top goes to +x), spun about z, and moved there; angles in radians."""
    vertices, faces = part
    x, y, z = (vertices * scale).T
    x, z = math.cos(tilt) * x + math.sin(tilt) * z, math.cos(tilt) * z - math.sin(tilt) * x
    x, y = math.cos(spin) * x - math.sin(spin) * y, math.sin(spin) * x + math.cos(spin) * y
    return np.stack([x, y, z], axis=1) + np.asarray(at), faces


def around(part: Part, count: int, start: float = 0.0) -> list[Part]:
    """Copies of the part, spun about the z axis in equal steps."""
    return [placed(part, spin=start + 2 * math.pi * index / count) for index in range(count)]


def legs(width: float, depth: float, height: float, thick: float, foot: float = 1.0) -> list[Part]:
    """Four legs under a top of `width` and `depth`, a little inside its corners and a little sunk into it; at the
    floor they are `foot` times as thick as at the top.
    """
    x, y = width / 2 - 1.2 * thick, depth / 2 - 1.2 * thick
    levels = [(foot * thick, foot * thick, 0.0), (thick, thick, height + 0.02)]
    return [frustum(levels, (sx * x, sy * y)) for sx in (-1, 1) for sy in (-1, 1)]


def merged(parts: Sequence[Part]) -> TriangleMesh:
    """One mesh of all parts, standing on z = 0."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in parts[:-1])])
    vertices = np.concatenate([vertices for vertices, _ in parts])
    return TriangleMesh(
        vertices - [0, 0, vertices[:, 2].min()],
        np.concatenate([faces + start for (_, faces), start in zip(parts, starts, strict=True)]),
    )
