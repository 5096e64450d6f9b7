# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop: any task (transformer, tokenizer), resumable to the same loss, metrics as JSON lines.

A run is a folder: `metrics.jsonl`, `state.json` and `state.safetensors` (weights, averaged weights, optimisers),
`best.safetensors` (averaged weights at the lowest validation loss) and, at the end, `model/`: the checkpoint.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from .devices import choose_device, trains_in_bf16
from .errors import Cancelled, MeshGPTError


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. Learning rates warm up linearly, stay, and fall linearly to 2% over the last `cooldown` of all
    steps.

    Matrices of the trunk learn by Muon (Jordan et al. 2024) when `muon`, everything else by AdamW. To lengthen or
    shorten a run, resume it with other `steps`: the schedule follows.
    """

    out: str
    steps: int = 10_000
    learning_rate: float = 1.5e-3
    muon: bool = True
    weight_decay: float = 0.02
    warmup: int = 100
    cooldown: float = 0.4
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 0
    validate_every: int = 250
    checkpoint_minutes: float = 3.0
    device: str = "auto"
    threads: int = 0  # 0: as torch chooses
    bf16: bool | None = None  # None: where the machine is faster with it


class Task(Protocol):
    """What is trained on what."""

    model: nn.Module

    def muon_parameters(self) -> list[nn.Parameter]:
        """Matrices that Muon may take; may be empty."""

    def batch_count(self, epoch: int) -> int:
        """Batches of an epoch."""

    def batch(self, epoch: int, index: int) -> Any:
        """The batch; a function of seed, epoch and index alone."""

    def loss(self, batch: Any) -> tuple[Tensor, dict[str, float], int]:
        """Loss to minimise, metrics for the log, and how many faces the batch had."""

    def validate(self) -> dict[str, float]:
        """Metrics over the validation set; the key `loss` decides which weights are best."""

    def export(self, folder: Path, metrics: dict[str, Any]) -> None:
        """Write the checkpoint of the model as it stands."""


class Trainer:
    """One run of a task. `run()` trains from where the folder stands to the last step."""

    def __init__(self, task: Task, config: TrainingConfig) -> None:
        self.task, self.config = task, config
        if config.threads:
            torch.set_num_threads(config.threads)
        self.device = choose_device(config.device)
        self.bf16 = trains_in_bf16(self.device) if config.bf16 is None else config.bf16
        self.folder = Path(config.out)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = task.model.to(self.device)
        self.optimisers = self._build_optimisers()
        self.base_rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.average = {name: value.detach().clone().float() for name, value in self.model.state_dict().items()}
        self.step = self.epoch = self.index = 0
        self.best = math.inf
        self.best_metrics: dict[str, float] = {}
        self.faces_seen = 0
        if (self.folder / "state.json").is_file():
            self._load_state()

    def _build_optimisers(self) -> list[torch.optim.Optimizer]:
        config = self.config
        matrices = self.task.muon_parameters() if config.muon else []
        taken = {id(parameter) for parameter in matrices}
        rest = [p for p in self.model.parameters() if p.requires_grad and id(p) not in taken]
        adam = torch.optim.AdamW(
            rest, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay, fused=True
        )
        if not matrices:
            return [adam]
        muon = torch.optim.Muon(
            matrices, lr=config.learning_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        return [muon, adam]

    def rate_factor(self, step: int) -> float:
        """Factor on all learning rates at a step."""
        config = self.config
        left = (config.steps - step) / max(1.0, config.cooldown * config.steps)
        return min(1.0, (step + 1) / max(1, config.warmup)) * min(1.0, max(0.02, left))

    def run(self, cancelled: Callable[[], bool] = lambda: False, progress: bool = True) -> dict[str, Any]:
        """Train to the last step and export; returns the best validation metrics. Raises Cancelled, the state saved."""
        config, start, faces_before = self.config, time.monotonic(), self.faces_seen
        saved = time.monotonic()
        bar = tqdm(total=config.steps, initial=self.step, unit="step", disable=not progress, dynamic_ncols=True)
        try:
            while self.step < config.steps:
                if cancelled():
                    raise Cancelled
                if self.index >= self.task.batch_count(self.epoch):
                    self.epoch, self.index = self.epoch + 1, 0
                metrics = self._train_step()
                bar.update()
                rate = (self.faces_seen - faces_before) / (time.monotonic() - start)
                bar.set_postfix(loss=f"{metrics['loss']:.3f}", faces_per_s=f"{rate:.0f}", epoch=self.epoch)
                if self.step % 20 == 0:
                    self._log({"faces_per_s": round(rate, 1), "epoch": self.epoch, **metrics})
                if self.step % config.validate_every == 0 or self.step == config.steps:
                    self._validate()
                if time.monotonic() - saved > config.checkpoint_minutes * 60:
                    self._save_state()
                    saved = time.monotonic()
        except KeyboardInterrupt as interrupt:
            raise Cancelled from interrupt
        finally:
            bar.close()
            self._save_state()
        return self._export()

    def _train_step(self) -> dict[str, float]:
        config = self.config
        factor = self.rate_factor(self.step)
        for optimiser, rates in zip(self.optimisers, self.base_rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        torch.manual_seed(config.seed * 1_000_003 + self.step)  # dropout and condition dropout repeat after a resume
        batch = self.task.batch(self.epoch, self.index)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss, metrics, faces = self.task.loss(batch)
        value = loss.item()
        if not math.isfinite(value):
            raise MeshGPTError(
                f"Training failed at step {self.step}: the loss is {value}.", "Resume with a lower learning rate."
            )
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self._average_weights()
        self.step, self.index, self.faces_seen = self.step + 1, self.index + 1, self.faces_seen + faces
        return {"loss": value, "gradient_norm": float(norm), **metrics}

    @torch.no_grad()
    def _average_weights(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        state = self.model.state_dict()
        floats = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.average[n] for n in floats], [state[n].detach().float() for n in floats], 1 - decay)
        for name, value in state.items():
            if not value.is_floating_point():
                self.average[name] = value.detach().clone().float()

    def _with_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Put weights into the model; returns what was there."""
        current = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict({name: value.to(current[name].dtype) for name, value in weights.items()})
        return current

    def _validate(self) -> None:
        current = self._with_weights(self.average)
        self.model.eval()
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            metrics = self.task.validate()
        if metrics["loss"] < self.best:
            self.best, self.best_metrics = metrics["loss"], {**metrics, "step": self.step}
            _write_tensors(self.folder / "best.safetensors", self.average)
        self._with_weights(current)
        self._log({f"validation_{name}": value for name, value in metrics.items()})

    def _log(self, metrics: dict[str, Any]) -> None:
        line = json.dumps({"step": self.step, "faces": self.faces_seen, "time": round(time.time(), 1), **metrics})
        with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as log:
            log.write(line + "\n")

    def _save_state(self) -> None:
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for number, optimiser in enumerate(self.optimisers):
            for parameter, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{number}.{parameter}.{key}": torch.as_tensor(v) for key, v in state.items()}
        _write_tensors(self.folder / "state.safetensors", tensors)
        state = {
            "step": self.step,
            "epoch": self.epoch,
            "index": self.index,
            "faces_seen": self.faces_seen,
            "best": self.best,
            "best_metrics": self.best_metrics,
            "config": asdict(self.config),
        }
        temporary = self.folder / "state.json.tmp"
        temporary.write_text(json.dumps(state, indent=1))
        os.replace(temporary, self.folder / "state.json")

    def _load_state(self) -> None:
        state = json.loads((self.folder / "state.json").read_text())
        tensors = load_file(self.folder / "state.safetensors", device=str(self.device))
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}}
        for name, value in tensors.items():
            group, _, rest = name.partition(".")
            groups[group][rest] = value
        try:
            self.model.load_state_dict(groups["model"])
        except RuntimeError as error:
            raise MeshGPTError(
                f'The run in "{self.folder}" trains another model than the one asked for.', "Choose another folder."
            ) from error
        self.average = groups["average"]
        for number, optimiser in enumerate(self.optimisers):
            whole = optimiser.state_dict()
            for name, value in groups["optimiser"].items():
                which, parameter, key = name.split(".", 2)
                if int(which) == number:
                    whole["state"].setdefault(int(parameter), {})[key] = value
            optimiser.load_state_dict(whole)
        self.step, self.epoch, self.index = state["step"], state["epoch"], state["index"]
        self.best, self.best_metrics = state["best"], state["best_metrics"]
        self.faces_seen = state["faces_seen"]

    def _export(self) -> dict[str, Any]:
        metrics = {**self.best_metrics, "steps": self.step, "faces_seen": self.faces_seen}
        if (self.folder / "best.safetensors").is_file():
            self._with_weights(load_file(self.folder / "best.safetensors"))
        self.model.eval()
        self.task.export(self.folder / "model", metrics)
        return metrics


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    temporary = path.with_suffix(".tmp")
    save_file({name: value.detach().contiguous().cpu() for name, value in tensors.items()}, temporary)
    os.replace(temporary, path)
