# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vertex heads: what stands in a vertex slot, or whether the mesh ends before it.

The pointer-generator head either copies an earlier vertex of the mesh, or names a new one by its codes.

Five of six vertex slots of a triangle mesh repeat an earlier vertex, so the head first decides copy / new / end of mesh
(after See et al., arXiv 1704.04368). To copy, it points by attention at the earlier slots, those of one vertex summed;
a new vertex's codes follow one after another from a code head. The plain head names every vertex by its codes.

Shapes: B batch, N vertex slots, Q = N + 1 queries (the last only for the end of the mesh), D residual levels, d trunk
width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import rotary_table, turn, turning_table
from .closing import Closing, closing_of
from .edges import FEATURES, dense_ids, edge_features
from .steps import SlotStates

COPY, NEW, END = 0, 1, 2
HIDDEN = -1e9  # logit of what cannot be
_PAD_TO = 128


class CopyHead(nn.Module):
    """Gate, pointer over earlier vertices, and codes of new ones."""

    copies = True

    def __init__(self, dim: int, codes: nn.Module, capacity: int, edges: bool = False, closing: bool = False) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, 3)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.edges = nn.Linear(dim, FEATURES) if edges else None
        self.closing = None
        if closing:  # of passing by, and of copying at all where an edge is due; both again for a mesh that is sound
            self.closing = nn.Linear(dim, 4)
            nn.init.zeros_(self.closing.weight)
            nn.init.zeros_(self.closing.bias)
        self.codes = codes
        self.register_buffer("angles", turning_table(*rotary_table(capacity, dim)), persistent=False)

    def gate_logits(self, hidden: Tensor, slot: Tensor | int, closing: Closing | None = None) -> Tensor:
        """Logits [..., 3] of copy, new, end; the mesh can end only before the first vertex of a face."""
        gate = self.gate(hidden).float()
        if closing is not None:
            plain, sound = self.closing(hidden).float()[..., 2:].unbind(dim=-1)
            copy = closing.due * (plain + closing.sound * sound)
            gate = torch.cat([gate[..., :NEW] + copy[..., None], gate[..., NEW:]], dim=-1)
        return _end_at_faces(gate, slot)

    def queries(self, hidden: Tensor, slots: Tensor) -> Tensor:
        """Pointer queries [..., d] of trunk states [..., d] that predict the given slots [...]."""
        return self._place(self.query(hidden), slots)

    def keys(self, hidden: Tensor, slots: Tensor) -> Tensor:
        """Pointer keys [..., d] of trunk states [..., d] that have read the vertices of the given slots [...]."""
        return self._place(self.key(hidden), slots)

    def _place(self, x: Tensor, slots: Tensor) -> Tensor:
        return turn(F.rms_norm(x, x.shape[-1:]), self.angles[:, slots].to(x.dtype))

    @staticmethod
    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        """Queries [B, Q, d] against keys [B, N, d] -> logits [B, Q, N]."""
        return (queries @ keys.transpose(-1, -2)).float() / 8.0

    def edge_bias(self, hidden: Tensor, features: Tensor, closing: Closing | None = None) -> Tensor:
        """What states [..., d] add to the logits of vertices with edge features [..., V, 6]: [..., V]."""
        bias = (features[..., :FEATURES].to(hidden.dtype) @ self.edges(hidden)[..., None])[..., 0].float()
        if closing is None:
            return bias
        plain, sound = self.closing(hidden).float()[..., :2].unbind(dim=-1)
        return bias + closing.past * (plain + closing.sound * sound)[..., None]

    def nll(self, states: SlotStates, codes: Tensor, identity: Tensor, span: tuple[Tensor, Tensor]) -> Tensor:
        """Negative log-likelihood in nats, one number a mesh [B].

        codes [B, N, D]; identity int64 [B, N]: equal for equal vertices; span: the first face that counts and the end
        of each mesh, in faces, [B] each. New vertices are gathered and padded, so that shapes recur.
        """
        hidden = states.predict
        place = torch.arange(hidden.shape[1], device=hidden.device)
        vertex, end = counted(place, span)

        scores, closing = self.scores(self.queries(hidden, place), self.keys(states.read, place[:-1])), None
        if self.edges is not None:
            ids = F.pad(dense_ids(identity), (0, 3))  # the end of the mesh may come before a face after the last
            features = edge_features(ids, int(ids.max()) + 1)
            if self.closing is not None:
                closing = Closing(*(part[:, : len(place)] for part in closing_of(features, ids, span[0])))
            scores = scores + self.slot_bias(hidden, features[:, : len(place)], ids[:, : len(place) - 1], closing)
        repeats, copied = self.copied(scores, identity)

        gate = self.gate_logits(hidden, place, closing).log_softmax(dim=-1)
        log_p = torch.where(repeats, gate[..., COPY] + copied, gate[..., NEW])
        nll = -(gate[..., END] * end).sum(dim=-1) - (log_p * vertex).sum(dim=-1)

        row, slot = torch.nonzero(vertex & ~repeats, as_tuple=True)
        padding = -len(row) % _PAD_TO
        new_hidden = F.pad(hidden[row, slot], (0, 0, 0, padding))
        new_codes = F.pad(codes[row, slot], (0, 0, 0, padding))
        new_nll = self.codes.nll(new_hidden, new_codes)[: len(row)]
        return nll.index_add(0, row, new_nll)

    def slot_bias(self, hidden: Tensor, features: Tensor, ids: Tensor, closing: Closing | None = None) -> Tensor:
        """What the edges before each slot add to its scores, [B, Q, N], of meshes with dense vertex ids [B, N]."""
        bias = self.edge_bias(hidden, features, closing)
        return bias.gather(2, ids[:, None].expand(-1, bias.shape[1], -1))

    @staticmethod
    def copied(scores: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """Which queries [B, Q] ask for a vertex that was there before, and the log-probability [B, Q] that the scores
        [B, Q, N] give it, all its slots together.
        """
        place = torch.arange(scores.shape[1], device=scores.device)
        seen = place[:-1] < place[:, None]
        target = F.pad(identity, (0, 1), value=-1)
        match = (identity[:, None, :] == target[:, :, None]) & seen
        scores = scores.masked_fill(~seen, HIDDEN)
        return match.any(dim=-1), scores.masked_fill(~match, HIDDEN).logsumexp(dim=-1) - scores.logsumexp(dim=-1)


class PlainHead(nn.Module):
    """No copying: end of mesh or not, then the codes of the vertex, whether it is new or an earlier one again."""

    copies = False

    def __init__(self, dim: int, codes: nn.Module) -> None:
        super().__init__()
        self.end = nn.Linear(dim, 1)
        self.codes = codes

    def gate_logits(self, hidden: Tensor, slot: Tensor | int, closing: None = None) -> Tensor:
        """Logits [..., 3] of copy (never), new, end; the mesh can end only before the first vertex of a face."""
        end = self.end(hidden).float()
        return _end_at_faces(torch.cat([torch.full_like(end, HIDDEN), torch.zeros_like(end), end], dim=-1), slot)

    def nll(self, states: SlotStates, codes: Tensor, identity: Tensor, span: tuple[Tensor, Tensor]) -> Tensor:
        """Negative log-likelihood in nats, one number a mesh [B]; see `CopyHead.nll`."""
        hidden = states.predict
        place = torch.arange(hidden.shape[1], device=hidden.device)
        vertex, end = counted(place, span)
        gate = self.gate_logits(hidden, place).log_softmax(dim=-1)
        nll = -(gate[..., END] * end).sum(dim=-1) - (gate[..., NEW] * vertex).sum(dim=-1)
        source = hidden[:, :-1] if states.levels is None else states.levels
        of_codes = self.codes.nll(source.flatten(0, 1), codes.flatten(0, 1)).unflatten(0, codes.shape[:2])
        return nll + (of_codes * vertex[:, :-1]).sum(dim=-1)


def counted(place: Tensor, span: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Which slots [Q] hold vertices that count, and at which the mesh ends, bool [B, Q] each; span in faces [B]."""
    first, length = (3 * faces[:, None] for faces in span)
    return (place >= first) & (place < length), place == length


def _end_at_faces(logits: Tensor, slot: Tensor | int) -> Tensor:
    if isinstance(slot, int):  # a number that went to a GPU would stop it
        return logits if slot % 3 == 0 else torch.cat([logits[..., :END], logits[..., END:] + HIDDEN], dim=-1)
    inside = slot % 3 != 0
    hide = torch.zeros_like(logits)
    hide[..., END] = HIDDEN * inside
    return logits + hide
