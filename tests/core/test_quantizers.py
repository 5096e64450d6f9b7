# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The residual quantisers: they are those of vector-quantize-pytorch, and each learns eight meshes exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from vector_quantize_pytorch import ResidualFSQ, ResidualLFQ, ResidualVQ

from core import MeshAutoencoder, MeshGPTError
from core.data.dataset import load_dataset
from core.mesh import LatticeMesh
from core.nn.codebooks import nearest_codes
from core.nn.mesh_batch import MeshBatch
from core.nn.quantizers import RFSQ, RLFQ, RVQ
from core.tasks.transformer import TransformerTask, TransformerTaskConfig
from core.transformer_config import TransformerConfig
from tests.core.tiny_autoencoder import QUANTIZERS, SMALL, as_after_training, eight_meshes, overfit, padded

every_quantizer = pytest.mark.parametrize("options", QUANTIZERS.values(), ids=QUANTIZERS.keys())


@pytest.fixture(scope="module")
def meshes() -> list[LatticeMesh]:
    return eight_meshes()


# -- against the library called directly -------------------------------------------------------------------------------


def rvq(**changes) -> RVQ:
    options = {"shared": False, "decay": 0.9, "temperature": 0.1, "dead_code_share": 0.05, "search_width": 1}
    return RVQ(8, 32, 3, commitment_weight=0.5, **options | changes)


def test_greedy_codes_are_those_of_the_library():
    torch.manual_seed(0)
    library = ResidualVQ(dim=8, codebook_size=32, num_quantizers=3)
    vectors = torch.randn(500, 8)
    library.eval()
    quantised, codes, _ = library(vectors[None])
    ours = rvq()
    ours.load_state_dict(library.state_dict())
    torch.testing.assert_close(nearest_codes(vectors, library.codebooks, 1), codes[0])
    torch.testing.assert_close(ours.encode(vectors), codes[0])
    torch.testing.assert_close(ours.vectors(codes[0]), quantised[0])
    torch.testing.assert_close(ours.vectors(codes[0]), library.get_output_from_indices(codes[0]))


@pytest.mark.parametrize("shared", [True, False])
def test_a_training_step_of_rvq_is_the_librarys(shared):
    torch.manual_seed(0)
    ours = rvq(shared=shared, temperature=0.0)
    ours.initialise(torch.randn(500, 8))
    library = ResidualVQ(
        dim=8, codebook_size=32, num_quantizers=3, shared_codebook=shared, kmeans_init=True, decay=0.9,
        threshold_ema_dead_code=1e-9,
    )  # fmt: skip
    state = ours.state_dict()
    for level in range(1, 3):  # a shared codebook is saved once
        state |= {name.replace("layers.0", f"layers.{level}"): value for name, value in state.items() if shared}
    library.load_state_dict(state)
    mine, other = torch.randn(2, 100, 8, requires_grad=True).unbind(0)
    other = mine.detach().clone().requires_grad_()
    mine.retain_grad()
    quantised, codes, loss = ours(mine)
    expected, expected_codes, commitment = library(other[None])
    torch.testing.assert_close(codes, expected_codes[0])
    torch.testing.assert_close(quantised, expected[0])
    torch.testing.assert_close(loss, 0.5 * commitment.sum())
    (quantised.sin().sum() + loss).backward()
    (expected.sin().sum() + 0.5 * commitment.sum()).backward()
    torch.testing.assert_close(mine.grad, other.grad)
    torch.testing.assert_close(ours.codebooks, library.codebooks)  # the moving averages have moved alike


def test_a_wide_beam_finds_the_best_codes_of_all():
    torch.manual_seed(0)
    books, vectors = torch.randn(2, 12, 3), torch.randn(3000, 3)
    sums = (books[0][:, None] + books[1]).flatten(0, 1)
    best = torch.cdist(vectors, sums).min(dim=1).values

    def error(width: int) -> torch.Tensor:
        codes = nearest_codes(vectors, books, width)
        return (vectors - books[0][codes[:, 0]] - books[1][codes[:, 1]]).norm(dim=1)

    torch.testing.assert_close(error(12), best)
    assert error(4).mean() < error(1).mean()


def test_rounding_does_not_choose_between_codes_of_the_same_sum():
    """One codebook for both levels: a + b is b + a."""
    generator = torch.Generator().manual_seed(0)
    codebook = torch.randn(12, 3, generator=generator)
    first, second = torch.randint(12, (2, 200), generator=generator)
    vectors = codebook[first] + codebook[second]
    noise = 1e-7 * torch.randn(2, 200, 3, generator=generator)
    a, b = (nearest_codes(vectors + moved, [codebook, codebook], 12) for moved in noise)
    assert torch.equal(a, b)
    torch.testing.assert_close(codebook[a].sum(dim=1), vectors, atol=1e-4, rtol=0)


def test_lookup_free_codes_are_those_of_the_library():
    """One channel an axis: its bits are the library's own, and the middle of a cell is the middle of its code."""
    cells = torch.randint(0, 128, (500, 3))
    places = (cells + 0.5) / 64 - 1
    library = ResidualLFQ(dim=3, codebook_size=8, num_quantizers=7).eval()
    quantised, codes, _ = library(2 * places[None])
    ours = RLFQ(8, 7, 64.0, entropy_weight=0.1, commitment_weight=0.02).eval()
    torch.testing.assert_close(ours.encode(64 * places), codes[0].long())
    torch.testing.assert_close(ours.vectors(codes[0].long()), 32 * quantised[0])
    torch.testing.assert_close(ours.vectors(codes[0].long()), 64 * places)


def test_the_loss_of_lookup_free_quantisation_is_the_librarys():
    torch.manual_seed(0)
    ours = RLFQ(64, 4, 64.0, entropy_weight=0.3, commitment_weight=0.5)
    library = ResidualLFQ(dim=6, codebook_size=64, num_quantizers=4, entropy_loss_weight=0.3)
    vectors = torch.rand(200, 3) * 100 - 50
    quantised, codes, loss = ours(vectors)
    _, expected, entropy = library(2 * ours.folded(ours._normalised(vectors))[None])
    torch.testing.assert_close(codes, expected[0].long())
    torch.testing.assert_close(loss, entropy.sum() + 0.5 * (vectors - quantised).square().mean())


def test_finite_scalar_codes_are_those_of_the_library():
    torch.manual_seed(0)
    ours = RFSQ(216, 3, 64.0, commitment_weight=0.02)
    library = ResidualFSQ(levels=[6, 6, 6], num_quantizers=3, dim=3)
    places = torch.rand(500, 3) * 1.9 - 0.95
    reach = 6 / 5
    quantised, codes = library((reach * (places + ours.offset).atanh())[None])
    torch.testing.assert_close(ours.encode(64 * places), codes[0].long())
    torch.testing.assert_close(ours.vectors(codes[0].long()), 64 * (quantised[0] / reach - ours.offset))
    step = 2 * 64 / 216  # cells
    assert (ours.vectors(codes[0].long()) - 64 * places).abs().max() <= 0.5 * step * 1.001


@pytest.mark.parametrize("size, depth", [(8, 7), (64, 4), (512, 3), (1024, 3), (4096, 2)])
def test_folding_tells_all_places_apart(size, depth):
    quantizer = RLFQ(size, depth, 64.0, entropy_weight=0.0, commitment_weight=0.0).eval()
    assert quantizer.codebook_sizes == (2 ** (3 * quantizer.folds),) * depth
    axis = torch.linspace(-63.99, 63.99, 3001)
    vectors = axis[:, None].expand(-1, 3)
    nearest = quantizer.vectors(quantizer.encode(vectors))
    finest = 128 / 2 ** (quantizer.folds * depth)
    inside = vectors.abs() < 64 - finest  # the offset cuts the last step off
    assert (nearest - vectors)[inside].abs().max() <= finest / 2 * 1.01
    assert (nearest.diff(dim=0) > -1e-4).all()  # never out of order


# -- in the autoencoder ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"quantizer": "rlfq"}, {"quantizer": "rfsq"}])
def test_every_cell_has_codes_of_its_own_from_the_start(options):
    """RVQ starts from k-means instead: see its accuracy in docs/ARCHITECTURE.md."""
    model = MeshAutoencoder(dim=16, encoder_depth=0, decoder_depth=0, **options).eval()
    if options:
        cells = torch.arange(128)[:, None].expand(-1, 3)
        codes = model.quantizer.encode((cells + 0.5) - 64)
        assert len(torch.unique(codes, dim=0)) == 128
        torch.testing.assert_close(model.positions(codes), (cells + 0.5) / 64 - 1)
    assert len(model.codebook_sizes) == 3 and max(model.codebook_sizes) <= 1024


@pytest.mark.slow
@every_quantizer
def test_eight_meshes_are_learnt_exactly(meshes, options):
    model = overfit(meshes, 240 if options["quantizer"] == "rvq" else 80, **options)
    assert model.loss(meshes)["triangle_accuracy"].item() == 1
    for mesh in meshes:
        decoded = model.decode(model.encode(mesh))
        np.testing.assert_array_equal(decoded.vertices[decoded.faces], mesh.to_mesh().vertices[mesh.faces])


@every_quantizer
def test_a_transformer_learns_over_the_codes(meshes, options):
    autoencoder = as_after_training(meshes, **options)
    sizes = TransformerConfig(dim=32, depth=1, heads=2, head_width=16, head_depth=1, max_faces=64)
    task = TransformerTask(
        load_dataset("procedural:24"), autoencoder, TransformerTaskConfig(model=sizes, faces_per_batch=64)
    )
    batch = task.batch(0, 0)
    loss = task.loss(batch, task.size(batch))["loss"]
    loss.backward()
    assert math.isfinite(loss.item())
    assert any(parameter.grad is not None for parameter in task.model.parameters())


@every_quantizer
def test_weights_and_config_make_the_same_tokenizer_again(meshes, options):
    torch.manual_seed(0)
    first = MeshAutoencoder(**SMALL | options)
    first.train().loss(meshes)["loss"].backward()
    second = MeshAutoencoder.from_config(first.config())
    second.load_state_dict(load(save(first.state_dict())))  # safetensors refuses tensors that share memory
    assert second.codebook_sizes == first.codebook_sizes and second.levels == 128
    for mesh in meshes:
        np.testing.assert_array_equal(first.encode(mesh), second.encode(mesh))
    assert first.training  # encoding does not end training mode


@every_quantizer
def test_usage_counts_each_vertex_once(meshes, options):
    autoencoder = as_after_training(meshes, **options)
    batch = MeshBatch.from_lattice(meshes)
    flat = autoencoder.tokenize(*padded(meshes)[:2])
    codes = torch.empty(len(batch.positions), flat.shape[-1], dtype=torch.long)
    codes[batch.faces] = flat[(flat >= 0).all(dim=-1).all(dim=-1)]
    usage = autoencoder.codebook_usage(meshes)
    assert len(usage) == len(autoencoder.codebook_sizes)
    for level, (found, size) in enumerate(zip(usage, autoencoder.codebook_sizes, strict=True)):
        share = torch.bincount(codes[:, level], minlength=size) / len(codes)
        assert found["use"] == pytest.approx(float((share > 0).float().mean()))
        entropy = -float((share[share > 0] * share[share > 0].log()).sum())
        assert found["perplexity"] == pytest.approx(math.exp(entropy), rel=1e-4)
    losses = autoencoder.loss(meshes)
    assert losses["perplexity"].item() == pytest.approx(np.mean([level["perplexity"] for level in usage]), rel=1e-4)
    assert losses["codebook_use"].item() == pytest.approx(np.mean([level["use"] for level in usage]))


@every_quantizer
def test_gradients_reach_the_encoder(meshes, options):
    torch.manual_seed(0)
    model = MeshAutoencoder(**SMALL | options)
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.loss(meshes)
    losses["loss"].backward()
    gradient = model.encoder.to_corners.weight.grad
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0


def test_dead_codes_come_back(meshes):
    torch.manual_seed(0)
    model = MeshAutoencoder(**SMALL | {"shared_codebook": False}, codebook_decay=0.5, dead_code_share=0.2)
    model.initialise_codebooks(meshes)
    book = model.quantizer.layers[0]._codebook
    book.embed[0, :32] = 1e4  # nothing is ever near these
    book.embed_avg[0, :32] = 1e4
    book.cluster_size[0, :32] = 1
    for _ in range(20):
        model.loss(meshes)
    assert book.embed[0].abs().max() < 1e3


@pytest.mark.parametrize("kind", ["rlfq", "rfsq"])
def test_too_few_codes_are_refused(kind):
    with pytest.raises(MeshGPTError, match="codebook_size is 7"):
        MeshAutoencoder(quantizer=kind, codebook_size=7)
