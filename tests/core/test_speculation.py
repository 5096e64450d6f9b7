# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speculative decoding changes the speed, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from core import MeshGPTError
from core.events import GeneratedMesh, MeshEvent
from core.generation import Sampler
from core.sampling_config import SamplingConfig
from core.speculation import SpeculativeSampler, _stream, couple
from core.tokenizers.lattice import COARSE_TO_FINE
from core.transformer import MeshTransformer

from .test_transformer import EVERYTHING, each_variant, small_model
from .tiny_autoencoder import as_after_training, eight_meshes

TINY = ((2, 1, 1), (1, 2, 1), (1, 1, 2))  # a lattice of eight places


def related(model: MeshTransformer, amount: float) -> MeshTransformer:
    """A draft that is like the model, but not the same."""
    options = {
        name: getattr(model.config, name) for name in ("step", "head", "face_depth", "edges", "closing", *EVERYTHING)
    }
    draft = small_model(model.tokenizer.splits, model.config.max_faces, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for own, other in zip(draft.parameters(), model.parameters(), strict=True):
            own.copy_(other + amount * torch.randn(other.shape, generator=generator) * other.std(correction=0))
    return draft


def plain(model: MeshTransformer, seed: int, config: SamplingConfig, faces: int) -> GeneratedMesh:
    sampler = Sampler(model, model.conditions(["box"], faces=20), [seed], config, faces)
    return next(e.mesh for e in sampler.stream() if isinstance(e, MeshEvent))


def guessed(
    model: MeshTransformer, draft: MeshTransformer, seed: int, config: SamplingConfig, faces: int, **options: Any
) -> tuple[GeneratedMesh, SpeculativeSampler]:
    asked = model.conditions(["box"], faces=20), draft.conditions(["box"], faces=20)
    sampler = SpeculativeSampler(model, asked[0], draft, asked[1], seed, config, faces, **options)
    return next(e.mesh for e in sampler.stream() if isinstance(e, MeshEvent)), sampler


@each_variant
@pytest.mark.parametrize("amount", [0.0, 0.02, 0.5], ids=["same", "alike", "unlike"])
def test_at_temperature_zero_the_mesh_is_the_same(amount: float, options: dict) -> None:
    model = small_model(max_faces=24, **EVERYTHING, **options)
    with torch.no_grad():
        (model.head.gate if model.head.copies else model.head.end).bias[-1] = -3.0
    draft = related(model, amount)
    config = SamplingConfig(temperature=0, guidance=2)
    expected = plain(model, 3, config, 24)
    found, sampler = guessed(model, draft, 3, config, 24)
    assert np.array_equal(found.codes, expected.codes) and found.ended == expected.ended
    assert found.attempts == expected.attempts
    statistics = sampler.statistics()
    assert statistics["guessed"] > 0 and 0 <= statistics["acceptance"] <= 1
    if amount == 0:
        assert sampler.followed >= 0.9 * (len(found.faces) - (found.attempts - len(found.faces))) - 1


def test_a_draft_that_is_the_model_is_always_right() -> None:
    model = small_model(COARSE_TO_FINE, max_faces=24)
    for seed in range(4):
        mesh, sampler = guessed(model, related(model, 0.0), seed, SamplingConfig(top_p=1.0), 24)
        assert sampler.followed >= 0.9 * len(mesh.faces) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [({}, {}), ({"neighbours": True}, {"head": "mlp"})], ids=["copy", "unlike"])
def test_at_temperature_one_the_distribution_is_the_same(kinds: tuple[dict, dict]) -> None:
    """Chi-squared over whole meshes of a model with eight places and at most two faces, and of a draft that makes quite
    other ones.
    """
    model, draft = (opinionated(seed, **options) for seed, options in enumerate(kinds))
    config = SamplingConfig(top_p=1.0, guidance=1.5)
    samples = 400
    expected, others = (
        Counter(
            event.mesh.codes.tobytes()
            for event in Sampler(one, one.conditions(["box"] * samples, faces=20), seeds, config, 2).stream()
            if isinstance(event, MeshEvent)
        )
        for one, seeds in ((model, range(samples)), (draft, range(samples)))
    )
    found: Counter[bytes] = Counter()
    accepted = total = 0
    for seed in range(samples):
        mesh, sampler = guessed(model, draft, seed, config, 2, ahead=2)
        found[mesh.codes.tobytes()] += 1
        accepted, total = accepted + sampler.followed, total + sampler.guessed
    assert 0.02 < accepted / total < 0.9  # some guesses were right and some wrong
    assert _same_distribution(expected, others) < 1e-9  # so the test can tell
    assert _same_distribution(expected, found) > 1e-3


def opinionated(seed: int, **options: Any) -> MeshTransformer:
    """A model of a tiny lattice that prefers some vertices by far."""
    model = small_model(TINY, max_faces=2, **options)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for out in model.head.codes.out:
            out.bias.copy_(torch.randn(out.bias.shape, generator=generator))
        (model.head.gate if model.head.copies else model.head.end).bias[-1] = 0.5
    return model


def test_random_numbers_of_a_mesh_are_not_used_twice() -> None:
    first = [
        {int(torch.randint(2**62, (1,), generator=g)) for g in (torch.Generator().manual_seed(seed), *streams)}
        for seed in range(1000)
        for streams in [[_stream(seed, 1), _stream(seed, 2)]]
    ]
    assert all(len(numbers) == 3 for numbers in first) and len(set.union(*first)) == 3000


@pytest.mark.parametrize(
    "pair",
    [
        ({}, {"step": "code"}),
        ({"step": "code"}, {}),
        ({"step": "face"}, {"head": "mlp"}),
        ({}, {"edges": True}),
        ({"edges": True}, {}),
        ({"step": "face"}, {"step": "face", "edges": True, "closing": True}),
    ],
)
def test_model_and_draft_may_be_of_different_kinds(pair: tuple[dict, dict]) -> None:
    model, draft = (small_model(max_faces=24, **options) for options in pair)
    with torch.no_grad():
        (model.head.gate if model.head.copies else model.head.end).bias[-1] = -3.0
    config = SamplingConfig(temperature=0)
    expected = plain(model, 1, config, 24)
    found, _ = guessed(model, draft, 1, config, 24)
    assert np.array_equal(found.codes, expected.codes)
    assert len(guessed(model, draft, 1, SamplingConfig(), 24)[0].faces) > 0


def test_where_the_draft_has_no_room_the_model_goes_on_alone() -> None:
    model = small_model(max_faces=24)
    with torch.no_grad():
        model.head.gate.bias[-1] = -9.0
    config = SamplingConfig(temperature=0)
    found, sampler = guessed(model, small_model(max_faces=5), 2, config, 24)
    assert np.array_equal(found.codes, plain(model, 2, config, 24).codes) and len(found.faces) > 5
    assert 0 < sampler.guessed <= 6


@pytest.mark.parametrize("room", [4, 12])
def test_completion_with_a_draft_is_the_same_too(room: int) -> None:
    """Also where the draft has less room than faces are given."""
    model, draft = small_model(max_faces=24, completion=True), small_model(max_faces=room, completion=True)
    with torch.no_grad():
        model.head.gate.bias[-1] = -9.0
    codes = torch.from_numpy(model.tokenizer.encode(eight_meshes()[0]))[:6]
    config, asked = SamplingConfig(temperature=0), model.conditions(["box"])
    plainly = Sampler(model, asked, [1], config, 24)
    drafted = SpeculativeSampler(model, asked, draft, draft.conditions(["box"]), 1, config, 24)
    made = []
    for sampler in (plainly, drafted):
        sampler.keep(codes, above=False)
        made.append(next(e.mesh for e in sampler.stream() if isinstance(e, MeshEvent)))
    assert np.array_equal(made[0].codes, made[1].codes) and len(made[0].codes) > len(codes)
    assert (drafted.guessed > 0) == (room > len(codes))


def _same_distribution(a: Counter, b: Counter) -> float:
    """p-value of two samples having one distribution; rare outcomes count together."""
    common = [key for key in a if a[key] + b[key] >= 20]
    rest = [sum(c.values()) - sum(c[key] for key in common) for c in (a, b)]
    table = np.array([[c[key] for key in common] + [r] for c, r in zip((a, b), rest, strict=True)], float)
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    return float(chi2.sf(statistic, table.shape[1] - 1))


def test_the_comparison_itself_can_tell() -> None:
    rng = np.random.default_rng(0)
    even, skewed = [1 / 6] * 6, [0.2, 0.2, 0.2, 0.2, 0.1, 0.1]
    a, b, c = (Counter(rng.choice(6, 3000, p=p).tolist()) for p in (even, even, skewed))
    assert _same_distribution(a, b) > 1e-3 > _same_distribution(a, c)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_coupled_choices_have_the_models_distribution(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    p, q = (torch.rand(7, generator=generator) ** 3 for _ in range(2))
    p[seed % 7] = 0
    p, q = p / p.sum(), q / q.sum()
    count = 20_000
    guesses = torch.multinomial(q, count, replacement=True, generator=generator)
    numbers = torch.rand(2, count, generator=generator)
    same = torch.rand(count, generator=generator) < 0.8
    choices = couple(p.expand(count, -1), q.expand(count, -1), guesses, same, *numbers)
    possible = p > 0
    assert not (~possible)[choices].any()
    expected = count * p[possible].double().numpy()
    statistic = ((choices.bincount(minlength=7)[possible].numpy() - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, int(possible.sum()) - 1) > 1e-6
    agree = (choices == guesses)[same].float().mean()
    assert abs(float(agree - torch.minimum(p, q).sum())) < 0.02


def test_a_draft_must_speak_the_same_codes() -> None:
    model, draft = small_model(), small_model(COARSE_TO_FINE)
    with pytest.raises(MeshGPTError, match="another tokenizer"):
        guessed(model, draft, 0, SamplingConfig(), 24)
    meshes = eight_meshes()[:2]
    one, other = (as_after_training(meshes, codebook_size=size) for size in (64, 64))
    with torch.no_grad():
        other.quantizer.load_state_dict({k: v + 1 if v.ndim > 2 else v for k, v in one.quantizer.state_dict().items()})
    sizes = {"dim": 16, "depth": 1, "heads": 2, "max_faces": 8}
    pair = [MeshTransformer(tokenizer, **sizes).eval() for tokenizer in (one, other)]
    with pytest.raises(MeshGPTError, match="another tokenizer"):  # same sizes, other codebooks
        guessed(*pair, 0, SamplingConfig(), 8)
    guessed(pair[0], MeshTransformer(one, **sizes).eval(), 0, SamplingConfig(), 8)
