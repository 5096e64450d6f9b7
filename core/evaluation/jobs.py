# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a model completes and retopologizes meshes it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MeshGPTError
from ..mesh import TriangleMesh
from ..retopology import retopologize
from ..surface import compare_surfaces

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint


def lower_half(mesh: TriangleMesh) -> TriangleMesh:
    """The faces of a mesh whose middles are lowest, half of them, with the vertices that they use."""
    height = mesh.vertices[mesh.faces].mean(axis=1)[:, 2]
    faces = mesh.faces[np.sort(np.argsort(height, kind="stable")[: max(1, len(mesh.faces) // 2)])]
    used, faces = np.unique(faces, return_inverse=True)
    return TriangleMesh(mesh.vertices[used], faces.reshape(-1, 3))


def subdivided(mesh: TriangleMesh, times: int = 2) -> TriangleMesh:
    """The same surface with four times as many faces each time: every edge halved."""
    import trimesh

    vertices, faces = mesh.vertices, mesh.faces
    for _ in range(times):
        vertices, faces = trimesh.remesh.subdivide(vertices, faces)
    return TriangleMesh(vertices, faces)


def completion(
    checkpoint: Checkpoint,
    meshes: Sequence[tuple[TriangleMesh, str]],
    *,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The lower half of each mesh, completed in the room that the whole had.

    kept_exactly: results that begin with the given vertices and faces, bit for bit. sound: results that have no more
    degenerate and duplicate faces and edges with three faces than what was given. error: mean distance to the whole, in
    shares of its longest side; error_of_the_half: that of the given half alone. Medians over the meshes.
    """
    exact, sound, ended, errors, before = [], [], [], [], []
    for number, (mesh, label) in enumerate(meshes):
        half = lower_half(mesh)
        try:
            found = checkpoint.complete(half, label, box=mesh.bounds(), faces=len(mesh.faces), seed=seed + number)
        except MeshGPTError:  # a half that lies flat has no lattice faces, or the model could make none
            continue
        finally:
            advance()
        if not found:
            continue
        result, given = found[0].mesh, half.report()
        exact.append(
            np.array_equal(result.faces[: len(half.faces)], half.faces)
            and np.array_equal(result.vertices[: len(half.vertices)], half.vertices)
        )
        report = result.report()
        kinds = ("degenerate", "duplicate", "nonmanifold_edges")
        sound.append(all(getattr(report, kind) <= getattr(given, kind) for kind in kinds))
        ended.append(found[0].made.ended)
        side = float(np.subtract(*mesh.bounds()[::-1]).max())
        errors.append(compare_surfaces(mesh, result).mean / side)
        before.append(compare_surfaces(mesh, half).mean / side)
    if not exact:
        return {"meshes": 0}
    return {
        "meshes": len(exact),
        "kept_exactly": float(np.mean(exact)),
        "sound": float(np.mean(sound)),
        "ended": float(np.mean(ended)),
        "error": float(np.median(errors)),
        "error_of_the_half": float(np.median(before)),
    }


def retopology(
    checkpoint: Checkpoint,
    meshes: Sequence[TriangleMesh],
    *,
    best_of: int = 4,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Each mesh subdivided twice, and made again with about as many faces as it had. Medians over the meshes; distances
    in shares of the longest side.
    """
    rows, counts = [], []
    for number, mesh in enumerate(meshes):
        found = retopologize(checkpoint, subdivided(mesh), len(mesh.faces), best_of=best_of, seed=seed + 1000 * number)
        advance()
        rows += [one.as_dict() for one in found]
        counts += [abs(len(one.mesh.faces) / len(mesh.faces) - 1) for one in found]
    values = {
        name: [row[name] for row in rows] for name in ("mean_error_share", "max_error_share", "normal_consistency")
    }
    return {
        "meshes": len(meshes),
        "best_of": best_of,
        "ended": float(np.mean([row["ended"] for row in rows])),
        **{name: float(np.median(found)) for name, found in values.items()},
        "face_count_error": float(np.median(counts)),
    }
