# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopology: where the result lies, which candidate is taken, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import Checkpoint, load_checkpoint, save_transformer
from core.cli import main
from core.conditioning import Vocabulary
from core.data.procedural import procedural_meshes
from core.errors import MeshGPTError
from core.evaluation.jobs import subdivided
from core.generation import GeneratedMesh
from core.mesh import TriangleMesh
from core.meshio import load_mesh, save_mesh
from core.nn.heads import END
from core.retopology import retopologize, surface_points
from core.surface import compare_surfaces, point_distances
from core.tokenizers.lattice import LatticeTokenizer
from core.transformer import MeshTransformer, TransformerConfig

DENSE = subdivided(procedural_meshes(4, 0)[1][0])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    torch.manual_seed(0)
    sizes = {"dim": 16, "depth": 1, "heads": 2, "head_width": 16, "head_depth": 1, "max_faces": 120}
    model = MeshTransformer(LatticeTokenizer(), Vocabulary(["table"]), TransformerConfig(**sizes, point_latents=2))
    with torch.no_grad():
        model.head.gate.bias[END] = -2.0
    return load_checkpoint(save_transformer(tmp_path_factory.mktemp("model") / "tiny", model, {}), "cpu")


def test_the_result_lies_where_the_source_lies(tiny: Checkpoint) -> None:
    far = TriangleMesh(DENSE.vertices * 30 + [500, -200, 40], DENSE.faces)
    here = retopologize(tiny, DENSE, 40, seed=1)[0]
    there = retopologize(tiny, far, 40, seed=1)[0]
    assert np.array_equal(here.mesh.faces, there.mesh.faces)
    np.testing.assert_allclose(there.mesh.vertices, here.mesh.vertices * 30 + [500, -200, 40], atol=0.02)
    assert there.as_dict()["mean_error_share"] == pytest.approx(here.as_dict()["mean_error_share"], rel=1e-2)


def test_the_nearest_of_several_is_taken(tiny: Checkpoint) -> None:
    single = [retopologize(tiny, DENSE, 40, best_of=1, seed=seed)[0] for seed in range(4)]
    best = retopologize(tiny, DENSE, 40, best_of=4, seed=0)[0]
    # The points are drawn by the first seed, so only its own candidate is the same mesh in both.
    assert best.difference.mean <= single[0].difference.mean
    assert len(retopologize(tiny, DENSE, 40, count=2, best_of=2)) == 2


def test_snapping_puts_vertices_on_the_surface_where_it_is_near(
    tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that writes the source itself, each vertex a cell off, and the first one far away."""
    low = procedural_meshes(4, 0)[1][0]
    written = low.normalised()[0]
    moved = written.vertices + np.random.default_rng(0).uniform(-1 / 64, 1 / 64, written.vertices.shape)
    moved[0] += 0.5
    one = GeneratedMesh(
        TriangleMesh(moved, written.faces), np.zeros((1, 3, 3)), ended=True, seed=0, prompt="", attempts=1
    )
    monkeypatch.setattr(tiny, "generate", lambda *arguments, **settings: [one])
    plain, snapped = (retopologize(tiny, low, 60, best_of=1, snap=snap)[0] for snap in (False, True))
    triangles = low.vertices[low.faces].astype(np.float64)
    before, after = (point_distances(found.mesh.vertices.astype(np.float64), triangles) for found in (plain, snapped))
    assert before[1:].max() > 1e-3 and after[1:].max() < 1e-5
    assert after[0] == pytest.approx(before[0]) and snapped.difference.mean < plain.difference.mean


def test_errors_are_those_of_the_written_mesh(tiny: Checkpoint) -> None:
    found = retopologize(tiny, DENSE, 40)[0]
    assert found.difference == compare_surfaces(DENSE, found.mesh) and found.as_dict()["faces"] == len(found.mesh.faces)


def test_points_are_seen_as_training_meshes_are() -> None:
    points = surface_points(DENSE, 100)
    assert points.shape == (100, 6) and np.abs(points[:, :3]).max() <= 0.9501
    np.testing.assert_allclose(np.linalg.norm(points[:, 3:], axis=1), 1, atol=1e-6)
    assert np.array_equal(points, surface_points(DENSE, 100))


def test_what_cannot_be_done_is_said(tiny: Checkpoint) -> None:
    with pytest.raises(MeshGPTError, match="Nothing"):
        retopologize(tiny, DENSE, best_of=0)
    blind = MeshTransformer(LatticeTokenizer(), Vocabulary(), TransformerConfig(dim=16, depth=1, heads=2, max_faces=40))
    with pytest.raises(MeshGPTError, match="without point clouds"):
        retopologize(Checkpoint(tiny.path, {}, blind.tokenizer, blind, {}), DENSE)


def test_the_command_writes_the_mesh_and_tells_its_error(
    tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "dense.obj", tmp_path / "light.obj"
    save_mesh(DENSE, source)
    arguments = ["retopologize", str(source), "--faces", "40", "--model", str(tiny.path), "--out", str(out)]
    assert main([*arguments, "--best-of", "2", "--json"]) == 0
    assert '"mean_error_share"' in capsys.readouterr().out and len(load_mesh(out).faces) > 0
