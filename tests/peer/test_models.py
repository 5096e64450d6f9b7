# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models' side against meshgpt-pytorch 1.8.1: targets, codes, quantisers, losses, caches. Each test says who is
right.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from core import MeshAutoencoder, MeshTransformer
from core.nn.codebooks import nearest_codes
from core.nn.quantizers import RLFQ, RVQ
from core.nn.trunk import Trunk
from core.tokenizers.autoencoder import blurred_targets
from core.tokenizers.lattice import LatticeTokenizer

from .conftest import Padded


def corner_codes(codes: torch.Tensor) -> torch.Tensor:
    """The peer's codes [B, F * 3, D] -> [B, F, 3, D]."""
    return codes.unflatten(1, (-1, 3))


def small_autoencoder(batch: Padded, **options: Any) -> MeshAutoencoder:
    torch.manual_seed(0)
    sizes = {"dim": 32, "encoder_depth": 2, "decoder_depth": 1, "dim_codebook": 16, "codebook_size": 64}
    sizes["num_quantizers"] = 2
    model = MeshAutoencoder(**sizes | options)
    model.initialise_codebooks(batch.meshes)
    return model.eval()


@pytest.mark.parametrize("deviation", [0.4, 0.8, 1.5])
def test_blurred_targets_are_the_same_inside_and_lose_nothing_at_the_edges(peer: Any, deviation: float) -> None:
    """Inside, both are right. At the edges ours is: the peer blurs with zeros outside, so that a target there sums to
    less than one and counts less in the loss.
    """
    levels = 32
    theirs = peer.gaussian_blur_1d(torch.eye(levels)[None], sigma=deviation)[0]
    ours = blurred_targets(levels, deviation)
    assert torch.allclose(ours.sum(dim=1), torch.ones(levels), atol=1e-6)
    # Both cut the bell off, the peer at 2.5 deviations and ours at 2, in whole cells.
    cut = 2 * (1 - math.erf(2 / math.sqrt(2)))
    inside = slice(4, levels - 4)
    assert torch.allclose(ours[inside], theirs[inside], atol=cut)
    if deviation == 0.4:  # what both use
        assert torch.allclose(ours[inside], theirs[inside], atol=1e-6)
    lost = 1 - theirs.sum(dim=1)
    assert lost[0] > 0.03 and torch.allclose(lost[0], lost[-1]) and lost[inside].abs().max() < 1e-6
    assert torch.allclose(theirs[0] / theirs[0].sum(), ours[0], atol=cut)


def test_codes_are_laid_out_the_same(peer_autoencoder: Any, batch: Padded) -> None:
    """Both are right: by face, in it by vertex, in it by level; -1 where there is no face; and a vertex has the same
    codes in all of its faces.
    """
    theirs = corner_codes(peer_autoencoder.tokenize(vertices=batch.vertices, faces=batch.faces))
    ours = small_autoencoder(batch).tokenize(batch.vertices, batch.faces)
    assert theirs.shape == ours.shape == (*batch.faces.shape, 2)
    real = batch.faces[..., 0] >= 0
    for codes in (theirs, ours):
        assert torch.equal((codes >= 0).flatten(2).all(dim=-1), real) and (codes[~real] == -1).all()
        for row, faces in enumerate(batch.faces):
            used = faces[real[row]]
            for vertex in torch.unique(used):
                assert len(torch.unique(codes[row, real[row]][used == vertex], dim=0)) == 1


def test_levels_come_last_and_coarse_first(peer_autoencoder: Any, batch: Padded) -> None:
    """Both are right: the vector of a vertex is the sum of what each of its codes says, the later the finer."""
    theirs = peer_autoencoder.tokenize(vertices=batch.vertices[:1], faces=batch.faces[:1])[:, :24]
    residual = peer_autoencoder.quantizer
    parts = [residual.layers[level].indices_to_codes(theirs[..., level]) for level in range(2)]
    assert torch.allclose(residual.project_out(sum(parts)), residual.get_output_from_indices(theirs), atol=1e-5)
    assert parts[0].abs().mean() > parts[1].abs().mean()

    model = small_autoencoder(batch)
    codes = model.tokenize(batch.vertices, batch.faces)[0, :8]
    books = model.quantizer.codebooks
    found = [books[level][codes[..., level]] for level in range(2)]
    assert torch.allclose(sum(found), model.quantizer.vectors(codes), atol=1e-5)
    assert found[0].norm(dim=-1).mean() > found[1].norm(dim=-1).mean()


def test_the_peers_transformer_reads_our_codes(peer_transformer: Any, batch: Padded) -> None:
    """Both are right: [B, F, 3, D] flattened is the peer's token sequence."""
    codes = small_autoencoder(batch, codebook_size=128).tokenize(batch.vertices, batch.faces)[:, :20]
    with torch.no_grad():
        assert torch.equal(
            peer_transformer.forward_on_codes(codes), peer_transformer.forward_on_codes(codes.flatten(1))
        )
    assert codes.flatten(1)[0, :6].tolist() == [int(codes[0, 0, v, q]) for v in range(3) for q in range(2)]


def test_a_mesh_counts_the_same_alone_and_in_a_batch_here_but_not_there(peer_transformer: Any, batch: Padded) -> None:
    """Ours is right: the peer pads shorter meshes with zeros when it adds the end, and learns code 0 after the padding
    of each of them.
    """
    codes = torch.randint(1, 256, (2, 5, 3, 2), generator=torch.Generator().manual_seed(0))
    codes[0, 2:] = -1  # two faces, then padding
    with torch.no_grad():
        together, short, long = (
            float(peer_transformer.forward_on_codes(c)) for c in (codes, codes[:1, :2].contiguous(), codes[1:])
        )
        # Two faces are 12 codes and an end, five are 30 and an end; the spurious target stands in the last place.
        filled = codes.flatten(1).masked_fill(codes.flatten(1) < 0, 0)
        filled[0, 12] = peer_transformer.eos_token_id
        logits = peer_transformer.forward_on_codes(filled, return_loss=False, append_eos=False)
        spurious = float(F.cross_entropy(logits[:1, -1], torch.tensor([0])))
    assert together == pytest.approx((13 * short + 31 * long + spurious) / 45, rel=1e-4)
    assert together != pytest.approx((13 * short + 31 * long) / 44, rel=1e-4)

    torch.manual_seed(0)
    model = MeshTransformer(LatticeTokenizer(), dim=32, depth=1, heads=2, head_width=16, max_faces=16).eval()
    meshes = [torch.from_numpy(LatticeTokenizer().encode(mesh)) for mesh in batch.meshes[:2]]
    meshes = [mesh[:count] for mesh, count in zip(meshes, (3, 9), strict=True)]
    padded = torch.full((2, 9, *meshes[0].shape[1:]), -1)
    for row, mesh in enumerate(meshes):
        padded[row, : len(mesh)] = mesh
    with torch.no_grad():
        alone = [float(model(mesh[None])) * len(mesh) for mesh in meshes]
        assert float(model(padded)) * 12 == pytest.approx(sum(alone), rel=1e-5)


def test_residual_vectors_are_quantised_the_same(peer: Any) -> None:
    """Both are right: the same codebooks give the same codes when ours searches greedily, and wider search does not
    come out farther away.
    """
    torch.manual_seed(0)
    theirs = peer.MeshAutoencoder(
        encoder_dims_through_depth=(16,), decoder_dims_through_depth=(16,), dim_codebook=16, codebook_size=64,
        use_residual_lfq=False,
    ).quantizer  # fmt: skip
    ours = RVQ(
        16, 64, 2, shared=True, decay=0.95, temperature=0.1, dead_code_share=0.1, search_width=1, commitment_weight=1.0
    )
    vectors = torch.randn(500, 16)
    assert isinstance(ours, type(theirs))
    ours.initialise(vectors)
    theirs.load_state_dict(
        {name: value for name, value in ours.state_dict(keep_vars=True).items() if name in theirs.state_dict()},
        strict=False,
    )
    for mine, other in zip(ours.layers, theirs.layers, strict=True):
        other._codebook.load_state_dict(mine._codebook.state_dict())
    theirs.eval()
    quantised, codes, _ = theirs(vectors[None])
    assert torch.equal(codes[0], ours.encode(vectors))
    assert torch.allclose(quantised[0], ours.vectors(codes[0]), atol=1e-5)
    wide = nearest_codes(vectors, ours.codebooks, 8)
    assert (ours.vectors(wide) - vectors).norm() < (quantised[0] - vectors).norm()


def test_lookup_free_codes_are_the_same(peer: Any, peer_autoencoder: Any) -> None:
    """Both are right: signs of what is left, the first channel in the highest bit. Ours divides the coordinates
    themselves; the peer divides a learned projection of them.
    """
    theirs = peer_autoencoder.quantizer
    ours = RLFQ(64, 2, 64.0, entropy_weight=0.1, commitment_weight=1.0)
    assert type(theirs) is type(ours.library)
    places = torch.randint(-64, 64, (200, 3)) + 0.5
    channels = 2 * ours.folded(ours._normalised(places))
    signs, residual, scale = [], channels, 1.0
    for _ in range(2):
        signs.append((residual > 0).long())
        residual = residual - torch.where(residual > 0, scale, -scale)
        scale /= 2
    bits = 2 ** torch.arange(5, -1, -1)
    assert torch.equal(ours.encode(places), torch.stack([(s * bits).sum(dim=-1) for s in signs], dim=-1))
    with torch.no_grad():
        bits = 2 ** torch.arange(7, -1, -1)
        vectors = torch.randn(100, 24)
        projected = theirs.project_in(vectors)
        _, codes, _ = theirs(vectors[None])
        assert torch.equal(codes[0, :, 0], ((projected > 0).long() * bits).sum(dim=-1))


def test_caches_change_nothing(peer_transformer: Any) -> None:
    """Both are right."""
    codes = torch.randint(256, (2, 12), generator=torch.Generator().manual_seed(1))
    kept, full = (
        peer_transformer.generate(codes, temperature=0.0, cache_kv=cache, max_seq_len=48, return_codes=True)
        for cache in (True, False)
    )
    assert torch.equal(kept, full)

    torch.manual_seed(0)
    trunk = Trunk(32, 2, 4, 40)
    for parameter in trunk.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(2, 30, 32)
    cache = trunk.new_cache(2, x)
    with torch.no_grad():
        states = [trunk.extend(x[:, :7], 0, cache), trunk.extend(x[:, 7:15], 7, cache)]
        states += [trunk.step(x[:, at], torch.full((2,), at), at + 1, cache)[:, None] for at in range(15, 30)]
        assert torch.allclose(torch.cat(states, dim=1), trunk(x), atol=1e-4)
