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
from core.data.procedural import procedural_meshes
from core.errors import MeshGPTError
from core.evaluation.jobs import subdivided
from core.events import GeneratedMesh
from core.mesh import TriangleMesh
from core.meshio import load_mesh, save_mesh
from core.nn.heads import END
from core.retopology import retopologize, surface_points
from core.surface import compare_surfaces, point_distances
from core.tokenizers.lattice import LatticeTokenizer
from core.transformer import MeshTransformer
from core.transformer_config import TransformerConfig
from core.vocabulary import Vocabulary

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


def written(mesh: TriangleMesh, error: float, seed: int, ended: bool = True) -> GeneratedMesh:
    """The mesh as if a model had made it, all of its vertices off by so much."""
    plain, _ = mesh.normalised()
    codes = np.zeros((1, 3, 3))
    moved = TriangleMesh(plain.vertices * (1 + error), plain.faces)
    return GeneratedMesh(moved, codes, ended=ended, seed=seed, prompt="", attempts=1)


def test_the_nearest_that_ended_is_taken_of_each_group(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    low = procedural_meshes(4, 0)[1][0]
    errors = [0.3, 0.1, 0.0, 0.2, 0.4, 0.15]
    made = [written(low, error, 7 + i, ended=i != 2) for i, error in enumerate(errors)]
    monkeypatch.setattr(tiny, "generate", lambda *arguments, **settings: made)
    found = retopologize(tiny, low, 40, count=2, best_of=3, snap=False, seed=7)
    assert [one.made.seed for one in found] == [8, 12]
    monkeypatch.setattr(tiny, "generate", lambda *arguments, **settings: made[2:])  # two seeds gave nothing
    assert [one.made.seed for one in retopologize(tiny, low, 40, count=2, best_of=3, snap=False, seed=7)] == [9, 12]


def test_any_seed_will_do(tiny: Checkpoint) -> None:
    assert len(retopologize(tiny, DENSE, 40, count=2, best_of=2, seed=-3)) == 2


def test_thin_parts_do_not_turn_over(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plate a cell thick whose two sides the model put in the wrong order would snap onto each other."""
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float) * (1, 1, 0.01) - 0.5
    faces = [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4], [2, 6, 3], [3, 6, 7]]
    plate = TriangleMesh(corners, faces + [[0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]])
    thick = TriangleMesh(corners * (1, 1, -0.5), plate.faces)  # the sides change places
    monkeypatch.setattr(tiny, "generate", lambda *arguments, **settings: [written(thick, 0.0, 0)])
    found = retopologize(tiny, plate, 12, best_of=1)[0].mesh
    before = thick.vertices[thick.faces]
    after = found.vertices[found.faces]
    turned = [np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]) for t in (before, after)]
    assert ((turned[0] * turned[1]).sum(axis=1) > 0).all()


def test_snapping_puts_vertices_on_the_surface_where_it_is_near(
    tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that writes the source itself, each vertex a cell off, and the first one far away."""
    low = procedural_meshes(4, 0)[1][0]
    one = written(low, 0.0, 0)
    one.vertices += np.random.default_rng(0).uniform(-1 / 64, 1 / 64, one.vertices.shape).astype(np.float32)
    one.vertices[0] += 0.5
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
