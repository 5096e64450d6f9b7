# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of `core.nn` that generating needs, in NumPy, from the same weights.

Shapes: L lanes (the branches of guidance of one mesh), T positions, H heads, K = d / H width of a head, d width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Weights = Mapping[str, np.ndarray]
_EPS = np.float32(np.finfo(np.float32).eps)
_FEW = 5  # rows
_LINE = 16  # numbers of a line of the processor's cache


def part(weights: Weights, prefix: str) -> dict[str, np.ndarray]:
    """The weights of one module, by their names in it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def packed(weights: Weights) -> dict[str, np.ndarray]:
    """Copies of the weights in one block of memory, which the system can map with large pages: a product with a vector
    reads them faster from there (docs/PERFORMANCE.md).
    """
    sizes = [-(-value.size // _LINE) * _LINE for value in weights.values()]
    ends = np.cumsum(sizes)
    block = np.empty(int(ends[-1]), np.float32)
    result = {}
    for (name, value), end, size in zip(weights.items(), ends.tolist(), sizes, strict=True):
        result[name] = block[end - size :][: value.size].reshape(value.shape)
        result[name][...] = value
    return result


def rms(x: np.ndarray) -> np.ndarray:
    """x [..., d] over its root mean square."""
    mean = np.einsum("...i,...i->...", x, x) * np.float32(1 / x.shape[-1])
    return x / np.sqrt(mean + _EPS)[..., None]


def product(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x [..., d] times weight [d, e].

    A few rows go one by one: BLAS copies the weight for a product of matrices, which with two rows takes three times as
    long as two products with vectors; and NumPy goes without BLAS for some strides of axes of length one.
    """
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) == 1:
        return np.dot(rows[0], weight).reshape(*x.shape[:-1], -1)
    if len(rows) > _FEW:
        return (rows @ weight).reshape(*x.shape[:-1], -1)
    result = np.empty((len(rows), weight.shape[1]), np.float32)
    for row, out in zip(rows, result, strict=True):
        np.dot(row, weight, out)
    return result.reshape(*x.shape[:-1], -1)


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def gelu(x: np.ndarray) -> np.ndarray:
    """x Phi(x), with the error function by formula 7.1.26 of Abramowitz and Stegun, right to 1.5e-7."""
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.copysign(1 - series * np.exp(-z * z), x)
    return np.float32(0.5) * x * (1 + erf)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def rotary_table(length: int, width: int, theta: float = 10_000.0) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines [length, width / 2] of RoPE; see `core/nn/attention.py`."""
    frequencies = theta ** (-np.arange(0, width, 2, dtype=np.float32) / np.float32(width))
    angles = np.arange(length, dtype=np.float32)[:, None] * frequencies.astype(np.float32)
    return np.cos(angles), np.sin(angles)


def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """Rotate the halves of the last axis of x [..., K] by angles [..., K / 2]."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    result = np.empty_like(x)
    result[..., :half] = a * cos - b * sin
    result[..., half:] = a * sin + b * cos
    return result


def fourier(values: np.ndarray, octaves: int) -> np.ndarray:
    """Values [..., 3] -> sines and cosines [..., 6 octaves] of pi 2^i times each."""
    angles = values[..., None] * (np.pi * 2.0 ** np.arange(octaves)).astype(np.float32)
    angles = angles.reshape(*values.shape[:-1], -1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)


class Cache:
    """Keys and values [layers, L, H, capacity, K] of positions so far."""

    def __init__(self, trunk: Trunk, lanes: int, capacity: int) -> None:
        shape = (len(trunk.blocks), lanes, trunk.heads, capacity, trunk.dim // trunk.heads)
        self.keys, self.values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)


class Trunk:
    """`core.nn.trunk.Trunk`: blocks of causal attention and a squared-ReLU MLP. Norms are folded into the weights that
    follow, which are changed in place.
    """

    def __init__(self, weights: Weights, depth: int, heads: int, capacity: int) -> None:
        self.norm, self.heads = weights["norm.weight"], heads
        self.dim = len(self.norm)
        self.cos, self.sin = rotary_table(capacity, self.dim // heads)
        self.blocks = [self._folded(part(weights, f"blocks.{i}.")) for i in range(depth)]

    @staticmethod
    def _folded(block: Weights) -> tuple[np.ndarray, ...]:
        """Transposed weights of queries, keys and values, the way out, up and down."""
        inward, up = block["attention.qkv.weight"], block["up.weight"]
        inward *= block["norm_attention.weight"]
        up *= block["norm_mlp.weight"]
        return inward.T, block["attention.out.weight"].T, up.T, block["down.weight"].T

    def extend(self, x: np.ndarray, start: int, cache: Cache) -> np.ndarray:
        """Hidden states [L, T, d] of the next T positions from `start` on; fills the cache."""
        lanes, count, _ = x.shape
        end = start + count
        cos, sin = self.cos[start:end, None, None], self.sin[start:end, None, None]
        scale = np.float32((self.dim // self.heads) ** -0.5)
        hidden = None if count == 1 else np.triu(np.ones((count, end), bool), start + 1)
        for index, (inward, out, up, down) in enumerate(self.blocks):
            qkv = product(rms(x), inward).reshape(lanes, count, 3, self.heads, -1)
            q, k = rotate(rms(qkv[:, :, :2]), cos, sin).transpose(2, 0, 3, 1, 4)
            keys, values = cache.keys[index, :, :, :end], cache.values[index, :, :, :end]
            keys[:, :, start:], values[:, :, start:] = k, qkv[:, :, 2].transpose(0, 2, 1, 3)
            scores = (q @ keys.swapaxes(-1, -2)) * scale
            if hidden is not None:
                scores[..., hidden] = -np.inf
            seen = (softmax(scores) @ values).transpose(0, 2, 1, 3).reshape(lanes, count, -1)
            x = x + product(seen, out)
            x = x + product(np.square(np.maximum(product(rms(x), up), 0)), down)
        return rms(x) * self.norm
