# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned tokenizer: nothing leaks between meshes, its parts agree with independent oracles, and it learns."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import SAGEConv

from core import MeshAutoencoder, MeshGPTError, TriangleMesh
from core.mesh import LatticeMesh, face_adjacency
from core.nn.encoder import MeshEncoder, NeighbourConv, face_geometry, vertex_mean
from core.nn.mesh_batch import MeshBatch
from core.tokenizers.autoencoder import blurred_targets
from tests.core.strategies import triangle_soups
from tests.core.tiny_autoencoder import SMALL, as_after_training, eight_meshes, padded

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def meshes() -> list[LatticeMesh]:
    return eight_meshes()


@pytest.fixture(scope="module")
def autoencoder(meshes) -> MeshAutoencoder:
    return as_after_training(meshes)


@given(st.lists(triangle_soups(), min_size=2, max_size=4))
@settings(max_examples=25, derandomize=True)
def test_a_mesh_is_the_same_alone_and_in_a_batch(autoencoder, soups):
    batch = [soup.quantised() for soup in soups]
    alone = [autoencoder.loss([mesh]) for mesh in batch]
    together = autoencoder.loss(batch)
    faces, vertices = [len(mesh.faces) for mesh in batch], [len(mesh.positions) for mesh in batch]
    weights = {"reconstruction": faces, "triangle_accuracy": faces, "vertex_accuracy": faces, "vertex": vertices}
    for name, weight in weights.items():
        expected = np.average([loss[name].item() for loss in alone], weights=weight)
        assert together[name].item() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    codes = autoencoder.tokenize(*padded(batch)[:2])
    for row, mesh in enumerate(batch):
        own = autoencoder.encode(mesh)
        assert own.shape == (len(mesh.faces), 3, 2) and own.dtype == np.int64
        np.testing.assert_array_equal(codes[row, : len(own)].numpy(), own)
        assert (codes[row, len(own) :] == -1).all()


@given(st.lists(triangle_soups(), min_size=1, max_size=3))
@settings(max_examples=25, derandomize=True)
def test_logits_do_not_depend_on_the_neighbours_in_the_batch(autoencoder, soups):
    batch = [soup.quantised() for soup in soups]
    flat = MeshBatch.from_lattice(batch)
    vectors = torch.randn(len(flat.positions), 16, generator=torch.Generator().manual_seed(0))
    together = autoencoder.decoder(vectors[flat.faces], flat.mesh_of_face)
    for row in range(len(batch)):
        mine = flat.mesh_of_face == row
        alone = autoencoder.decoder(vectors[flat.faces[mine]], torch.zeros(int(mine.sum()), dtype=torch.long))
        torch.testing.assert_close(together[mine], alone, rtol=1e-5, atol=1e-5)


@given(st.lists(triangle_soups(), min_size=1, max_size=3))
@settings(max_examples=20, derandomize=True)
def test_padded_arrays_give_the_loss_of_the_meshes(autoencoder, soups):
    batch = [soup.quantised() for soup in soups]
    expected = autoencoder.loss(batch)["loss"].item()
    vertices, faces, face_edges = padded(batch)
    loops = torch.arange(1).expand(len(batch), 2, 1)  # a self loop at face 0, as the seed's own derivation has
    layouts = [None, face_edges, face_edges.transpose(1, 2), torch.cat([loops, face_edges], dim=2)]
    for edges in layouts:
        if edges is None or edges.shape[1:] != (2, 2):
            assert autoencoder(vertices, faces, edges).item() == pytest.approx(expected, rel=1e-5)


def test_padding_never_enters_the_quantiser(meshes):
    model = MeshAutoencoder(**SMALL)
    seen = []
    model.quantizer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].shape))
    vertices, faces, _ = padded(meshes)
    model(vertices=vertices, faces=faces).backward()
    assert seen == [(sum(len(mesh.positions) for mesh in meshes), 16)]


def readme_arrays() -> dict[str, torch.Tensor]:
    """What the README of the first meshgpt-pytorch feeds: unused vertices, repeated corners, edges at random."""
    torch.manual_seed(0)
    return {
        "vertices": torch.randn((2, 121, 3)),
        "faces": torch.randint(0, 121, (2, 64, 3)),
        "face_edges": torch.randint(0, 64, (2, 2, 96)),
    }


def test_the_seeds_readme_at_full_size():
    autoencoder = MeshAutoencoder(dim=512, encoder_depth=6, decoder_depth=6, num_discrete_coors=128)
    arrays = readme_arrays()
    loss = autoencoder(**arrays)
    loss.backward()
    assert loss.ndim == 0 and torch.isfinite(loss)
    codes = autoencoder.tokenize(**arrays)
    assert codes.shape == (2, 64, 3, 3) and codes.dtype == torch.long and codes.min() >= 0
    coordinates = autoencoder.decode_from_codes_to_faces(codes)
    assert coordinates.shape == (2, 64, 3, 3) and coordinates.abs().max() < 1


@pytest.mark.parametrize("quantizer", ["rvq", "rlfq", "rfsq"])
def test_the_seeds_readme_in_other_layouts(quantizer):
    torch.manual_seed(0)
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1, quantizer=quantizer)
    arrays = readme_arrays()
    edges = arrays.pop("face_edges")
    autoencoder(**arrays, face_edges=edges).backward()
    assert all(torch.isfinite(p.grad).all() for p in autoencoder.parameters() if p.grad is not None)
    codes = autoencoder.tokenize(**arrays, face_edges=edges)
    torch.testing.assert_close(autoencoder.tokenize(**arrays, face_edges=edges.transpose(1, 2)), codes)
    assert autoencoder.tokenize(**arrays).shape == codes.shape  # edges derived
    arrays["faces"][1, 40:] = -1
    edges[1] = edges[1].masked_fill((edges[1] >= 40).any(dim=0), -1)
    autoencoder(**arrays, face_edges=edges).backward()
    shorter = autoencoder.tokenize(**arrays, face_edges=edges)
    assert (shorter[1, 40:] == -1).all() and (shorter[1, :40] >= 0).all()


@given(st.lists(triangle_soups(), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=20, derandomize=True)
def test_graph_layers_equal_torch_geometric_on_separate_graphs(soups, seed):
    batch = [soup.quantised() for soup in soups]
    flat = MeshBatch.from_lattice(batch)
    torch.manual_seed(seed)
    ours, theirs = [NeighbourConv(8, 8) for _ in range(3)], [SAGEConv(8, 8, aggr="mean") for _ in range(3)]
    x = torch.randn(len(flat.faces), 8)
    y = x
    for mine, other in zip(ours, theirs, strict=True):
        other.load_state_dict(mine.state_dict())
        y = mine(y, flat.edges).relu()
    start = 0
    for mesh in batch:
        part = x[start : start + len(mesh.faces)]
        edges = torch.from_numpy(face_adjacency(mesh.faces))
        for other in theirs:
            part = other(part, edges).relu()
        torch.testing.assert_close(y[start : start + len(mesh.faces)], part, rtol=1e-5, atol=1e-6)
        start += len(mesh.faces)


def test_vertex_mean_against_a_loop():
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [3, 1, 0]])
    corners = torch.randn(3, 3, 5)
    mean = vertex_mean(corners, faces, 4)
    for vertex in range(4):
        mine = [corners[f, c] for f, c in itertools.product(range(3), range(3)) if faces[f, c] == vertex]
        torch.testing.assert_close(mean[vertex], torch.stack(mine).mean(dim=0))


def test_face_geometry_is_that_of_the_triangle_wherever_it_lies():
    right = torch.tensor([[0, 0, 0], [20, 0, 0], [0, 20, 0]])
    geometry = face_geometry(torch.stack([right, right + 90, right.flip(0)]), 128)
    torch.testing.assert_close(geometry[0], geometry[1], rtol=1e-4, atol=1e-5)  # not seen from the origin
    torch.testing.assert_close(geometry[0, :3], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(geometry[2, :3], torch.tensor([0.0, 0.0, -1.0]))
    torch.testing.assert_close(geometry[0, 4:], torch.tensor([0.5, 0.25, 0.25]), rtol=1e-5, atol=1e-6)
    line = torch.tensor([[0, 0, 0], [1, 1, 1], [3, 3, 3]])
    huge = torch.tensor([[0, 0, 127], [127, 0, 0], [0, 127, 0]])
    flat, large = face_geometry(torch.stack([line, huge]), 128)
    assert torch.isfinite(flat).all() and flat[3] == 0 and 0.9 < large[3] <= 1
    assert float(geometry[0, 4:].sum()) == pytest.approx(1) and float(large[4:].sum()) == pytest.approx(1)


def test_the_encoder_knows_more_of_a_vertex_than_its_place(meshes):
    torch.manual_seed(0)
    encoder = MeshEncoder(32, 2, 16, 128)
    torch.nn.init.normal_(encoder.to_corners.weight)
    mesh = meshes[0]
    without_last = LatticeMesh(mesh.positions, mesh.faces[:-1], mesh.levels)
    touched = mesh.faces[-1]
    whole, part = (encoder(MeshBatch.from_lattice([m])) for m in (mesh, without_last))
    assert (whole[touched] - part[touched]).abs().max() > 1e-4


@pytest.mark.parametrize("deviation", [0.0, 0.4, 1.0, 3.0])
def test_blurred_targets_are_distributions_also_at_the_edges(deviation):
    weights = blurred_targets(128, deviation)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(128))
    assert (weights.argmax(dim=1) == torch.arange(128)).all()
    assert int((weights[64] > 0).sum()) == 2 * math.ceil(2 * deviation) + 1
    if deviation:
        expected = math.exp(-0.5 / deviation**2)
        assert float(weights[64, 65] / weights[64, 64]) == pytest.approx(expected, rel=1e-5)


def test_the_loss_counts_the_cells_beside_the_target_too(autoencoder):
    logits = torch.randn(2, 1, 128)
    logs = logits.log_softmax(dim=-1)[:, 0]
    beside = math.exp(-0.5 / autoencoder.options.blur**2)
    inside = (logs[0, 40] + beside * (logs[0, 39] + logs[0, 41])) / (1 + 2 * beside)
    at_the_edge = (logs[1, 0] + beside * logs[1, 1]) / (1 + beside)
    found = autoencoder._cross_entropy(logits, torch.tensor([[40], [0]]))
    torch.testing.assert_close(found, -(inside + at_the_edge) / 2)


def test_a_target_is_right_where_no_cell_is_likelier(autoencoder):
    near, context, targets = torch.randn(64, 128), torch.randn(64, 128), torch.randint(0, 128, (64,))
    targets[:20] = (near + context).argmax(dim=-1)[:20]
    loss, right = autoencoder._reconstruction(near, context, targets)
    torch.testing.assert_close(right, (near + context).argmax(dim=-1) == targets)
    torch.testing.assert_close(loss, autoencoder._cross_entropy(near + context, targets))


def test_decode_welds_by_codes_and_leaves_out_faces_without_extent(autoencoder, meshes):
    codes = autoencoder.encode(meshes[3])
    mesh = autoencoder.decode(codes)
    assert isinstance(mesh, TriangleMesh) and np.abs(mesh.vertices).max() <= 1
    assert len(mesh.vertices) <= len(np.unique(codes.reshape(-1, 2), axis=0))
    collapsed = codes.copy()
    collapsed[0, 1] = collapsed[0, 0]
    fewer = autoencoder.decode(np.concatenate([collapsed[:1], codes]))
    assert len(fewer.faces) <= len(codes)
    assert fewer.report().degenerate == 0
    with pytest.raises(MeshGPTError, match="no face"):
        autoencoder.decode(collapsed[:1])


def test_faces_of_codes_stand_where_decode_puts_them(autoencoder, meshes):
    codes = autoencoder.tokenize(*padded(meshes)[:2])
    corners = autoencoder.decode_from_codes_to_faces(codes)
    assert corners.dtype == torch.float32 and corners.shape == (*codes.shape[:3], 3)
    for row, mesh in enumerate(meshes):
        real = len(mesh.faces)
        assert corners[row, real:].isnan().all() and not corners[row, :real].isnan().any()
        own = autoencoder.decode_from_codes_to_faces(codes[row : row + 1, :real])
        torch.testing.assert_close(own[0], corners[row, :real], equal_nan=True)
        apart = (own[0] != own[0].roll(1, dims=1)).any(dim=-1).all(dim=-1)
        decoded = autoencoder.decode(codes[row, :real])
        np.testing.assert_array_equal(decoded.vertices[decoded.faces], own[0][apart].numpy())
    assert autoencoder.decode_from_codes_to_faces(torch.full((2, 4, 3, 2), -1)).isnan().all()


def test_positions_of_arrays_and_tensors(autoencoder, meshes):
    codes = autoencoder.encode(meshes[0])
    places = autoencoder.positions(codes)
    assert isinstance(places, np.ndarray) and places.shape == (len(codes), 3, 3) and np.abs(places).max() < 1
    same = autoencoder.positions(torch.from_numpy(codes))
    assert isinstance(same, torch.Tensor)
    np.testing.assert_array_equal(same.numpy(), places)


def test_errors_say_what_to_do(autoencoder, meshes):
    with pytest.raises(MeshGPTError, match="no option width"):
        MeshAutoencoder(width=3)
    with pytest.raises(MeshGPTError, match="no codebook yet"):
        MeshAutoencoder(**SMALL).encode(meshes[0])
    with pytest.raises(MeshGPTError, match="64 levels"):
        autoencoder.encode(meshes[0].to_mesh().quantised(64))
    with pytest.raises(MeshGPTError, match="from 0 to 63"):
        autoencoder.decode(np.full((1, 3, 2), 64))
    with pytest.raises(MeshGPTError, match="2 codes a vertex"):
        autoencoder.positions(np.zeros((1, 3, 3), np.int64))
    with pytest.raises(MeshGPTError, match="no meshes"):
        autoencoder.loss([])
    with pytest.raises(MeshGPTError, match="vertex 9 of 4"):
        autoencoder(torch.zeros(1, 4, 3), torch.tensor([[[0, 1, 9]]]))
    with pytest.raises(MeshGPTError, match="no faces"):
        autoencoder(torch.zeros(1, 4, 3), torch.full((1, 2, 3), -1))
    with pytest.raises(MeshGPTError, match="does not exist"):
        autoencoder(torch.zeros(1, 4, 3), torch.tensor([[[0, 1, 2]]]), torch.tensor([[[0], [3]]]))


@pytest.mark.parametrize("package", ["torch_geometric", "vector_quantize_pytorch"])
def test_a_missing_package_is_named(package):
    program = f"""
import sys
sys.modules["{package}"] = None  # importing it fails
from core import MeshGPTError
try:
    from core import MeshAutoencoder
except MeshGPTError as error:
    print(error.hint)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert f"pip install {package}" in said
