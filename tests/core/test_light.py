# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NumPy engine writes what PyTorch's writes, from the same weights and the same seed, and needs nothing else."""

from __future__ import annotations

import itertools
import json
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checkpoint import Checkpoint, load_checkpoint
from core.completion import Kept
from core.errors import MeshGPTError
from core.events import FaceEvent, MeshEvent
from core.generation import Sampler
from core.light import checkpoint
from core.light.checkpoint import FEW, writing_device
from core.light.layers import gelu
from core.light.model import LightTransformer
from core.light.sampler import LightSampler, Uniform
from core.light.weights import read_weights
from core.model_list import find_checkpoint
from core.nn.heads import END
from core.ranking import log_likelihoods
from core.sampling_config import SamplingConfig
from core.shards import write_shards
from core.transformer import MeshTransformer
from tests.core.test_transformer import VARIANTS, small_model

WRITES = {name: options for name, options in VARIANTS.items() if name.startswith("copy")}
EXTRAS = {
    "plain": {},
    "neighbours": {"neighbours": True},
    "points": {"point_latents": 3, "point_neighbours": 5, "neighbours": True},
    "attended points": {"point_latents": 3, "point_attention": True, "neighbours": True},
}
MOST = 24  # faces


def light(model: MeshTransformer) -> LightTransformer:
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    return LightTransformer(weights, model.config, model.vocabulary, model.tokenizer)


def cloud() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(30, 6)).astype(np.float32)


def events(sampler: Any) -> list[list]:
    """All that comes, a list a mesh: they come side by side from one engine, one after the other from the other."""
    found: dict[int, list] = {}
    for event in sampler.stream():
        if isinstance(event, FaceEvent):
            found.setdefault(event.row, []).append((event.index, event.triangle.round(5).tolist()))
        elif isinstance(event, MeshEvent):
            mesh = event.mesh
            found.setdefault(event.row, []).append((mesh.codes.tolist(), mesh.ended, mesh.attempts, mesh.seed))
    return [found[row] for row in sorted(found)]


def assert_same(model: MeshTransformer, settings: SamplingConfig, kept: tuple | None = None, **asked: Any) -> None:
    with torch.no_grad():
        model.head.gate.bias[END] -= 6  # weights by chance end most meshes at once
    prompts, seeds = ["round table", "", "unheard box"], [3, 4, 2**40 + 5]
    torch_sampler = Sampler(model, model.conditions(prompts, **asked), seeds, settings, MOST, prompts)
    other = light(model)
    sampler = LightSampler(other, [other.asked(p, **asked) for p in prompts], seeds, settings, MOST, prompts)
    if kept is not None:
        torch_sampler.keep(torch.from_numpy(kept[0]), kept[1])
        sampler.keep(*kept)
    expected, found = events(torch_sampler), events(sampler)
    assert found == expected
    assert sum(len(mesh) for mesh in expected) > MOST  # that they agree is no accident of short meshes


@pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS)
@pytest.mark.parametrize("options", WRITES.values(), ids=WRITES)
def test_every_model_it_takes_writes_the_same_meshes(options: dict, extra: dict) -> None:
    model = small_model(max_faces=MOST, **options, **extra)
    asked = {"points": cloud()} if "point_latents" in extra else {}
    assert_same(model, SamplingConfig(temperature=0.9, guidance=2.0), faces=40, category="furniture", **asked)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.0},
        {"top_k": 3, "top_p": 1.0},
        {"min_p": 0.05},
        {"manifold": False},
        {"close": False},
        {"draws": 1},
        {"guidance": 1.0},
        {"prompt_guidance": 3.0, "faces_guidance": 1.0, "category_guidance": 0.5},
    ],
    ids=str,
)
def test_every_way_to_draw_is_the_same(changes: dict) -> None:
    model = small_model(max_faces=MOST, step="face", edges=True, closing=True, neighbours=True)
    assert_same(model, SamplingConfig(**changes), faces=30, category="nature")


@pytest.mark.parametrize("above", [True, False], ids=["above", "any"])
@pytest.mark.parametrize("options", WRITES.values(), ids=WRITES)
def test_it_completes_the_same(options: dict, above: bool) -> None:
    model = small_model(max_faces=MOST, completion=True, neighbours=True, point_latents=2, **options)
    grown = next(
        event.mesh.codes
        for event in Sampler(model, model.conditions([""]), [1], SamplingConfig(), 9).stream()
        if isinstance(event, MeshEvent)
    )
    assert_same(model, SamplingConfig(guidance=1.5), (grown[:7], above), faces=30)


@pytest.mark.parametrize("kept", [0, 4])
@pytest.mark.parametrize("guidance", [2.5, 1.0])
@pytest.mark.parametrize("options", WRITES.values(), ids=WRITES)
def test_it_knows_how_likely_its_meshes_are(options: dict, guidance: float, kept: int) -> None:
    """What `ranking.log_likelihoods` computes afterwards."""
    model = small_model(max_faces=MOST, completion=True, neighbours=True, **options).eval()
    with torch.no_grad():
        model.head.gate.bias[END] -= 1.5  # weights by chance end most meshes at once
    sampling = SamplingConfig(guidance=guidance)
    prompts, seeds = ["round table"] * 8, list(range(8))
    sampler = LightSampler(other := light(model), [other.asked(p) for p in prompts], seeds, sampling, MOST, prompts)
    given = None
    if kept:
        first = next(e.mesh for e in sampler.stream() if isinstance(e, MeshEvent) and len(e.mesh.codes) > kept)
        given = Kept(first.codes[:kept], above=False)
        sampler.keep(given.codes, given.above)
    meshes = [event.mesh for event in sampler.stream() if isinstance(event, MeshEvent) and event.mesh.ended]
    checkpoint = Checkpoint(Path("model"), {}, model.tokenizer, model, {})
    expected = log_likelihoods(checkpoint, meshes, given)
    assert len(meshes) > 3 and [mesh.log_p for mesh in meshes] == pytest.approx(expected, abs=2e-4)


def test_a_coarse_to_fine_lattice_writes_the_same_meshes() -> None:
    from core.tokenizers.lattice import COARSE_TO_FINE

    assert_same(small_model(COARSE_TO_FINE, max_faces=MOST, step="face"), SamplingConfig())


@given(st.integers(0, 2**63 - 1))
@settings(max_examples=20, deadline=None)
def test_numbers_are_those_of_torch(seed: int) -> None:
    generator, ours = torch.Generator().manual_seed(seed), Uniform(seed)
    for shape in ((3, 14), (5,), (40, 2)):
        assert np.array_equal(ours.draw(*shape), torch.rand(shape, generator=generator).numpy())


def test_gelu_is_torchs() -> None:
    x = np.linspace(-9, 9, 4001, dtype=np.float32)
    assert np.abs(gelu(x) - torch.nn.functional.gelu(torch.from_numpy(x)).numpy()).max() < 2e-6


def test_weights_are_read_as_written(tmp_path: Path) -> None:
    tensors = {
        "half": torch.randn(3, 4).half(),
        "whole": torch.randn(2, 3, 4),
        "ids": torch.arange(7),
        "one": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
    }
    write_shards(tmp_path, tensors)
    found = read_weights(tmp_path)
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        expected = value.float() if value.is_floating_point() else value
        assert np.array_equal(found[name], expected.numpy()) and found[name].shape == tuple(value.shape)


def entry(**changes: Any) -> bytes:
    header = json.dumps({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xfe\x00\x00",
        entry()[:-1],
        entry(dtype="F99"),
        entry(dtype=[]),
        entry(shape=[2**60, 2**60]),
        entry(shape=[-2]),
        entry(shape=[2.0]),
        entry(shape="2"),
        entry(data_offsets=[4, 12]),
        entry(data_offsets=[8, 0]),
        entry(data_offsets=[0]),
        entry(more=1),
    ],
    ids=range(17),
)
def test_damaged_weights_are_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(MeshGPTError, match="damaged"):
        read_weights(tmp_path)


def test_it_needs_neither_torch_nor_safetensors() -> None:
    """With nothing but NumPy and the standard library to import, the bundled default model makes a mesh."""
    code = """
import sys
sys.modules |= dict.fromkeys(["torch", "safetensors", "einops", "trimesh", "scipy"])  # as if they were not installed
from core import load_checkpoint
mesh = load_checkpoint().generate("table", faces=60, seed=1, best_of=2)[0]
print(len(mesh.faces), mesh.settings["device"])
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    faces, device = done.stdout.split()
    assert int(faces) > 10 and device == "numpy"


def test_it_writes_any_number_of_meshes_on_a_processor_and_a_few_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docs/PERFORMANCE.md` measured; a device that was chosen by name stays."""
    model, autoencoder = find_checkpoint(), find_checkpoint("meshgpt-autoencoder")
    for gpus, many in ((False, "numpy"), (True, None)):
        monkeypatch.setattr(checkpoint, "_has_gpu", lambda found=gpus: found)
        chosen = [writing_device(model, "auto", count) for count in (0, 1, FEW, FEW + 1, 800)]
        assert chosen == [None, "numpy", "numpy", many, many]
        chosen = [writing_device(model, "cpu", count) for count in (0, 1, FEW + 1, 800)]
        assert chosen == ["cpu", "numpy", "numpy", "numpy"]
        assert writing_device(model, "cuda", 1) == "cuda" and writing_device(autoencoder, "auto", 1) is None


def test_of_many_meshes_the_first_comes_before_the_second_is_begun() -> None:
    """So a large job shows as much a second as a small one, and needs no more memory."""
    asked = []
    stream = load_checkpoint(device="numpy").stream(
        "table", 200, 20, max_faces=6, cancelled=lambda: asked.append(1) or False
    )
    found = list(itertools.islice(stream, 15))
    stream.close()
    rows = [event.row for event in found]
    assert rows == sorted(rows) and isinstance(found[-1], MeshEvent | FaceEvent) and rows[-1] >= 2
    for row in range(rows[-1]):
        mine = [event for event in found if event.row == row]
        assert [event.index for event in mine[:-1]] == list(range(len(mine) - 1)) and isinstance(mine[-1], MeshEvent)
        assert mine[-1].mesh.seed == row and len(mine[-1].mesh.codes) == len(mine) - 1
    assert len(asked) < 60, "each face asks once whether to go on, and nothing was written ahead"


@pytest.mark.parametrize("missing", ["torch", "safetensors", "einops"])
def test_it_writes_any_number_of_meshes_where_pytorch_lacks_a_package(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python of the system may have PyTorch, but not all that the model needs with it."""
    monkeypatch.setattr("core.environment.find_spec", lambda name: None if name == missing else find_spec(name))
    assert writing_device(find_checkpoint(), "auto", 1000) == writing_device(find_checkpoint(), "cpu", 0) == "numpy"
    assert writing_device(find_checkpoint(), "cuda", 1000) == "cuda"
    assert load_checkpoint(device="cpu").device == "numpy"
