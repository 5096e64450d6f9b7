# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion: what was given stays, bit for bit, and what comes is sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import LatticeTokenizer, MeshGPTError, MeshTransformer, TriangleMesh
from core.checkpoint import Checkpoint
from core.completion import Kept, PartialMesh
from core.data.procedural import procedural_meshes
from core.data.subsets import draw_subset
from core.events import GeneratedMesh
from core.mesh import Frame, LatticeMesh
from core.ranking import log_likelihoods

from .test_transformer import each_variant, small_model
from .tiny_autoencoder import as_after_training, eight_meshes


def checkpoint(**options: object) -> Checkpoint:
    model = small_model(max_faces=60, **options)
    with torch.no_grad():
        (model.head.gate if model.head.copies else model.head.end).bias[-1] = -2.0
    return Checkpoint(Path("small"), {}, model.tokenizer, model, {})


def lower_half(mesh: TriangleMesh) -> TriangleMesh:
    """The first half of the canonical sequence, elsewhere and larger."""
    source = mesh.quantised()
    faces = source.faces[: max(1, len(source.faces) // 2)]
    points = source.to_mesh().vertices * np.float32(3.7) + np.float32(11.3)
    return TriangleMesh(points, faces[:, [1, 2, 0]])  # winding kept, first vertices not


MESHES = [mesh for mesh, _ in procedural_meshes(30, seed=7) if 8 <= len(mesh.faces) <= 60]


@each_variant
@pytest.mark.parametrize("above", [True, False])
def test_given_faces_stay_bit_for_bit(above: bool, options: dict) -> None:
    model = checkpoint(completion=True, **options)
    part = lower_half(MESHES[0])
    found = model.complete(part, "box", 3, above=above, seed=4, temperature=1.0)
    assert len(found) == 3
    assert len({result.mesh.vertices.tobytes() for result in found}) > 1
    for result in found:
        vertices, faces = len(part.vertices), len(part.faces)
        assert result.mesh.vertices[:vertices].tobytes() == part.vertices.tobytes()
        assert result.mesh.faces[:faces].tobytes() == part.faces.tobytes()
        assert result.added == len(result.mesh.faces) - faces > 0
        # The mesh as the model wrote it holds the given faces first, and the same ones are new.
        assert len(result.made.codes) == len(part.quantised().faces) + result.added
        report = result.mesh.report()
        assert report.duplicate == report.degenerate == report.nonmanifold_edges == 0
        points = result.mesh.vertices[np.unique(result.mesh.faces)]
        assert len(np.unique(points.round(4), axis=0)) == len(points)  # new faces use the given vertices


@settings(max_examples=10)
@given(st.sampled_from(MESHES), st.integers(0, 2**31))
def test_going_on_above_keeps_the_canonical_order(mesh: TriangleMesh, seed: int) -> None:
    (result,) = checkpoint().complete(lower_half(mesh), seed=seed, temperature=1.0)
    lattice = np.round((result.made.vertices + 1) * 64 - 0.5).astype(int)
    canonical = LatticeMesh.canonical(lattice, result.made.faces, 128)
    assert np.array_equal(canonical.corners(), lattice[result.made.faces])


def test_the_box_says_where_the_part_lies() -> None:
    part = lower_half(MESHES[0])
    low, high = part.bounds()
    whole = (low - 1, high + (1, 1, 30))
    (result,) = checkpoint().complete(part, box=whole, seed=1)
    new = result.mesh.vertices[len(part.vertices) :]
    centre, side = (whole[0] + whole[1]) / 2, (whole[1] - whole[0]).max()
    assert len(new) and (np.abs(new - centre) <= side / 2 / 0.95).all()
    corners = part.quantised(frame=Frame.around(*whole)).corners()
    assert np.array_equal(np.round((result.made.vertices + 1) * 64 - 0.5)[result.made.faces[: len(corners)]], corners)
    for box, says in [
        ((low, high - 1), "does not hold"),
        ((low, high[:2]), "no box"),
        ((high, low), "no box"),
        ((low - 1e4, high + 1e4), "too small in its box"),
    ]:
        with pytest.raises(MeshGPTError, match=says):
            checkpoint().complete(part, box=box)
    rounded = [np.round(corner.astype(float), 5) for corner in (low, high)]  # as one would type it
    assert checkpoint().complete(part, box=rounded, seed=1)
    with pytest.raises(MeshGPTError, match="no size"):
        checkpoint().complete(TriangleMesh(np.ones((3, 3)), [[0, 1, 2]]))


def test_learned_codes_are_completed_too() -> None:
    """The given faces stay bit for bit although the autoencoder's codes say them less exactly."""
    meshes = eight_meshes()
    autoencoder = as_after_training(meshes)
    torch.manual_seed(1)
    model = MeshTransformer(autoencoder, dim=16, depth=1, heads=2, max_faces=40, completion=True)
    with torch.no_grad():
        model.head.gate.bias[-1] = -3.0
    part = lower_half(meshes[-1].to_mesh())
    for above in (True, False):
        (result,) = Checkpoint(Path("learned"), {}, autoencoder, model.eval(), {}).complete(part, above=above, seed=3)
        assert result.mesh.vertices[: len(part.vertices)].tobytes() == part.vertices.tobytes()
        assert result.mesh.faces[: len(part.faces)].tobytes() == part.faces.tobytes()
        assert result.mesh.report().degenerate == part.report().degenerate


def test_kept_faces_that_the_model_cannot_see_count_too() -> None:
    """A sliver shares an edge with a kept face. The lattice loses it, so the model offers a third face there."""
    corners = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0.0005, 0, 0.0005), (0, 0, 1)], np.float32)
    model, box = checkpoint(completion=True), ((0, 0, 0), (1, 1, 1))
    part = PartialMesh.read(model, TriangleMesh(corners[:4], [(0, 1, 2), (1, 0, 3)]), above=False, box=box)
    assert len(part.codes) == 1
    whole = TriangleMesh(corners, [(0, 1, 2), (1, 0, 4), (2, 1, 4)]).quantised(frame=part.source.frame)
    codes = model.tokenizer.encode(whole)
    order = np.argsort([not np.array_equal(face, part.codes[0]) for face in codes], kind="stable")
    made = GeneratedMesh(whole.to_mesh(), codes[order], ended=True, seed=0, prompt="", attempts=3)
    joined = part.joined(made)
    assert joined.added == 1 and joined.mesh.faces[-1].tolist() in ([1, 4, 2], [4, 2, 1], [2, 1, 4])
    assert joined.mesh.report().nonmanifold_edges == 0 and len(joined.mesh.vertices) == 5


def test_a_completion_that_adds_nothing_is_not_the_best() -> None:
    model = checkpoint(completion=True)
    part = lower_half(MESHES[0])
    (result,) = model.complete(part, "box", best_of=3, seed=1)
    assert result.added > 0
    codes = part.quantised().faces
    nothing = GeneratedMesh(part, result.made.codes[: len(codes)], ended=False, seed=0, prompt="box", attempts=1)
    kept = Kept(torch.from_numpy(result.made.codes[: len(codes)]), above=False)
    assert np.isfinite(log_likelihoods(model, [nothing, result.made], kept=kept)).all()


def test_what_the_model_cannot_do_is_said() -> None:
    part = lower_half(MESHES[0])
    with pytest.raises(MeshGPTError, match="only go on above"):
        checkpoint().complete(part, above=False)
    large = [mesh for mesh, _ in procedural_meshes(200, seed=5) if len(mesh.quantised().faces) >= 60]
    with pytest.raises(MeshGPTError, match="a mesh may have 60"):
        checkpoint().complete(large[0])


def test_a_mesh_with_unused_and_doubled_vertices_keeps_them() -> None:
    part = lower_half(MESHES[0])
    doubled = np.concatenate([part.vertices, part.vertices, [[12.0, 11, 11]]])
    faces = part.faces.copy()
    faces[1] += len(part.vertices)
    source = TriangleMesh(doubled, faces)
    (result,) = checkpoint(completion=True).complete(source, seed=2)
    assert result.mesh.vertices[: len(doubled)].tobytes() == source.vertices.tobytes()
    assert result.mesh.faces[: len(faces)].tobytes() == faces.tobytes()
    assert result.mesh.faces[len(faces) :].max() < len(result.mesh.vertices)


@given(st.sampled_from(MESHES), st.integers(0, 2**31))
def test_subsets_are_some_of_the_faces(mesh: TriangleMesh, seed: int) -> None:
    given_faces = draw_subset(mesh.quantised(), np.random.default_rng(seed))
    assert given_faces.shape == (len(mesh.quantised().faces),) and 0 < given_faces.sum() < len(given_faces)


def test_training_teaches_completion() -> None:
    """Overfitted on one mesh, the model fills up whatever part of it is given."""
    torch.manual_seed(0)
    source = min(MESHES, key=lambda mesh: len(mesh.faces))
    mesh = source.quantised()
    tokenizer = LatticeTokenizer()
    model = MeshTransformer(
        tokenizer, dim=48, depth=2, heads=2, head_width=32, head_depth=1, max_faces=60, completion=True
    )
    codes, rng = torch.from_numpy(tokenizer.encode(mesh)), np.random.default_rng(0)
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    lengths, conditions = torch.full((16,), len(codes)), model.conditions([""] * 16)
    for _ in range(250):
        masks = [torch.from_numpy(draw_subset(mesh, rng)) for _ in range(16)]
        batch = torch.stack([torch.cat([codes[given], codes[~given]]) for given in masks])
        kept = torch.stack(masks).sum(dim=1)
        loss = model.nll(batch, lengths, conditions, kept).sum() / (lengths - kept).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    trained = Checkpoint(Path("one"), {}, tokenizer, model.eval(), {})
    whole, right = {tuple(map(tuple, c)) for c in codes.tolist()}, []
    for _ in range(5):
        part = TriangleMesh(source.vertices, source.faces[rng.random(len(source.faces)) < 0.5])
        (result,) = trained.complete(part, box=source.bounds(), temperature=0.0)
        made = {tuple(map(tuple, c)) for c in result.made.codes.tolist()}
        right.append(len(made & whole) / len(made | whole))
    assert np.mean(right) > 0.85, right
