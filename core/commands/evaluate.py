# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`evaluate`: what a model is worth, in numbers."""

from __future__ import annotations

import argparse
from typing import Any

from .common import DATA_HELP, Result, add_model, command, load, progress, show_values


def add(commands: Any) -> None:
    text = "Measure a model: bits per face, tokenizer accuracy, soundness of generated meshes"
    parser = command(commands, "evaluate", _evaluate, show_values, text)
    parser.add_argument("--data", required=True, help=DATA_HELP)
    parser.add_argument("--all", action="store_true", help="measure on all meshes, not only on the held-out families")
    parser.add_argument(
        "--generate", type=int, default=100, metavar="N", help="meshes to generate (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the generated meshes (default: %(default)s)")
    manifold = "at most two faces on an edge of a generated mesh"
    parser.add_argument("--manifold", action=argparse.BooleanOptionalAction, default=True, help=manifold)
    add_model(parser)


def _evaluate(options: argparse.Namespace) -> Result:
    checkpoint = load(options)
    from ..data.dataset import load_dataset
    from ..evaluation import draw_prompts, evaluate

    dataset = load_dataset(options.data)
    prompts = draw_prompts(dataset, options.generate, options.seed)
    part = dataset if options.all else dataset.split()[1]
    with progress("steps") as advance:
        return evaluate(checkpoint, part, prompts, seed=options.seed, manifold=options.manifold, advance=advance)
