# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: what is saved is what is loaded, nothing is half-written, and what is unknown is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core import (
    Checkpoint,
    GeneratedMesh,
    LatticeTokenizer,
    MeshGPTError,
    TriangleMesh,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from core.checkpoint import save_transformer
from core.data.procedural import procedural_meshes
from core.model_list import find_checkpoint
from core.ranking import best, log_likelihoods
from core.shards import SHARD_BYTES

from .test_transformer import VARIANTS, sample_batch, small_model
from .test_usage import NAMES, learn_by_heart


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_transformer(tmp_path / "small", small_model(), {"summary": "for tests"})


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_loaded_is_what_was_saved(folder: Path) -> None:
    model, loaded = small_model(), load_checkpoint(folder, device="cpu").transformer
    batch = sample_batch(model)
    with torch.no_grad():
        assert torch.allclose(model.nll(*batch), loaded.nll(*batch), rtol=2e-3)  # half-precision weights
    assert loaded.vocabulary.words == model.vocabulary.words and loaded.config == model.config


def test_generate_and_stream_give_the_same_meshes(folder: Path) -> None:
    checkpoint = load_checkpoint(folder, device="cpu")
    faces: list = []
    meshes = checkpoint.generate(["box", "table"], count=2, faces=10, seed=4, max_faces=12, on_face=faces.append)
    assert [mesh.prompt for mesh in meshes] == ["box", "box", "table", "table"]
    assert [mesh.seed for mesh in meshes] == [4, 5, 6, 7]
    assert len(faces) == sum(len(mesh.faces) for mesh in meshes)
    again = checkpoint.generate("table", faces=10, seed=6, max_faces=12)[0]
    assert np.array_equal(again.vertices, meshes[2].vertices)
    provenance = json.loads(json.dumps(again.provenance()))
    assert provenance["model"] == "small" and provenance["seed"] == 6 and provenance["prompt"] == "table"


def test_many_meshes_come_in_batches_and_none_is_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = load_checkpoint(folder, device="cpu")
    together = checkpoint.generate("box", count=5, seed=1, max_faces=6)
    monkeypatch.setattr("core.checkpoint.ROWS", 2)
    rows = [event.row for event in checkpoint.stream("box", count=5, seed=1, max_faces=6)]
    assert set(rows) == set(range(5)) and rows.index(2) > max(i for i, row in enumerate(rows) if row < 2)
    for a, b in zip(together, checkpoint.generate("box", count=5, seed=1, max_faces=6), strict=True):
        assert a.seed == b.seed and np.array_equal(a.faces, b.faces)


def test_without_a_prompt_a_model_may_draw_otherwise(tmp_path: Path) -> None:
    folder = save_transformer(tmp_path / "small", small_model(point_latents=3), {"summary": "for tests"})
    edit(folder, sampling={"temperature": 0.5}, sampling_without_prompt={"temperature": 1.25})
    model = load_checkpoint(folder, device="cpu")
    assert model.generate("chair", max_faces=4)[0].settings["temperature"] == 0.5
    assert model.generate(" ", max_faces=4)[0].settings["temperature"] == 1.25
    assert model.generate("", max_faces=4, temperature=1)[0].settings["temperature"] == 1
    cloud = np.random.default_rng(0).normal(size=(30, 6))
    assert model.generate("", max_faces=4, points=cloud)[0].settings["temperature"] == 0.5


@pytest.mark.parametrize("bad", [{"count": 0}, {"faces": -3}, {"max_faces": 0}, {"temprature": 1.0}, {"top_p": 7}])
def test_wrong_requests_are_refused_in_words(folder: Path, bad: dict) -> None:
    with pytest.raises(MeshGPTError):
        load_checkpoint(folder, device="cpu").generate("box", **bad)


def test_large_models_are_split_into_shards(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.full((3, 2**20), float(i), dtype=torch.float16) for i in range(7)}
    save_checkpoint(tmp_path / "big", config={"kind": "tokenizer"}, tensors=tensors, labels={}, card="")
    files = sorted((tmp_path / "big").glob("model-*.safetensors"))
    assert len(files) > 1 and all(f.stat().st_size < 16 * 2**20 for f in files) and SHARD_BYTES < 16 * 2**20
    together = {name: value for f in files for name, value in load_file(f).items()}
    assert together.keys() == tensors.keys() and all(torch.equal(together[n], tensors[n]) for n in tensors)


def test_saving_again_replaces_the_whole_folder_and_leaves_nothing_behind(folder: Path) -> None:
    (folder / "stray.txt").write_text("old")
    save_transformer(folder, small_model(), {})
    assert not (folder / "stray.txt").exists() and [p.name for p in folder.parent.iterdir()] == ["small"]


def test_a_failed_save_keeps_the_old_checkpoint(folder: Path) -> None:
    before = (folder / "config.json").read_text()
    with pytest.raises(TypeError):
        save_checkpoint(folder, config={"kind": "tokenizer"}, tensors={}, labels={"bad": object()}, card="")
    assert (folder / "config.json").read_text() == before and len(list(folder.parent.iterdir())) == 1


def test_models_are_listed_and_found_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "broken").mkdir()
    (folder.parent / "broken" / "config.json").write_text("{")
    found = {info.name: info for info in list_checkpoints([folder.parent])}
    assert "broken" not in found and found["small"].kind == "transformer" and found["small"].summary == "for tests"
    assert found["small"].parameters == small_model().parameter_count() and found["small"].max_faces == 96
    monkeypatch.setenv("MESHGPT_DATA_DIR", str(folder.parent.parent / "data"))
    (folder.parent.parent / "data").mkdir()
    (folder.parent.parent / "data" / "models").symlink_to(folder.parent)
    assert isinstance(load_checkpoint("small", device="cpu"), Checkpoint)


def test_an_unknown_name_tells_the_known_ones(folder: Path) -> None:
    with pytest.raises(MeshGPTError, match="no model") as caught:
        find_checkpoint("nonesuch", [folder.parent])
    assert "small" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 99}, "format 99"),
        ({"kind": "diffusion"}, "kind"),
        ({"tokenizer": {"kind": "octree"}}, "octree"),
        ({"transformer": {"dim": 32, "wings": 2}}, "wings"),
        ({"transformer": {"dim": 64}}, "do not fit"),
    ],
)
def test_what_is_not_known_is_refused_in_words(folder: Path, changes: dict, says: str) -> None:
    edit(folder, **changes)
    with pytest.raises(MeshGPTError, match=says) as caught:
        load_checkpoint(folder, device="cpu")
    assert caught.value.hint


def test_damaged_files_are_refused_in_words(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(MeshGPTError, match="damaged"):
        load_checkpoint(folder, device="cpu")
    weights.unlink()
    with pytest.raises(MeshGPTError, match="no weights"):
        load_checkpoint(folder, device="cpu")
    save_file({"transformer.x": torch.zeros(1)}, weights)
    with pytest.raises(MeshGPTError, match="do not fit"):
        load_checkpoint(folder, device="cpu")


def test_a_device_that_is_not_there_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(MeshGPTError, match="flux"):
        load_checkpoint(folder, device="flux")


def test_bundled_models_load_and_shards_are_small() -> None:
    bundled = [info for info in list_checkpoints() if info.path.parent.name == "weights"]
    for info in bundled:
        load_checkpoint(info.path, device="cpu")
        assert (info.path / "card.md").stat().st_size > 200
        assert all(f.stat().st_size <= 16 * 2**20 for f in info.path.iterdir())


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_every_kind_of_model_comes_back_from_its_folder(tmp_path: Path, options: dict) -> None:
    model = small_model(neighbours=True, point_latents=2, point_neighbours=4, completion=True, **options)
    loaded = load_checkpoint(save_transformer(tmp_path / "model", model, {})).transformer
    assert loaded.config == model.config and loaded.vocabulary.categories == model.vocabulary.categories
    batch = sample_batch(model)
    with torch.no_grad():
        assert torch.allclose(model.nll(*batch), loaded.nll(*batch), rtol=5e-3)  # half-precision weights


def test_the_best_of_several_is_the_one_that_fits_its_prompt() -> None:
    """Eight meshes learnt by heart: told a name, the model knows which of them it belongs to."""
    tokenizer = LatticeTokenizer()
    found = {tokenizer.encode(mesh).tobytes(): tokenizer.encode(mesh) for mesh, _ in procedural_meshes(300, seed=0)}
    coded = [codes for codes in found.values() if len(codes) <= 14][:8]
    checkpoint = Checkpoint(Path("heart"), {}, tokenizer, learn_by_heart(tokenizer, coded).eval(), {})

    def made(codes: np.ndarray, ended: bool = True) -> GeneratedMesh:
        return GeneratedMesh(tokenizer.decode(codes), codes, ended=ended, seed=0, prompt=NAMES[3], attempts=1)

    meshes = [made(codes) for codes in coded]
    log_p = log_likelihoods(checkpoint, meshes)
    assert checkpoint.best(meshes) is meshes[3] and int(np.argmax(log_p)) == 3
    cut = [made(codes, ended=index != 3) for index, codes in enumerate(coded)]
    assert checkpoint.best(cut) is not cut[3]  # a mesh that a limit cut off comes last
    # What is likelier by chance than it is torn, or far from the face count that was asked for, is not the best.
    torn = GeneratedMesh(
        TriangleMesh(meshes[3].vertices, meshes[3].faces[1:]), coded[3][1:], ended=True, seed=0, prompt="", attempts=1
    )
    assert torn.report().open_edge_share > 0 == meshes[3].report().open_edge_share
    assert best([torn, meshes[3]], [-1.0, -1.1]) is meshes[3] and best([torn, meshes[3]], [-1.0, -9.0]) is torn
    assert best([torn, meshes[3]], [-1.0, -1.1], close=False) is torn  # where holes may be, they are no fault
    assert best(meshes[:2], [-1.0, -1.1], len(meshes[1].faces)) is meshes[1] is not best(meshes[:2], [-1.0, -1.1])
    wild = {"temperature": 3.0, "top_p": 1.0, "guidance": 0.0, "max_faces": 14}
    singles = [checkpoint.generate(NAMES[3], seed=seed, **wild)[0] for seed in range(5, 9)]
    (chosen,) = checkpoint.generate(NAMES[3], best_of=4, seed=5, **wild)
    assert chosen.seed == checkpoint.best(singles).seed and len({mesh.codes.tobytes() for mesh in singles}) > 1
    with pytest.raises(MeshGPTError, match="best of none"):
        checkpoint.generate(best_of=0)
