# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How vertex slots become steps of the trunk: one a vertex, one a face, or one a code.

Shapes: B batch, F faces, N = 3 F slots, D residual levels, T trunk steps, d width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .trunk import Trunk


class SlotStates(NamedTuple):
    """What the heads read. predict [B, N + 1, d]: has seen the slots before its own; the last is for the end of the
    mesh. read [B, N, d]: has seen its own slot too. levels [B, N, D, d]: has seen the codes before each level's; None
    where the trunk does not step by codes.
    """

    predict: Tensor
    read: Tensor
    levels: Tensor | None = None


class VertexSteps(nn.Module):
    """One trunk step a vertex."""

    per_face = 3

    def tokens(self, vertices: Tensor) -> Tensor:
        """Vertex embeddings [B, N, d] -> trunk inputs [B, T, d]."""
        return vertices

    def slots(self, hidden: Tensor, vertices: Tensor) -> SlotStates:
        """Trunk states [B, T + 1, d], the first from before these slots -> states of the slots."""
        return SlotStates(hidden, hidden[:, 1:])


class FaceSteps(nn.Module):
    """One trunk step a face; a small causal transformer goes through the vertices of each face."""

    per_face = 1

    def __init__(self, dim: int, heads: int, depth: int) -> None:
        super().__init__()
        self.merge = nn.Linear(3 * dim, dim, bias=False)
        self.inner = Trunk(dim, depth, heads, 4)

    def tokens(self, vertices: Tensor) -> Tensor:
        return self.merge(vertices.unflatten(1, (-1, 3)).flatten(2))

    def slots(self, hidden: Tensor, vertices: Tensor) -> SlotStates:
        corners = F.pad(vertices, (0, 0, 0, 3)).unflatten(1, (-1, 3))  # nothing stands in the face after the last
        inner = self.inner(torch.cat([hidden[:, :, None], corners], dim=2).flatten(0, 1)).unflatten(0, hidden.shape[:2])
        return SlotStates(inner[:, :, :3].flatten(1, 2)[:, :-2], inner[:, :-1, 1:].flatten(1, 2))


class CodeSteps(nn.Module):
    """One trunk step a code, as in the paper's flat sequence (MeshGPT, section 3.2)."""

    def __init__(self, dim: int, levels: int) -> None:
        super().__init__()
        self.levels, self.per_face = levels, 3 * levels

    def tokens(self, codes: Tensor) -> Tensor:
        """Code embeddings [B, N, D, d] -> trunk inputs [B, N D, d]."""
        return codes.flatten(1, 2)

    def slots(self, hidden: Tensor, codes: Tensor) -> SlotStates:
        levels = hidden[:, :-1].unflatten(1, (-1, self.levels))
        return SlotStates(hidden[:, :: self.levels], hidden[:, self.levels :: self.levels], levels)
