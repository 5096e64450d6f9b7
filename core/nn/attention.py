# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causal self-attention with rotary positions, QK-norm and a preallocated key-value cache.

Shapes: B batch, T positions, H heads, K = d / H width of a head, d width of the trunk.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

_SHORT, _TINY = 384, 8  # positions


class RMSNorm(nn.RMSNorm):
    """With its weight in the type of what it is given: PyTorch's fused kernel takes no two types."""

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


def rotary_table(length: int, width: int, theta: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines [length, width / 2] of RoPE (Su et al., arXiv 2104.09864)."""
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the halves of the last axis of x [..., K] by angles [..., K / 2]."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def turning_table(cos: Tensor, sin: Tensor) -> Tensor:
    """The same angles for `turn`, [2, length, width]: cosines twice, and sines negative and positive."""
    return torch.stack([torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)])


def turn(x: Tensor, angles: Tensor) -> Tensor:
    """What `rotate` gives, in half as many operations: x [..., K] by angles [2, ..., K]."""
    return x * angles[0] + x.roll(x.shape[-1] // 2, dims=-1) * angles[1]


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of q, k, v [B, H, T, K] to positions up to their own; the fused kernel where that is the faster one.

    On a processor it is not for short sequences: forward and backward of 60 x 105 positions took 46 ms with it and
    11 ms without, of 2140 x 4 positions 26 and 8 ms, of 4 x 841 22 and 36 ms (two threads, bfloat16).
    """
    length = q.shape[-2]
    if q.device.type != "cpu" or length > _SHORT:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    if length <= _TINY:
        scores = (q[..., :, None, :] * k[..., None, :, :]).sum(dim=-1, dtype=torch.float32)
        p = (scores * q.shape[-1] ** -0.5).masked_fill(future, -torch.inf).softmax(dim=-1).to(v.dtype)
        return (p[..., None] * v[..., None, :, :]).sum(dim=-2)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return scores.masked_fill(future, -torch.inf).softmax(dim=-1) @ v


class KVCache:
    """Keys and values [layers, B, H, capacity, K], written in place; each row has its own position, so rows can step
    back.
    """

    def __init__(self, layers: int, batch: int, heads: int, capacity: int, width: int, like: Tensor) -> None:
        self.keys = like.new_zeros(layers, batch, heads, capacity, width)
        self.values = like.new_zeros(layers, batch, heads, capacity, width)

    def select(self, rows: Tensor) -> None:
        """Keep only these rows of the batch (compaction when others have finished)."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]


class Attention(nn.Module):
    """Multi-head causal attention; queries and keys are RMS-normalised before the rotation."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.out.weight)  # each block starts as the identity

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, T, d] -> queries, keys, values [B, H, T, K], rotated; cos, sin [T, K / 2] or [B, 1, T, K / 2]."""
        q, k, v = rearrange(self.qkv(x), "b t (three h k) -> three b h t k", three=3, h=self.heads)
        q, k = (rotate(F.rms_norm(t, t.shape[-1:]), cos, sin) for t in (q, k))
        return q, k, v

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """All positions at once: x [B, T, d] -> [B, T, d]."""
        y = causal_attention(*self.project(x, cos, sin))
        return self.out(rearrange(y, "b h t k -> b t (h k)"))

    def project_once(self, x: Tensor, angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`project` for one position at a time, where the number of operations counts; angles [2, (B, 1,) T, K]."""
        qkv = rearrange(self.qkv(x), "b t (three h k) -> three b h t k", three=3, h=self.heads)
        q, k = turn(F.rms_norm(qkv[:2], qkv.shape[-1:]), angles.to(x.dtype))
        return q, k, qkv[2]

    def extend(self, x: Tensor, angles: Tensor, keys: Tensor, values: Tensor, start: int) -> Tensor:
        """T positions from `start` on, x [B, T, d], written to the cache, which holds those before; angles [2, T, K] as
        for `turn`.
        """
        q, k, v = self.project_once(x, angles)
        end = start + x.shape[1]
        keys[:, :, start:end] = k
        values[:, :, start:end] = v
        if start == 0:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        elif start + 1 == end:  # it sees all
            y = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end])
        else:
            mask = torch.ones(end - start, end, dtype=torch.bool, device=x.device).tril(start)
            y = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end], attn_mask=mask)
        return self.out(rearrange(y, "b h t k -> b t (h k)"))

    def step(
        self, x: Tensor, angles: Tensor, keys: Tensor, values: Tensor, place: tuple[Tensor, Tensor], mask: Tensor
    ) -> Tensor:
        """One position a row: x [B, 1, d], written to the cache at place: rows [B] and their positions [B]; angles
        [2, B, 1, 1, K]; mask [B, 1, 1, span], 0 where a position is seen and -inf where not.
        """
        q, k, v = self.project_once(x, angles)
        rows, at = place
        keys[rows, :, at] = k[:, :, 0]
        values[rows, :, at] = v[:, :, 0]
        span = mask.shape[-1]
        y = F.scaled_dot_product_attention(q, keys[:, :, :span], values[:, :, :span], attn_mask=mask)
        return self.out(rearrange(y, "b h t k -> b t (h k)"))
