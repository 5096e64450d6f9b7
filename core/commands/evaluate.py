# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`evaluate`: what a model is worth, in numbers, beside control rows."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from ..environment import usable_cores
from .common import DATA_HELP, Result, add_model, command, load, positive, progress

_PARTS = "tokenizer, likelihood, nouns, distribution, variety, synonyms, completion, retopology"


def add(commands: Any) -> None:
    text = "Measure a model: likelihood, generated meshes, synonyms, completion, retopology, beside control rows"
    parser = command(commands, "evaluate", _evaluate, _show, text)
    parser.add_argument("--data", required=True, help=f"{DATA_HELP}; what it was trained on: the split is made again")
    parser.add_argument(
        "--meshes", type=positive, default=300, metavar="N", help="to make for the nouns (default: %(default)s)"
    )
    parser.add_argument("--only", default="", metavar="PARTS", help=f"of {_PARTS}; separated by commas")
    parser.add_argument("--seed", type=int, default=0, help="of the generated meshes (default: %(default)s)")
    manifold = "at most two faces on an edge of a generated mesh (default: the model's own choice)"
    parser.add_argument("--manifold", action=argparse.BooleanOptionalAction, help=manifold)
    close = "let no surface stay open by chance (default: the model's own choice)"
    parser.add_argument("--close", action=argparse.BooleanOptionalAction, help=close)
    parser.add_argument("--temperature", type=float, metavar="X", help="(default: the model's own)")
    parser.add_argument("--guidance", type=float, metavar="X", help="(default: the model's own)")
    free = "fields of SamplingConfig that differ where there is no prompt: temperature=1 (default: the model's own)"
    parser.add_argument("--without-prompt", nargs="+", default=[], type=_setting, metavar="NAME=X", help=free)
    processes = "that write on a processor, and threads that measure (default: as many as there are cores)"
    parser.add_argument("--processes", type=positive, default=usable_cores(), metavar="N", help=processes)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the result there, as JSON")
    add_model(parser)


def _setting(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


def _evaluate(options: argparse.Namespace) -> Result:
    checkpoint = load(options)
    import torch

    from ..data.dataset import load_dataset
    from ..evaluation import PARTS, evaluate

    parts = [part.strip() for part in options.only.split(",") if part.strip()] or PARTS
    names = ("manifold", "close", "temperature", "guidance")
    sampling = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    torch.set_num_threads(options.processes)  # the measures never run beside the processes
    dataset = load_dataset(options.data)
    wish = {"meshes": options.meshes, "parts": parts, "seed": options.seed, "processes": options.processes, **sampling}
    wish["without_prompt"] = dict(options.without_prompt)

    def keep(result: Result) -> None:
        """Written after each part, so that what took minutes is not lost."""
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            temporary = options.out.with_name(options.out.name + ".tmp")
            temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
            os.replace(temporary, options.out)

    with progress("steps") as advance:
        return evaluate(checkpoint, dataset, advance=advance, keep=keep, **wish)


def _show(result: Result) -> None:
    from ..tables import markdown

    print(markdown(result))
