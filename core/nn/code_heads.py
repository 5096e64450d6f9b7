# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code heads: the residual codes of one vertex, level after level, from the state that predicts its slot.

Three kinds with one face. `MLPCodes`: a causal MLP over the sum of the codes so far. `AttentionCodes`: a small causal
transformer over the levels (RQ-Transformer, Lee et al., arXiv 2203.01941). `LinearCodes`: one linear layer a level, for
a trunk that takes a step for each code itself.

Shapes: M vertices, D residual levels, K_j codes in the codebook of level j, d trunk width, w head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import RMSNorm
from .trunk import Trunk


class MLPCodes(nn.Module):
    """Codes of one vertex, level after level: p(code_j | hidden, code_0 .. code_{j-1})."""

    def __init__(self, dim: int, codebook_sizes: Sequence[int], width: int, depth: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.codes = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes[:-1])
        self.level = nn.Parameter(torch.randn(len(codebook_sizes), width) * 0.02)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                RMSNorm(width),
                nn.Linear(width, 3 * width, bias=False),
                nn.GELU(),
                nn.Linear(3 * width, width, bias=False),
            )
            for _ in range(depth)
        )
        self.norm = RMSNorm(width)
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
        return _nll(self.out, y, codes)


class AttentionCodes(nn.Module):
    """Codes of one vertex by attention over the state and the codes so far: an RQ-Transformer's depth transformer."""

    def __init__(self, dim: int, codebook_sizes: Sequence[int], width: int, depth: int, heads: int = 4) -> None:
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.codes = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes[:-1])
        self.trunk = Trunk(width, depth, heads, len(codebook_sizes))
        self.out = nn.ModuleList(nn.Linear(width, size) for size in codebook_sizes)

    def context(self, hidden: Tensor) -> Tensor:
        """Trunk states [M, d] -> running context [M, 1, w], which grows by each chosen code."""
        return self.project(hidden)[:, None]

    def logits(self, context: Tensor, level: int) -> Tensor:
        """Logits [M, K_level] of the next code given the context so far [M, level + 1, w]."""
        return self.out[level](self.trunk(context)[:, -1])

    def extend(self, context: Tensor, level: int, code: Tensor) -> Tensor:
        """The context after the code [M] of a level has been chosen."""
        if level == len(self.codes):
            return context
        return torch.cat([context, self.codes[level](code)[:, None]], dim=1)

    def nll(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Negative log-likelihood [M] in nats of codes [M, D] given trunk states [M, d]."""
        context = self.context(hidden)
        for level in range(len(self.codes)):
            context = self.extend(context, level, codes[:, level])
        return _nll(self.out, self.trunk(context), codes)


class LinearCodes(nn.Module):
    """One linear layer a level. The context is the trunk's own state, which has read the codes of the levels before."""

    def __init__(self, dim: int, codebook_sizes: Sequence[int]) -> None:
        super().__init__()
        self.out = nn.ModuleList(nn.Linear(dim, size) for size in codebook_sizes)

    def logits(self, context: Tensor, level: int) -> Tensor:
        """Logits [M, K_level] from trunk states [M, d]."""
        return self.out[level](context)

    def nll(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Negative log-likelihood [M] in nats of codes [M, D] given trunk states [M, D, d]."""
        return _nll(self.out, hidden, codes)


def _nll(out: nn.ModuleList, y: Tensor, codes: Tensor) -> Tensor:
    """Sum over the levels of the cross entropy of codes [M, D] given states [M, D, w]; [M]."""
    losses = [
        F.cross_entropy(layer(y[:, level]).float(), codes[:, level], reduction="none")
        for level, layer in enumerate(out)
    ]
    return torch.stack(losses).sum(dim=0)
