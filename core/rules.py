# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules a face must keep while it is sampled: which earlier vertices a slot may copy, which new ones it may name.

Always: three different vertices that are not on one line, and no second face on the same three. With canonical order
(where the tokenizer's codes tell it): lowest vertex first, faces ascending. With the manifold rule: no directed edge
twice, hence no edge with more than two faces. All rows of a batch at once, without a look at any value on the host.

Shapes: B rows, V vertices known so far (capacity), F faces so far (capacity), K candidates for a new vertex.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .nn.closing import Closing, closing_in
from .nn.edges import EdgeCounts
from .sampling_config import NO_AREA


class FaceRules:
    """The faces of a batch of growing meshes, and what they allow next; `edges`: also what their edges say; `close`: no
    new vertex leaves an edge open for good.

    `faces` int64 [B, F, 3]: vertex ids, -1 where empty; `keys` int64 [B, V]: canonical order of the vertices; `points`
    float [B, V, 3]: where they are, in [-1, 1].
    """

    def __init__(
        self,
        rows: int,
        max_faces: int,
        ordered: bool,
        manifold: bool,
        device: torch.device,
        edges: bool = False,
        close: bool = False,
    ) -> None:
        self.ordered, self.manifold, self.close = ordered, manifold, close
        vertices = 3 * max_faces
        self.faces = torch.full((rows, max_faces, 3), -1, dtype=torch.long, device=device)
        self.keys = torch.zeros(rows, vertices, dtype=torch.long, device=device)
        self.points = torch.zeros(rows, vertices, 3, device=device)
        self.vertex_count = torch.zeros(rows, dtype=torch.long, device=device)
        self.last = torch.full((rows, 3), -1, dtype=torch.long, device=device)  # order keys of the last face
        self.edges = EdgeCounts(rows, vertices, device) if edges else None

    def select(self, rows: Tensor) -> None:
        """Keep only these rows of the batch."""
        for name in ("faces", "keys", "points", "vertex_count", "last"):
            setattr(self, name, getattr(self, name)[rows])
        if self.edges is not None:
            self.edges.select(rows)

    def clone(self) -> FaceRules:
        """A copy that can go another way."""
        copy = object.__new__(FaceRules)
        copy.ordered, copy.manifold, copy.close = self.ordered, self.manifold, self.close
        for name in ("faces", "keys", "points", "vertex_count", "last"):
            setattr(copy, name, getattr(self, name).clone())
        copy.edges = None if self.edges is None else self.edges.clone()
        return copy

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
            allowed &= self.off_line(face, self.points[:, :vertex_span])
            on_both = (faces == first).any(-1) & (faces == newest).any(-1)
            third = faces.sum(-1) - face[0][:, None] - face[1][:, None]
            # A row that has failed already may hold the same vertex twice; what is blocked there no longer matters.
            blocked.scatter_(1, torch.where(on_both, third, vertex_span).clamp(0, vertex_span), True)
        if self.manifold:
            leaves = torch.where(faces == newest, following, vertex_span).flatten(1)
            blocked.scatter_(1, leaves, True)
            if slot == 2:
                enters = torch.where(following == first, faces, vertex_span).flatten(1)
                blocked.scatter_(1, enters, True)
        return allowed & ~blocked[:, :vertex_span]

    def edge_features(self, slot: int, face: list[Tensor], face_span: int, vertex_span: int) -> Tensor:
        """What the edges so far say of the vertices for the slot, bool [B, vertex_span, 6]; see `nn/edges.py`."""
        return self.edges.features(slot, face, self.faces[:, :face_span], vertex_span)

    def closing(self, slot: int, face: list[Tensor], features: Tensor) -> Closing:
        """What has to be closed in the slot, from the features of edges there, bool [B, vertex_span, 6]."""
        corners = [self.keys.gather(1, vertex[:, None])[:, 0] for vertex in face]
        return closing_in(slot, features, self.keys[:, : features.shape[1]], self.last, corners)

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

    def lower_bound(self, slot: int, face: list[Tensor], new: bool = True) -> Tensor:
        """Order key [B] that the key of a vertex in the slot must exceed, a new one's or any one's; below 0 where any
        will do.
        """
        if not self.ordered:
            return torch.full_like(self.vertex_count, -1)
        same = 0 if new else 1  # an earlier vertex may stand again where the last face had it
        if slot == 0:
            return self.last[:, 0] - same
        first = self.keys.gather(1, face[0][:, None])[:, 0]
        tied = first == self.last[:, 0]
        least = self.last[:, slot]
        if slot == 1:
            least = least - same
        else:
            second = self.keys.gather(1, face[1][:, None])[:, 0]
            tied &= second == self.last[:, 1]
            if new and self.close:  # one below the second vertex could begin no later face that closes its edge
                first = torch.maximum(first, second)
        return torch.where(tied, torch.maximum(first, least), first)

    def off_line(self, face: list[Tensor], points: Tensor) -> Tensor:
        """Whether points [B, M, 3] make a face with an area after the two vertices of `face`, bool [B, M]."""
        rows = torch.arange(len(points), device=points.device)
        first, second = (self.points[rows, vertex][:, None] for vertex in face)
        area = torch.linalg.cross((second - first).expand_as(points), points - first)
        return area.abs().amax(dim=-1) > NO_AREA

    def accepts_new(
        self,
        slot: int,
        face: list[Tensor],
        keys: Tensor,
        points: Tensor,
        vertex_span: int,
        below: Tensor | None = None,
    ) -> Tensor:
        """Whether new vertices with keys [B, K] at points [B, K, 3] may stand in the slot, bool [B, K]: in order, not
        an earlier vertex, and not beyond the keys `below` [B].
        """
        known, _ = self.find(keys, vertex_span)
        accepted = (keys > self.lower_bound(slot, face)[:, None]) & ~known
        if below is not None:
            accepted &= keys < below[:, None]
        return accepted & self.off_line(face, points) if slot == 2 else accepted

    def find(self, keys: Tensor, vertex_span: int) -> tuple[Tensor, Tensor]:
        """Whether there are vertices with keys [B, K], bool [B, K], and their ids [B, K]."""
        ids = torch.arange(vertex_span, device=keys.device)
        match = (keys[:, :, None] == self.keys[:, None, :vertex_span]) & (ids < self.vertex_count[:, None])[:, None]
        return match.any(-1), match.int().argmax(-1)

    def begin_with(self, keys: Tensor, points: Tensor, faces: Tensor, above: bool) -> None:
        """Start all rows with vertices, keys [V] and points [V, 3], and faces [B, F, 3] of them.

        above: the order goes on after the last of these faces; otherwise it begins anew.
        """
        size, count = len(keys), faces.shape[1]
        self.keys[:, :size], self.points[:, :size] = keys, points
        self.vertex_count[:] = size
        everywhere = torch.ones(len(faces), dtype=torch.bool, device=faces.device)
        for number in range(count if self.edges is not None else 0):
            self.edges.add_face(everywhere, list(faces[:, number].unbind(dim=1)), faces[:, :number], self.keys)
        self.faces[:, :count] = faces
        if above:
            self.last = self.keys.gather(1, faces[:, -1])

    def add_vertex(self, is_new: Tensor, keys: Tensor, points: Tensor) -> None:
        """Append a vertex with order key [B] and place [B, 3] in the rows where is_new [B]."""
        rows = torch.arange(len(keys), device=keys.device)
        at = self.vertex_count.clamp(max=self.keys.shape[1] - 1)
        self.keys[rows, at] = torch.where(is_new, keys, self.keys[rows, at])
        self.points[rows, at] = torch.where(is_new[:, None], points, self.points[rows, at])
        self.vertex_count = self.vertex_count + is_new

    def add_face(self, kept: Tensor, face: list[Tensor], at: Tensor, span: int = 0) -> None:
        """Append the face in the rows where kept [B], as face number at [B]; no row has `span` faces, if given."""
        ids = torch.stack(face, dim=-1)
        rows = torch.arange(len(ids), device=ids.device)
        if self.edges is not None:
            self.edges.add_face(kept, face, self.faces[:, : span or self.faces.shape[1]], self.keys)
        self.faces[rows, at] = torch.where(kept[:, None], ids, self.faces[rows, at])
        self.last = torch.where(kept[:, None], self.keys.gather(1, ids), self.last)
