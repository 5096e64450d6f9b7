# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pointer-generator head: a vertex slot either copies an earlier vertex of the mesh, or names a new one by its
codes.

Five of six vertex slots of a triangle mesh repeat an earlier vertex, so the head first decides copy / new / end of mesh
(after See et al., arXiv 1704.04368). To copy, it points by attention at the earlier slots, those of one vertex summed;
a new vertex's codes follow one after another from a small causal MLP.

Shapes: B batch, N vertex slots, Q = N + 1 queries (the last only for the end of the mesh), D residual levels, d trunk
width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import rotary_table, rotate

COPY, NEW, END = 0, 1, 2
_HIDDEN = -1e9


class CodeHead(nn.Module):
    """Codes of one vertex, level after level: p(code_j | hidden, code_0 .. code_{j-1})."""

    def __init__(self, dim: int, codebook_sizes: Sequence[int], width: int, depth: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.codes = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes[:-1])
        self.level = nn.Parameter(torch.randn(len(codebook_sizes), width) * 0.02)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.RMSNorm(width),
                nn.Linear(width, 3 * width, bias=False),
                nn.GELU(),
                nn.Linear(3 * width, width, bias=False),
            )
            for _ in range(depth)
        )
        self.norm = nn.RMSNorm(width)
        self.out = nn.ModuleList(nn.Linear(width, size) for size in codebook_sizes)
        for table in self.codes:
            nn.init.normal_(table.weight, std=0.02)

    def context(self, hidden: Tensor) -> Tensor:
        """Trunk states [M, d] -> running context [M, w], to which each chosen code is added."""
        return self.project(hidden)

    def logits(self, context: Tensor, level: int) -> Tensor:
        """Logits [M, K_level] of the next code given the context so far [M, w]."""
        y = context + self.level[level]
        for block in self.blocks:
            y = y + block(y)
        return self.out[level](self.norm(y))

    def extend(self, context: Tensor, level: int, code: Tensor) -> Tensor:
        """The context after the code [M] of a level has been chosen."""
        return context + self.codes[level](code) if level < len(self.codes) else context

    def nll(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Negative log-likelihood [M] in nats of codes [M, D] given trunk states [M, d]."""
        contexts = [self.context(hidden)]
        for level in range(len(self.codes)):
            contexts.append(self.extend(contexts[-1], level, codes[:, level]))
        y = torch.stack(contexts, dim=1) + self.level
        for block in self.blocks:
            y = y + block(y)
        y = self.norm(y)
        losses = [
            F.cross_entropy(out(y[:, level]).float(), codes[:, level], reduction="none")
            for level, out in enumerate(self.out)
        ]
        return torch.stack(losses).sum(dim=0)


class CopyHead(nn.Module):
    """Gate, pointer over earlier vertices, and codes of new ones."""

    def __init__(self, dim: int, codebook_sizes: Sequence[int], width: int, depth: int, capacity: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, 3)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.codes = CodeHead(dim, codebook_sizes, width, depth)
        cos, sin = rotary_table(capacity, dim)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def gate_logits(self, hidden: Tensor, slot: Tensor | int) -> Tensor:
        """Logits [..., 3] of copy, new, end; the mesh can end only before the first vertex of a face."""
        logits = self.gate(hidden).float()
        inside = torch.as_tensor(slot, device=logits.device) % 3 != 0
        hide = torch.zeros_like(logits)
        hide[..., END] = _HIDDEN * inside
        return logits + hide

    def queries(self, hidden: Tensor, slots: Tensor) -> Tensor:
        """Pointer queries [..., d] of trunk states [..., d] that predict the given slots [...]."""
        return self._place(self.query(hidden), slots)

    def keys(self, hidden: Tensor, slots: Tensor) -> Tensor:
        """Pointer keys [..., d] of trunk states [..., d] that have read the vertices of the given slots [...]."""
        return self._place(self.key(hidden), slots)

    def _place(self, x: Tensor, slots: Tensor) -> Tensor:
        return rotate(F.rms_norm(x, x.shape[-1:]), self.cos[slots], self.sin[slots])

    @staticmethod
    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        """Queries [B, Q, d] against keys [B, N, d] -> logits [B, Q, N]."""
        return (queries @ keys.transpose(-1, -2)).float() / 8.0

    def nll(self, hidden: Tensor, codes: Tensor, identity: Tensor, lengths: Tensor, pad_to: int = 128) -> Tensor:
        """Negative log-likelihood in nats, one number a mesh [B].

        hidden [B, N + 1, d]: state t predicts slot t; codes [B, N, D]; identity int64 [B, N]: equal for equal vertices;
        lengths [B]: faces a mesh. New vertices are gathered, padded to a multiple of `pad_to` so that shapes recur.
        """
        batch, slots = identity.shape
        place = torch.arange(slots + 1, device=hidden.device)
        end = place == 3 * lengths[:, None]
        vertex = place < 3 * lengths[:, None]

        scores = self.scores(self.queries(hidden, place), self.keys(hidden[:, 1:], place[:-1]))
        seen = place[:-1] < place[:, None]
        scores = scores.masked_fill(~seen, _HIDDEN)
        target = F.pad(identity, (0, 1), value=-1)
        match = (identity[:, None, :] == target[:, :, None]) & seen
        repeats = match.any(dim=-1)
        copied = scores.masked_fill(~match, _HIDDEN).logsumexp(dim=-1) - scores.logsumexp(dim=-1)

        gate = self.gate_logits(hidden, place).log_softmax(dim=-1)
        log_p = torch.where(repeats, gate[..., COPY] + copied, gate[..., NEW])
        nll = -(gate[..., END] * end).sum(dim=-1) - (log_p * vertex).sum(dim=-1)

        row, slot = torch.nonzero(vertex & ~repeats, as_tuple=True)
        padding = -len(row) % pad_to
        new_hidden = F.pad(hidden[row, slot], (0, 0, 0, padding))
        new_codes = F.pad(codes[row, slot], (0, 0, 0, padding))
        new_nll = self.codes.nll(new_hidden, new_codes)[: len(row)]
        return nll.index_add(0, row, new_nll)
