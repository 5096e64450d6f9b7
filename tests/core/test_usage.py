# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package as a researcher uses it: the usage of the first meshgpt-pytorch, and eight meshes learnt by heart by
every kind of model over every kind of codes.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core import LatticeTokenizer, MeshAutoencoder, MeshGPTError, MeshTransformer
from core.data.procedural import procedural_meshes
from core.tokenizers import Tokenizer
from core.transformer import pad_codes
from core.vocabulary import Vocabulary

from .test_transformer import each_variant
from .tiny_autoencoder import QUANTIZERS, eight_meshes, overfit

NAMES = ["ash", "birch", "cedar", "fir", "oak", "pine", "rowan", "yew"]


def test_the_usage_of_the_seed() -> None:
    """Snippet by snippet, at sizes that a test can afford; the autoencoder's own test runs it at full size."""
    torch.manual_seed(0)
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=2, decoder_depth=2, num_discrete_coors=128)
    vertices = torch.randn((2, 121, 3))
    faces = torch.randint(0, 121, (2, 64, 3))
    face_edges = torch.randint(0, 64, (2, 2, 96))
    loss = autoencoder(vertices=vertices, faces=faces, face_edges=face_edges)
    loss.backward()
    # after much training...
    codes = autoencoder.tokenize(vertices=vertices, faces=faces, face_edges=face_edges)
    transformer = MeshTransformer(autoencoder, dim=512, depth=1, max_faces=64)
    loss = transformer(codes)
    loss.backward()
    assert loss.ndim == 0 and loss.isfinite()
    assert all(p.grad is not None for p in transformer.head.parameters())
    coordinates = autoencoder.decode_from_codes_to_faces(codes)
    assert coordinates.shape == (2, 64, 3, 3)


def test_the_usage_of_its_successors() -> None:
    """Raw meshes instead of codes, generation, text."""
    torch.manual_seed(0)
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1)
    vertices, faces = torch.rand((2, 30, 3)) * 2 - 1, torch.randint(0, 30, (2, 20, 3))
    faces[1, 12:] = -1
    autoencoder(vertices=vertices, faces=faces)
    transformer = MeshTransformer(autoencoder, dim=32, depth=1, heads=2, head_width=32, head_depth=1, max_faces=20)
    texts = ["a high chair", "a small teapot"]
    for parameter in transformer.parameters():  # also what starts at zero
        torch.nn.init.normal_(parameter, std=0.1)
    loss = transformer(vertices=vertices, faces=faces, texts=texts)
    assert loss.isfinite() and not torch.equal(loss, transformer(vertices=vertices, faces=faces))
    coordinates, mask = transformer.generate(texts=texts, cond_scale=3.0, max_faces=8)
    assert coordinates.shape == (2, mask.shape[1], 3, 3) and mask.dtype == torch.bool
    assert (mask.sum(dim=1) >= 1).all() and mask.any(dim=0).all()  # no longer than the longest
    assert coordinates[mask].abs().max() <= 1 and coordinates[~mask].isnan().all()
    assert transformer.training  # as it was before
    again, _, codes = transformer.generate(texts=texts, cond_scale=3.0, max_faces=8, return_codes=True)
    assert torch.equal(again[mask], coordinates[mask])
    assert ((codes >= 0).flatten(2).all(dim=-1) == mask).all()
    one, mask = transformer.generate(max_faces=4)
    assert len(one) == 1 and 1 <= int(mask.sum()) <= 4
    assert transformer.generate(texts="a chair", max_faces=4)[0].shape[0] == 1


def test_padding_counts_for_nothing() -> None:
    codes, lengths = pad_codes([torch.randint(0, 128, (n, 3, 3)) for n in (5, 9)], 12, -1)
    transformer = MeshTransformer(LatticeTokenizer(), dim=32, depth=1, heads=2, max_faces=12)
    alone = [float(transformer(codes[row : row + 1, :n]).detach()) * n for row, n in enumerate(lengths.tolist())]
    assert float(transformer(codes).detach()) == pytest.approx(sum(alone) / 14, rel=1e-5)


def test_mistakes_are_told() -> None:
    with pytest.raises(MeshGPTError, match="no option width"):
        MeshTransformer(LatticeTokenizer(), width=3)
    with pytest.raises(MeshGPTError, match='head is "pointer"'):
        MeshTransformer(LatticeTokenizer(), head="pointer")
    small = MeshTransformer(LatticeTokenizer(), dim=32, depth=1, heads=2, max_faces=12)
    codes = torch.randint(0, 128, (2, 6, 3, 3))
    for wrong, says in [
        ((), "no codes"),
        ((codes[0],), "shape"),
        ((codes[..., :2],), "shape"),
        ((torch.full_like(codes, -1),), "0 faces"),
        ((codes.repeat(1, 3, 1, 1),), "18 faces"),
        ((codes + 128,), "does not have"),
    ]:
        with pytest.raises(MeshGPTError, match=says):
            small(*wrong)
    with pytest.raises(MeshGPTError, match="a text a mesh"):
        small(codes, texts=["one"])
    for wish, says in [
        ({"batch_size": 0}, "Nothing"),
        ({"max_faces": 0}, "Nothing"),
        ({"heat": 1}, "heat"),
        ({"top_k": -1}, "top_k"),
        ({"draws": 0}, "draws"),
    ]:
        with pytest.raises(MeshGPTError, match=says):
            small.generate(**wish)
    for sizes, says in [
        ({"head": "attention", "head_width": 100}, "multiple of 8"),
        ({"max_faces": 0}, "max_faces"),
        ({"dropout": 1.5}, "dropout"),
        ({"point_latents": -1}, "point_latents"),
    ]:
        with pytest.raises(MeshGPTError, match=says):
            MeshTransformer(LatticeTokenizer(), **sizes)
    with pytest.raises(MeshGPTError, match="refine"):
        LatticeTokenizer([(2, 2, 2)] * 21)
    deep = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1, dim_codebook=8, num_quantizers=7)
    with pytest.raises(MeshGPTError, match="tell apart"):
        MeshTransformer(deep)


def learn_by_heart(tokenizer: Tokenizer, meshes: list[np.ndarray], **options: object) -> MeshTransformer:
    """A small transformer that has seen eight meshes, each under a name of its own."""
    torch.manual_seed(0)
    codes, _ = pad_codes([torch.from_numpy(mesh) for mesh in meshes], max(map(len, meshes)), -1)
    sizes = {"dim": 64, "depth": 2, "heads": 2, "head_width": 64, "head_depth": 1, "max_faces": codes.shape[1]}
    model = MeshTransformer(tokenizer, Vocabulary(NAMES, buckets=8), **sizes, **options)
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, betas=(0.9, 0.95), weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=250, pct_start=0.1)
    for _ in range(250):
        loss = model(codes, texts=NAMES)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model


@pytest.mark.slow
@each_variant
def test_eight_meshes_are_written_again(options: dict) -> None:
    tokenizer = LatticeTokenizer()
    found = {tokenizer.encode(mesh).tobytes(): tokenizer.encode(mesh) for mesh, _ in procedural_meshes(300, seed=2)}
    meshes = [codes for codes in found.values() if len(codes) <= 14][:8]
    model = learn_by_heart(tokenizer, meshes, **options)
    _, mask, codes = model.generate(texts=NAMES, temperature=0.0, return_codes=True)
    for row, expected in enumerate(meshes):
        assert np.array_equal(codes[row][mask[row]].numpy(), expected), NAMES[row]


@pytest.mark.slow
@pytest.mark.parametrize("options", QUANTIZERS.values(), ids=QUANTIZERS)
def test_eight_meshes_are_written_again_over_learned_codes(options: dict) -> None:
    """From the mesh to codes, from the name to the same codes, and from them to the same mesh."""
    meshes = eight_meshes()
    autoencoder = overfit(meshes, 240 if options["quantizer"] == "rvq" else 80, **options)
    coded = [autoencoder.encode(mesh) for mesh in meshes]
    model = learn_by_heart(autoencoder, coded)
    corners, mask = model.generate(texts=NAMES, temperature=0.0)
    for row, mesh in enumerate(meshes):
        expected = mesh.to_mesh()
        assert np.array_equal(corners[row][mask[row]].numpy(), expected.vertices[expected.faces]), NAMES[row]
