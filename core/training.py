# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop: any task (transformer, tokenizer), on one process or many, resumable to the same loss.

A run is a folder: `metrics.jsonl`, `state.safetensors` (weights, averaged weights, optimisers, where it stands),
`best.safetensors` (averaged weights at the lowest validation loss) and, at the end, `model/`: the checkpoint.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from tqdm import tqdm

from .batches import Share, Shares, can_load_ahead
from .checks import need_at_least, need_shares
from .distribution import Precision, build_accelerator, is_sharded, noticing_interrupts, summed, summed_later
from .errors import Cancelled, MeshGPTError
from .run_state import (
    AveragedWeights,
    optimiser_state,
    read_run,
    set_optimiser_state,
    set_state,
    whole_state,
    write_run,
    write_tensors,
)


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Learning rates warm up linearly, stay, and fall linearly to 2% over the last `cooldown` of all steps. To lengthen or
    shorten a run, resume it with other `steps`: the schedule follows.
    """

    out: str
    steps: int = 10_000  # optimiser steps in all
    learning_rate: float = 1.5e-3  # the highest
    muon: bool = True  # matrices of the trunk learn by Muon (Jordan et al. 2024), everything else by AdamW
    weight_decay: float = 0.02  # of all weights
    warmup: int = 100  # steps in which the learning rate rises
    cooldown: float = 0.4  # share of the steps, the last ones, in which it falls
    clip: float = 1.0  # longest gradient
    ema: float = 0.998  # decay of the averaged weights, which are validated and exported
    keep_best: bool = True  # export those with the lowest validation loss; otherwise those of the last step
    accumulate: int = 1  # batches a step
    mixed_precision: Precision = "auto"  # auto: bf16 where the machine is faster with it
    compile: bool = False  # let torch.compile fuse the model's parts: faster steps after a slow first one
    shard: bool = False  # divide weights and optimiser over the processes (FSDP), for large models
    tracker: str = ""  # also log to these, e.g. tensorboard,wandb
    seed: int = 0  # of weights, batches and augmentation
    validate_every: int = 250  # steps between two validations
    log_every: int = 20  # steps between two lines of metrics.jsonl
    checkpoint_minutes: float = 3.0  # between two savings of the state
    device: str = "auto"
    threads: int = 0  # processor threads; 0: as torch chooses
    loaders: int = 0  # processes that prepare batches ahead, so that a GPU does not wait; 0: the training itself does

    def __post_init__(self) -> None:
        need_at_least(1, self, "steps", "accumulate", "validate_every", "log_every")
        need_at_least(1e-9, self, "learning_rate", "clip")
        need_at_least(0, self, "weight_decay", "warmup", "seed", "threads", "loaders", "checkpoint_minutes")
        need_shares(self, "cooldown", "ema")


class Task(Protocol):
    """What is trained on what.

    Batches are functions of seed, epoch and index alone, and each row of one is by itself, so that processes can share
    a batch by rows, and others prepare it: in main memory, without touching the device. Epoch None is the validation
    set.
    """

    model: nn.Module

    def muon_parameters(self) -> list[nn.Parameter]:
        """Matrices that Muon may take; may be empty."""

    def start(self) -> None:
        """What comes before the first step of a run, the same in every process."""

    def batch_sizes(self, epoch: int | None) -> list[int]:
        """Rows, that is meshes, of each batch of an epoch."""

    def batch(self, epoch: int | None, index: int, rows: Sequence[int] | None = None) -> Any:
        """These rows of a batch; all when None."""

    def size(self, batch: Any) -> tuple[float, ...]:
        """What the losses of a batch are divided by: its faces, then anything else that adds up over rows."""

    def loss(self, batch: Any, totals: tuple[float, ...], last: bool = True) -> dict[str, Tensor]:
        """ "loss", to minimise, and metrics without gradient: all divided by `totals`, the size of the whole of which
        the batch is a share, so that they add up over the shares. `last`: no share of this step follows here.
        """

    def compile(self) -> None:
        """Let torch.compile fuse parts of the model."""

    def export(self, folder: Path, metrics: dict[str, Any]) -> None:
        """Write the checkpoint of `model` as it stands."""


class _Loss(nn.Module):
    """The task's loss as a module: what DDP and FSDP do, they do around a module's `forward`."""

    def __init__(self, task: Task, shared: bool) -> None:
        super().__init__()
        self.model, self.of, self.shared = task.model, [task], shared

    def forward(self, batch: Any, totals: tuple[float, ...], last: bool) -> dict[str, Tensor]:
        losses = self.of[0].loss(batch, totals, last)
        if self.shared and self.training:
            # Processes wait for the gradient of each parameter, also of those that only some of them need now. Layers
            # that are sharded by themselves (DTensors here) are always needed.
            used = [p for p in self.model.parameters() if p.requires_grad and not isinstance(p, DTensor)]
            losses["loss"] = losses["loss"] + 0 * sum(parameter.sum() for parameter in used)
        return losses


class MuonWithAdamW(torch.optim.Optimizer):
    """Two optimisers as one: a gradient scaler has to see all gradients of a step together."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.parts = parts

    def step(self, closure: None = None) -> None:
        for part in self.parts:
            part.step()


class Trainer:
    """One run of a task. `run()` trains from where the folder stands to the last step.

    Several processes (`accelerate launch`, see `distribution`) each build the task and a Trainer; a batch is shared by
    its rows, and the loss is that of one process with the whole batch. Only the first process writes.
    """

    def __init__(self, task: Task, config: TrainingConfig) -> None:
        self.task, self.config = task, config
        if config.threads:
            torch.set_num_threads(config.threads)
        trackers = [name.strip() for name in config.tracker.split(",") if name.strip()]
        self.accelerator = accelerator = build_accelerator(
            config.out, config.device, config.mixed_precision, config.accumulate, config.shard, trackers
        )
        self.rank, self.world = accelerator.process_index, accelerator.num_processes
        self.first, self.sharded = accelerator.is_main_process, is_sharded(accelerator)
        self.shares = Shares(task, self.rank, self.world)
        self.folder = Path(config.out)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = task.model.to(accelerator.device)
        kept = read_run(self.folder)
        if kept is None:
            self._seed(0, 0, 0)
            task.start()
        # A sharded model cannot be exported; this one takes its weights in the end.
        self._unsharded = copy.deepcopy(self.model).cpu() if self.sharded and self.first else None
        if config.compile:
            task.compile()
        self._prepare()
        self.step = self.epoch = self.index = 0
        self.best = math.inf
        self.best_metrics: dict[str, float] = {}
        self.faces_seen = 0
        if kept is not None:
            self._restore(*kept)
        if summed(accelerator, [self.step])[0] != self.world * self.step:
            raise MeshGPTError("The processes do not find the same run.", "Put it into a folder that all can read.")

    def _prepare(self) -> None:
        optimiser = self._build_optimiser()
        loss = _Loss(self.task, shared=self.world > 1)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)  # accelerate has no other name yet
            self.loss, self.optimiser = self.accelerator.prepare(loss, optimiser, device_placement=[True, False])
        self.base_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = AveragedWeights(self.model)
        if self.accelerator.log_with:
            self.accelerator.init_trackers("meshgpt", asdict(self.config))

    def _build_optimiser(self) -> torch.optim.Optimizer:
        config = self.config
        matrices = self.task.muon_parameters() if config.muon else []
        if matrices and self.sharded:
            self._say("Muon is off: it needs whole matrices, and these are sharded. AdamW takes all parameters.")
            matrices = []
        if matrices and not hasattr(torch.optim, "Muon"):  # before PyTorch 2.9
            self._say("Muon is off: this PyTorch has none. AdamW takes all parameters.")
            matrices = []
        taken = {id(parameter) for parameter in matrices}
        rest = [p for p in self.model.parameters() if p.requires_grad and id(p) not in taken]
        adam = torch.optim.AdamW(
            rest, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay, fused=True
        )
        if not matrices:
            return adam
        muon = torch.optim.Muon(
            matrices, lr=config.learning_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        return MuonWithAdamW([muon, adam])

    def _say(self, sentence: str) -> None:
        if self.first:
            tqdm.write(sentence, file=sys.stderr)

    def _seed(self, *place: int) -> None:
        """What is random in a forward pass repeats after a resume, and differs between processes where asked."""
        torch.manual_seed(int(np.random.SeedSequence((self.config.seed, *place)).generate_state(1)[0]))

    def rate_factor(self, step: int) -> float:
        """Factor on all learning rates at a step."""
        config = self.config
        left = (config.steps - step) / max(1.0, config.cooldown * config.steps)
        return min(1.0, (step + 1) / max(1, config.warmup)) * min(1.0, max(0.02, left))

    def run(self, cancelled: Callable[[], bool] = lambda: False, progress: bool = True) -> dict[str, Any]:
        """Train to the last step and export; returns the best validation metrics.

        Raises Cancelled, the state saved, when `cancelled` says so or on Ctrl-C and SIGTERM; either waits for the end
        of the step. Raises MeshGPTError when the loss is not finite.
        """
        try:
            self._train(cancelled, progress and self.first)
            return self._export()
        finally:
            for tracker in self.accelerator.trackers:
                tracker.finish()

    def _train(self, cancelled: Callable[[], bool], show: bool) -> None:
        config, start, faces_before = self.config, time.monotonic(), self.faces_seen
        bar = tqdm(total=config.steps, initial=self.step, unit="step", disable=not show, dynamic_ncols=True)
        self._saved = time.monotonic()
        with bar, noticing_interrupts() as interrupted, self._batches() as batches:
            while self.step < config.steps:
                shares = list(islice(batches, config.accumulate))
                metrics, norm = self._train_step(shares, lambda: interrupted.is_set() or cancelled())
                bar.update()
                rate = (self.faces_seen - faces_before) / (time.monotonic() - start)
                bar.set_postfix(loss=f"{metrics['loss']:.3f}", faces_per_s=f"{rate:.0f}", epoch=self.epoch)
                if self.step % config.log_every == 0:
                    metrics["gradient_norm"] = float(norm)  # a GPU is waited for here, so not at every step
                    self._log({"faces_per_s": round(rate, 1), "epoch": self.epoch, **metrics})
                if self.step % config.validate_every == 0 or self.step == config.steps:
                    self._keep_best(self.validate())
        self._save()

    def _batches(self) -> AbstractContextManager[Iterator[Share]]:
        """This process's rows of the batches that are left, from where the run stands."""
        loaders, left = self.config.loaders, (self.config.steps - self.step) * self.config.accumulate
        if loaders and not can_load_ahead():
            self._say("Loaders are off: on this system the training has to prepare its batches itself.")
            loaders = 0
        return self.shares.ahead(self.epoch, self.index, left, loaders, self.accelerator.device.type == "cuda")

    def _train_step(self, shares: list[Share], cancelled: Callable[[], bool]) -> tuple[dict[str, float], Tensor]:
        """One step; returns its losses and the length of its gradient."""
        late = time.monotonic() - self._saved > self.config.checkpoint_minutes * 60
        # All processes stop and save at the same step.
        wishes = [float(cancelled()), float(late and self.first)]
        sizes = map(sum, zip(*(share.size for share in shares), strict=True))
        *totals, stop, save = summed(self.accelerator, [*sizes, *wishes])
        if stop or save:
            self._save()
        if stop:
            raise Cancelled
        for group, rate in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * self.rate_factor(self.step)
        self.loss.train()
        metrics = self._accumulate(shares, tuple(totals))
        if not math.isfinite(metrics["loss"]):
            self.optimiser.zero_grad()
            self._save()
            raise MeshGPTError(
                f"Training failed at step {self.step}: the loss is {metrics['loss']}.",
                "Resume with a lower learning rate.",
            )
        for parameter in self.model.parameters():  # whether a batch needs a parameter must not depend on the share
            if parameter.grad is None and parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)
        norm = self.accelerator.clip_grad_norm_(self.loss.parameters(), self.config.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.average.update(min(self.config.ema, (1 + self.step) / (10 + self.step)))
        self.step, self.epoch, self.index = self.step + 1, shares[-1].epoch, shares[-1].index + 1
        self.faces_seen += round(totals[0])
        return metrics, norm

    def _accumulate(self, shares: list[Share], totals: tuple[float, ...]) -> dict[str, float]:
        """Gradients of the shares in all processes together; returns the losses of the whole."""
        sums: Tensor | float = 0.0
        for number, share in enumerate(shares):
            last = number == len(shares) - 1
            self._seed(self.step, number, self.rank)
            with self.accelerator.accumulate(self.loss):
                losses = self.loss(share.batch, totals, last)
                sums = sums + torch.stack([value.detach().float() for value in losses.values()]) * share.weight
                if last:  # a GPU has the losses long before it is done with the gradients that are asked for next
                    read = summed_later(self.accelerator, sums)
                # Accelerate takes the mean over batches, DDP and FSDP that over processes; these are shares of a sum.
                self.accelerator.backward(losses["loss"] * (share.weight * len(shares) * self.world))
        return dict(zip(losses, read(), strict=True))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses of the averaged weights over the validation set, per face."""
        self.loss.eval()
        sums, faces = None, 0.0
        with self.average.in_place():
            for share in self.shares.validation():
                totals = summed(self.accelerator, share.size)
                losses = self.loss(share.batch, tuple(totals), True)
                values = torch.stack([value.float() for value in losses.values()]) * (share.weight * totals[0])
                sums = values if sums is None else sums + values
                faces += totals[0]
        return {name: v / faces for name, v in zip(losses, summed(self.accelerator, sums), strict=True)}

    def _keep_best(self, metrics: dict[str, float]) -> None:
        if metrics["loss"] < self.best:
            self.best, self.best_metrics = metrics["loss"], {**metrics, "step": self.step}
            best = self.average.whole()
            if self.first:
                write_tensors(self.folder / "best.safetensors", best)
        self._log({f"validation_{name}": value for name, value in metrics.items()})

    def _log(self, metrics: dict[str, Any]) -> None:
        if not self.first:
            return
        values = {"step": self.step, "faces": self.faces_seen, "time": round(time.time(), 1), **metrics}
        with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(values) + "\n")
        self.accelerator.log(metrics, step=self.step)

    def _save(self) -> None:
        groups = {
            "model": whole_state(self.model),
            "average": self.average.whole(),
            "optimiser": optimiser_state(self.model, self.optimiser.optimizer),
        }
        scaler = self.accelerator.scaler
        values = {
            "step": self.step,
            "epoch": self.epoch,
            "index": self.index,
            "faces_seen": self.faces_seen,
            "best": self.best,
            "best_metrics": self.best_metrics,
            "scaler": scaler.state_dict() if scaler else None,
            "config": asdict(self.config),
        }
        if self.first:
            write_run(self.folder, groups, values)
        self.accelerator.wait_for_everyone()  # no process may go on and look for the run before it is there
        self._saved = time.monotonic()

    def _restore(self, groups: dict[str, dict[str, Tensor]], values: dict[str, Any]) -> None:
        set_state(self.model, groups["average"])
        self.average = AveragedWeights(self.model)
        set_state(self.model, groups["model"])
        set_optimiser_state(self.model, self.optimiser.optimizer, groups.get("optimiser", {}))
        if values["scaler"] and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(values["scaler"])
        self.step, self.epoch, self.index = values["step"], values["epoch"], values["index"]
        self.best, self.best_metrics = values["best"], values["best_metrics"]
        self.faces_seen = values["faces_seen"]

    def _export(self) -> dict[str, Any]:
        best, keep_best = self.folder / "best.safetensors", self.config.keep_best
        measured = self.best_metrics if keep_best else {**self.validate(), "step": self.step}
        metrics = {**measured, "steps": self.step, "faces_seen": self.faces_seen}
        tensors = self.average.whole()
        if self._unsharded is not None:
            self.task.model = self._unsharded
        if self.first:
            set_state(self.task.model, load_file(best) if keep_best and best.is_file() else tensors)
            self.task.model.eval()
            self.task.export(self.folder / "model", metrics)
        self.accelerator.wait_for_everyone()
        return metrics
