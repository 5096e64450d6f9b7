# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder-only transformer over face codes (MeshGPT, arXiv 2311.15475, section 3.2) with a pointer-generator head.

Blind to the tokenizer: it sees codes [F, 3, D], coordinates through `tokenizer.positions`, and a vertex's identity =
its codes. The trunk takes one step a vertex slot. Shapes: B batch, F faces, N = 3 F slots, D residual levels, P prefix
tokens, d width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conditioning import Conditions, PrefixConditions, Vocabulary
from .errors import MeshGPTError
from .nn.copy_head import CopyHead
from .nn.trunk import Trunk
from .tokenizers import Tokenizer

_COORDINATE_OCTAVES = 7  # periods 2 .. 2 / 2^6 cells of [-1, 1]: the finest is two cells of a 128-lattice


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a MeshTransformer. `max_faces` bounds meshes in training and generation alike."""

    dim: int = 256
    depth: int = 6
    heads: int = 4
    head_width: int = 192
    head_depth: int = 3
    max_faces: int = 400
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.dim % (2 * self.heads) or min(self.dim, self.depth, self.heads, self.head_width, self.max_faces) < 1:
            raise MeshGPTError(
                f"A transformer of width {self.dim} with {self.heads} heads cannot be built.",
                "The width must be a multiple of twice the number of heads.",
            )


class MeshTransformer(nn.Module):
    """p(codes | conditions), one vertex slot at a time."""

    def __init__(self, tokenizer: Tokenizer, vocabulary: Vocabulary, config: TransformerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TransformerConfig()
        self.tokenizer_ref = [tokenizer]  # in a list: a learned tokenizer is not a part of these parameters
        self.vocabulary = vocabulary
        sizes = tokenizer.codebook_sizes
        dim = config.dim
        self.prefix = PrefixConditions(dim, vocabulary)
        self.code_embeddings = nn.ModuleList(nn.Embedding(size, dim) for size in sizes)
        self.slot = nn.Embedding(3, dim)
        self.coordinates = nn.Linear(6 * _COORDINATE_OCTAVES, dim, bias=False)
        slots = 3 * config.max_faces
        self.trunk = Trunk(dim, config.depth, config.heads, self.prefix.length + slots, config.dropout)
        self.head = CopyHead(dim, sizes, config.head_width, config.head_depth, slots + 1)
        for table in [*self.code_embeddings, self.slot]:
            nn.init.normal_(table.weight, std=0.5 / len(sizes) ** 0.5)
        octaves = torch.pi * 2.0 ** torch.arange(_COORDINATE_OCTAVES)
        self.register_buffer("octaves", octaves, persistent=False)

    @property
    def tokenizer(self) -> Tokenizer:
        return self.tokenizer_ref[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> MeshTransformer:
        if isinstance(self.tokenizer, nn.Module):  # it goes to the same device
            self.tokenizer._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def embed_vertices(self, codes: Tensor, slots: Tensor) -> Tensor:
        """Trunk inputs [..., d] of vertices with codes [..., D] that stand in the given slots [...]."""
        x = self.slot(slots % 3)
        for level, table in enumerate(self.code_embeddings):
            x = x + table(codes[..., level])
        angles = (self.tokenizer.positions(codes)[..., None] * self.octaves).flatten(-2)
        return x + self.coordinates(torch.cat([angles.sin(), angles.cos()], dim=-1))

    def identity(self, codes: Tensor) -> Tensor:
        """One integer [...] a vertex, equal exactly when all its codes [..., D] are equal."""
        key = torch.zeros_like(codes[..., 0])
        for level, size in enumerate(self.tokenizer.codebook_sizes):
            key = key * size + codes[..., level]
        return key

    def hidden(self, codes: Tensor, conditions: Conditions) -> Tensor:
        """Trunk states [B, N + 1, d] of codes [B, N, D]; state t has seen the slots before t and predicts slot t."""
        slots = torch.arange(codes.shape[1], device=codes.device).expand(codes.shape[:2])
        x = torch.cat([self.prefix(conditions), self.embed_vertices(codes, slots)], dim=1)
        return self.trunk(x)[:, self.prefix.length - 1 :]

    def nll(self, codes: Tensor, lengths: Tensor, conditions: Conditions) -> Tensor:
        """Negative log-likelihood in nats of each mesh [B], its end included. codes [B, F, 3, D], lengths [B] in
        faces.
        """
        codes = codes.flatten(1, 2)
        return self.head.nll(self.hidden(codes, conditions), codes, self.identity(codes), lengths)

    def forward(self, codes: Tensor, lengths: Tensor, conditions: Conditions) -> Tensor:
        """Mean loss in nats a face over the batch."""
        return self.nll(codes, lengths, conditions).sum() / lengths.sum()

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def pad_codes(codes: list[Tensor], length: int) -> tuple[Tensor, Tensor]:
    """Codes [F_i, 3, D] of several meshes -> one batch [B, length, 3, D], padded with zeros, and lengths [B]."""
    lengths = torch.tensor([len(c) for c in codes])
    return torch.stack([F.pad(c, (0, 0, 0, 0, 0, length - len(c))) for c in codes]), lengths
