# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the edges written so far say of the vertices that a slot may copy, for the pointer of the copy head.

Each face has three directed edges. In most places of a mesh an edge has two faces that run through it in opposite
directions, so a vertex whose edge with the slot before is half used is likely to come next, one whose edge is used up
cannot, and one without open edges is rarely needed again.

A sixth column is for `closing.py` alone: whether the vertex has open edges with vertices above it.

Shapes: B batch, F faces, N = 3 F slots, V vertices.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Of a vertex v, for a slot after a (and that after b): whether v->a, a->v, b->v, v->b are used, and v has open edges.
FEATURES = 5  # that the pointer weighs


def dense_ids(identity: Tensor) -> Tensor:
    """Any integers [B, N] -> ids [B, N] from 0, equal where those of a row are equal."""
    ordered, order = identity.sort(dim=1)
    new = torch.zeros_like(ordered)
    new[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]).long()
    return torch.empty_like(order).scatter_(1, order, new.cumsum(dim=1))


def edge_features(ids: Tensor, vertices: int) -> Tensor:
    """Features bool [B, N, V, 6] of all vertices at every slot, of meshes with vertex ids [B, N] below `vertices` that
    sort as the vertices do.
    """
    B, N = ids.shape
    F, device = N // 3, ids.device
    start, end = ids, ids.view(B, F, 3).roll(-1, dims=-1).reshape(B, N)
    number = (torch.arange(N, device=device) // 3).expand(B, N)  # of a slot's face
    # The first face that runs through each directed edge, [B, V, V]; F where none does.
    used = torch.full((B, vertices * vertices), F, device=device)
    used = used.scatter_reduce(1, start * vertices + end, number, "amin").view(B, vertices, vertices)
    back = used.transpose(1, 2)
    rows = torch.arange(B, device=device)[:, None]
    slot = torch.arange(N, device=device) % 3
    at_one, at_two = (slot > 0)[:, None], (slot == 2)[:, None]
    one, two, before = ids.roll(1, dims=1), ids.roll(2, dims=1), number[..., None]
    # An edge opens when a face runs through it first, and closes when one comes back.
    change = torch.where(back[rows, start, end] < number, -1, 1) * (used[rows, start, end] == number)

    def any_open(*at: Tensor) -> Tensor:
        delta = torch.zeros(B, F * vertices, device=device, dtype=torch.long)
        for vertex in at:
            delta.scatter_add_(1, number * vertices + vertex, change)
        delta = delta.view(B, F, vertices)
        return ((delta.cumsum(dim=1) - delta) > 0).repeat_interleave(3, dim=1)

    features = [
        (back[rows, one] < before) & at_one,
        (used[rows, one] < before) & at_one,
        (used[rows, two] < before) & at_two,
        (back[rows, two] < before) & at_two,
        any_open(start, end),
        any_open(torch.minimum(start, end)),
    ]
    return torch.stack(features, dim=-1)


class EdgeCounts:
    """How many open edges the vertices of growing meshes have, int64 [B, V]: all, and those with vertices above."""

    def __init__(self, rows: int, vertices: int, device: torch.device) -> None:
        self.open = torch.zeros(rows, vertices, dtype=torch.long, device=device)
        self.upward = torch.zeros_like(self.open)

    def add_face(self, kept: Tensor, face: list[Tensor], faces: Tensor, keys: Tensor) -> None:
        """Count a face: its vertices, three [B], where kept [B]; faces [B, F, 3] are those before it, -1 where none;
        keys [B, V] sort the vertices.
        """
        following = faces.roll(-1, dims=-1).flatten(1)[:, None]
        faces, u = faces.flatten(1)[:, None], torch.stack(face, dim=1)
        v = u.roll(-1, dims=1)
        a, b = u[..., None], v[..., None]
        again = ((faces == a) & (following == b)).any(dim=-1)  # [B, 3], as all that is of edges here
        back = ((faces == b) & (following == a)).any(dim=-1)
        change = torch.where(back, -1, 1) * (kept[:, None] & ~again)
        self.open.scatter_add_(1, u, change).scatter_add_(1, v, change)
        self.upward.scatter_add_(1, torch.where(keys.gather(1, u) < keys.gather(1, v), u, v), change)

    def features(self, slot: int, face: list[Tensor], faces: Tensor, vertices: int) -> Tensor:
        """The features [B, V, 6] of `edge_features` at the next slot, after the slots of `face`, [B] each."""
        following = faces.roll(-1, dims=-1)
        nothing = torch.zeros(len(faces), vertices + 1, dtype=torch.bool, device=faces.device)

        def marked(where: Tensor, which: Tensor) -> Tensor:
            return nothing.scatter(1, torch.where(where, which, vertices).flatten(1), True)[:, :vertices]

        found = [nothing[:, :vertices]] * 4
        if slot > 0:
            one = face[-1][:, None, None]
            found[:2] = marked(following == one, faces), marked(faces == one, following)
        if slot == 2:
            two = face[0][:, None, None]
            found[2:] = marked(faces == two, following), marked(following == two, faces)
        return torch.stack([*found, self.open[:, :vertices] > 0, self.upward[:, :vertices] > 0], dim=-1)

    def select(self, rows: Tensor) -> None:
        self.open, self.upward = self.open[rows], self.upward[rows]

    def clone(self) -> EdgeCounts:
        copy = object.__new__(EdgeCounts)
        copy.open, copy.upward = self.open.clone(), self.upward.clone()
        return copy
