# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes and the lattice tokenizer: what every mesh passes through before a model sees it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.data.solids import loft
from core.mesh import TriangleMesh, face_adjacency
from core.tokenizers.lattice import LatticeTokenizer

from .measure import Row, seconds, side_by_side


def torus(around: int, tube: int) -> TriangleMesh:
    """A closed mesh of 2 x `around` x `tube` faces."""
    u = np.arange(around)[:, None] * (2 * np.pi / around)
    v = np.arange(tube)[None, :] * (2 * np.pi / tube)
    reach = 1 + 0.4 * np.cos(v)
    return TriangleMesh(*loft(np.stack([reach * np.cos(u), reach * np.sin(u), 0.4 * np.sin(v) + 0 * u], axis=-1), True))


def every_pair(faces: np.ndarray) -> np.ndarray:
    """Edge adjacency by comparing all faces with all faces: two shared vertices are a shared edge."""
    shared = (faces[:, None, :, None] == faces[None, :, None, :]).any(-1).sum(-1)
    return np.stack(np.nonzero((shared >= 2) & ~np.eye(len(faces), dtype=bool)))


def rows() -> Iterator[Row]:
    small, large = torus(40, 10), torus(80, 20)
    assert np.array_equal(every_pair(small.faces), face_adjacency(small.faces))
    fast, slow = side_by_side(lambda: face_adjacency(small.faces), lambda: every_pair(small.faces))
    yield Row("face adjacency, 800 faces", 1e3 * fast, "ms", slow / fast, "comparing all pairs")
    yield Row("face adjacency, 3,200 faces", 1e3 * seconds(lambda: face_adjacency(large.faces)), "ms")
    yield Row(
        "canonical mesh, 3,200 faces",
        1e3 * seconds(lambda: TriangleMesh(large.vertices, large.faces).quantised()),
        "ms",
    )
    yield Row("validity report, 3,200 faces", 1e3 * seconds(large.report), "ms")
    tokenizer, lattice = LatticeTokenizer(), large.quantised()
    codes = tokenizer.encode(lattice)
    yield Row("lattice tokenizer: encode, 3,200 faces", 1e3 * seconds(lambda: tokenizer.encode(lattice)), "ms")
    yield Row("lattice tokenizer: decode, 3,200 faces", 1e3 * seconds(lambda: tokenizer.decode(codes)), "ms")
