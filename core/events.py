# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model gives while it writes meshes: faces as they come, and each mesh when it is finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .mesh import TriangleMesh


class GeneratedMesh(TriangleMesh):
    """A mesh that a model made, in [-1, 1]. `ended`: the model ended it itself; if not, a limit did."""

    def __init__(
        self, mesh: TriangleMesh, codes: np.ndarray, *, ended: bool, seed: int, prompt: str, attempts: int
    ) -> None:
        super().__init__(mesh.vertices, mesh.faces)
        self.codes = codes  # int64 [F, 3, D], as the model wrote them
        self.ended, self.seed, self.prompt, self.attempts = ended, seed, prompt, attempts
        self.settings: dict[str, Any] = {}
        self.log_p: float | None = None  # as in `ranking.log_likelihoods`, where the engine knows it already

    def provenance(self) -> dict[str, Any]:
        """What it takes to make the mesh again, as plain JSON values."""
        return {"prompt": self.prompt, "seed": self.seed, "ended": self.ended, **self.settings}


@dataclass(frozen=True)
class FaceEvent:
    """Face number `index` of mesh number `row`: its corners float32 [3, 3]."""

    row: int
    index: int
    triangle: np.ndarray


@dataclass(frozen=True)
class MeshEvent:
    """Mesh number `row` is finished."""

    row: int
    mesh: GeneratedMesh
