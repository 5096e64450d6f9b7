# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of a running job, drawn over the viewports as they come.

Drawn instead of built as an object: undo steps and files saved meanwhile then know nothing of an unfinished mesh, and a
cancelled job has nothing to take away.
"""

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

FACE = np.array((0.64, 0.64, 0.63), np.float32)
NEW_FACE = np.array((0.95, 0.62, 0.25), np.float32)
EDGE = (0.08, 0.08, 0.08, 0.6)
EDGE_LIFT = 0.999  # edges shrink towards the eye by this, which keeps their place and puts them before their own faces
LIGHT = np.array((-0.35, -0.55, 0.75), np.float32)


class Preview:
    """Triangles of all rows [N, 3, 3] in world space, and the draw handler that shows them."""

    def __init__(self, places: list[Vector], scale: float, stand: bool = True) -> None:
        """`places[row]` is the middle of the base of each mesh, or without `stand` its origin; `scale` turns the
        units of the triangles into Blender's.
        """
        self._places = np.array([tuple(place) for place in places], np.float32)
        self._scale = scale
        self._bases = np.full(len(places), np.inf if stand else 0, np.float32)
        self._stand = stand
        self._triangles = np.empty((0, 3, 3), np.float32)
        self._fresh = 0
        self._batches = None
        self._handler = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_VIEW")

    def add(self, rows: np.ndarray, triangles: np.ndarray) -> None:
        """Take in triangles float32 [N, 3, 3] of the given rows int [N]."""
        # Vertices come lowest first, so the first triangles of a mesh already know where it stands.
        if self._stand:
            np.minimum.at(self._bases, rows, triangles[..., 2].min(axis=1))
        base = np.zeros((len(rows), 1, 3), np.float32)
        base[:, 0, 2] = self._bases[rows]
        placed = (triangles - base) * np.float32(self._scale) + self._places[rows][:, None]
        self._triangles = np.concatenate([self._triangles, placed.astype(np.float32)])
        self._fresh = len(rows)
        self._batches = None

    def remove(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handler, "WINDOW")

    def _draw(self) -> None:
        if not len(self._triangles):
            return
        if self._batches is None:  # here, because making them needs the window's graphics context
            self._batches = self._build()
        (face_shader, faces), (edge_shader, edges) = self._batches
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(True)
        faces.draw(face_shader)
        gpu.state.depth_mask_set(False)
        gpu.state.blend_set("ALPHA")
        with gpu.matrix.push_pop():
            gpu.matrix.load_matrix(Matrix.Diagonal((EDGE_LIFT,) * 3).to_4x4() @ gpu.matrix.get_model_view_matrix())
            edge_shader.bind()
            edge_shader.uniform_float("color", EDGE)
            edges.draw(edge_shader)
        gpu.state.blend_set("NONE")
        gpu.state.depth_test_set("NONE")

    def _build(self) -> tuple:
        corners = self._triangles
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        shade = 0.45 + 0.55 * np.abs(normals @ (LIGHT / np.linalg.norm(LIGHT)))
        colours = np.repeat(FACE[None], len(corners), axis=0)
        colours[len(corners) - self._fresh :] = NEW_FACE
        colours = np.concatenate([colours * shade[:, None], np.ones((len(corners), 1))], axis=1).astype(np.float32)
        face_shader = gpu.shader.from_builtin("SMOOTH_COLOR")
        points = corners.reshape(-1, 3)
        faces = batch_for_shader(face_shader, "TRIS", {"pos": points, "color": np.repeat(colours, 3, axis=0)})
        edge_shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        lines = corners[:, (0, 1, 1, 2, 2, 0)].reshape(-1, 3)
        edges = batch_for_shader(edge_shader, "LINES", {"pos": lines})
        return (face_shader, faces), (edge_shader, edges)


_shown: Preview | None = None


def start(places: list[Vector], scale: float, stand: bool = True) -> None:
    """Show a new, empty preview."""
    global _shown
    stop()
    _shown = Preview(places, scale, stand)


def add(rows: np.ndarray, triangles: np.ndarray) -> None:
    """Add faces to the preview that is shown, if one is."""
    if _shown is not None:
        _shown.add(rows, triangles)


def stop() -> None:
    """Remove the preview and its draw handler."""
    global _shown
    if _shown is not None:
        _shown.remove()
        _shown = None
