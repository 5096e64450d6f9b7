# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generation: the rules hold whatever the weights, a seed is a mesh, and every face can be the last."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import Cancelled, MeshGPTError
from core.decoding import Guidance
from core.events import FaceEvent, GeneratedMesh, MeshEvent
from core.generation import Sampler
from core.mesh import LatticeMesh
from core.nn.heads import COPY, END, HIDDEN, NEW
from core.sampling import draw, filtered_probabilities
from core.sampling_config import SamplingConfig
from core.transformer import MeshTransformer

from .test_transformer import EVERYTHING, each_variant, small_model


@pytest.fixture(scope="module")
def model() -> MeshTransformer:
    """Random weights that copy often and end seldom, so that meshes grow and rules bite."""
    model = small_model(max_faces=40)
    with torch.no_grad():
        model.head.gate.bias[COPY] = 1.0
        model.head.gate.bias[END] = -4.0
    return model


def run(model: MeshTransformer, seeds: list[int], max_faces: int = 40, **settings: object) -> list:
    config = SamplingConfig(**{"guidance": 1.0, "top_p": 1.0, **settings})
    conditions = model.conditions(["box"] * len(seeds), faces=20)
    return list(Sampler(model, conditions, seeds, config, max_faces).stream())


def meshes(events: list) -> list[GeneratedMesh]:
    return [e.mesh for e in sorted((e for e in events if isinstance(e, MeshEvent)), key=lambda e: e.row)]


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), manifold=st.booleans(), temperature=st.sampled_from([0.5, 1.0, 2.0]))
def test_every_mesh_keeps_the_rules(model: MeshTransformer, seed: int, manifold: bool, temperature: float) -> None:
    for mesh in meshes(run(model, [seed, seed + 1, seed + 2], manifold=manifold, temperature=temperature)):
        report = mesh.report()
        assert report.duplicate == 0
        assert all(len(set(face)) == 3 for face in mesh.faces.tolist())
        assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices)  # welded
        if manifold:
            assert report.nonmanifold_edges == report.repeated_directed_edges == 0
        lattice = np.round((mesh.vertices + 1) * 64 - 0.5).astype(int)
        canonical = LatticeMesh.canonical(lattice, mesh.faces, 128)
        assert np.array_equal(canonical.corners(), lattice[mesh.faces])  # born in canonical order


@each_variant
def test_every_kind_of_model_keeps_the_rules_and_its_seeds(options: dict) -> None:
    kind = small_model(max_faces=24, **EVERYTHING, **options)
    with torch.no_grad():
        (kind.head.gate if kind.head.copies else kind.head.end).bias[-1] = -3.0
    together = meshes(run(kind, [5, 6, 7, 8], 24, guidance=2.0))
    for seed, mesh in zip([5, 6, 7, 8], together, strict=True):
        report = mesh.report()
        assert report.duplicate == report.degenerate == report.nonmanifold_edges == 0
        lattice = np.round((mesh.vertices + 1) * 64 - 0.5).astype(int)
        assert np.array_equal(LatticeMesh.canonical(lattice, mesh.faces, 128).corners(), lattice[mesh.faces])
        (alone,) = meshes(run(kind, [seed], 24, guidance=2.0))
        assert np.array_equal(alone.codes, mesh.codes)
    assert len({mesh.codes.tobytes() for mesh in together}) == 4
    assert len({len(mesh.faces) for mesh in together}) > 1  # rows leave the batch at different times


def test_a_seed_is_a_mesh_whatever_the_company(model: MeshTransformer) -> None:
    together = meshes(run(model, [5, 6, 7, 8], guidance=2.0))
    for seed, mesh in zip([5, 6, 7, 8], together, strict=True):
        (alone,) = meshes(run(model, [seed], guidance=2.0))
        assert np.array_equal(alone.faces, mesh.faces) and np.allclose(alone.vertices, mesh.vertices)
    assert len({mesh.vertices.tobytes() for mesh in together}) == 4


def test_temperature_zero_does_not_need_a_seed(model: MeshTransformer) -> None:
    a, b = meshes(run(model, [1, 2], temperature=0.0))
    assert np.array_equal(a.vertices, b.vertices) and np.array_equal(a.faces, b.faces)


def test_the_cap_is_kept_and_told(model: MeshTransformer) -> None:
    found = meshes(run(model, list(range(12)), max_faces=3))
    assert all(len(mesh.faces) <= 3 for mesh in found)
    capped = [mesh for mesh in found if not mesh.ended]
    assert capped and all(len(mesh.faces) == 3 for mesh in capped)


def test_a_model_that_only_wants_to_copy_finds_its_end(model: MeshTransformer) -> None:
    """Where all faces around the vertices so far are used up, another first vertex or the end gets its turn."""
    eager = copy.deepcopy(model)
    with torch.no_grad():
        eager.head.gate.bias[COPY] = 8.0
        eager.head.gate.bias[END] = 4.0
    for mesh in meshes(run(eager, list(range(8)))):
        assert mesh.ended or len(mesh.faces) == 40


def test_faces_arrive_one_by_one_and_add_up_to_the_mesh(model: MeshTransformer) -> None:
    events = run(model, [1, 2, 3])
    for row, mesh in enumerate(meshes(events)):
        own = [e for e in events if e.row == row]
        assert isinstance(own[-1], MeshEvent)
        faces = own[:-1]
        assert [e.index for e in faces if isinstance(e, FaceEvent)] == list(range(len(mesh.faces)))
        assert np.array_equal(np.stack([e.triangle for e in faces]), mesh.vertices[mesh.faces])


def test_cancel_stops_at_the_next_face(model: MeshTransformer) -> None:
    sampler = Sampler(model, model.conditions(["box"]), [1], SamplingConfig(), 40)
    seen: list = []
    with pytest.raises(Cancelled):
        for event in sampler.stream(cancelled=lambda: len(seen) >= 2):
            seen.append(event)
    assert len(seen) == 2


def test_no_guidance_is_guidance_of_one(model: MeshTransformer) -> None:
    seeds = list(range(6))
    plain, same, other = (
        [mesh.codes.tobytes() for mesh in meshes(run(model, seeds, guidance=g))] for g in (1.0, 1.0 + 1e-7, 9.0)
    )
    assert plain == same != other


def test_a_decoder_that_loses_one_mesh_does_not_lose_the_batch(
    model: MeshTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = meshes(run(model, [1, 2]))

    def fails(codes: np.ndarray) -> None:
        raise MeshGPTError("The codes give no face.")

    monkeypatch.setattr(model.tokenizer, "decode", fails)
    for found, whole in zip(meshes(run(model, [1, 2])), expected, strict=True):
        assert np.array_equal(found.vertices[found.faces], whole.vertices[whole.faces])


def test_each_condition_has_its_own_guidance() -> None:
    """As few branches as there are weights, and the sum that the weights mean."""
    asked = small_model(point_latents=2).conditions(["box", ""], faces=20, category="nature", points=np.ones((4, 6)))
    weights = {"prompt": 3.0, "category": 3.0, "faces": 1.0, "points": 0.5}
    guidance = Guidance(asked, weights)
    present = [[name for name, rows in b.present().items() if rows.any()] for b in guidance.branches]
    assert present == [["faces"], ["faces", "points"], ["prompt", "category", "faces", "points"]]
    base, points, rest = torch.randn(3, 2, 7)
    joined = guidance.join(torch.cat([base, points, rest]))
    assert torch.allclose(joined, base + 0.5 * (points - base) + 3 * (rest - points))
    assert len(Guidance(asked, dict.fromkeys(weights, 2.0))) == 2
    assert len(Guidance(asked, dict.fromkeys(weights, 1.0))) == 1
    assert len(Guidance(asked.without(), weights)) == 1  # nothing is asked, so nothing can be overstated


def test_guidance_overstates_whether_a_mesh_ends_and_not_how_it_goes_on() -> None:
    asked = small_model().conditions(["box", "", "lamp"], faces=20)
    guidance = Guidance(asked, SamplingConfig(guidance=2.5).weights())
    free, wanted = (torch.randn(2, 3, 3) * 3).log_softmax(-1)
    joined = guidance.join_gate(torch.cat([free, wanted]))
    assert torch.allclose(joined.logsumexp(-1), torch.zeros(3), atol=1e-5)
    assert torch.allclose(joined[:, COPY] - joined[:, NEW], wanted[:, COPY] - wanted[:, NEW], atol=1e-5)
    end, before, after = (log_p[:, END].exp().logit() for log_p in (joined, free, wanted))
    assert torch.allclose(end, before + 2.5 * (after - before), atol=1e-4)
    within = torch.tensor([[1.0, 2.0, HIDDEN]]).expand(6, -1).log_softmax(-1)  # inside a face nothing ends
    assert torch.allclose(guidance.join_gate(within)[:, :END], within[:3, :END])


def test_a_guidance_of_its_own_changes_the_meshes(model: MeshTransformer) -> None:
    seeds = list(range(6))
    wishes = ({"guidance": 20.0}, {"guidance": 20.0, "prompt_guidance": 0.0}, {"guidance": 20.0, "faces_guidance": 0.0})
    found = [[mesh.codes.tobytes() for mesh in meshes(run(model, seeds, **wish))] for wish in wishes]
    assert found[0] != found[1] != found[2] != found[0]


def test_settings_of_one_condition_are_checked_too() -> None:
    with pytest.raises(MeshGPTError, match="guidance 1.5, 30"):
        SamplingConfig(points_guidance=30)


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_p": 0}, {"top_p": 1.5}, {"min_p": 1}, {"guidance": -1}])
def test_settings_that_cannot_be_are_refused(bad: dict) -> None:
    with pytest.raises(MeshGPTError, match="Sampling cannot use"):
        SamplingConfig(**bad)


@given(st.integers(0, 2**31), st.floats(0.05, 1.0), st.integers(1, 12), st.floats(0, 0.9))
def test_filters_keep_what_they_say(seed: int, top_p: float, top_k: int, min_p: float) -> None:
    logits = torch.randn(12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2
    p = logits.softmax(-1)
    order = p.argsort(descending=True).tolist()
    expected = [i for i in order if p[i] >= p[order].max() * min_p][:top_k]
    total, kept, mass = sum(p[i] for i in expected), [], 0.0
    for i in expected:
        if mass >= top_p * total:
            break
        kept.append(i)
        mass += float(p[i])
    found = filtered_probabilities(logits, SamplingConfig(top_p=top_p, top_k=top_k, min_p=min_p))
    assert set(found.nonzero()[:, 0].tolist()) == set(kept)
    assert torch.isclose(found.sum(), torch.tensor(1.0, dtype=torch.float64))


def test_draw_follows_the_probabilities() -> None:
    p = torch.tensor([0.0, 0.5, 0.0, 0.3, 0.2, 0.0])
    uniform = (torch.arange(1000) + 0.5) / 1000
    counts = draw(p.expand(1000, -1), uniform).bincount(minlength=6)
    assert counts.tolist() == [0, 500, 0, 300, 200, 0]
    assert draw(p, torch.tensor(1 - 1e-8)) == 4 and draw(p, torch.tensor(0.0)) == 1
