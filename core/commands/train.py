# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`train transformer` and `train tokenizer`: learn from a folder of meshes, in one process or several.

Every setting of the config dataclasses is an option; what is not given is left to them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .common import DATA_HELP, Parser, Result, add_device, command, load, show_values
from .settings import add_settings, chosen

_SEVERAL = (
    "On several GPUs or machines: accelerate launch -m core train ...; on several CPUs: torchrun -m core train ..."
)


def add(commands: Any) -> None:
    parser = commands.add_parser("train", help="Train a model", description="Train a tokenizer or a transformer.")
    kinds = parser.add_subparsers(metavar="WHAT", required=True, parser_class=Parser)
    text = "Train a transformer on a folder of meshes; the same command again resumes it"
    command(kinds, "transformer", _train_transformer, show_values, text, _transformer_options)
    text = "Train an autoencoder on a folder of meshes; the same command again resumes it"
    command(kinds, "tokenizer", _train_tokenizer, show_values, text, _tokenizer_options)


def _transformer_options(parser: Parser) -> None:
    _common_options(parser)
    parser.add_argument("--tokenizer", metavar="FOLDER", help="a trained autoencoder; without it the exact lattice")
    from ..data.augment import AugmentConfig
    from ..tasks.transformer import TransformerTaskConfig
    from ..transformer import TransformerConfig

    add_settings(parser, "model", TransformerConfig)
    add_settings(parser, "data and conditions", TransformerTaskConfig, skip=("seed",))
    add_settings(parser, "augmentation", AugmentConfig)
    _training_options(parser)


def _tokenizer_options(parser: Parser) -> None:
    _common_options(parser)
    from ..data.augment import AugmentConfig
    from ..tasks.autoencoder import AutoencoderTaskConfig
    from ..tokenizers.autoencoder import AutoencoderConfig

    add_settings(parser, "model", AutoencoderConfig)
    add_settings(parser, "data", AutoencoderTaskConfig, skip=("seed",))
    add_settings(parser, "augmentation", AugmentConfig)
    _training_options(parser)


def _common_options(parser: Parser) -> None:
    from ..environment import TRAINING, need_packages

    need_packages(*TRAINING)
    parser.usage, parser.epilog = "%(prog)s --data DATA --out FOLDER [SETTING ...]", _SEVERAL
    parser.add_argument("--data", required=True, help=DATA_HELP)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run; its model/ is the finished model")
    add_device(parser)


def _training_options(parser: Parser) -> None:
    from ..training import TrainingConfig

    add_settings(parser, "training", TrainingConfig, skip=("out", "device"))


def _train_transformer(options: Any) -> Result | None:
    from ..data.augment import AugmentConfig
    from ..tasks.transformer import TransformerTask, TransformerTaskConfig
    from ..tokenizers.lattice import LatticeTokenizer
    from ..transformer import TransformerConfig

    model = TransformerConfig(**chosen(options, TransformerConfig))
    changes = AugmentConfig(**chosen(options, AugmentConfig))
    config = TransformerTaskConfig(model=model, augment=changes, **chosen(options, TransformerTaskConfig))

    def build(dataset: Any) -> TransformerTask:
        tokenizer = load(options, options.tokenizer).tokenizer if options.tokenizer else LatticeTokenizer()
        return TransformerTask(dataset, tokenizer, config)

    return _train(options, build)


def _train_tokenizer(options: Any) -> Result | None:
    from ..data.augment import AugmentConfig
    from ..tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
    from ..tokenizers.autoencoder import AutoencoderConfig

    model = AutoencoderConfig(**chosen(options, AutoencoderConfig))
    changes = AugmentConfig(**chosen(options, AugmentConfig))
    config = AutoencoderTaskConfig(model=model, augment=changes, **chosen(options, AutoencoderTaskConfig))
    return _train(options, lambda dataset: AutoencoderTask(dataset, config))


def _train(options: Any, build: Callable[[Any], Any]) -> Result | None:
    """Load the data, build the task, train it; None in all processes but the first."""
    from ..data.dataset import load_dataset
    from ..distribution import is_first_process, joined_processes
    from ..training import Trainer, TrainingConfig

    config = TrainingConfig(**chosen(options, TrainingConfig))
    start = time.perf_counter()
    with joined_processes(config.device):
        task = build(load_dataset(options.data, config.seed))
        if is_first_process():
            for reason in task.dataset.skipped[:5]:
                print(f"left out: {reason}", file=sys.stderr)
        metrics = Trainer(task, config).run(progress=not options.json)
    seconds = round(time.perf_counter() - start, 1)
    result = {"model": str(Path(options.out) / "model"), "meshes": len(task.dataset), "seconds": seconds, **metrics}
    return result if is_first_process() else None
