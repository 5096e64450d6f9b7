# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training that starts from a trained model: what that understood stays, new words come in, and the run resumes."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core import Cancelled, Checkpoint, LatticeTokenizer, MeshAutoencoder, MeshGPTError, load_checkpoint
from core.checkpoint import save_checkpoint
from core.cli import main
from core.data.dataset import MeshDataset, load_dataset
from core.meshio import save_mesh
from core.run_state import read_run
from core.tasks.autoencoder import save_autoencoder
from core.tasks.transformer import TransformerTask, TransformerTaskConfig
from core.tokenizers import Tokenizer
from core.training import Trainer, TrainingConfig
from core.transformer import MeshTransformer, pad_codes
from core.transformer_config import TransformerConfig

MODEL = TransformerConfig(dim=32, depth=1, heads=2, head_width=24, head_depth=1, max_faces=64)
OLD, NEW = ("chair", "table", "house"), ("armchair", "tables", "zorblax")


def labelled(labels: Sequence[str], **categories: str) -> MeshDataset:
    """Small meshes that are called these in turn, some with a category."""
    dataset = load_dataset("procedural:48").filtered(MODEL.max_faces)
    names = [labels[i % len(labels)] for i in range(len(dataset))]
    samples = [
        replace(sample, label=name, head=name, category=categories.get(name, ""))
        for sample, name in zip(dataset, names, strict=True)
    ]
    return replace(dataset, samples=tuple(samples))


def task_of(
    dataset: MeshDataset, tokenizer: Tokenizer | None = None, start: Checkpoint | None = None, **changes: object
) -> TransformerTask:
    model = changes.pop("model", start.transformer.config if start and start.transformer else MODEL)
    config = TransformerTaskConfig(model=model, faces_per_batch=128, **changes)
    tokenizer = tokenizer or (start.tokenizer if start else LatticeTokenizer())
    return TransformerTask(dataset, tokenizer, config, start)


def training(folder: Path, **changes: object) -> TrainingConfig:
    base = TrainingConfig(out=str(folder), steps=6, warmup=2, validate_every=3, device="cpu", mixed_precision="none")
    return replace(base, **changes)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A model that has learned a few words and one category, in a run called "studio"."""
    folder = tmp_path_factory.mktemp("old") / "studio"
    Trainer(
        task_of(labelled(OLD, chair="furniture", table="furniture"), categories=True),
        training(folder, learning_rate=0.02),
    ).run(progress=False)
    return load_checkpoint(folder / "model", device="cpu")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without categories, called "base"."""
    folder = tmp_path_factory.mktemp("plain")
    Trainer(task_of(labelled(OLD)), training(folder, steps=2)).run(progress=False)
    return (folder / "model").rename(folder / "base")


@torch.no_grad()
def nll(model: MeshTransformer, prompt: str, category: str = "") -> torch.Tensor:
    """Of three meshes with that prompt."""
    model.eval()
    meshes = [sample.mesh for sample in labelled(OLD).samples[:3]]
    codes, lengths = pad_codes([torch.from_numpy(LatticeTokenizer().encode(mesh)) for mesh in meshes], MODEL.max_faces)
    return model.nll(codes, lengths, model.conditions([prompt] * 3, 20, category))


def test_what_the_old_model_knew_means_the_same_before_the_first_step(old: Checkpoint) -> None:
    task = task_of(labelled(NEW), start=old, model=replace(old.transformer.config, max_faces=80, dropout=0.2))
    words = task.model.vocabulary.words
    assert words[: len(old.transformer.vocabulary.words)] == old.transformer.vocabulary.words
    assert set(NEW) <= set(words) - set(old.transformer.vocabulary.words)
    assert task.model.config.max_faces == 80 and task.model.config.dropout == 0.2
    for prompt, category in (("chair", ""), ("table", "furniture"), ("", ""), ("qwfp", "")):
        assert torch.equal(nll(task.model, prompt, category), nll(old.transformer, prompt, category))
    assert not torch.allclose(nll(task.model, "chair"), nll(task.model, "table"))  # it does matter


def test_a_part_that_starts_as_nothing_may_be_added(old: Checkpoint, tmp_path: Path) -> None:
    changes = {"neighbours": True, "completion": True, "point_attention": True}
    start_model = replace(MODEL, point_latents=2)
    folder = tmp_path / "points"
    Trainer(task_of(labelled(OLD), model=start_model), training(folder)).run(progress=False)
    start = load_checkpoint(folder / "model", device="cpu")
    task = task_of(labelled(OLD), start=start, model=replace(start_model, point_neighbours=4, **changes))
    assert torch.equal(nll(task.model, "chair"), nll(start.transformer, "chair"))
    names = {name.split(".")[0] for name in task.model.state_dict()} - {
        n.split(".")[0] for n in start.transformer.state_dict()
    }
    assert names == {"neighbours", "point_attention", "point_neighbours", "kept"}
    Trainer(task, training(folder.with_name("more"))).run(progress=False)
    more = load_checkpoint(folder.with_name("more") / "model", device="cpu").transformer
    assert more.point_neighbours.mix.weight.any() and more.neighbours.mix.weight.any()
    with pytest.raises(MeshGPTError, match="point_neighbours"):  # and does not go away again
        task_of(labelled(OLD), start=load_checkpoint(folder.with_name("more") / "model"), model=start_model)


def test_a_new_word_begins_as_what_it_was_understood_as(old: Checkpoint) -> None:
    model = task_of(labelled(NEW), start=old).model
    assert torch.equal(nll(model, "tables"), nll(old.transformer, "tables"))  # a plural keeps its own letters
    before, after = old.transformer.vocabulary, model.vocabulary
    rows, old_rows = model.prefix.pieces.weight, old.transformer.prefix.pieces.weight
    assert before.meant("armchair") == "chair" and after.meant("armchair") == "armchair"
    assert torch.equal(rows[after.pieces("armchair")[0]], old_rows[before.pieces("chair")[0]])
    assert before.meant("zorblax") is None and not rows[after.pieces("zorblax")[0]].any()


def test_a_new_category_begins_as_none(old: Checkpoint) -> None:
    model = task_of(labelled(OLD, house="building", chair="furniture"), start=old, categories=True).model
    assert model.vocabulary.categories == ("furniture", "building")
    assert torch.equal(nll(model, "house", "building"), nll(old.transformer, "house"))
    assert torch.equal(nll(model, "house", "furniture"), nll(old.transformer, "house", "furniture"))
    assert not torch.equal(nll(model, "house", "building"), nll(model, "house", "furniture"))


def test_what_would_be_another_model_is_refused(old: Checkpoint, plain: Path, tmp_path: Path) -> None:
    dataset = labelled(OLD, house="building")
    with pytest.raises(MeshGPTError, match="depth") as caught:
        task_of(dataset, start=old, model=replace(old.transformer.config, depth=2))
    assert "max_faces" in caught.value.hint
    with pytest.raises(MeshGPTError, match="categories"):
        task_of(dataset, start=load_checkpoint(plain, device="cpu"), categories=True)
    with pytest.raises(MeshGPTError, match="is a tokenizer"):
        task_of(dataset, start=load_checkpoint(tokenizer_only(tmp_path), device="cpu"))


def tokenizer_only(folder: Path) -> Path:
    config = {"kind": "tokenizer", "tokenizer": LatticeTokenizer().config()}
    return save_checkpoint(folder / "lattice", config=config, tensors={}, labels={}, card="")


def test_a_run_with_a_start_resumes_as_if_it_had_never_stopped(old: Checkpoint, tmp_path: Path) -> None:
    def trainer(name: str) -> Trainer:
        return Trainer(task_of(labelled(NEW), start=old), training(tmp_path / name, log_every=1))

    whole = trainer("whole")
    whole.run(progress=False)
    first = trainer("parts")
    with pytest.raises(Cancelled):
        first.run(cancelled=lambda: first.step == 4, progress=False)
    trainer("parts").run(progress=False)
    curves = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "parts")]
    curves = [[json.loads(line).get("loss") for line in lines] for lines in curves]
    assert len(curves[0]) == 8 and curves[0] == curves[1]
    assert weights(tmp_path / "whole").keys() == weights(tmp_path / "parts").keys()
    assert all(
        torch.equal(value, weights(tmp_path / "parts")[name]) for name, value in weights(tmp_path / "whole").items()
    )
    assert "studio/model" in (tmp_path / "whole" / "model" / "card.md").read_text()


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def small_autoencoder(dataset: MeshDataset) -> MeshAutoencoder:
    torch.manual_seed(0)
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1, codebook_size=64).eval()
    autoencoder.initialise_codebooks([sample.mesh.quantised() for sample in dataset])
    return autoencoder


def test_a_learned_tokenizer_comes_along(tmp_path: Path) -> None:
    dataset = load_dataset("procedural:24")
    autoencoder = small_autoencoder(dataset)
    Trainer(task_of(dataset, autoencoder), training(tmp_path / "a", steps=1)).run(progress=False)
    start = load_checkpoint(tmp_path / "a" / "model", device="cpu")
    Trainer(task_of(dataset, start=start), training(tmp_path / "b", steps=1)).run(progress=False)
    found = load_checkpoint(tmp_path / "b" / "model", device="cpu").tokenizer.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in autoencoder.state_dict().items())


def test_the_codes_of_another_tokenizer_are_learned_anew(old: Checkpoint) -> None:
    dataset = labelled(OLD)
    for tokenizer in (small_autoencoder(dataset), LatticeTokenizer(((8, 8, 8), (16, 16, 16)))):
        task = task_of(dataset, tokenizer, old)
        before, after = old.transformer.state_dict(), task.model.state_dict()
        kept = {name for name in after if name in before and torch.equal(after[name], before[name])}
        assert task.model.tokenizer is tokenizer
        assert {name for name in after if "code" in name}.isdisjoint(kept)
        assert {name for name in after if "code" not in name} == kept
        batch = task.batch(0, 0)
        assert torch.isfinite(task.loss(batch, task.size(batch))["loss"])


def test_closing_can_be_left_behind_for_codes_without_an_order(tmp_path: Path) -> None:
    dataset, model = labelled(OLD), replace(MODEL, edges=True, closing=True)
    Trainer(task_of(dataset, model=model), training(tmp_path / "a", steps=1)).run(progress=False)
    start = load_checkpoint(tmp_path / "a" / "model", device="cpu")
    tokenizer = small_autoencoder(dataset)
    with pytest.raises(MeshGPTError, match="due to close") as caught:
        task_of(dataset, tokenizer, start)
    assert "--no-closing" in caught.value.hint
    found = task_of(dataset, tokenizer, start, model=replace(model, closing=False)).model
    assert found.head.closing is None and torch.equal(found.head.gate.weight, start.transformer.head.gate.weight)


# Through the command line.


@pytest.fixture(scope="module")
def meshes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of mesh files, with names that the plain model does not know."""
    folder = tmp_path_factory.mktemp("meshes")
    for number, sample in enumerate(labelled(NEW).samples[:15]):
        save_mesh(sample.mesh, folder / f"{sample.label.replace(' ', '_')}_{number}.obj")
    return folder


def train(meshes: Path, out: Path, *more: object) -> int:
    settings = (
        "--steps",
        4,
        "--validate-every",
        2,
        "--faces-per-batch",
        160,
        "--warmup",
        1,
        "--device",
        "cpu",
        "--json",
    )
    arguments = ("train", "transformer", "--data", meshes, "--out", out, *settings, *more)
    return main([str(argument) for argument in arguments])


def stop_at_batch(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the user pressed Ctrl-C while that batch is drawn."""
    draw, drawn = TransformerTask.batch, []

    def batch(self: TransformerTask, epoch: int | None, *place: object) -> object:
        drawn.append(epoch)
        if len([epoch for epoch in drawn if epoch is not None]) == number:
            signal.raise_signal(signal.SIGINT)
        return draw(self, epoch, *place)

    monkeypatch.setattr(TransformerTask, "batch", batch)


@pytest.mark.parametrize("again", [True, False], ids=["with --start", "without"])
def test_the_same_command_resumes_when_the_old_model_is_gone(
    again: bool, plain: Path, meshes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "base"
    shutil.copytree(plain, gone)
    start = ("--start", gone)
    assert train(meshes, tmp_path / "whole", *start) == 0
    with monkeypatch.context() as patch:
        stop_at_batch(3, patch)
        assert train(meshes, tmp_path / "parts", *start) == 130
    assert read_run(tmp_path / "parts")[1]["step"] == 2
    shutil.rmtree(gone)
    assert train(meshes, tmp_path / "parts", *(start if again else ())) == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    cards = [(tmp_path / name / "model" / "card.md").read_text() for name in ("whole", "parts")]
    assert "weights of base" in cards[0] and cards[0] == cards[1]


def test_the_model_knows_old_and_new_words_and_learned_gently(plain: Path, meshes: Path, tmp_path: Path) -> None:
    assert train(meshes, tmp_path, "--start", plain, "--dim", 32, "--max-faces", 80, "--dropout", 0.1) == 0
    model = load_checkpoint(tmp_path / "model", device="cpu")
    before = load_checkpoint(plain, device="cpu").transformer.vocabulary.words
    words = model.transformer.vocabulary.words
    assert words[: len(before)] == before and set(NEW) & set(words[len(before) :])  # one of them may be held out
    assert model.transformer.config == replace(MODEL, max_faces=80, dropout=0.1)
    assert model.generate("zorblax", max_faces=4)[0].settings["model"] == "model"
    assert read_run(tmp_path)[1]["config"]["learning_rate"] == 0.3e-3


def test_the_learning_rate_may_be_given(plain: Path, meshes: Path, tmp_path: Path) -> None:
    assert train(meshes, tmp_path, "--start", plain, "--learning-rate", 0.001, "--steps", 1) == 0
    assert read_run(tmp_path)[1]["config"]["learning_rate"] == 0.001


def test_a_start_over_another_tokenizer_resumes(plain: Path, meshes: Path, tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer"
    autoencoder = small_autoencoder(load_dataset("procedural:24"))
    save_autoencoder(tokenizer, autoencoder, {}, 64)
    options = ("--start", plain, "--tokenizer", tokenizer)
    for steps in (1, 2):
        assert train(meshes, tmp_path / "run", *options, "--steps", steps) == 0
    model = load_checkpoint(tmp_path / "run" / "model", device="cpu")
    assert model.tokenizer.config() == autoencoder.config()
    assert read_run(tmp_path / "run")[1]["step"] == 2
    assert "weights of base" in (tmp_path / "run" / "model" / "card.md").read_text()


def test_a_run_goes_on_from_where_it_started_only(
    plain: Path, old: Checkpoint, meshes: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train(meshes, tmp_path / "nothing", "--dim", 32, "--depth", 1, "--steps", 1) == 0
    assert train(meshes, tmp_path / "base", "--start", plain, "--steps", 1) == 0
    for run, said in (("nothing", "started from no model"), ("base", 'started from "base"')):
        assert train(meshes, tmp_path / run, "--start", old.path) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--start BASE --depth 2 --edges --max-faces 90", "keeps its depth, edges."),
        ("--start BASE --dim 64", "may be changed"),
        ("--start TOKENIZER", "is a tokenizer"),
        ("--start nowhere", 'no model "nowhere"'),
        ("--start BASE --dropout 2", "between 0 and 1"),
    ],
)
def test_options_that_do_not_go_with_a_start(
    options: str, says: str, plain: Path, meshes: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = options.replace("BASE", str(plain)).replace("TOKENIZER", str(tokenizer_only(tmp_path)))
    assert train(meshes, tmp_path / "run", *words.split()) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not (tmp_path / "run").exists()
