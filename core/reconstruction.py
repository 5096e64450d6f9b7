# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh through a tokenizer and back, and how much of it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .mesh import LatticeMesh, TriangleMesh
from .surface import surface_distance

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
from .tokenizers import Tokenizer


@dataclass(frozen=True)
class Reconstruction:
    """`mesh` in the source's own units. Errors are distances between the surfaces, both ways, in the source's units.

    `triangle_accuracy`: share of the quantised source's triangles that come back exactly, winding included.
    """

    mesh: TriangleMesh
    faces_in: int
    faces_out: int
    triangle_accuracy: float
    mean_error: float
    max_error: float
    longest_side: float

    def as_dict(self) -> dict[str, Any]:
        """Everything but the mesh, and the errors as shares of the longest side; JSON values."""
        return {
            "faces_in": self.faces_in,
            "faces_out": self.faces_out,
            "triangle_accuracy": self.triangle_accuracy,
            "mean_error": self.mean_error,
            "max_error": self.max_error,
            "mean_error_share": self.mean_error / self.longest_side,
            "max_error_share": self.max_error / self.longest_side,
        }


def reconstruct(checkpoint_or_tokenizer: Checkpoint | Tokenizer, mesh: TriangleMesh) -> Reconstruction:
    """Encode and decode a mesh. Raises MeshGPTError for a mesh without size or without proper faces."""
    tokenizer = getattr(checkpoint_or_tokenizer, "tokenizer", checkpoint_or_tokenizer)
    lattice = mesh.quantised(tokenizer.levels)
    decoded = tokenizer.decode(tokenizer.encode(lattice))
    result = TriangleMesh(mesh.frame.apply(decoded.vertices), decoded.faces)
    lo, hi = mesh.bounds()
    mean_error, max_error = surface_distance(mesh, result)
    return Reconstruction(
        mesh=result,
        faces_in=len(mesh.faces),
        faces_out=len(result.faces),
        triangle_accuracy=triangle_accuracy(lattice, decoded),
        mean_error=mean_error,
        max_error=max_error,
        longest_side=float((hi - lo).max()),
    )


def triangle_accuracy(source: LatticeMesh, decoded: TriangleMesh) -> float:
    """Share of the source's triangles that the decoded mesh (in [-1, 1]) has, corner for corner, winding included."""
    cells = np.floor((decoded.vertices.astype(np.float64) + 1) * (source.levels / 2)).astype(np.int64)
    wanted, found = _oriented(source.corners(), source.levels), _oriented(cells[decoded.faces], source.levels)
    _, label = np.unique(np.concatenate([wanted, found]), axis=0, return_inverse=True)
    label = label.reshape(-1)
    return float(np.isin(label[: len(wanted)], label[len(wanted) :]).mean())


def _oriented(corners: np.ndarray, levels: int) -> np.ndarray:
    """Lattice triangles [F, 3, 3] as three integers each, the lowest first, winding kept."""
    keys = (corners[..., 2] * levels + corners[..., 1]) * levels + corners[..., 0]
    return np.take_along_axis(keys, (keys.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
