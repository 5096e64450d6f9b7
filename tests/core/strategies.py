# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis strategies: random meshes, sound and unsound."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from core.mesh import TriangleMesh


@st.composite
def triangle_soups(draw: st.DrawFn, max_vertices: int = 24, max_faces: int = 40) -> TriangleMesh:
    """Any faces over any vertices: degenerate, duplicate and non-manifold ones included; the mesh has a size."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vertices = rng.normal(size=(draw(st.integers(3, max_vertices)), 3)) * draw(st.sampled_from([1e-3, 1.0, 1e4]))
    if draw(st.booleans()):
        vertices = np.round(vertices / np.abs(vertices).max() * 3)  # many vertices at the same place
        vertices[0], vertices[1], vertices[2] = (0, 0, 0), (3, 0, 0), (0, 3, 0)
    faces = rng.integers(len(vertices), size=(draw(st.integers(0, max_faces - 1)), 3))
    return TriangleMesh(vertices, np.concatenate([[[0, 1, 2]], faces]))


@st.composite
def face_arrays(draw: st.DrawFn, max_vertices: int = 12, max_faces: int = 24) -> np.ndarray:
    """Faces alone, int64 [F, 3], F may be 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(draw(st.integers(3, max_vertices)), size=(draw(st.integers(0, max_faces)), 3))
