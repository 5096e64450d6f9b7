# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`train transformer` and `train tokenizer`: learn from a folder of meshes.

What is not given is left to the config dataclasses, which know the values that measured best.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from .common import DATA_HELP, Parser, Result, add_device, command, load, positive, show_values

TRANSFORMER = {
    "dim": "width of the trunk",
    "depth": "layers of the trunk",
    "heads": "attention heads",
    "max_faces": "leave out larger meshes; the model's limit",
}
AUTOENCODER = {
    "dim": "width of encoder and decoder",
    "encoder_depth": "layers of the encoder",
    "decoder_depth": "layers of the decoder",
    "codebook_size": "codes in a codebook",
    "num_quantizers": "residual levels",
}
TASK = {"faces_per_batch": "faces in a batch"}
TRAINING = {"steps": "optimiser steps in all", "validate_every": "steps between two validations"}


def add(commands: Any) -> None:
    parser = commands.add_parser("train", help="Train a model", description="Train a tokenizer or a transformer.")
    kinds = parser.add_subparsers(metavar="WHAT", required=True, parser_class=Parser)
    text = "Train a transformer on a folder of meshes; the same command again resumes it"
    transformer = command(kinds, "transformer", _train_transformer, show_values, text)
    transformer.add_argument(
        "--tokenizer", metavar="FOLDER", help="a trained autoencoder; without it the exact lattice"
    )
    _add_settings(transformer, TRANSFORMER | TASK)
    text = "Train an autoencoder on a folder of meshes; the same command again resumes it"
    tokenizer = command(kinds, "tokenizer", _train_tokenizer, show_values, text)
    _add_settings(tokenizer, AUTOENCODER | TASK | {"max_faces": "leave out larger meshes"})


def _add_settings(parser: argparse.ArgumentParser, sizes: dict[str, str]) -> None:
    parser.add_argument("--data", required=True, help=DATA_HELP)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run; its model/ is the finished model")
    add_device(parser)
    settings = parser.add_argument_group("settings", "Left out, the measured defaults count.")
    for name, text in (TRAINING | sizes).items():
        settings.add_argument(f"--{name.replace('_', '-')}", type=positive, metavar="N", help=text)
    settings.add_argument("--learning-rate", type=float, metavar="X", help="highest learning rate")
    settings.add_argument("--threads", type=positive, metavar="N", help="processor threads")
    settings.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, batches and augmentation")


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The settings among `names` that the user gave."""
    return {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}


def _train_transformer(options: argparse.Namespace) -> Result:
    from ..data.dataset import load_dataset
    from ..environment import need_packages

    dataset = load_dataset(options.data, options.seed)
    need_packages()
    from ..tasks.transformer import TransformerTask, TransformerTaskConfig
    from ..tokenizers.lattice import LatticeTokenizer
    from ..transformer import TransformerConfig

    tokenizer = load(options, options.tokenizer).tokenizer if options.tokenizer else LatticeTokenizer()
    model = TransformerConfig(**_given(options, *TRANSFORMER))
    config = TransformerTaskConfig(model=model, **_given(options, "seed", *TASK))
    return _train(TransformerTask(dataset, tokenizer, config), options)


def _train_tokenizer(options: argparse.Namespace) -> Result:
    from ..data.dataset import load_dataset
    from ..environment import need_packages

    dataset = load_dataset(options.data, options.seed)
    need_packages()
    from ..tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
    from ..tokenizers.autoencoder import AutoencoderConfig

    model = AutoencoderConfig(**_given(options, *AUTOENCODER))
    config = AutoencoderTaskConfig(model=model, **_given(options, "seed", "max_faces", *TASK))
    return _train(AutoencoderTask(dataset, config), options)


def _train(task: Any, options: argparse.Namespace) -> Result:
    from ..training import Trainer, TrainingConfig

    for reason in task.dataset.skipped[:5]:
        print(f"left out: {reason}", file=sys.stderr)
    config = TrainingConfig(**_given(options, "out", "seed", "device", "learning_rate", "threads", *TRAINING))
    start = time.perf_counter()
    metrics = Trainer(task, config).run(progress=not options.json)
    seconds = round(time.perf_counter() - start, 1)
    return {"model": str(Path(options.out) / "model"), "meshes": len(task.dataset), "seconds": seconds, **metrics}
