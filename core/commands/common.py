# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands share: how one is declared, how a model is loaded, progress and plain output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..errors import MeshGPTError

PROGRAM = "python -m core"
DATA_HELP = "a folder of mesh files, an .npz archive, or procedural[:COUNT]"
Result = dict[str, Any]


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are MeshGPTErrors: one sentence and what to do.

    `fill` adds options when the parser is used, for those that cost an import to know.
    """

    def __init__(self, *arguments: Any, fill: Callable[[Parser], None] | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._fill = fill

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        fill, self._fill = self._fill, None
        if fill:
            fill(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise MeshGPTError(f"{sentence.rstrip('.')}.", f"See {self.prog} --help")


def command(
    commands: Any,
    name: str,
    run: Callable[[Any], Result | None],
    show: Callable[[Result], None],
    text: str,
    fill: Callable[[Parser], None] | None = None,
) -> argparse.ArgumentParser:
    """Declare a command: `run` turns options into a result of plain values, `show` prints it for people. Options that
    `fill` adds cannot be shortened.
    """
    parser = commands.add_parser(name, help=text, description=f"{text}.", fill=fill, allow_abbrev=fill is None)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run, show=show)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME|FOLDER", help="a model of the list (`info`) or a folder with one")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("MESHGPT_DEVICE") or "auto"
    parser.add_argument("--device", default=default, help="auto, numpy, cpu, cuda, mps, xpu (default: %(default)s)")


def load(options: argparse.Namespace, name: str | None = None, meshes: int = 0) -> Any:
    """The checkpoint called `name`, else the one that the options ask for, else the default; to write so many meshes,
    if any.
    """
    from ..checkpoint import load_checkpoint
    from ..environment import need_packages, set_threads
    from ..light.checkpoint import writing_device
    from ..model_list import find_checkpoint

    path = find_checkpoint(name or options.model)  # a wrong name is found out before the seconds that torch takes
    device = writing_device(path, options.device, meshes)
    if device != "numpy":
        need_packages()
        set_threads()
    return load_checkpoint(path, device=device)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


@contextmanager
def progress(unit: str) -> Iterator[Callable[[], None]]:
    """A count on standard error that goes up with each call; silent where nobody looks."""
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", disable=not sys.stderr.isatty(), leave=False) as bar:
        yield lambda: bar.update() and None


def show_values(result: Result) -> None:
    """One line a value."""
    for name, value in result.items():
        print(
            f"{name.replace('_', ' ')}: {value:.6g}"
            if isinstance(value, float)
            else f"{name.replace('_', ' ')}: {value}"
        )
