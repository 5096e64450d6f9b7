# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The autoencoder's options: each learns, none lets one mesh into another, memory grows as the faces do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import SAGEConv
from torch_geometric.utils import erdos_renyi_graph

from core import MeshAutoencoder, MeshGPTError
from core.mesh import LatticeMesh
from core.nn.decoder import RowConv
from core.nn.encoder import SageLayers
from core.nn.mesh_batch import MeshBatch
from tests.core.strategies import triangle_soups
from tests.core.tiny_autoencoder import QUANTIZERS, SMALL, as_after_training, eight_meshes, overfit, padded

ROOT = Path(__file__).parents[2]
OPTIONS = {
    "attention": {"encoder_attention": 1, "decoder_attention": 1, "attention_window": 4},
    "vertices first": {"vertex_depth": 2},
    "fourier": {"coordinate_embedding": "fourier"},
}
EVERYTHING = {name: value for options in OPTIONS.values() for name, value in options.items()}


@pytest.fixture(scope="module")
def meshes() -> list[LatticeMesh]:
    return eight_meshes()


@pytest.fixture(scope="module")
def autoencoders(meshes) -> dict[str, MeshAutoencoder]:
    return {name: as_after_training(meshes, **EVERYTHING, **options) for name, options in QUANTIZERS.items()}


@pytest.mark.parametrize("quantizer", QUANTIZERS)
@given(soups=st.lists(triangle_soups(), min_size=2, max_size=4))
@settings(max_examples=8, derandomize=True)
def test_no_option_lets_one_mesh_into_another(autoencoders, quantizer, soups):
    autoencoder = autoencoders[quantizer]
    batch = [soup.quantised() for soup in soups]
    alone = [autoencoder.loss([mesh])["reconstruction"].item() for mesh in batch]
    expected = np.average(alone, weights=[len(mesh.faces) for mesh in batch])
    assert autoencoder.loss(batch)["reconstruction"].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    vectors = autoencoder.encoder(MeshBatch.from_lattice(batch))
    own = torch.cat([autoencoder.encoder(MeshBatch.from_lattice([mesh])) for mesh in batch])
    torch.testing.assert_close(vectors, own, rtol=1e-4, atol=1e-5)
    codes = autoencoder.tokenize(*padded(batch)[:2])
    corners = autoencoder.decode_from_codes_to_faces(codes)
    for row, mesh in enumerate(batch):
        single = autoencoder.decode_from_codes_to_faces(codes[row : row + 1, : len(mesh.faces)])
        torch.testing.assert_close(corners[row, : len(mesh.faces)], single[0])


def test_no_module_keeps_statistics_of_the_batch():
    """Normalisation is per face. (The codebooks of rvq do keep averages: of vertices, never of padding.)"""
    model = MeshAutoencoder(**SMALL | EVERYTHING)
    kinds = {type(module).__name__ for module in model.modules()}
    assert "LayerNorm" in kinds and not any("BatchNorm" in kind or "InstanceNorm" in kind for kind in kinds)


@pytest.mark.slow
@pytest.mark.parametrize("options", [*OPTIONS.values(), {"noise": 0.3}], ids=[*OPTIONS, "noise"])
def test_each_option_learns_eight_meshes_exactly(meshes, options):
    model = overfit(meshes, 60, **QUANTIZERS["rfsq"], **options)
    assert model.loss(meshes)["triangle_accuracy"].item() == 1


@pytest.mark.parametrize("name", ["vertices.", "encoder.attention", "decoder.attention"])
def test_the_weights_of_an_option_learn(meshes, name):
    torch.manual_seed(0)
    model = as_after_training(meshes, **EVERYTHING, **QUANTIZERS["rfsq"]).train()
    model.loss(meshes)["loss"].backward()
    weights = [parameter for key, parameter in model.named_parameters() if name in key]
    assert weights and all(weight.grad.abs().max() > 0 for weight in weights)


@pytest.mark.parametrize("quantizer, expected", [("rvq", 2.0985), ("rlfq", 1.3579), ("rfsq", 1.9973)])
def test_seeded_losses_stay_what_they_were(meshes, quantizer, expected):
    """Sum of the losses of three steps with every option: whoever changes the model or its training sees it here."""
    torch.manual_seed(0)
    model = MeshAutoencoder(**SMALL | EVERYTHING | QUANTIZERS[quantizer])
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    total = 0.0
    for _ in range(3):
        loss = model.loss(meshes)["loss"]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        total += loss.item()
    assert total == pytest.approx(expected, rel=2e-3)


def test_noise_moves_the_input_while_training_and_nothing_else(meshes):
    model = MeshAutoencoder(**SMALL | {"noise": 2.0, "quantizer": "rfsq", "codebook_size": 216, "num_quantizers": 3})
    with torch.no_grad():
        assert model.train().loss(meshes)["triangle_accuracy"] < 0.2  # the target has not moved with it
        assert model.eval().loss(meshes)["triangle_accuracy"] == 1
    batch = MeshBatch.from_lattice(meshes)
    moved = batch.with_noise(2.0).positions - batch.positions
    assert float(moved.std()) == pytest.approx(2.0, rel=0.2) and float(moved.mean()) == pytest.approx(0, abs=0.3)


@given(triangle_soups())
@settings(max_examples=20, derandomize=True)
def test_vertex_edges_against_a_loop(soup):
    mesh = soup.quantised()
    edges = {(int(a), int(b)) for face in mesh.faces for a in face for b in face if a != b}
    found = MeshBatch.from_lattice([mesh]).vertex_edges()
    assert sorted(edges) == [tuple(pair) for pair in found.T.tolist()]


@given(st.integers(1, 40), st.floats(0, 0.5), st.integers(0, 99))
@settings(max_examples=25, derandomize=True)
def test_the_stack_of_graph_layers_is_torch_geometrics(nodes, density, seed):
    """On random graphs, isolated nodes and directed edges among them; gradients too."""
    torch.manual_seed(seed)
    ours = SageLayers(8, 3)
    theirs = [SAGEConv(8, 8, aggr="mean") for _ in range(3)]
    edges = erdos_renyi_graph(nodes, density, directed=True)
    x = torch.randn(nodes, 8, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    expected = y
    for norm, conv, mix, other in zip(ours.norms, ours.convs, ours.mixes, theirs, strict=True):
        other.load_state_dict(conv.state_dict())
        expected = expected + mix(torch.nn.functional.silu(other(norm(expected), edges)))
    found = ours.gather(x, edges)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("length", [1, 2, 7, 45])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_the_convolution_of_rows_is_pytorchs(kernel, length, dtype, rtol):
    """Gradients too; weights are named and shaped alike."""
    torch.manual_seed(length)
    ours, theirs = RowConv(12, 20, kernel), torch.nn.Conv1d(12, 20, kernel, padding=kernel // 2)
    theirs.load_state_dict(ours.state_dict())
    x, upstream = torch.randn(length, 12, requires_grad=True), torch.randn(length, 20)
    y = x.detach().clone().requires_grad_()
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        found, expected = ours(x), theirs(y.T[None])[0].T
    assert found.dtype == dtype
    found.backward(upstream.to(dtype))
    expected.backward(upstream.to(dtype))
    pairs = [(found, expected), (x.grad, y.grad), (ours.weight.grad, theirs.weight.grad)]
    for mine, other in [*pairs, (ours.bias.grad, theirs.bias.grad)]:
        torch.testing.assert_close(mine, other, rtol=rtol, atol=rtol * float(other.detach().abs().max()))


def test_values_that_fit_no_autoencoder_are_refused():
    for options, message in [
        ({"quantizer": "vq"}, 'quantizer is "vq"'),
        ({"coordinate_embedding": "none"}, 'coordinate_embedding is "none"'),
        ({"dim": 0}, "dim is 0"),
        ({"dim": "64"}, 'dim is "64"'),
        ({"encoder_depth": -1}, "encoder_depth is -1"),
        ({"noise": -0.5}, "noise is -0.5"),
        ({"dim": 30, "encoder_attention": 1}, "4 heads cannot be 30 wide"),
        ({"dim_codebook": 2}, "dim_codebook is 2"),
        ({"codebook_size": 2, "shared_codebook": True}, "codebook_size is 2"),
    ]:
        with pytest.raises(MeshGPTError, match=message):
            MeshAutoencoder(**options)


PEAK = """
import resource, sys
import numpy as np
import torch
from core import MeshAutoencoder, TriangleMesh

def waves(rows):  # two faces for each of rows x 100 squares
    x, y = np.meshgrid(np.arange(101), np.arange(rows + 1))
    points = np.stack([x, y, 9 * np.sin(x / 5) * np.sin(y / 7)], axis=-1).reshape(-1, 3)
    corner = (np.arange(rows)[:, None] * 101 + np.arange(100)).reshape(-1, 1)
    return TriangleMesh(points, np.concatenate([corner + [0, 1, 102], corner + [0, 102, 101]]))

def gigabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)

torch.set_num_threads(2)
start, peaks = gigabytes(), []
model = MeshAutoencoder(encoder_attention=1, vertex_depth=1)
model.initialise_codebooks([waves(10).quantised()])
for rows in (50, 100):
    codes = model.encode(waves(rows))
    assert codes.shape == (200 * rows, 3, 3), codes.shape
    peaks.append(gigabytes() - start)
print(*peaks)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="reads the peak from getrusage")
def test_memory_grows_as_the_faces_do():
    program = [sys.executable, "-c", PEAK]
    half, whole = map(float, subprocess.run(program, capture_output=True, check=True, cwd=ROOT).stdout.split())
    assert whole < 2  # GB above the imports, for 20,000 faces: the bound of the design
    assert whole < 2 * half + 0.2  # a matrix of all pairs of faces would add 1.2 GB between the two
