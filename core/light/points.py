# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`core.nn.points` in NumPy: the latents of a point cloud, what attends to its points, and what vertices gather from
the nearest ones.

Shapes: M points, S latents, L lanes, N slots, K nearest points, T queries, H heads, d width.
"""

from __future__ import annotations

import numpy as np

from .layers import Weights, fourier, gelu, part, product, rms, silu, softmax

_OCTAVES = 7
_LAYER_NORM_EPS = np.float32(1e-5)  # PyTorch's


def point_latents(weights: Weights, points: np.ndarray, heads: int) -> np.ndarray:
    """Points with normals [M, 6] -> latents [S, d]; weights of a PointEncoder."""
    seen = gelu(_linear(weights, "embed.0", _features(points)))
    seen = _linear(weights, "embed.2", seen)
    gather = part(weights, "gather.")
    x = weights["latents"]
    y = _norm(gather, "norm1", x)
    x = x + _attention(part(gather, "self_attn."), y, y, heads)
    x = x + _attention(part(gather, "multihead_attn."), _norm(gather, "norm2", x), seen, heads)
    x = x + _mlp(gather, _norm(gather, "norm3", x))
    index = 0
    while block := part(weights, f"blocks.{index}."):
        y = _norm(block, "norm1", x)
        x = x + _attention(part(block, "self_attn."), y, y, heads)
        x = x + _mlp(block, _norm(block, "norm2", x))
        index += 1
    return x


class PointAttention:
    """A PointAttention of `core.nn.points` for one cloud of points [M, 6]."""

    def __init__(self, weights: Weights, heads: int, points: np.ndarray) -> None:
        seen = _linear(weights, "embed.2", gelu(_linear(weights, "embed.0", _features(points))))
        self.faces, self.slots = (PointLookup(part(weights, f"{name}."), heads, seen) for name in ("faces", "slots"))


class PointLookup:
    """Cross-attention to embedded points [M, d], added to what asks."""

    def __init__(self, weights: Weights, heads: int, seen: np.ndarray) -> None:
        self._heads, self._out = heads, weights["out.weight"].T
        self._query = (weights["query.weight"] * weights["norm.weight"]).T
        keys, values = (self._by_head(seen @ weights[f"{name}.weight"].T) for name in ("key", "value"))
        width = keys.shape[-1]
        sharp = weights["sharpness"] * np.float32(width**-0.5)
        self._keys = np.ascontiguousarray((rms(keys) * sharp).transpose(0, 2, 1))  # [H, K, M]
        self._values = np.ascontiguousarray(values)  # [H, M, K]

    def _by_head(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), self._heads, -1).transpose(1, 0, 2)

    def add(self, x: np.ndarray) -> np.ndarray:
        """x [T, d] -> [T, d]."""
        q = rms(self._by_head(product(rms(x), self._query)))
        found = softmax(q @ self._keys) @ self._values
        return x + product(found.transpose(1, 0, 2).reshape(x.shape), self._out)


class NearestPoints:
    """What a NearestPoints of `core.nn.points` adds to vertices, for one cloud of points [M, 6]."""

    def __init__(self, weights: Weights, count: int, points: np.ndarray) -> None:
        self._weights, self._points = weights, points
        self._count = min(count, len(points))
        # All that depends on a point alone is worked out once.
        width = weights["point.weight"][:, 3:]
        self._said = _features(points) @ width.T + weights["point.bias"]

    def add(self, x: np.ndarray, places: np.ndarray) -> np.ndarray:
        """x [L, N, d] of slots whose vertices are at places [N, 3]."""
        weights = self._weights
        apart = np.square(places[:, None] - self._points[None, :, :3]).sum(axis=-1)
        nearest = np.argpartition(apart, self._count - 1, axis=1)[:, : self._count]  # [N, K]
        away = (self._points[nearest, :3] - places[:, None]) * np.float32(4)
        seen = away @ weights["point.weight"][:, :3].T + self._said[nearest]
        h = silu(seen + (x @ weights["root.weight"].T)[:, :, None])
        h = silu(_linear(weights, "hidden", h))
        return x + np.concatenate([h.max(axis=-2), h.mean(axis=-2)], axis=-1) @ weights["mix.weight"].T


def _features(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, fourier(points[..., :3], _OCTAVES)], axis=-1)


def _linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + _LAYER_NORM_EPS)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _mlp(weights: Weights, x: np.ndarray) -> np.ndarray:
    return _linear(weights, "linear2", gelu(_linear(weights, "linear1", x)))


def _attention(weights: Weights, x: np.ndarray, seen: np.ndarray, heads: int) -> np.ndarray:
    """Of x [S, d] to what is seen [M, d]; weights of a torch.nn.MultiheadAttention."""
    dim = x.shape[-1]
    inward = zip(np.split(weights["in_proj_weight"], 3), np.split(weights["in_proj_bias"], 3), strict=True)
    q, k, v = (
        (y @ weight.T + bias).reshape(len(y), heads, -1).transpose(1, 0, 2)
        for y, (weight, bias) in zip((x, seen, seen), inward, strict=True)
    )
    p = softmax(q @ k.transpose(0, 2, 1) * np.float32((dim // heads) ** -0.5))
    return _linear(weights, "out_proj", (p @ v).transpose(1, 0, 2).reshape(len(x), dim))
