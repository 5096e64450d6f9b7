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


class _Part:
    """Triangles [N, 3, 3] in world space in one colour, and their batches once they have been drawn."""

    def __init__(self, triangles: np.ndarray, colour: np.ndarray) -> None:
        self.triangles, self.colour = triangles, colour
        self._batches: tuple | None = None

    def batches(self) -> tuple:
        """Of faces and edges; made when first drawn, because that needs the window's graphics context."""
        if self._batches is None:
            corners = self.triangles
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
            shade = 0.45 + 0.55 * np.abs(normals @ (LIGHT / np.linalg.norm(LIGHT)))
            colours = np.ones((len(corners), 4), np.float32)
            colours[:, :3] = self.colour * shade[:, None]
            points, lines = corners.reshape(-1, 3), corners[:, (0, 1, 1, 2, 2, 0)].reshape(-1, 3)
            faces = {"pos": points, "color": np.repeat(colours, 3, axis=0)}
            self._batches = (
                batch_for_shader(gpu.shader.from_builtin("SMOOTH_COLOR"), "TRIS", faces),
                batch_for_shader(gpu.shader.from_builtin("UNIFORM_COLOR"), "LINES", {"pos": lines}),
            )
        return self._batches


class Preview:
    """The faces so far, and the draw handler that shows them.

    Faces that come are a part of their own, drawn as new. With the next ones they join the older parts, of which two of
    similar size become one: however many faces there are, an update makes buffers for few of them, and few are drawn.
    """

    def __init__(self, places: list[Vector], scale: float, stand: bool = True) -> None:
        """`places[row]` is the middle of the base of each mesh, or without `stand` its origin; `scale` turns the
        units of the triangles into Blender's.
        """
        self._places = np.array([tuple(place) for place in places], np.float32)
        self._scale = scale
        self._bases = np.full(len(places), np.inf if stand else 0, np.float32)
        self._stand = stand
        self._settled: list[_Part] = []
        self._fresh: list[np.ndarray] = []
        self._drawn: _Part | None = None  # the fresh ones
        self._handler = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_VIEW")

    def add(self, rows: np.ndarray, triangles: np.ndarray) -> None:
        """Take in triangles float32 [N, 3, 3] of the given rows int [N]."""
        if self._drawn is not None:
            self._settle(self._drawn.triangles)
            self._fresh, self._drawn = [], None
        # Vertices come lowest first, so the first triangles of a mesh already know where it stands.
        if self._stand:
            np.minimum.at(self._bases, rows, triangles[..., 2].min(axis=1))
        base = np.zeros((len(rows), 1, 3), np.float32)
        base[:, 0, 2] = self._bases[rows]
        placed = (triangles - base) * np.float32(self._scale) + self._places[rows][:, None]
        self._fresh.append(placed.astype(np.float32))

    def remove(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handler, "WINDOW")

    def _settle(self, triangles: np.ndarray) -> None:
        while self._settled and len(self._settled[-1].triangles) < 2 * len(triangles):
            triangles = np.concatenate([self._settled.pop().triangles, triangles])
        self._settled.append(_Part(triangles, FACE))

    def parts(self) -> list[_Part]:
        """What is to be drawn; the faces that have come since the last drawing are the last part."""
        if self._fresh and self._drawn is None:
            self._drawn = _Part(np.concatenate(self._fresh), NEW_FACE)
        return [*self._settled, *([self._drawn] if self._drawn is not None else [])]

    def _draw(self) -> None:
        batches = [part.batches() for part in self.parts()]
        if not batches:
            return
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(True)
        face_shader = gpu.shader.from_builtin("SMOOTH_COLOR")
        for faces, _ in batches:
            faces.draw(face_shader)
        gpu.state.depth_mask_set(False)
        gpu.state.blend_set("ALPHA")
        with gpu.matrix.push_pop():
            gpu.matrix.load_matrix(Matrix.Diagonal((EDGE_LIFT,) * 3).to_4x4() @ gpu.matrix.get_model_view_matrix())
            edge_shader = gpu.shader.from_builtin("UNIFORM_COLOR")
            edge_shader.bind()
            edge_shader.uniform_float("color", EDGE)
            for _, edges in batches:
                edges.draw(edge_shader)
        gpu.state.blend_set("NONE")
        gpu.state.depth_test_set("NONE")


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
