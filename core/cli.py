# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, `python -m core <command>`: generate, reconstruct, train, evaluate, info.

Results go to standard output (one JSON object with --json), progress and errors to standard error. Exit codes: 0 done,
2 a mistake that the user can mend, 130 cancelled. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from .errors import Cancelled, MeshGPTError

PROGRAM = "python -m core"
Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Threads that spin while waiting make small models several times slower on busy machines; torch reads this on import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    as_json = "--json" in arguments
    try:
        options = _parser().parse_args(arguments)
        result = options.run(options)
    except (Cancelled, KeyboardInterrupt):
        print("Cancelled.", file=sys.stderr)
        return 130
    except MeshGPTError as error:
        print(f"Error: {error}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": error.message, "hint": error.hint}))
        return 2
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        options.show(result)
    return 0


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are MeshGPTErrors: one sentence and what to do."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise MeshGPTError(f"{sentence.rstrip('.')}.", f"See {self.prog} --help")


def _parser() -> _Parser:
    parser = _Parser(prog=PROGRAM, description="MeshGPT: generate, reconstruct and learn low-poly triangle meshes.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    _add_generate(commands)
    _add_reconstruct(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_info(commands)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Any], Result], show: Callable[[Result], None], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text}.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run, show=show)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME|FOLDER", help="a model of the list (`info`) or a folder with one")
    parser.add_argument(
        "--device",
        default=os.environ.get("MESHGPT_DEVICE") or "auto",
        help="auto, cpu, cuda, mps, xpu (default: %(default)s)",
    )


# -- generate ----------------------------------------------------------------------------------------------------------


def _add_generate(commands: Any) -> None:
    parser = _command(commands, "generate", _generate, _show_meshes, "Generate meshes and write them to files")
    parser.add_argument("prompt", nargs="?", default="", help='what to make, such as "round table"; empty: anything')
    parser.add_argument("--count", type=_positive, default=1, help="how many meshes (default: %(default)s)")
    parser.add_argument("--faces", type=_positive, metavar="N", help="about how many faces; leave out for any number")
    parser.add_argument("--max-faces", type=_positive, metavar="N", help="end a mesh there at the latest")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="the same seed gives the same meshes on the same device (default: %(default)s)",
    )
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="below 1: safer, above 1: wilder (default: %(default)s)"
    )
    parser.add_argument(
        "--top-p", type=float, default=0.95, help="share of the probability that is drawn from (default: %(default)s)"
    )
    parser.add_argument("--guidance", type=float, metavar="X", help="how strongly the prompt counts; 1: as learned")
    parser.add_argument("--loose", action="store_true", help="allow edges with more than two faces")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the files, or the file of one mesh")
    parser.add_argument(
        "--format",
        choices=("glb", "obj", "off", "ply", "stl"),
        default="glb",
        help="format in a folder (default: %(default)s)",
    )
    _add_model(parser)


def _generate(options: argparse.Namespace) -> Result:
    from .meshio import WRITABLE, save_mesh

    into_file = options.out.suffix.lower() in WRITABLE
    if into_file and options.count > 1:
        raise MeshGPTError(f"{options.count} meshes do not fit into one file.", "Name a folder: --out meshes/")
    checkpoint = _load(options)
    if checkpoint.transformer is None:
        raise MeshGPTError(
            f'The model "{checkpoint.name}" is a tokenizer: it can reconstruct meshes, but not generate them.',
            f"Choose another; {PROGRAM} info lists them.",
        )
    settings: dict[str, Any] = {name: getattr(options, name) for name in ("prompt", "count", "faces", "seed")}
    settings |= {name: getattr(options, name) for name in ("temperature", "top_p", "max_faces")}
    if options.guidance is not None:
        settings["guidance"] = options.guidance
    start = time.perf_counter()
    with _progress("faces") as advance:
        meshes = checkpoint.generate(**settings, manifold=not options.loose, on_face=lambda *_: advance())
    seconds = time.perf_counter() - start
    rows = []
    stem = "-".join(options.prompt.split()) or "mesh"
    for index, mesh in enumerate(meshes):
        path = options.out if into_file else options.out / f"{stem}-{options.seed}-{index}.{options.format}"
        save_mesh(mesh, path)
        rows.append(
            {"path": str(path), "ended": mesh.ended, **mesh.report().as_dict(), "provenance": mesh.provenance()}
        )
    faces = sum(row["faces"] for row in rows)
    return {
        "meshes": rows,
        "model": checkpoint.name,
        "device": str(checkpoint.device),
        "seconds": round(seconds, 3),
        "faces_per_second": round(faces / seconds, 1),
    }


def _show_meshes(result: Result) -> None:
    for mesh in result["meshes"]:
        note = "" if mesh["ended"] else ", stopped at the face limit"
        print(f"{mesh['path']}: {mesh['faces']} faces{note}")
    print(f"{result['seconds']:.1f} s with {result['model']} on {result['device']}")


# -- reconstruct -------------------------------------------------------------------------------------------------------


def _add_reconstruct(commands: Any) -> None:
    text = "Take a mesh through a tokenizer and back, and measure the error"
    parser = _command(commands, "reconstruct", _reconstruct, _show_reconstruction, text)
    parser.add_argument("file", type=Path, help="the mesh: glb, gltf, obj, off, ply or stl")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the mesh that came back")
    _add_model(parser)


def _reconstruct(options: argparse.Namespace) -> Result:
    from .meshio import load_mesh, save_mesh

    mesh = load_mesh(options.file)
    checkpoint = _load(options, options.model or _first_tokenizer())
    from .reconstruction import reconstruct

    start = time.perf_counter()
    found = reconstruct(checkpoint, mesh)
    result = {"file": str(options.file), "model": checkpoint.name, **found.as_dict()}
    result["seconds"] = round(time.perf_counter() - start, 3)
    if options.out:
        result["path"] = str(save_mesh(found.mesh, options.out))
    return result


def _first_tokenizer() -> str | None:
    """Reconstruction is about the autoencoder, so one in the list goes before the default model's own tokenizer."""
    from .checkpoint import list_checkpoints

    return next((info.name for info in list_checkpoints() if info.kind == "tokenizer"), None)


def _show_reconstruction(result: Result) -> None:
    for name, value in result.items():
        text = f"{value:.6g}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' ')}: {text}")


# -- train -------------------------------------------------------------------------------------------------------------


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="Train a model", description="Train a tokenizer or a transformer.")
    kinds = parser.add_subparsers(metavar="WHAT", required=True, parser_class=_Parser)
    text = "Train a transformer on a folder of meshes; the same command again resumes it"
    transformer = _command(kinds, "transformer", _train_transformer, _show_training, text)
    transformer.add_argument(
        "--tokenizer", metavar="FOLDER", help="a trained autoencoder; without it the exact lattice"
    )
    transformer.add_argument("--dim", type=_positive, default=256, help="width of the trunk (default: %(default)s)")
    transformer.add_argument("--depth", type=_positive, default=6, help="layers of the trunk (default: %(default)s)")
    transformer.add_argument("--heads", type=_positive, default=4, help="attention heads (default: %(default)s)")
    _add_training(transformer, steps=10_000, rate=1.5e-3, max_faces=400)
    text = "Train an autoencoder on a folder of meshes; the same command again resumes it"
    tokenizer = _command(kinds, "tokenizer", _train_tokenizer, _show_training, text)
    _add_training(tokenizer, steps=10_000, rate=1e-3, max_faces=400)


def _add_training(parser: argparse.ArgumentParser, steps: int, rate: float, max_faces: int) -> None:
    parser.add_argument("--data", required=True, help="a folder of mesh files, an .npz archive, or procedural[:COUNT]")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run; its model/ is the finished model")
    parser.add_argument("--steps", type=_positive, default=steps, help="optimiser steps in all (default: %(default)s)")
    parser.add_argument(
        "--learning-rate", type=float, default=rate, help="highest learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--max-faces", type=_positive, default=max_faces, help="leave out larger meshes (default: %(default)s)"
    )
    parser.add_argument(
        "--faces-per-batch", type=_positive, default=1536, help="faces in a batch (default: %(default)s)"
    )
    parser.add_argument(
        "--validate-every",
        type=_positive,
        default=250,
        metavar="STEPS",
        help="steps between validations (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of weights, batches and augmentation (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: as torch chooses")
    parser.add_argument(
        "--device",
        default=os.environ.get("MESHGPT_DEVICE") or "auto",
        help="auto, cpu, cuda, mps, xpu (default: %(default)s)",
    )


def _training_config(options: argparse.Namespace) -> Any:
    from .training import TrainingConfig

    return TrainingConfig(
        out=options.out,
        steps=options.steps,
        learning_rate=options.learning_rate,
        seed=options.seed,
        validate_every=options.validate_every,
        device=options.device,
        threads=options.threads,
    )


def _train_transformer(options: argparse.Namespace) -> Result:
    from .environment import need_packages

    need_packages()
    from .data.dataset import load_dataset
    from .tasks.transformer import TransformerTask, TransformerTaskConfig
    from .tokenizers.lattice import LatticeTokenizer
    from .transformer import TransformerConfig

    dataset = load_dataset(options.data, options.seed)
    tokenizer = _load(options, options.tokenizer).tokenizer if options.tokenizer else LatticeTokenizer()
    model = TransformerConfig(options.dim, options.depth, options.heads, max_faces=options.max_faces)
    config = TransformerTaskConfig(model=model, faces_per_batch=options.faces_per_batch, seed=options.seed)
    return _train(TransformerTask(dataset, tokenizer, config), options)


def _train_tokenizer(options: argparse.Namespace) -> Result:
    raise NotImplementedError


def _train(task: Any, options: argparse.Namespace) -> Result:
    from .training import Trainer

    for reason in task.dataset.skipped[:5]:
        print(f"left out: {reason}", file=sys.stderr)
    start = time.perf_counter()
    metrics = Trainer(task, _training_config(options)).run(progress=not options.json)
    seconds = round(time.perf_counter() - start, 1)
    return {"model": str(Path(options.out) / "model"), "meshes": len(task.dataset), "seconds": seconds, **metrics}


def _show_training(result: Result) -> None:
    for name, value in result.items():
        print(f"{name.replace('_', ' ')}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")


# -- evaluate ----------------------------------------------------------------------------------------------------------


def _add_evaluate(commands: Any) -> None:
    text = "Measure a model: bits per face, tokenizer accuracy, soundness of generated meshes"
    parser = _command(commands, "evaluate", _evaluate, _show_training, text)
    parser.add_argument("--data", required=True, help="a folder of mesh files, an .npz archive, or procedural[:COUNT]")
    parser.add_argument("--all", action="store_true", help="measure on all meshes, not only on the held-out families")
    parser.add_argument(
        "--generate", type=int, default=100, metavar="N", help="meshes to generate (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the generated meshes (default: %(default)s)")
    parser.add_argument("--loose", action="store_true", help="generate without the manifold rule")
    _add_model(parser)


def _evaluate(options: argparse.Namespace) -> Result:
    checkpoint = _load(options)
    from .data.dataset import load_dataset
    from .evaluation import draw_prompts, evaluate

    dataset = load_dataset(options.data)
    prompts = draw_prompts(dataset, options.generate, options.seed)
    part = dataset if options.all else dataset.split()[1]
    with _progress("steps") as advance:
        return evaluate(checkpoint, part, prompts, seed=options.seed, manifold=not options.loose, advance=advance)


# -- info --------------------------------------------------------------------------------------------------------------


def _add_info(commands: Any) -> None:
    parser = _command(
        commands, "info", _info, _show_info, "Say what is here: versions, models; or what a mesh file holds"
    )
    parser.add_argument("file", type=Path, nargs="?", help="a mesh file to report on")


def _info(options: argparse.Namespace) -> Result:
    if options.file:
        from .meshio import load_mesh

        mesh = load_mesh(options.file)
        low, high = mesh.bounds()
        return {"file": str(options.file), "low": low.tolist(), "high": high.tolist(), **mesh.report().as_dict()}
    from . import __version__
    from .checkpoint import list_checkpoints
    from .environment import import_check

    packages, problems = import_check()
    models = [
        {name: getattr(info, name) for name in ("name", "kind", "parameters", "max_faces", "summary")}
        | {"path": str(info.path)}
        for info in list_checkpoints()
    ]
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "packages": packages,
        "problems": problems,
        "models": models,
    }


def _show_info(result: Result) -> None:
    if "models" not in result:
        return _show_reconstruction(result)
    print(f"MeshGPT {result['version']}, Python {result['python']}")
    for name, version in result["packages"].items():
        print(f"  {name} {version}")
    for name, problem in result["problems"].items():
        print(f"  {name}: {problem}")
    print("Models:" if result["models"] else "No models yet.")
    for model in result["models"]:
        print(f"  {model['name']} ({model['kind']}, {model['parameters'] / 1e6:.1f}M parameters): {model['summary']}")


# -- what they share ---------------------------------------------------------------------------------------------------


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def _load(options: argparse.Namespace, name: str | None = None) -> Any:
    from .environment import need_packages, set_threads

    need_packages()
    set_threads()
    from .checkpoint import load_checkpoint

    return load_checkpoint(name or options.model, device=None if options.device == "auto" else options.device)


@contextmanager
def _progress(unit: str) -> Iterator[Callable[[], None]]:
    """A count on standard error that goes up with each call; silent where nobody looks."""
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", disable=not sys.stderr.isatty(), leave=False) as bar:
        yield lambda: bar.update() and None
