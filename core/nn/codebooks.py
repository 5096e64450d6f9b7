# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Residual codebooks: where they start, and the search for the codes that come nearest to a vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from vector_quantize_pytorch.vector_quantize_pytorch import kmeans

_AS_NEAR = 1e-5  # cells
_CHUNK = 2048  # vectors searched together, so that memory does not grow with the mesh


def residual_kmeans(vectors: Tensor, sizes: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """k-means level by level, each over what the levels before it left of vectors [N, C].

    Returns for each level of `sizes[i]` codes: codes [K, C] and how many vectors each has [K].
    """
    levels = []
    for size in sizes:
        codes, members = kmeans(vectors[None], size)
        levels.append((codes[0], members[0].float()))
        vectors = vectors - codes[0][torch.cdist(vectors, codes[0]).argmin(dim=1)]
    return levels


def nearest_codes(vectors: Tensor, codebooks: Sequence[Tensor], width: int) -> Tensor:
    """Codes int64 [N, D] whose sum comes nearest to vectors [N, C], by beam search; `width` 1 is greedy.

    Greedy residual quantisation takes the nearest code at each level, though the second nearest may leave a residual
    that the next level meets better.
    """
    return torch.cat([_beam(chunk, codebooks, width) for chunk in vectors.split(_CHUNK)])


def count_codes(codes: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """How often each code of each level is among codes int64 [N, D]: D x [K]."""
    return [torch.bincount(level, minlength=size) for level, size in zip(codes.unbind(dim=1), sizes, strict=True)]


def use_and_perplexity(count: Tensor) -> tuple[Tensor, Tensor]:
    """Of a level's counts [K]: the share of the codes in use, and how many equally common ones would be as various."""
    share = count / count.sum()
    return (count > 0).float().mean(), torch.xlogy(share, share).sum().neg().exp()


def _beam(vectors: Tensor, codebooks: Sequence[Tensor], width: int) -> Tensor:
    residual, codes = vectors[:, None], vectors.new_empty(len(vectors), 1, 0, dtype=torch.long)
    for codebook in codebooks:
        distance = torch.cdist(residual.flatten(0, 1), codebook).unflatten(0, residual.shape[:2])  # [N, B, K]
        near, index = distance.topk(min(width, len(codebook)), dim=-1, largest=False)  # [N, B, W]
        best = near.flatten(1).topk(min(width, near[0].numel()), dim=-1, largest=False).indices  # [N, B']
        parent, code = best // near.shape[-1], index.flatten(1).gather(1, best)
        codes = torch.cat([_rows(codes, parent), code[..., None]], dim=-1)
        residual = _rows(residual, parent) - codebook[code]
    # With one codebook for all levels two codes have the same sum in either order, and rounding would choose: of codes
    # equally near the first in order is taken, level by level.
    apart = residual.norm(dim=-1)
    equal = apart <= apart.amin(dim=1, keepdim=True) + _AS_NEAR
    for level in codes.unbind(dim=-1):
        equal &= level == level.masked_fill(~equal, torch.iinfo(level.dtype).max).amin(dim=1, keepdim=True)
    return _rows(codes, equal.int().argmax(dim=1, keepdim=True))[:, 0]


def _rows(x: Tensor, index: Tensor) -> Tensor:
    """x [N, B, C] at index [N, B'] -> [N, B', C]."""
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))
