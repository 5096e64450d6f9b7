# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which open edge gets its second face now or never, for the gate and the pointer of the copy head.

In canonical order a face begins at its lowest vertex, and faces ascend. So when the faces of a vertex are over, what is
open between it and higher ones stays open for good: whoever passes by a vertex or an edge that is due leaves a hole. To
see that, a model would have to count edges, and one that is right in 95 of 100 places tears a hole into every mesh.

Shapes: V vertices; `...` are rows while a mesh is written, [B], and rows and faces in training, [B, F].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

NEVER = 2**62


class Closing(NamedTuple):
    """What there is to close in a slot. due bool [...]: an edge must get its second face here, or never will. past
    bool [..., V]: vertices that leave an edge open. sound bool [...]: no edge so far stays open for good. first int64
    [...]: key of the first due vertex, beyond which a slot must not go; NEVER where it may go anywhere.

    In the third slot of a face an edge of its first vertex is due when none asks for another face there; an edge stays
    open at those vertices that cannot be the second one of a later face any more.
    """

    due: Tensor
    past: Tensor
    sound: Tensor
    first: Tensor


def closing_in(
    slot: int,
    features: Tensor,
    keys: Tensor,
    last: Tensor,
    face: Sequence[Tensor],
) -> Closing:
    """features bool [..., V, 6]: see `edges.py`; keys int64 [..., V]: the vertices' canonical order, `face` [...] each:
    that of the vertices before the slot, last [..., 3]: that of the last face, -1 where there is none.
    """
    upward, behind = features[..., -1], keys < last[..., :1]
    sound = ~(upward & behind).any(dim=-1)
    if slot == 0:
        due = upward & ~behind
    else:
        # Whether edges from a vertex to the first one of the face are used, and back.
        toward, away = (features[..., column] for column in ((0, 1) if slot == 1 else (3, 2)))
        above = keys > face[0][..., None]
        begin, end = toward & ~away & above, away & ~toward & above  # due as second, as third vertex of a face
        if slot == 2:
            second = face[1][..., None]
            later = (begin & (keys > second)).any(dim=-1)
            nowhere = torch.full_like(face[0], NEVER)
            return Closing(end.any(dim=-1) & ~later, above & (keys < second) & ~away, sound, nowhere)
        tied = (face[0] == last[..., 0])[..., None]
        due = begin & (~tied | (keys >= last[..., 1:2]))
    first = torch.where(due, keys, NEVER).amin(dim=-1)
    return Closing(due.any(dim=-1), keys > first[..., None], sound, first)


def closing_of(features: Tensor, ids: Tensor, first: Tensor) -> Closing:
    """In all slots of whole meshes, [B, N] each: features [B, N, V, 6]; ids [B, N] from 0 on, which sort as the
    vertices do; first [B]: number of the face with which the canonical order begins.
    """
    features, faces = features.unflatten(1, (-1, 3)), ids.unflatten(1, (-1, 3))
    last = faces.roll(1, dims=1)
    number = torch.arange(faces.shape[1], device=ids.device)
    last = last.masked_fill(((number == 0) | (number == first[:, None]))[..., None], -1)
    keys = torch.arange(features.shape[-2], device=ids.device)
    corners = faces.unbind(dim=-1)
    slots = [closing_in(slot, features[:, :, slot], keys, last, corners[:slot]) for slot in range(3)]
    return Closing(*(torch.stack(parts, dim=2).flatten(1, 2) for parts in zip(*slots, strict=True)))
