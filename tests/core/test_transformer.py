# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshTransformer: causal, blind to padding, and the same step by step as all at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core import LatticeTokenizer, MeshGPTError, MeshTransformer
from core.conditioning import Conditions, Vocabulary
from core.data.shapes import procedural_meshes
from core.generation import Sampler, SamplingConfig
from core.nn.copy_head import COPY, END, NEW
from core.tokenizers.lattice import COARSE_TO_FINE
from core.transformer import TransformerConfig, pad_codes

VOCABULARY = Vocabulary(["box", "round", "table"], buckets=64)


def small_model(splits: tuple | None = None, max_faces: int = 96) -> MeshTransformer:
    torch.manual_seed(0)
    tokenizer = LatticeTokenizer(splits) if splits else LatticeTokenizer()
    config = TransformerConfig(dim=32, depth=2, heads=2, head_width=24, head_depth=1, max_faces=max_faces)
    model = MeshTransformer(tokenizer, VOCABULARY, config).eval()
    for parameter in model.parameters():  # also what starts at zero, so that every path matters
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def sample_batch(model: MeshTransformer, count: int = 4) -> tuple[torch.Tensor, torch.Tensor, Conditions]:
    meshes = [mesh for mesh, _ in procedural_meshes(4 * count, seed=1)]
    limit = model.config.max_faces
    codes = [torch.from_numpy(model.tokenizer.encode(mesh)) for mesh in meshes if len(mesh.faces) <= limit][:count]
    padded, lengths = pad_codes(codes, limit)
    prompts = ["round table", "", "box", "unheard"][:count]
    counts = torch.tensor([12.0, 0.0, 80.0, 31.0])[:count]
    return padded, lengths, Conditions(VOCABULARY.encode(prompts), counts)


@pytest.mark.parametrize("splits", [None, COARSE_TO_FINE])
def test_loss_does_not_depend_on_padding_or_company(splits: tuple | None) -> None:
    model = small_model(splits)
    codes, lengths, conditions = sample_batch(model)
    with torch.no_grad():
        together = model.nll(codes, lengths, conditions)
        garbage = codes.clone()
        for row, length in enumerate(lengths):
            garbage[row, length:] = 7
        assert torch.allclose(model.nll(garbage, lengths, conditions), together, rtol=1e-5)
        for row, length in enumerate(lengths):
            alone = Conditions(conditions.words[row : row + 1], conditions.faces[row : row + 1])
            single = model.nll(codes[row : row + 1, :length], lengths[row : row + 1], alone)
            assert torch.allclose(single[0], together[row], rtol=1e-5)


def test_states_do_not_see_later_slots() -> None:
    model = small_model()
    codes, _, conditions = sample_batch(model)
    flat = codes.flatten(1, 2)
    changed = flat.clone()
    changed[:, 20:] = 127 - changed[:, 20:]
    with torch.no_grad():
        a, b = model.hidden(flat, conditions), model.hidden(changed, conditions)
    assert torch.allclose(a[:, :21], b[:, :21], atol=1e-5)
    assert not torch.allclose(a[:, 21:], b[:, 21:], atol=1e-3)


def test_conditions_matter() -> None:
    model = small_model()
    codes, lengths, conditions = sample_batch(model)
    with torch.no_grad():
        asked, free = model.nll(codes, lengths, conditions), model.nll(codes, lengths, conditions.without())
    differs = (asked - free).abs() > 1e-3
    assert differs.tolist() == [True, False, True, True]  # the second mesh has neither prompt nor face count


def incremental_nll(model: MeshTransformer, codes: torch.Tensor, lengths: torch.Tensor, conditions: Conditions) -> list:
    """Negative log-likelihood of each mesh, read off the sampler's own cached steps."""
    rows = len(codes)
    sampler = Sampler(model, [""] * rows, [0] * rows, [0] * rows, SamplingConfig(guidance=1), model.config.max_faces)
    sampler.conditions = conditions
    sampler._prefill()
    identity = model.identity(codes)
    total = torch.zeros(rows)
    seen: list[dict[int, int]] = [{} for _ in range(rows)]  # identity -> vertex id
    for slot in range(3 * int(lengths.max()) + 1):
        live = slot < 3 * lengths
        gate = model.head.gate_logits(sampler.hidden, slot).log_softmax(-1)
        total -= torch.where(slot == 3 * lengths, gate[:, END], torch.zeros(rows))
        if not live.any():
            break
        face, corner = divmod(slot, 3)
        current = codes[:, face, corner]
        place = torch.full((rows,), slot)
        pointer = sampler._pointer_log_p(sampler.hidden, place, 3 * model.config.max_faces)
        new = gate[:, NEW] - model.head.codes.nll(sampler.hidden, current)
        vertex = torch.zeros(rows, dtype=torch.long)
        for row in range(rows):
            key = int(identity[row, face, corner])
            known = key in seen[row]
            vertex[row] = seen[row].setdefault(key, len(seen[row]))
            log_p = gate[row, COPY] + pointer[row, vertex[row]] if known else new[row]
            total[row] -= log_p * live[row]
            sampler.codes[row, vertex[row]] = current[row]
        sampler.face_counts = [face] * rows
        sampler.hidden = sampler._advance(vertex, corner, place)
    return total


@pytest.mark.parametrize("splits", [None, COARSE_TO_FINE])
def test_cached_steps_equal_the_full_forward(splits: tuple | None) -> None:
    model = small_model(splits)
    codes, lengths, conditions = sample_batch(model)
    with torch.inference_mode():
        full = model.nll(codes, lengths, conditions)
        stepped = incremental_nll(model, codes, lengths, conditions)
    assert torch.allclose(full, stepped, rtol=1e-4), (full, stepped)


def test_probabilities_of_all_next_vertices_sum_to_one() -> None:
    """Copying any earlier vertex, naming any new one, and ending share one unit of probability."""
    model = small_model(((2, 2, 2), (2, 2, 2)), max_faces=8)
    codes = torch.from_numpy(np.random.default_rng(0).integers(8, size=(1, 4, 3, 2)))
    conditions = Conditions(VOCABULARY.encode(["box"]), torch.tensor([4.0]))
    with torch.inference_mode():
        hidden = model.hidden(codes.flatten(1, 2), conditions)
        gate = model.head.gate_logits(hidden, torch.arange(13)).softmax(-1)
        assert torch.allclose(gate.sum(-1), torch.ones(1, 13)) and (gate[0, 1::3, END] < 1e-6).all()
        every = torch.cartesian_prod(torch.arange(8), torch.arange(8))
        new = (-model.head.codes.nll(hidden[:, 5].expand(64, -1), every)).exp().sum()
    assert math.isclose(float(new), 1.0, rel_tol=1e-5)


def test_identity_tells_vertices_apart() -> None:
    model = small_model(COARSE_TO_FINE)
    codes = torch.cartesian_prod(torch.arange(0, 512, 37), torch.arange(0, 64, 7), torch.arange(0, 64, 7))
    assert len(model.identity(codes).unique()) == len(codes)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(MeshGPTError, match="heads"):
        TransformerConfig(dim=30, heads=4)
