# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transformer's mathematics against plain implementations written here from the papers: rotations as complex
numbers, attention as einsum, the pointer-generator's likelihood as loops, graph layers as torch-geometric's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.nn import SAGEConv

from core import LatticeTokenizer, MeshTransformer
from core.conditioning import Conditions
from core.data.procedural import procedural_meshes
from core.nn.attention import Attention, rotary_table, rotate
from core.nn.neighbours import CausalNeighbours
from core.nn.trunk import Trunk
from core.transformer import pad_codes
from core.vocabulary import Vocabulary


def randomised(module: torch.nn.Module, seed: int = 0) -> Any:
    """All weights at random, those that start at zero too, so that every path matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module.double().eval()


def normalised(x: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """RMS norm by its definition; the constant is torch's."""
    return x / (x.square().mean(dim=-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt() * weight


def turned(x: Tensor, positions: Tensor) -> Tensor:
    """RoPE: number j of the first half and of the second make a complex one, turned by position * 10000^(-2j / K)."""
    half = x.shape[-1] // 2
    angles = positions[:, None] * 10_000.0 ** (-torch.arange(half, dtype=torch.float64) * 2 / x.shape[-1])
    z = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([z.real, z.imag], dim=-1)


def plain_attention(layer: Attention, x: Tensor) -> Tensor:
    """Causal attention of x [B, T, d], head by head."""
    time, width = x.shape[1], x.shape[2] // layer.heads
    positions = torch.arange(time, dtype=torch.float64)
    queries, keys, values = torch.einsum("bti,oi->bto", x, layer.qkv.weight).chunk(3, dim=-1)
    heads = []
    for head in range(layer.heads):
        q, k, v = (t[..., head * width : (head + 1) * width] for t in (queries, keys, values))
        q, k = (turned(normalised(t), positions) for t in (q, k))
        scores = torch.einsum("bqk,bsk->bqs", q, k) / math.sqrt(width)
        scores = scores.masked_fill(torch.ones(time, time).triu(1).bool(), -math.inf)
        heads.append(torch.einsum("bqs,bsk->bqk", scores.exp() / scores.exp().sum(-1, keepdim=True), v))
    return torch.cat(heads, dim=-1) @ layer.out.weight.T


def plain_trunk(trunk: Trunk, x: Tensor) -> Tensor:
    for block in trunk.blocks:
        x = x + plain_attention(block.attention, normalised(x, block.norm_attention.weight))
        up = normalised(x, block.norm_mlp.weight) @ block.up.weight.T
        x = x + up.clamp(min=0) ** 2 @ block.down.weight.T
    return normalised(x, trunk.norm.weight)


def random_states(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rotations_are_those_of_complex_numbers() -> None:
    x = random_states(2, 50, 16)
    cos, sin = rotary_table(50, 16)
    # The table is float32, and an angle of 50 radians has six digits after the point in it.
    assert torch.allclose(rotate(x, cos, sin), turned(x, torch.arange(50.0).double()), atol=1e-4)


@given(st.integers(0, 900), st.integers(0, 900), st.integers(0, 100))
def test_what_attention_sees_of_positions_is_their_distance(query: int, key: int, shift: int) -> None:
    cos, sin = rotary_table(1001, 32)
    q, k = random_states(2, 32).unbind()

    def score(i: int, j: int) -> Tensor:
        return rotate(q, cos[i], sin[i]) @ rotate(k, cos[j], sin[j])

    assert torch.allclose(score(query, key), score(query + shift, key + shift), atol=1e-2)


@pytest.mark.parametrize(("dim", "heads", "time"), [(16, 1, 1), (16, 2, 9), (24, 3, 33)])
def test_attention_against_einsum(dim: int, heads: int, time: int) -> None:
    layer, x = randomised(Attention(dim, heads)), random_states(2, time, dim)
    cos, sin = rotary_table(time, dim // heads)
    with torch.no_grad():
        assert torch.allclose(layer(x, cos, sin), plain_attention(layer, x), atol=1e-4)


def test_the_trunk_against_einsum() -> None:
    trunk, x = randomised(Trunk(16, 3, 2, 40)), random_states(2, 40, 16)
    with torch.no_grad():
        assert torch.allclose(trunk(x), plain_trunk(trunk, x), atol=1e-4)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 6), st.integers(1, 3))
def test_a_cache_filled_in_any_parts_changes_nothing(parts: list[int], steps: int, rows: int) -> None:
    """Chunks of any length, then position after position: what was there at once comes out again."""
    trunk, time = randomised(Trunk(16, 2, 2, 64)), sum(parts) + steps
    x = random_states(rows, time, 16)
    cache, start, found = trunk.new_cache(rows, x), 0, []
    with torch.no_grad():
        for length in parts:
            found.append(trunk.extend(x[:, start : start + length], start, cache))
            start += length
        for at in range(start, time):
            found.append(trunk.step(x[:, at], torch.full((rows,), at), at + 1, cache)[:, None])
        assert torch.allclose(torch.cat(found, dim=1), plain_trunk(trunk, x), atol=1e-4)


def test_rows_at_different_positions_and_rows_that_step_back() -> None:
    trunk, lengths = randomised(Trunk(16, 2, 2, 32)), torch.tensor([3, 11, 7])
    x, other = random_states(3, 12, 16), random_states(3, 16, seed=1)
    cache = trunk.new_cache(3, x)
    with torch.no_grad():
        trunk.extend(x[:, :11], 0, cache)  # shorter rows hold garbage behind their end
        found = trunk.step(other, lengths, 12, cache)
        again = trunk.step(x[torch.arange(3), lengths], lengths, 12, cache)  # the same place with something else
        for row, length in enumerate(lengths.tolist()):
            before = x[row : row + 1, :length]
            for last, state in ((other[row], found[row]), (x[row, length], again[row])):
                expected = plain_trunk(trunk, torch.cat([before, last[None, None]], dim=1))[0, -1]
                assert torch.allclose(state, expected, atol=1e-4)


def test_a_cache_keeps_the_rows_that_are_selected() -> None:
    trunk, x = randomised(Trunk(16, 2, 2, 32)), random_states(4, 10, 16)
    cache, kept = trunk.new_cache(4, x), torch.tensor([3, 1])
    with torch.no_grad():
        trunk.extend(x[:, :9], 0, cache)
        cache.select(kept)
        state = trunk.step(x[kept, 9], torch.tensor([9, 9]), 10, cache)
        assert torch.allclose(state, plain_trunk(trunk, x)[kept, 9], atol=1e-4)


@given(st.integers(1, 12), st.integers(3, 8), st.integers(0, 2**16))
def test_causal_neighbours_against_torch_geometric(faces: int, vertices: int, seed: int) -> None:
    """A graph in which each slot hears from all slots of earlier faces around its vertex."""
    identity = np.random.default_rng(seed).integers(vertices, size=(faces, 3))
    edges = [
        (3 * earlier + slot, 3 * face + corner)
        for face in range(faces)
        for corner in range(3)
        for earlier in range(face)
        for slot in range(3)
        for _ in range(list(identity[earlier]).count(identity[face, corner]))
    ]
    layer, x = randomised(CausalNeighbours(8), seed), random_states(3 * faces, 8, seed=seed)
    library = SAGEConv(8, 8).double()
    library.lin_l.weight, library.lin_l.bias, library.lin_r.weight = (
        layer.neighbour.weight,
        layer.neighbour.bias,
        layer.root.weight,
    )
    with torch.no_grad():
        gathered = library(x, torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T)
        expected = x + torch.nn.functional.silu(gathered) @ layer.mix.weight.T
        found = layer(x[None], torch.from_numpy(identity.reshape(1, -1)))[0]
    assert torch.allclose(found, expected, atol=1e-9)


def small_model() -> tuple[MeshTransformer, Tensor, Tensor, Conditions]:
    tokenizer = LatticeTokenizer()
    model = MeshTransformer(tokenizer, Vocabulary(["table"], buckets=16), dim=16, depth=1, heads=2, head_width=16)
    codes = [torch.from_numpy(tokenizer.encode(mesh)) for mesh, _ in procedural_meshes(6, seed=6)]
    padded, lengths = pad_codes(sorted(codes, key=len)[:3], 60)
    conditions = model.conditions(["table", "", "chair"], faces=20)
    return randomised(model).float(), padded, lengths, conditions


def loop_nll(model: MeshTransformer, codes: Tensor, length: int, conditions: Conditions) -> float:
    """-log p of one mesh [F, 3, D] as the pointer-generator's definition has it, vertex by vertex."""
    vertices, head = codes[:length].flatten(0, 1), model.head
    states = model.states(vertices[None], conditions)
    total, earlier = 0.0, []
    for slot in range(3 * length + 1):
        hidden = states.predict[0, slot]
        choices = (head.gate.weight @ hidden + head.gate.bias).exp()  # copy, new, end
        choices = choices / (choices.sum() if slot % 3 == 0 else choices[:2].sum())
        if slot == 3 * length:
            return total - math.log(choices[2])
        vertex = vertices[slot].tolist()
        if vertex in earlier:
            query = turned(normalised((head.query.weight @ hidden).double()), torch.tensor([float(slot)]))
            keys = normalised((states.read[0, :slot] @ head.key.weight.T).double())
            scores = (turned(keys, torch.arange(slot).double()) @ query[0] / 8).exp()
            same = torch.tensor([other == vertex for other in earlier])
            total -= math.log(choices[0] * scores[same].sum() / scores.sum())
        else:
            context = head.codes.context(hidden[None])
            for level, code in enumerate(vertex):
                p = head.codes.logits(context, level)[0].softmax(dim=-1)[code]
                choices[1] *= p
                context = head.codes.extend(context, level, torch.tensor([code]))
            total -= math.log(choices[1])
        earlier.append(vertex)
    raise AssertionError


def test_the_likelihood_of_a_mesh_against_loops() -> None:
    """Alone and by definition, or in a padded batch: the same number."""
    model, codes, lengths, conditions = small_model()
    with torch.no_grad():
        together = model.nll(codes, lengths, conditions)
        alone = [
            loop_nll(model, codes[row], int(lengths[row]), conditions.rows(slice(row, row + 1))) for row in range(3)
        ]
    assert torch.allclose(together, torch.tensor(alone), rtol=1e-4)


@pytest.mark.parametrize("length", [1, 3, 8, 9, 40, 384, 385])
def test_short_sequences_attend_as_long_ones_do(length: int) -> None:
    from core.nn.attention import causal_attention

    generator = torch.Generator().manual_seed(length)
    q, k, v = (torch.randn(2, 3, length, 16, generator=generator, requires_grad=True) for _ in range(3))
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    found = causal_attention(q, k, v)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weights = torch.randn(found.shape, generator=generator)
    ours = torch.autograd.grad((found * weights).sum(), (q, k, v))
    for mine, theirs in zip(ours, torch.autograd.grad((expected * weights).sum(), (q, k, v)), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
