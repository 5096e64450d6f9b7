# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: it learns, a resumed run has the loss of one that never stopped, and what it exports loads."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, register_tracker_class
from safetensors.torch import save_file

from core import Cancelled, LatticeTokenizer, MeshAutoencoder, MeshGPTError, load_checkpoint
from core.data.dataset import load_dataset
from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
from core.tasks.transformer import TransformerTask, TransformerTaskConfig
from core.tokenizers.autoencoder import AutoencoderConfig
from core.training import MuonWithAdamW, Task, Trainer, TrainingConfig
from core.transformer_config import TransformerConfig

MODEL = TransformerConfig(dim=32, depth=2, heads=2, head_width=24, head_depth=1, max_faces=64, dropout=0.1)

needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")


def small_task(model: TransformerConfig = MODEL) -> TransformerTask:
    dataset = load_dataset("procedural:48")
    return TransformerTask(dataset, LatticeTokenizer(), TransformerTaskConfig(model=model, faces_per_batch=128))


def config(folder: Path, **changes: object) -> TrainingConfig:
    base = TrainingConfig(out=str(folder), steps=6, warmup=2, validate_every=3, device="cpu", mixed_precision="none")
    return replace(base, **changes)


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_resumed_run_has_the_losses_and_weights_of_one_that_never_stopped(tmp_path: Path, accumulate: int) -> None:
    settings = {"accumulate": accumulate, "log_every": 1}
    whole = Trainer(small_task(), config(tmp_path / "whole", **settings))
    whole.run(progress=False)
    first = Trainer(small_task(), config(tmp_path / "parts", **settings))
    with pytest.raises(Cancelled):
        first.run(cancelled=lambda: first.step == 4, progress=False)
    assert 0 < first.index < len(first.task.batch_sizes(first.epoch))  # within an epoch
    second = Trainer(small_task(), config(tmp_path / "parts", **settings))
    assert second.step == 4
    second.run(progress=False)
    curves = [[line["loss"] for line in losses(tmp_path / name) if "loss" in line] for name in ("whole", "parts")]
    assert len(curves[0]) == 6 and curves[0] == curves[1]
    ours, theirs = second.task.model.state_dict(), whole.task.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert second.best_metrics == whole.best_metrics


def test_training_lowers_the_validation_loss_and_the_export_generates(tmp_path: Path) -> None:
    trainer = Trainer(small_task(), config(tmp_path, steps=80, validate_every=40))
    metrics = trainer.run(progress=False)
    validation = [line["validation_bits_per_face"] for line in losses(tmp_path) if "validation_loss" in line]
    assert len(validation) == 2 and validation[1] < validation[0] < 30
    assert metrics["bits_per_face"] == min(validation)
    checkpoint = load_checkpoint(tmp_path / "model", device="cpu")
    meshes = checkpoint.generate("table", count=2, faces=20, max_faces=30)
    assert len(meshes) == 2 and all(len(mesh.faces) <= 30 for mesh in meshes)
    assert "procedural" in (tmp_path / "model" / "card.md").read_text()


def test_the_exported_model_has_the_validated_loss(tmp_path: Path) -> None:
    task = small_task()
    metrics = Trainer(task, config(tmp_path)).run(progress=False)
    task.model = load_checkpoint(tmp_path / "model", device="cpu").transformer
    again = Trainer(task, config(tmp_path / "again")).validate()
    assert again["bits_per_face"] == pytest.approx(metrics["bits_per_face"], abs=0.01)  # half precision


def test_the_last_weights_are_exported_instead_of_the_best(tmp_path: Path) -> None:
    def exported(**changes: object) -> dict[str, float]:
        settings = config(tmp_path, ema=0.0, validate_every=1, learning_rate=5.0, **changes)
        return Trainer(small_task(), settings).run(progress=False)

    best = exported()  # at such a rate the loss grows
    assert best["step"] < best["steps"] == 6
    last = exported(keep_best=False)
    assert last["step"] == last["steps"] == 6 and last["loss"] > best["loss"]
    task = small_task()
    task.model = load_checkpoint(tmp_path / "model", device="cpu").transformer
    assert Trainer(task, config(tmp_path / "again")).validate()["loss"] == pytest.approx(last["loss"], rel=1e-3)


def test_another_model_does_not_resume_the_run(tmp_path: Path) -> None:
    Trainer(small_task(), config(tmp_path, steps=1)).run(progress=False)
    with pytest.raises(MeshGPTError, match="another model"):
        Trainer(small_task(replace(MODEL, dim=48)), config(tmp_path))


def test_a_loss_that_is_not_finite_is_an_error_that_says_so(tmp_path: Path) -> None:
    task = small_task()
    with torch.no_grad():
        task.model.head.gate.weight.fill_(float("nan"))
    with pytest.raises(MeshGPTError, match="step 0"):
        Trainer(task, config(tmp_path)).run(progress=False)


def test_an_interrupt_waits_for_the_step_and_saves_it(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    trainer = Trainer(small_task(), config(tmp_path))

    def interrupt() -> bool:
        if trainer.step == 2:
            signal.raise_signal(signal.SIGINT)
        return False

    with pytest.raises(Cancelled):
        trainer.run(cancelled=interrupt, progress=False)
    assert trainer.step == Trainer(small_task(), config(tmp_path)).step == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_is_files_that_cannot_run_code(tmp_path: Path) -> None:
    Trainer(small_task(), config(tmp_path, steps=1)).run(progress=False)
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert kinds == {".jsonl", ".json", ".md", ".safetensors"}


def test_a_damaged_run_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state.safetensors").write_bytes(b"\x80\x04not tensors")
    with pytest.raises(MeshGPTError, match="cannot be read"):
        Trainer(small_task(), config(tmp_path))
    save_file({"model.weight": torch.zeros(1)}, tmp_path / "state.safetensors")
    with pytest.raises(MeshGPTError, match="another version"):
        Trainer(small_task(), config(tmp_path))


@needs_muon
def test_another_optimiser_does_not_resume_the_run(tmp_path: Path) -> None:
    Trainer(small_task(), config(tmp_path, steps=1)).run(progress=False)
    with pytest.raises(MeshGPTError, match="another optimiser"):
        Trainer(small_task(), config(tmp_path, muon=False))


def test_without_muon_in_pytorch_adamw_takes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    Trainer(small_task(), config(tmp_path, steps=1)).run(progress=False)
    assert "Muon is off" in capsys.readouterr().err
    Trainer(small_task(), config(tmp_path, steps=2)).run(progress=False)  # and resumes


def test_bfloat16_learns_like_float32_and_keeps_float32_weights(tmp_path: Path) -> None:
    runs = {}
    for precision in ("none", "bf16"):
        trainer = Trainer(small_task(), config(tmp_path / precision, mixed_precision=precision, log_every=1))
        trainer.run(progress=False)
        assert trainer.accelerator.mixed_precision == precision.replace("none", "no")
        assert all(parameter.dtype == torch.float32 for parameter in trainer.model.parameters())
        runs[precision] = [line["loss"] for line in losses(tmp_path / precision) if "loss" in line]
    assert runs["bf16"] != runs["none"]
    assert runs["bf16"] == pytest.approx(runs["none"], rel=0.02)


def test_only_training_needs_accelerate(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["accelerate"] = None  # as where it is not installed
from core import worker
from core.cli import main
assert main(["generate", "table", "--max-faces", "2", "--device", "cpu", "--out", sys.argv[1]]) == 0
sys.exit(main(["train", "transformer", "--data", "procedural:4", "--out", sys.argv[1]]))
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "cannot import accelerate" in done.stderr and "pip install accelerate" in done.stderr


def test_gradients_are_clipped(tmp_path: Path) -> None:
    """AdamW hides the length of all gradients but not that of one against the next; its averages show it."""
    trainer = Trainer(small_task(), config(tmp_path, steps=1, clip=1e-3, muon=False))
    trainer.run(progress=False)
    averages = [state["exp_avg"] for state in trainer.optimiser.optimizer.state.values()]
    assert float(torch.cat([a.flatten() for a in averages]).norm()) == pytest.approx(0.1 * 1e-3, rel=1e-3)


@needs_muon
def test_muon_and_adamw_are_one_optimiser_to_a_gradient_scaler() -> None:
    """Half precision scales the loss; each gradient has to be scaled back once."""
    results = []
    for scale in (1.0, 1024.0):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
        muon, adam = torch.optim.Muon([model[0].weight]), torch.optim.AdamW([model[0].bias, *model[1].parameters()])
        optimiser, scaler = MuonWithAdamW([muon, adam]), torch.amp.GradScaler("cpu", init_scale=scale)
        for _ in range(2):
            scaler.scale(model(torch.ones(3, 4)).square().mean()).backward()
            scaler.unscale_(optimiser)
            scaler.step(optimiser)
            scaler.update()
            optimiser.zero_grad()
        results.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(*results)


class Notebook(GeneralTracker):
    """A tracker that remembers."""

    name, requires_logging_directory, main_process_only = "notebook", False, True
    runs: ClassVar[list[Notebook]] = []

    def __init__(self, run_name: str, **_: object) -> None:
        super().__init__()
        self.project, self.config, self.values, self.finished = run_name, {}, [], False
        self.runs.append(self)

    @property
    def tracker(self) -> Notebook:
        return self

    def store_init_configuration(self, values: dict) -> None:
        self.config = values

    def log(self, values: dict, step: int | None = None, **_: object) -> None:
        self.values.append((step, values))

    def finish(self) -> None:
        self.finished = True


def test_trackers_get_what_the_log_gets(tmp_path: Path) -> None:
    register_tracker_class(Notebook)
    try:
        Trainer(small_task(), config(tmp_path, tracker="notebook", log_every=2)).run(progress=False)
    finally:
        del LOGGER_TYPE_TO_CLASS["notebook"]
    (book,) = Notebook.runs
    assert book.config["steps"] == 6 and book.finished
    assert [step for step, _ in book.values] == [line["step"] for line in losses(tmp_path)]
    assert book.values[0][1]["loss"] == losses(tmp_path)[0]["loss"]


def test_a_tracker_without_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.distribution.get_available_trackers", list)
    with pytest.raises(MeshGPTError, match="pip install tensorboard"):
        Trainer(small_task(), config(tmp_path, tracker="tensorboard"))


def test_rates_warm_up_stay_and_fall(tmp_path: Path) -> None:
    trainer = Trainer(small_task(), config(tmp_path, steps=100, warmup=10, cooldown=0.5))
    factors = [trainer.rate_factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9:51] == [1.0] * 42
    assert all(a > b for a, b in zip(factors[51:98], factors[52:99], strict=True)) and factors[99] == pytest.approx(
        0.02
    )


def test_batches_are_a_function_of_seed_epoch_and_index() -> None:
    a, b = small_task(), small_task()
    assert a.batch_sizes(1) == b.batch_sizes(1)
    b.batch(0, 0)
    assert torch.equal(a.batch(1, 2).codes, b.batch(1, 2).codes)
    other = small_task().batch(2, 2)
    first = a.batch(1, 2)
    assert first.codes.shape != other.codes.shape or not torch.equal(first.codes, other.codes)


def test_validation_families_are_never_trained_on() -> None:
    train, validation = load_dataset("procedural:64").split(0.2)
    assert not {s.family for s in train} & {s.family for s in validation}
    assert len(train) + len(validation) == 64 and len(validation) >= 5


def test_conditions_drop_as_often_as_asked() -> None:
    task = TransformerTask(
        load_dataset("procedural:200"),
        LatticeTokenizer(),
        TransformerTaskConfig(model=MODEL, drop_prompt=0.25, drop_count=0.5, faces_per_batch=512),
    )
    words, counts = [], []
    for epoch in range(4):
        for index in range(len(task.batch_sizes(epoch))):
            batch = task.batch(epoch, index)
            words += (batch.conditions.words.sum((1, 2)) == 0).tolist()
            counts += (batch.conditions.faces == 0).tolist()
    assert np.mean(words) == pytest.approx(0.25, abs=0.06) and np.mean(counts) == pytest.approx(0.5, abs=0.06)


def test_common_and_long_meshes_take_part_less_often() -> None:
    config = TransformerTaskConfig(model=MODEL, balance=0.5, common=4, long=30, faces_per_batch=64)
    task = TransformerTask(load_dataset("procedural:200"), LatticeTokenizer(), config)
    heads = [sample.head for sample in task.train]
    drawn = np.zeros(len(heads))
    for epoch in range(60):
        present = {i for index in range(len(task.batch_sizes(epoch))) for i in task._batches(epoch)[index][1]}
        drawn[list(present)] += 1 / 60
    expected = [
        min(1, 4 / heads.count(sample.head)) ** 0.5 * min(1, 30 / len(sample.mesh.faces)) for sample in task.train
    ]
    assert np.abs(drawn - expected).mean() < 0.08 and 0 < min(expected) < max(expected)


def test_large_batches_show_no_mesh_more_often_than_others() -> None:
    options = {"model": MODEL, "balance": 0, "long": 1000, "faces_per_batch": 4096}
    dataset = load_dataset("procedural:100")
    once, often = (
        TransformerTask(dataset, LatticeTokenizer(), TransformerTaskConfig(**options, passes=n)) for n in (1, 40)
    )

    def times(task: TransformerTask) -> np.ndarray:
        rows = [row for _, members in task._batches(0) for row in members]
        return np.bincount(rows, minlength=len(task.train))

    assert times(often).max() <= 1.5 * times(often).min() and times(often).min() >= 40
    assert times(once).max() >= 3 * times(once).min()  # what the passes are for


def test_a_transformer_learns_and_generates_over_a_learned_tokenizer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = load_dataset("procedural:24")
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1, codebook_size=64).eval()
    autoencoder.initialise_codebooks([sample.mesh.quantised() for sample in dataset])
    task = TransformerTask(dataset, autoencoder, TransformerTaskConfig(model=MODEL, faces_per_batch=128))
    Trainer(task, config(tmp_path)).run(progress=False)
    checkpoint = load_checkpoint(tmp_path / "model", device="cpu")
    codes = autoencoder.encode(dataset.samples[0].mesh)
    assert np.array_equal(checkpoint.tokenizer.encode(dataset.samples[0].mesh), codes)
    for mesh in checkpoint.generate("table", count=3, max_faces=20):
        assert mesh.report().duplicate == mesh.report().nonmanifold_edges == 0


def test_levels_of_detail_take_part_less_often_than_what_they_are_of() -> None:
    dataset = load_dataset("procedural:40")
    twice = [replace(sample, derived_from="x" if copy else None) for sample in dataset for copy in range(2)]
    config = TransformerTaskConfig(model=MODEL, common=1000, long=1000, derived=2.0)
    task = TransformerTask(replace(dataset, samples=tuple(twice)), LatticeTokenizer(), config)
    shares = {bool(sample.derived_from): share for sample, share in zip(task.train, task._shares, strict=True)}
    levels = sum(sample.derived_from is not None for sample in task.train)
    assert shares[False] == 1 and shares[True] == pytest.approx(min(1, 2 / levels))


def test_points_are_noisy_and_take_the_place_of_the_prompt() -> None:
    model = replace(MODEL, point_latents=2)
    settings = {"drop_points": 0.5, "drop_prompt": 0.0, "drop_beside_points": 0.5}
    task = TransformerTask(
        load_dataset("procedural:48"), LatticeTokenizer(), TransformerTaskConfig(model=model, **settings)
    )
    drawn = [task._drawn(task.train.samples[i % len(task.train)], np.random.default_rng(i)) for i in range(300)]
    seen = [mesh for mesh in drawn if mesh.points is not None]
    assert 110 < len(seen) < 190 and all(mesh.prompt for mesh in drawn if mesh.points is None)
    assert 0.35 < np.mean([not mesh.prompt for mesh in seen]) < 0.65
    normals = np.linalg.norm(np.concatenate([mesh.points for mesh in seen])[:, 3:], axis=1)
    np.testing.assert_allclose(normals, 1, atol=1e-6)


def transformer_to_compile() -> Task:
    return small_task(replace(MODEL, step="face", edges=True, neighbours=True, dropout=0.0))


def autoencoder_to_compile() -> Task:
    model = AutoencoderConfig(dim=32, encoder_depth=1, vertex_depth=1, decoder_depth=2, codebook_size=64)
    return AutoencoderTask(
        load_dataset("procedural:24"), AutoencoderTaskConfig(model=model, max_faces=80, faces_per_batch=300)
    )


@pytest.mark.parametrize("build", [transformer_to_compile, autoencoder_to_compile])
def test_a_compiled_run_has_the_losses_of_one_that_is_not(build: Callable[[], Task], tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    curves = []
    for compile in (False, True):
        folder = tmp_path / str(compile)
        Trainer(build(), config(folder, steps=2, log_every=1, compile=compile)).run(progress=False)
        curves.append([line["loss"] for line in losses(folder) if "loss" in line])
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)
