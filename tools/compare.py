# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train each quantiser, or each head of the transformer, for the same processor time, and print a table of how they do.

python tools/compare.py tokenizers|transformers --data FOLDER|ARCHIVE|procedural
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.data.dataset import MeshDataset, load_dataset  # noqa: E402
from core.devices import trains_in_bf16  # noqa: E402
from core.reconstruction import triangle_accuracy  # noqa: E402
from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig  # noqa: E402
from core.tasks.transformer import TransformerTask, TransformerTaskConfig  # noqa: E402
from core.tokenizers.autoencoder_config import AutoencoderConfig  # noqa: E402
from core.tokenizers.lattice import LatticeTokenizer  # noqa: E402
from core.transformer import TransformerConfig  # noqa: E402

TOKENIZERS: dict[str, dict[str, Any]] = {
    "rvq": {},
    "rvq, one codebook": {"shared_codebook": True},
    "rlfq": {"quantizer": "rlfq"},
    "rfsq": {"quantizer": "rfsq"},
    "rvq, attention": {"encoder_attention": 1, "decoder_attention": 1},
    "rvq, vertices first": {"vertex_depth": 2},
    "rvq, noise of 0.2 cells": {"noise": 0.2},
}
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "copy, a step a vertex": {},
    "copy, a step a face": {"step": "face"},
    "mlp, a step a vertex": {"head": "mlp"},
    "mlp, a step a face": {"head": "mlp", "step": "face"},
    "attention, a step a vertex": {"head": "attention"},
    "attention, a step a face": {"head": "attention", "step": "face"},
    "flat, a step a code": {"step": "code"},
    "copy, a step a vertex, neighbours": {"neighbours": True},
}
SIZE = {"dim": 192, "depth": 4, "head_width": 128, "head_depth": 2, "max_faces": 200}
RATE, COOLDOWN, WARMUP = 1.5e-3, 0.4, 20


def train(task: AutoencoderTask | TransformerTask, seconds: float, bf16: bool) -> tuple[int, int]:
    """Train for so much processor time, cooling down over the last part of it; returns steps and faces seen."""
    parameters = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, RATE, betas=(0.9, 0.95), weight_decay=0.02)
    start, step, epoch, faces = time.process_time(), 0, 0, 0.0
    torch.manual_seed(0)
    task.start()
    task.model.train()
    while True:
        for index in range(len(task.batch_sizes(epoch))):
            left = 1 - (time.process_time() - start) / seconds
            if left <= 0:
                return step, int(faces)
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARMUP, max(0.02, left / COOLDOWN))
            batch = task.batch(epoch, index)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = task.loss(batch, task.size(batch))["loss"]
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step, faces = step + 1, faces + task.size(batch)[0]
        epoch += 1


@torch.no_grad()
def tokenizer_row(dataset: MeshDataset, options: dict[str, Any], seconds: float) -> dict[str, str]:
    """How an autoencoder does over the held-out families."""
    task = AutoencoderTask(dataset, AutoencoderTaskConfig(model=AutoencoderConfig(**options), faces_per_batch=2048))
    with torch.enable_grad():
        _, faces = train(task, seconds, bf16=False)
    model = task.model.eval()
    meshes = [sample.mesh.quantised(model.levels) for sample in task.validation]
    losses = model.loss(meshes)
    decoded = [triangle_accuracy(mesh, model.decode(model.encode(mesh))) for mesh in meshes]
    usage = model.codebook_usage(meshes)
    return {
        "levels x codes": f"{len(model.codebook_sizes)} x {model.codebook_sizes[0]:,}",
        "faces seen, millions": f"{faces / 1e6:.2f}",
        "reconstruction loss": f"{losses['reconstruction']:.4f}",
        "triangles, %": f"{100 * losses['triangle_accuracy']:.2f}",
        "decoded, %": f"{100 * sum(decoded) / len(decoded):.2f}",
        "meshes exact, %": f"{100 * sum(share == 1 for share in decoded) / len(decoded):.1f}",
        "cells from codes": f"{losses['distance_to_codes']:.3f}",
        "use, %": ", ".join(f"{100 * level['use']:.0f}" for level in usage),
        "perplexity": ", ".join(f"{level['perplexity']:.0f}" for level in usage),
    }


@torch.no_grad()
def transformer_row(dataset: MeshDataset, options: dict[str, Any], seconds: float) -> dict[str, str]:
    """How a transformer over lattice codes does over the held-out families, told labels and face counts."""
    config = TransformerTaskConfig(model=TransformerConfig(**SIZE | options))
    task = TransformerTask(dataset, LatticeTokenizer(), config)
    with torch.enable_grad():
        steps, faces = train(task, seconds, bf16=trains_in_bf16(torch.device("cpu")))
    task.model.eval()
    batches = [task.batch(None, index) for index in range(len(task.batch_sizes(None)))]
    whole = sum(task.size(batch)[0] for batch in batches)
    bits = sum(float(task.loss(batch, (whole,))["bits_per_face"]) for batch in batches)
    return {
        "parameters, millions": f"{task.model.parameter_count() / 1e6:.2f}",
        "steps": f"{steps:,}",
        "faces seen, thousands": f"{faces / 1e3:.0f}",
        "faces a second": f"{faces / seconds:.0f}",
        "bits a face": f"{bits:.2f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokenizers", "transformers"])
    parser.add_argument("--data", required=True, help="a folder of mesh files, an .npz archive, or procedural")
    parser.add_argument("--minutes", type=float, default=8.0, help="processor time for each (default: %(default)s)")
    parser.add_argument("--only", nargs="*", default=[""], metavar="TEXT", help="those whose names begin so")
    options = parser.parse_args()
    torch.set_num_threads(1)
    variants, row = (TOKENIZERS, tokenizer_row) if options.what == "tokenizers" else (TRANSFORMERS, transformer_row)
    dataset = load_dataset(options.data, 0)
    for number, name in enumerate(name for name in variants if name.startswith(tuple(options.only))):
        found = row(dataset, variants[name], 60 * options.minutes)
        if number == 0:
            print("| | " + " | ".join(found) + " |\n|" + "---|" * (1 + len(found)), flush=True)
        print(f"| {name} | " + " | ".join(found.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
