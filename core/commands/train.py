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
from .start import keep_start, start_of

_SEVERAL = (
    "On several GPUs or machines: accelerate launch -m core train ...; on several CPUs: torchrun -m -- core train ..."
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
    from ..finetuning import LEARNING_RATE
    from ..tasks.transformer import TransformerTaskConfig
    from ..transformer_config import TransformerConfig

    parser.add_argument(
        "--start",
        metavar="NAME|FOLDER",
        help="a model from whose weights to start; its parts and words stay, and its tokenizer unless --tokenizer "
        f"gives another; the words of the data come in, and the learning rate is {LEARNING_RATE} unless given",
    )
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
    from ..checkpoint import load_checkpoint
    from ..data.augment import AugmentConfig
    from ..finetuning import start_config
    from ..tasks.transformer import TransformerTask, TransformerTaskConfig
    from ..tokenizers.lattice import LatticeTokenizer
    from ..transformer_config import TransformerConfig

    start, sizes = start_of(Path(options.out), options.start), chosen(options, TransformerConfig)
    model = start_config(start, sizes) if start else TransformerConfig(**sizes)
    changes = AugmentConfig(**chosen(options, AugmentConfig))
    config = TransformerTaskConfig(model=model, augment=changes, **chosen(options, TransformerTaskConfig))

    def build(dataset: Any) -> TransformerTask:
        # On the CPU: the trainer takes the model that comes of it elsewhere.
        checkpoint = load_checkpoint(start, device="cpu") if start else None
        tokenizer = load(options, options.tokenizer).tokenizer if options.tokenizer else None
        if tokenizer is None:
            tokenizer = checkpoint.tokenizer if checkpoint else LatticeTokenizer()
        return TransformerTask(dataset, tokenizer, config, checkpoint)

    return _train(options, build, start)


def _train_tokenizer(options: Any) -> Result | None:
    from ..data.augment import AugmentConfig
    from ..tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
    from ..tokenizers.autoencoder import AutoencoderConfig

    model = AutoencoderConfig(**chosen(options, AutoencoderConfig))
    changes = AugmentConfig(**chosen(options, AugmentConfig))
    config = AutoencoderTaskConfig(model=model, augment=changes, **chosen(options, AutoencoderTaskConfig))
    return _train(options, lambda dataset: AutoencoderTask(dataset, config))


def _train(options: Any, build: Callable[[Any], Any], start: Path | None = None) -> Result | None:
    """Load the data, build the task, train it; None in all processes but the first. `start`: the model whose weights
    the task starts from, if any.
    """
    from ..data.dataset import load_dataset
    from ..distribution import is_first_process, joined_processes
    from ..finetuning import LEARNING_RATE
    from ..training import Trainer, TrainingConfig

    gentle = {"learning_rate": LEARNING_RATE} if start else {}
    config = TrainingConfig(**gentle | chosen(options, TrainingConfig))
    began = time.perf_counter()
    with joined_processes(config.device):
        task = build(load_dataset(options.data, config.seed))
        if is_first_process():
            for reason in task.dataset.skipped[:5]:
                print(f"left out: {reason}", file=sys.stderr)
        trainer = Trainer(task, config)  # all processes have read the model when it is there
        if is_first_process():
            keep_start(trainer.folder, start)
        metrics = trainer.run(progress=not options.json)
    seconds = round(time.perf_counter() - began, 1)
    result = {"model": str(Path(options.out) / "model"), "meshes": len(task.dataset), "seconds": seconds, **metrics}
    return result if is_first_process() else None
