# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshTransformer: causal, blind to padding, and the same step by step as all at once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core import LatticeTokenizer, MeshGPTError, MeshTransformer
from core.conditioning import Conditions
from core.data.procedural import procedural_meshes
from core.decoding import Decoding, start_decoding
from core.nn.closing import closing_in
from core.nn.edges import EdgeCounts
from core.nn.heads import COPY, END, NEW
from core.tokenizers.lattice import COARSE_TO_FINE
from core.transformer import pad_codes
from core.transformer_config import TransformerConfig
from core.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["box", "round", "table"], buckets=64, categories=["furniture", "nature"])


VARIANTS = {
    "copy-vertex": {},
    "copy-vertex-edges": {"edges": True},
    "copy-face": {"step": "face"},
    "copy-face-edges": {"step": "face", "edges": True},
    "copy-face-closing": {"step": "face", "edges": True, "closing": True},
    "mlp-vertex": {"head": "mlp"},
    "mlp-face": {"head": "mlp", "step": "face"},
    "attention-vertex": {"head": "attention"},
    "attention-face": {"head": "attention", "step": "face", "face_depth": 2},
    "flat": {"step": "code"},
}
EVERYTHING = {"neighbours": True, "point_latents": 3, "point_neighbours": 5, "completion": True}


def with_everything(options: dict[str, Any]) -> dict[str, Any]:
    return {**EVERYTHING, "point_attention": options.get("step") != "code", **options}


each_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def small_model(splits: tuple | None = None, max_faces: int = 96, **options: Any) -> MeshTransformer:
    torch.manual_seed(0)
    tokenizer = LatticeTokenizer(splits) if splits else LatticeTokenizer()
    sizes = {"dim": 32, "depth": 2, "heads": 2, "head_width": 24, "head_depth": 1, "max_faces": max_faces}
    model = MeshTransformer(tokenizer, VOCABULARY, TransformerConfig(**{**sizes, **options})).eval()
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
    points = None
    if model.config.point_latents:
        points = torch.randn(count, 20, 6, generator=torch.Generator().manual_seed(0))
        points[1] = 0
    words = torch.from_numpy(VOCABULARY.encode(prompts))
    return padded, lengths, Conditions(words, counts, torch.tensor([1, 0, 0, 2])[:count], points)


@each_variant
@pytest.mark.parametrize("splits", [None, COARSE_TO_FINE], ids=["axes", "coarse"])
def test_loss_does_not_depend_on_padding_or_company(splits: tuple | None, options: dict) -> None:
    model = small_model(splits, **with_everything(options))
    codes, lengths, conditions = sample_batch(model)
    kept = torch.tensor([0, 3, 5, 1])
    with torch.no_grad():
        together = model.nll(codes, lengths, conditions, kept)
        garbage = codes.clone()
        for row, length in enumerate(lengths):
            garbage[row, length:] = 7
        assert torch.allclose(model.nll(garbage, lengths, conditions, kept), together, rtol=1e-5)
        for row, length in enumerate(lengths):
            one = slice(row, row + 1)
            single = model.nll(codes[one, :length], lengths[one], conditions.rows(one), kept[one])
            assert torch.allclose(single[0], together[row], rtol=1e-5)


@each_variant
def test_states_do_not_see_later_slots(options: dict) -> None:
    model = small_model(**with_everything(options))
    codes, _, conditions = sample_batch(model)
    flat = codes.flatten(1, 2)
    changed = flat.clone()
    changed[:, 20:] = 127 - changed[:, 20:]
    with torch.no_grad():
        a, b = model.states(flat, conditions), model.states(changed, conditions)
    assert torch.allclose(a.predict[:, :21], b.predict[:, :21], atol=1e-5)
    assert torch.allclose(a.read[:, :20], b.read[:, :20], atol=1e-5)
    assert not torch.allclose(a.predict[:, 21:], b.predict[:, 21:], atol=1e-3)
    if a.levels is not None:  # the state that predicts a level has not seen that level's code
        assert torch.allclose(a.levels[:, :20], b.levels[:, :20], atol=1e-5)
        assert torch.allclose(a.levels[:, 20, 0], b.levels[:, 20, 0], atol=1e-5)
        assert not torch.allclose(a.levels[:, 20, 1], b.levels[:, 20, 1], atol=1e-3)


def test_conditions_matter() -> None:
    model = small_model(point_latents=3)
    codes, lengths, conditions = sample_batch(model)
    with torch.no_grad():
        free = model.nll(codes, lengths, conditions.without())
        for name, rows in conditions.present().items():
            asked = model.nll(codes, lengths, conditions.only([name]))
            assert ((asked - free).abs() > 1e-3).tolist() == rows.tolist(), name
    assert [rows.tolist() for rows in conditions.present().values()] == [
        [True, False, True, True],
        [True, False, False, True],
        [True, False, True, True],
        [True, False, True, True],
    ]


def test_the_order_of_the_points_does_not_matter() -> None:
    model = small_model(point_latents=3)
    codes, lengths, conditions = sample_batch(model)
    shuffled = replace(conditions, points=conditions.points[:, torch.randperm(20)])
    with torch.no_grad():
        assert torch.allclose(model.nll(codes, lengths, conditions), model.nll(codes, lengths, shuffled), rtol=1e-5)


def stepwise_nll(model: MeshTransformer, codes: torch.Tensor, lengths: torch.Tensor, state: Decoding) -> torch.Tensor:
    """Negative log-likelihood of each mesh, read off the cached steps that the sampler takes."""
    rows, span = len(codes), 3 * model.config.max_faces
    identity, everyone = model.identity(codes), torch.ones(len(codes), dtype=torch.bool)
    total = torch.zeros(rows)
    seen: list[dict[int, int]] = [{} for _ in range(rows)]  # identity -> vertex id
    owner = torch.zeros(rows, span, dtype=torch.long)
    counts, faces = EdgeCounts(rows, span, codes.device), torch.full((rows, model.config.max_faces, 3), -1)
    keys, last = torch.zeros(rows, span, dtype=torch.long), torch.full((rows, 3), -1)
    for face in range(int(lengths.max()) + 1):
        ids: list[torch.Tensor] = []
        for corner in range(3):
            slot = 3 * face + corner
            features = counts.features(corner, ids, faces, span)
            corners = [keys.gather(1, vertex[:, None])[:, 0] for vertex in ids]
            closing = closing_in(corner, features, keys, last, corners) if model.config.closing else None
            gate = state.gate_logits(corner, closing).log_softmax(-1)
            if corner == 0:
                total -= gate[:, END] * (lengths == face)
                if face == lengths.max():
                    return total
            place, current = torch.full((rows,), slot), codes[:, face, corner]
            context, named = state.code_context(1), torch.zeros(rows)
            bias = state.edge_bias(features, closing) if model.config.edges else torch.zeros(rows, span)
            for level in range(codes.shape[-1]):
                log_p = state.code_logits(context, level).log_softmax(-1)
                named += log_p.gather(1, current[:, level : level + 1])[:, 0]
                context = state.extend_codes(context, level, current[:, level], place)
            for row in range(rows):
                key = int(identity[row, face, corner])
                known = key in seen[row]
                vertex = seen[row].setdefault(key, len(seen[row]))
                log_p = gate[row, NEW] + named[row]
                if known and state.copies:
                    scores = state.pointer_scores(place, slot)[row] + bias[row, owner[row, :slot]]
                    log_p = gate[row, COPY] + scores.log_softmax(-1)[owner[row, :slot] == vertex].logsumexp(-1)
                owner[row, slot], keys[row, vertex] = vertex, key
                total[row] -= log_p * (face < lengths[row])
            ids.append(owner[:, slot].clone())
            state.read(current, ids[-1], corner, place)
        counts.add_face(everyone, ids, faces, keys)
        faces[:, face] = torch.stack(ids, dim=-1)
        last = identity[:, face]
        state.end_face(everyone, ids, face + 1)
    return total


@each_variant
@pytest.mark.parametrize("splits", [None, COARSE_TO_FINE], ids=["axes", "coarse"])
def test_cached_steps_equal_the_full_forward(splits: tuple | None, options: dict) -> None:
    model = small_model(splits, max_faces=40, **with_everything(options))
    codes, lengths, conditions = sample_batch(model)
    with torch.inference_mode():
        full = model.nll(codes, lengths, conditions)
        stepped = stepwise_nll(model, codes, lengths, start_decoding(model, [conditions], 40))
    assert torch.allclose(full, stepped, rtol=1e-4), (full, stepped)


@each_variant
def test_reading_faces_at_once_equals_reading_them_one_by_one(options: dict) -> None:
    model = small_model(max_faces=40, **with_everything(options))
    codes, lengths, conditions = sample_batch(model)
    codes, count = codes[:, : int(lengths.min())], int(lengths.min())
    ids = torch.stack([torch.unique(keys, return_inverse=True)[1] for keys in model.identity(codes)])
    with torch.inference_mode():
        whole = start_decoding(model, [conditions, conditions.without()], 40)
        half = start_decoding(model, [conditions, conditions.without()], 40)
        whole.read_faces(codes, ids, 0)
        half.read_faces(codes[:, :2], ids[:, :2], 0)
        ahead, before = half.look_ahead(codes[:, 2:], ids[:, 2:], 2)
        assert torch.allclose(ahead[:, -1], whole.predict, atol=1e-4)
        assert torch.allclose(before[:, 0], half.before) and torch.allclose(before[:, -1], whole.before, atol=1e-4)
        for face in range(2, count):
            for corner in range(3):
                place = torch.full((len(codes),), 3 * face + corner)
                assert torch.allclose(ahead[:, 3 * (face - 2) + corner], half.predict, atol=1e-4)
                half.read(codes[:, face, corner], ids[:, face, corner], corner, place)
            half.end_face(torch.ones(len(codes), dtype=torch.bool), list(ids[:, face].unbind(1)), face + 1)
        assert torch.allclose(half.predict, whole.predict, atol=1e-4)


def test_given_faces_do_not_count_but_matter() -> None:
    model = small_model(completion=True)
    codes, lengths, conditions = sample_batch(model)
    kept = lengths // 2
    given = torch.arange(codes.shape[1]) < kept[:, None]
    changed = torch.where(given[:, :, None, None], (codes + 1) % 128, codes)
    with torch.no_grad():
        whole = model.nll(codes, lengths, conditions)
        rest = model.nll(codes, lengths, conditions, kept)
        nothing = model.nll(codes, lengths, conditions, lengths)
        others = model.nll(changed, lengths, conditions, kept)
        model.kept.zero_()
        unmarked = model.nll(codes, lengths, conditions, kept)
    assert (0 < nothing).all() and (nothing < rest).all() and (rest < whole).all()
    assert ((others - rest).abs() > 1e-3).all() and ((unmarked - rest).abs() > 1e-3).all()


def test_probabilities_of_all_next_vertices_sum_to_one() -> None:
    """Copying any earlier vertex, naming any new one, and ending share one unit of probability."""
    model = small_model(((2, 2, 2), (2, 2, 2)), max_faces=8)
    codes = torch.from_numpy(np.random.default_rng(0).integers(8, size=(1, 4, 3, 2)))
    conditions = Conditions(torch.from_numpy(VOCABULARY.encode(["box"])), torch.tensor([4.0]))
    with torch.inference_mode():
        flat = codes.flatten(1, 2)
        states = model.states(flat, conditions)
        gate = model.head.gate_logits(states.predict, torch.arange(13)).softmax(-1)
        assert torch.allclose(gate.sum(-1), torch.ones(1, 13)) and (gate[0, 1::3, END] < 1e-6).all()
        every = torch.cartesian_prod(torch.arange(8), torch.arange(8))
        new = (-model.head.codes.nll(states.predict[:, 5].expand(64, -1), every)).exp().sum()
        # All that slot 5 may be: each vertex so far, through any slot that held it, a new one, the end.
        identity, head = model.identity(flat)[0, :5], model.head
        query = head.queries(states.predict[:, 5:6], torch.tensor([5]))
        scores = head.scores(query, head.keys(states.read[:, :5], torch.arange(5)))
        total = 0.0
        pointer = scores[0, 0].softmax(-1)
        for vertex in identity.unique():
            total += float(gate[0, 5, COPY] * pointer[identity == vertex].sum())
        total += float(gate[0, 5, NEW] * new + gate[0, 5, END])
    assert math.isclose(float(new), 1.0, rel_tol=1e-5) and math.isclose(total, 1.0, rel_tol=1e-5)


def test_recomputing_saves_memory_and_changes_nothing() -> None:
    plain, again = small_model(), small_model(recompute=True)
    batch = sample_batch(plain)
    kept = []
    for model in (plain, again):
        stored = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, s=stored: s.append(x.numel()) or x, lambda x: x):
            loss = model.train().nll(*batch).sum()
        loss.backward()
        kept.append(sum(stored))
    for own, other in zip(plain.parameters(), again.parameters(), strict=True):
        assert own.grad is None or torch.allclose(own.grad, other.grad, rtol=1e-4, atol=1e-6)
    assert kept[1] < 0.9 * kept[0]


def test_identity_tells_vertices_apart() -> None:
    model = small_model(COARSE_TO_FINE)
    codes = torch.cartesian_prod(torch.arange(0, 512, 37), torch.arange(0, 64, 7), torch.arange(0, 64, 7))
    assert len(model.identity(codes).unique()) == len(codes)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(MeshGPTError, match="heads"):
        TransformerConfig(dim=30, heads=4)
