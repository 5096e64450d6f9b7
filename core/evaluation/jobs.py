# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a model completes and retopologizes meshes it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
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
    **sampling: Any,
) -> dict[str, Any]:
    """The lower half of each mesh, completed in the room that the whole had. Halves that lie flat are left out.

    failed: how many the model could add nothing to; shares count them. kept_exactly: share of the results that begin
    with the given vertices and faces, bit for bit. sound: that have no more degenerate and duplicate faces and edges
    with three faces than what was given. error: median of the mean distance to the whole, in shares of its longest
    side; error_of_the_half: that of the given half alone.
    """
    exact, sound, ended, errors, before, failed = [], [], [], [], [], 0
    for number, (mesh, label) in enumerate(meshes):
        half = lower_half(mesh)
        advance()
        try:
            half.quantised(checkpoint.tokenizer.levels)
        except MeshGPTError:
            continue
        try:
            wish = {"box": mesh.bounds(), "faces": len(mesh.faces), "seed": seed + number}
            found = checkpoint.complete(half, label, **wish, **sampling)[0]
        except (MeshGPTError, IndexError):
            failed += 1
            continue
        result, given, report = found.mesh, half.report(), found.mesh.report()
        exact.append(
            np.array_equal(result.faces[: len(half.faces)], half.faces)
            and np.array_equal(result.vertices[: len(half.vertices)], half.vertices)
        )
        kinds = ("degenerate", "duplicate", "nonmanifold_edges")
        sound.append(all(getattr(report, kind) <= getattr(given, kind) for kind in kinds))
        ended.append(found.made.ended)
        side = float(np.subtract(*mesh.bounds()[::-1]).max())
        errors.append(compare_surfaces(mesh, result).mean / side)
        before.append(compare_surfaces(mesh, half).mean / side)
    result = {"meshes": len(exact) + failed, "failed": failed}
    if exact:
        shares = {"kept_exactly": exact, "sound": sound, "ended": ended}
        result |= {name: sum(values) / result["meshes"] for name, values in shares.items()}
        result |= {"error": float(np.median(errors)), "error_of_the_half": float(np.median(before))}
    return result


def retopology(
    checkpoint: Checkpoint,
    meshes: Sequence[TriangleMesh],
    *,
    best_of: int = 4,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    **sampling: Any,
) -> dict[str, Any]:
    """Each mesh subdivided twice, and made again with about as many faces as it had. failed: how many the model could
    make nothing of; `ended` counts them. The others are medians, distances in shares of the longest side.
    """
    rows, counts = [], []
    for number, mesh in enumerate(meshes):
        advance()
        wish = {"best_of": best_of, "seed": seed + 1000 * number}
        with suppress(MeshGPTError):
            found = retopologize(checkpoint, subdivided(mesh), len(mesh.faces), **wish, **sampling)[0]
            rows.append(found.as_dict())
            counts.append(abs(len(found.mesh.faces) / len(mesh.faces) - 1))
    result = {"meshes": len(meshes), "failed": len(meshes) - len(rows), "best_of": best_of}
    if rows:
        names = ("mean_error_share", "max_error_share", "normal_consistency")
        result["ended"] = sum(row["ended"] for row in rows) / len(meshes)
        result |= {name: float(np.median([row[name] for row in rows])) for name in names}
        result["face_count_error"] = float(np.median(counts))
    return result
