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
from .writers import Writers

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
    writers: Writers,
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
    wishes = []
    for number, (mesh, label) in enumerate(meshes):
        half = lower_half(mesh)
        with suppress(MeshGPTError):
            half.quantised(writers.checkpoint.tokenizer.levels)
            wishes.append((mesh, half, label, seed + number, sampling))
    rows = writers.map(_completed, wishes, [len(mesh.faces) for mesh, *_ in wishes], advance)
    found = [row for row in rows if row is not None]
    result = {"meshes": len(rows), "failed": len(rows) - len(found)}
    if found:
        result |= {name: sum(row[name] for row in found) / len(rows) for name in ("kept_exactly", "sound", "ended")}
        result |= {name: float(np.median([row[name] for row in found])) for name in ("error", "error_of_the_half")}
    return result


def _completed(
    checkpoint: Checkpoint, mesh: TriangleMesh, half: TriangleMesh, label: str, seed: int, sampling: dict[str, Any]
) -> dict[str, Any] | None:
    """What is measured of one completion; None where the model could add nothing."""
    wish = {"box": mesh.bounds(), "faces": len(mesh.faces), "seed": seed}
    try:
        found = checkpoint.complete(half, label, **wish, **sampling)[0]
    except (MeshGPTError, IndexError):
        return None
    result, given, report = found.mesh, half.report(), found.mesh.report()
    kinds = ("degenerate", "duplicate", "nonmanifold_edges")
    side = float(np.subtract(*mesh.bounds()[::-1]).max())
    return {
        "kept_exactly": np.array_equal(result.faces[: len(half.faces)], half.faces)
        and np.array_equal(result.vertices[: len(half.vertices)], half.vertices),
        "sound": all(getattr(report, kind) <= getattr(given, kind) for kind in kinds),
        "ended": found.made.ended,
        "error": compare_surfaces(mesh, result).mean / side,
        "error_of_the_half": compare_surfaces(mesh, half).mean / side,
    }


def retopology(
    writers: Writers,
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
    settings = {"best_of": best_of, **sampling}
    wishes = [(mesh, {"seed": seed + 1000 * number, **settings}) for number, mesh in enumerate(meshes)]
    rows = writers.map(_remade, wishes, [len(mesh.faces) for mesh in meshes], advance)
    found = [row for row in rows if row is not None]
    result = {"meshes": len(meshes), "failed": len(meshes) - len(found), "best_of": best_of}
    if found:
        names = ("mean_error_share", "max_error_share", "normal_consistency", "face_count_error")
        result["ended"] = sum(row["ended"] for row in found) / len(meshes)
        result |= {name: float(np.median([row[name] for row in found])) for name in names}
    return result


def _remade(checkpoint: Checkpoint, mesh: TriangleMesh, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What is measured of one retopology; None where the model could make nothing."""
    with suppress(MeshGPTError):
        found = retopologize(checkpoint, subdivided(mesh), len(mesh.faces), **settings)[0]
        return found.as_dict() | {"face_count_error": abs(len(found.mesh.faces) / len(mesh.faces) - 1)}
    return None
