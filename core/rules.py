# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules a face must keep while it is sampled: which earlier vertices a slot may copy, and which new vertices it may
name.

Always: three different vertices, and no second face on the same three. With canonical order (where the tokenizer's
codes tell it): lowest vertex first, faces ascending. With the manifold rule: no directed edge twice, hence no edge with
more than two faces. All rows of a batch at once, without a look at any value on the host.

Shapes: B rows, V vertices known so far (capacity), F faces so far (capacity), K candidates for a new vertex.
"""

from __future__ import annotations

import torch
from torch import Tensor


class FaceRules:
    """The faces of a batch of growing meshes, and what they allow next.

    `faces` int64 [B, F, 3]: vertex ids, -1 where empty; `keys` int64 [B, V]: canonical order of the vertices, or None.
    """

    def __init__(self, rows: int, max_faces: int, ordered: bool, manifold: bool, device: torch.device) -> None:
        self.ordered, self.manifold = ordered, manifold
        vertices = 3 * max_faces
        self.faces = torch.full((rows, max_faces, 3), -1, dtype=torch.long, device=device)
        self.keys = torch.zeros(rows, vertices, dtype=torch.long, device=device)
        self.vertex_count = torch.zeros(rows, dtype=torch.long, device=device)
        self.last = torch.full((rows, 3), -1, dtype=torch.long, device=device)  # order keys of the last face

    def select(self, rows: Tensor) -> None:
        """Keep only these rows of the batch."""
        for name in ("faces", "keys", "vertex_count", "last"):
            setattr(self, name, getattr(self, name)[rows])

    def candidates(self, slot: int, face: list[Tensor], face_span: int, vertex_span: int) -> Tensor:
        """Earlier vertices that may stand in the slot, bool [B, vertex_span].

        `face`: ids [B] of the slots before it; the spans bound faces and vertices so far in all rows.
        """
        ids = torch.arange(vertex_span, device=self.faces.device)
        allowed = (ids < self.vertex_count[:, None]) & self.in_order(slot, face, self.keys[:, :vertex_span])
        for vertex in face:
            allowed &= ids != vertex[:, None]
        if slot == 0:
            return allowed
        faces = self.faces[:, :face_span]
        following = faces.roll(-1, dims=-1)
        blocked = torch.zeros(
            len(faces), vertex_span + 1, dtype=torch.bool, device=faces.device
        )  # last column: discard
        first, newest = face[0][:, None, None], face[-1][:, None, None]
        if slot == 2:
            on_both = (faces == first).any(-1) & (faces == newest).any(-1)
            third = faces.sum(-1) - face[0][:, None] - face[1][:, None]
            blocked.scatter_(1, torch.where(on_both, third, vertex_span), True)
        if self.manifold:
            leaves = torch.where(faces == newest, following, vertex_span).flatten(1)
            blocked.scatter_(1, leaves, True)
            if slot == 2:
                enters = torch.where(following == first, faces, vertex_span).flatten(1)
                blocked.scatter_(1, enters, True)
        return allowed & ~blocked[:, :vertex_span]

    def in_order(self, slot: int, face: list[Tensor], keys: Tensor) -> Tensor:
        """Whether vertices with order keys [B, M] keep the canonical order in the slot, bool [B, M]."""
        if not self.ordered:
            return torch.ones_like(keys, dtype=torch.bool)
        last = self.last[:, :, None]
        if slot == 0:
            return keys >= last[:, 0]
        first = self.keys.gather(1, face[0][:, None])
        ok = keys > first
        tied = first == last[:, 0]
        if slot == 1:
            return ok & (~tied | (keys >= last[:, 1]))
        second = self.keys.gather(1, face[1][:, None])
        tied = tied & (second == last[:, 1])
        return ok & (~tied | (keys > last[:, 2]))

    def accepts_new(self, slot: int, face: list[Tensor], keys: Tensor, vertex_span: int) -> Tensor:
        """Whether new vertices with keys [B, K] may stand in the slot: in order, and not an earlier vertex, bool [B,
        K].
        """
        ids = torch.arange(vertex_span, device=keys.device)
        known = (keys[:, :, None] == self.keys[:, None, :vertex_span]) & (ids < self.vertex_count[:, None])[:, None]
        return self.in_order(slot, face, keys) & ~known.any(-1)

    def add_vertex(self, is_new: Tensor, keys: Tensor) -> None:
        """Append a vertex with order keys [B] in the rows where is_new [B]."""
        at = self.vertex_count.clamp(max=self.keys.shape[1] - 1)[:, None]
        self.keys.scatter_(1, at, torch.where(is_new[:, None], keys[:, None], self.keys.gather(1, at)))
        self.vertex_count = self.vertex_count + is_new

    def add_face(self, kept: Tensor, face: list[Tensor], at: Tensor) -> None:
        """Append the face in the rows where kept [B], as face number at [B]."""
        ids = torch.stack(face, dim=-1)
        rows = torch.arange(len(ids), device=ids.device)
        self.faces[rows, at] = torch.where(kept[:, None], ids, self.faces[rows, at])
        self.last = torch.where(kept[:, None], self.keys.gather(1, ids), self.last)
