# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small trainings, to be run in this process or as one of several: `training_process.py KIND RUNS`.

RUNS: JSON, a list of configs to train one after another. Each may have "stop", a step at which the last process wants
to stop.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from safetensors.torch import save_file

from core.data.dataset import load_dataset
from core.distribution import joined_processes
from core.errors import Cancelled
from core.training import Task, Trainer, TrainingConfig

COMMON = {"steps": 6, "warmup": 2, "validate_every": 3, "log_every": 1, "device": "cpu", "mixed_precision": "none"}


def build_task(kind: str) -> Task:
    """A task whose loss does not draw random numbers, so that processes can be compared with one. Some batches of the
    transformer have one mesh, which two processes cannot share.
    """
    dataset = load_dataset("procedural:64")
    if kind == "transformer":
        from core.tasks.transformer import TransformerTask, TransformerTaskConfig
        from core.tokenizers.lattice import LatticeTokenizer
        from core.transformer_config import TransformerConfig

        sizes = {"dim": 32, "depth": 2, "heads": 2, "head_width": 24, "head_depth": 1, "max_faces": 64}
        model = TransformerConfig(**sizes, point_latents=4, completion=True, neighbours=True)
        return TransformerTask(dataset, LatticeTokenizer(), TransformerTaskConfig(model=model, faces_per_batch=100))
    from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
    from core.tokenizers.autoencoder import AutoencoderConfig

    model = AutoencoderConfig(
        dim=32, encoder_depth=1, decoder_depth=1, dim_codebook=16, codebook_size=64, sample_temperature=0
    )
    return AutoencoderTask(dataset, AutoencoderTaskConfig(model=model, max_faces=80, faces_per_batch=220))


def train(kind: str, stop: int, config: dict) -> Trainer:
    config = TrainingConfig(**(COMMON | config))
    trainer = Trainer(build_task(kind), config)
    last = trainer.rank == trainer.world - 1
    try:
        trainer.run(cancelled=lambda: last and trainer.step == stop, progress=False)
    except Cancelled:
        assert trainer.step == stop
    return trainer


def let_processors_shard() -> None:
    """Accelerate shards on GPUs only, torch on processors too."""
    initialise = AcceleratorState.__init__

    def with_sharding(self: AcceleratorState, *args: Any, fsdp_plugin: Any = None, **options: Any) -> None:
        initialise(self, *args, fsdp_plugin=fsdp_plugin, **options)
        if fsdp_plugin is not None:
            self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin

    AcceleratorState.__init__ = with_sharding


def main() -> None:
    torch.set_num_threads(1)
    let_processors_shard()
    kind, runs = sys.argv[1], json.loads(sys.argv[2])
    with joined_processes("cpu"):
        for run in runs:
            trainer = train(kind, run.pop("stop", -1), run)
            if not trainer.sharded:
                save_file(trainer.average.tensors, Path(trainer.folder) / f"process{trainer.rank}.safetensors")


if __name__ == "__main__":
    main()
