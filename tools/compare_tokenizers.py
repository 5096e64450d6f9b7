# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train an autoencoder with each quantiser and option for the same processor time, and print a table of how they do."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.data.dataset import load_dataset  # noqa: E402
from core.reconstruction import triangle_accuracy  # noqa: E402
from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig  # noqa: E402
from core.tokenizers.autoencoder_config import AutoencoderConfig  # noqa: E402

VARIANTS = {
    "rvq": {},
    "rvq, one codebook": {"shared_codebook": True},
    "rlfq": {"quantizer": "rlfq"},
    "rfsq": {"quantizer": "rfsq"},
    "rvq, attention": {"encoder_attention": 1, "decoder_attention": 1},
    "rvq, vertices first": {"vertex_depth": 2},
    "rvq, noise of 0.2 cells": {"noise": 0.2},
}
COLUMNS = ["", "levels x codes", "faces seen, millions", "reconstruction loss", "triangles, %", "decoded, %"]
COLUMNS += ["meshes exact, %", "cells from codes", "use, %", "perplexity"]
RATE, COOLDOWN, WARMUP = 1.5e-3, 0.4, 20


def train(task: AutoencoderTask, seconds: float) -> int:
    """Train for so much processor time, cooling down over the last part of it; returns the faces seen."""
    parameters = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, RATE, betas=(0.9, 0.95), weight_decay=0.02)
    start, step, epoch, faces = time.process_time(), 0, 0, 0.0
    torch.manual_seed(0)
    task.start()
    while True:
        for index in range(len(task.batch_sizes(epoch))):
            left = 1 - (time.process_time() - start) / seconds
            if left <= 0:
                return int(faces)
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARMUP, max(0.02, left / COOLDOWN))
            batch = task.batch(epoch, index)
            task.loss(batch, task.size(batch))["loss"].backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step, faces = step + 1, faces + task.size(batch)[0]
        epoch += 1


@torch.no_grad()
def row(name: str, task: AutoencoderTask, faces: int) -> str:
    """A line of the table, over the held-out families."""
    model = task.model.eval()
    meshes = [sample.mesh.quantised(model.levels) for sample in task.validation]
    losses = model.loss(meshes)
    decoded = [triangle_accuracy(mesh, model.decode(model.encode(mesh))) for mesh in meshes]
    usage = model.codebook_usage(meshes)
    return " | ".join(
        [
            f"| {name}",
            f"{len(model.codebook_sizes)} x {model.codebook_sizes[0]:,}",
            f"{faces / 1e6:.2f}",
            f"{losses['reconstruction']:.4f}",
            f"{100 * losses['triangle_accuracy']:.2f}",
            f"{100 * sum(decoded) / len(decoded):.2f}",
            f"{100 * sum(share == 1 for share in decoded) / len(decoded):.1f}",
            f"{losses['distance_to_codes']:.3f}",
            ", ".join(f"{100 * level['use']:.0f}" for level in usage),
            ", ".join(f"{level['perplexity']:.0f}" for level in usage) + " |",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="a folder of mesh files, or an .npz archive")
    parser.add_argument("--minutes", type=float, default=8.0, help="processor time for each (default: %(default)s)")
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(options.data, 0)
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    for name in options.only:
        config = AutoencoderTaskConfig(model=AutoencoderConfig(**VARIANTS[name]), faces_per_batch=2048)
        task = AutoencoderTask(dataset, config)
        print(row(name, task, train(task, 60 * options.minutes)), flush=True)


if __name__ == "__main__":
    main()
