# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention over flat batches: equal to plain einsums mesh by mesh, blind to the other meshes, linear in memory."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.nn.attention import rotary_table, rotate
from core.nn.flat_attention import Chunks, CrossCovarianceAttention, FlatAttention, LocalAttention

DIM, HEADS, WINDOW = 24, 3, 4
lengths = st.lists(st.integers(1, 15), min_size=1, max_size=5)


def flat(sizes: list[int]) -> tuple[torch.Tensor, torch.Tensor, list[slice]]:
    x = torch.randn(sum(sizes), DIM, generator=torch.Generator().manual_seed(0))
    mesh = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return x, mesh, [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def filled(module: torch.nn.Module) -> torch.nn.Module:
    """No weight at zero, where the parts of a block begin."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def heads(layer: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(part.unflatten(1, (HEADS, -1)) for part in layer.qkv(layer.norm(x)).chunk(3, dim=1))


@given(lengths)
@settings(max_examples=20, derandomize=True)
def test_cross_covariance_attention_against_a_plain_einsum(sizes):
    layer = filled(CrossCovarianceAttention(DIM, HEADS))
    x, mesh, parts = flat(sizes)
    found = layer(x, Chunks.of(mesh, len(sizes), WINDOW))
    for part in parts:
        q, k, v = heads(layer, x[part])
        q, k = (torch.nn.functional.normalize(t, dim=0) for t in (q, k))  # each channel over the faces
        weights = (torch.einsum("fhk,fhl->hkl", q, k) * layer.temperature).softmax(dim=-1)
        expected = layer.out(torch.einsum("hkl,fhl->fhk", weights, v).flatten(1))
        torch.testing.assert_close(found[part], expected, rtol=1e-4, atol=1e-5)


@given(lengths)
@settings(max_examples=20, derandomize=True)
def test_local_attention_against_a_dense_band(sizes):
    layer = filled(LocalAttention(DIM, HEADS, WINDOW))
    x, mesh, parts = flat(sizes)
    found = layer(x, Chunks.of(mesh, len(sizes), WINDOW))
    for part, size in zip(parts, sizes, strict=True):
        q, k, v = (t.transpose(0, 1) for t in heads(layer, x[part]))
        cos, sin = rotary_table(size, DIM // HEADS)
        q, k = (rotate(torch.nn.functional.rms_norm(t, t.shape[-1:]), cos, sin) for t in (q, k))
        scores = torch.einsum("hik,hjk->hij", q, k) / (DIM // HEADS) ** 0.5
        place = torch.arange(size)
        scores = scores.masked_fill((place[:, None] - place).abs() > WINDOW, -torch.inf)
        expected = layer.out(torch.einsum("hij,hjk->ihk", scores.softmax(dim=-1), v).flatten(1))
        torch.testing.assert_close(found[part], expected, rtol=1e-4, atol=1e-5)


@given(lengths)
@settings(max_examples=10, derandomize=True)
def test_a_mesh_is_the_same_alone_and_in_a_batch(sizes):
    layer = filled(FlatAttention(DIM, 2, HEADS, WINDOW))
    x, mesh, parts = flat(sizes)
    together = layer(x, mesh)
    for part in parts:
        alone = layer(x[part], torch.zeros_like(mesh[part]))
        torch.testing.assert_close(together[part], alone, rtol=1e-4, atol=1e-4)


def test_no_blocks_change_nothing_and_new_blocks_add_nothing():
    x, mesh, _ = flat([5, 9])
    assert FlatAttention(DIM, 0, HEADS, WINDOW)(x, mesh) is x
    torch.testing.assert_close(FlatAttention(DIM, 2, HEADS, WINDOW)(x, mesh), x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_gradients_are_finite_also_where_nothing_varies(dtype):
    layer = filled(FlatAttention(DIM, 1, HEADS, WINDOW))
    x = torch.ones(7, DIM, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        layer(x, torch.tensor([0, 0, 0, 0, 0, 0, 1])).square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in layer.parameters())
