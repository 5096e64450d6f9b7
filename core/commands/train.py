# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`train transformer` and `train tokenizer`: learn from a folder of meshes."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from .common import DATA_HELP, Parser, Result, add_device, command, load, positive, show_values


def add(commands: Any) -> None:
    parser = commands.add_parser("train", help="Train a model", description="Train a tokenizer or a transformer.")
    kinds = parser.add_subparsers(metavar="WHAT", required=True, parser_class=Parser)
    text = "Train a transformer on a folder of meshes; the same command again resumes it"
    transformer = command(kinds, "transformer", _train_transformer, show_values, text)
    transformer.add_argument(
        "--tokenizer", metavar="FOLDER", help="a trained autoencoder; without it the exact lattice"
    )
    _add_number(transformer, "--dim", 256, "width of the trunk")
    _add_number(transformer, "--depth", 6, "layers of the trunk")
    _add_number(transformer, "--heads", 4, "attention heads")
    _add_training(transformer, learning_rate=1.5e-3, faces_per_batch=1536)
    text = "Train an autoencoder on a folder of meshes; the same command again resumes it"
    tokenizer = command(kinds, "tokenizer", _train_tokenizer, show_values, text)
    _add_number(tokenizer, "--dim", 256, "width of encoder and decoder")
    _add_number(tokenizer, "--encoder-depth", 4, "layers of the encoder")
    _add_number(tokenizer, "--decoder-depth", 6, "layers of the decoder")
    _add_number(tokenizer, "--codebook-size", 4096, "codes in a codebook")
    _add_number(tokenizer, "--quantizers", 2, "residual levels")
    _add_training(tokenizer, learning_rate=1e-3, faces_per_batch=4096)


def _add_training(parser: argparse.ArgumentParser, learning_rate: float, faces_per_batch: int) -> None:
    parser.add_argument("--data", required=True, help=DATA_HELP)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run; its model/ is the finished model")
    _add_number(parser, "--steps", 10_000, "optimiser steps in all")
    _add_number(parser, "--learning-rate", learning_rate, "highest learning rate", float)
    _add_number(parser, "--max-faces", 400, "leave out larger meshes")
    _add_number(parser, "--faces-per-batch", faces_per_batch, "faces in a batch")
    _add_number(parser, "--validate-every", 250, "steps between two validations")
    _add_number(parser, "--seed", 0, "of weights, batches and augmentation", int)
    _add_number(parser, "--threads", 0, "processor threads; 0: as torch chooses", int)
    add_device(parser)


def _add_number(parser: argparse.ArgumentParser, flag: str, default: float, text: str, kind: Any = positive) -> None:
    parser.add_argument(flag, type=kind, default=default, metavar="N", help=f"{text} (default: %(default)s)")


def _train_transformer(options: argparse.Namespace) -> Result:
    from ..data.dataset import load_dataset
    from ..environment import need_packages

    dataset = load_dataset(options.data, options.seed)
    need_packages()
    from ..tasks.transformer import TransformerTask, TransformerTaskConfig
    from ..tokenizers.lattice import LatticeTokenizer
    from ..transformer import TransformerConfig

    tokenizer = load(options, options.tokenizer).tokenizer if options.tokenizer else LatticeTokenizer()
    model = TransformerConfig(options.dim, options.depth, options.heads, max_faces=options.max_faces)
    config = TransformerTaskConfig(model=model, faces_per_batch=options.faces_per_batch, seed=options.seed)
    return _train(TransformerTask(dataset, tokenizer, config), options)


def _train_tokenizer(options: argparse.Namespace) -> Result:
    from ..data.dataset import load_dataset
    from ..environment import need_packages

    dataset = load_dataset(options.data, options.seed)
    need_packages()
    from ..tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
    from ..tokenizers.autoencoder import AutoencoderConfig

    model = AutoencoderConfig(
        dim=options.dim,
        encoder_depth=options.encoder_depth,
        decoder_depth=options.decoder_depth,
        codebook_size=options.codebook_size,
        num_quantizers=options.quantizers,
    )
    names = ("max_faces", "faces_per_batch", "seed")
    config = AutoencoderTaskConfig(model=model, **{name: getattr(options, name) for name in names})
    return _train(AutoencoderTask(dataset, config), options)


def _train(task: Any, options: argparse.Namespace) -> Result:
    from ..training import Trainer, TrainingConfig

    for reason in task.dataset.skipped[:5]:
        print(f"left out: {reason}", file=sys.stderr)
    names = ("out", "steps", "learning_rate", "seed", "validate_every", "device", "threads")
    config = TrainingConfig(**{name: getattr(options, name) for name in names})
    start = time.perf_counter()
    metrics = Trainer(task, config).run(progress=not options.json)
    seconds = round(time.perf_counter() - start, 1)
    return {"model": str(Path(options.out) / "model"), "meshes": len(task.dataset), "seconds": seconds, **metrics}
