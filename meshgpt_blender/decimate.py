# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own Decimate modifier, for what the model does not follow well enough."""

import bpy
import numpy as np

from ..core.mesh import TriangleMesh
from ..core.surface import compare_surfaces
from . import mesh_io


def decimated(context: bpy.types.Context, mesh: TriangleMesh, faces: int) -> TriangleMesh:
    """The mesh with edges collapsed down to about so many triangles. Vertices in the same place are one first, so that
    seams do not open.
    """
    vertices, which = np.unique(mesh.vertices, axis=0, return_inverse=True)
    triangles = which.reshape(-1)[mesh.faces]
    triangles = triangles[(triangles != np.roll(triangles, 1, axis=1)).all(axis=1)]
    data = bpy.data.meshes.new("MeshGPT Decimate")
    data.from_pydata(vertices.tolist(), [], triangles.tolist())
    helper = bpy.data.objects.new(data.name, data)
    context.scene.collection.objects.link(helper)
    try:
        modifier = helper.modifiers.new("Decimate", "DECIMATE")
        modifier.ratio = min(1.0, faces / max(1, len(triangles)))
        evaluated = helper.evaluated_get(context.evaluated_depsgraph_get())
        return TriangleMesh(*mesh_io.read_triangles(evaluated.data)[:2])
    finally:
        bpy.data.objects.remove(helper)
        bpy.data.meshes.remove(data)


def difference(source: TriangleMesh, mesh: TriangleMesh) -> dict[str, float]:
    """How far a mesh lies from its source, in the fields and the terms of the worker's results."""
    low, high = source.bounds()
    return compare_surfaces(source, mesh).shares(float((high - low).max()))
