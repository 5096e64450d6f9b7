# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -c meshgpt generate|complete|retopologize|reconstruct|info`: the jobs from a shell, without a window."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import Cancelled, MeshGPTError
from . import api, jobs, mesh_files, provenance, runtime

COMMAND = "meshgpt"
DONE, FAILED, USAGE, CANCELLED = 0, 1, 2, 130
CODES = "exit codes: 0 done, 1 an error (one sentence on standard error), 2 wrong arguments, 130 cancelled"
SAMPLING = ("prompt", "count", "seed", "faces", "temperature", "top_p", "guidance", "model")


def main(arguments: list[str]) -> int:
    """Entry point of the command; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # --help, or arguments that argparse has already complained about
        return DONE if not end.code else USAGE
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Blender's own handler tells Python nothing
    try:
        with _quiet(options.verbose):
            lines = options.run(options)
    except (Cancelled, KeyboardInterrupt):
        return _fail("Cancelled.", CANCELLED)
    except (MeshGPTError, OSError) as error:
        return _fail(str(error), FAILED)
    print("\n".join(lines))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blender -c meshgpt", description="Low-poly meshes by MeshGPT, without a window.", epilog=CODES
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_generate(commands)
    _add_complete(commands)
    _add_retopologize(commands)
    _add_reconstruct(commands)
    _add_info(commands)
    return parser


def _add(commands: Any, name: str, run: Any, about: str, example: str) -> argparse.ArgumentParser:
    """A command with what all have."""
    parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"example:\n  blender -c meshgpt {name} {example}\n\n{CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show what Blender and its importers print")
    parser.set_defaults(run=run)
    return parser


def _add_generate(commands: Any) -> None:
    parser = _add(commands, "generate", _generate, "new meshes from a prompt", '"round table" --count 2 -o tables.glb')
    parser.add_argument("prompt", nargs="?", default="", help="what to make, in a few words; empty: anything")
    _add_sampling(parser)
    parser.add_argument("--attempts", type=int, default=1, metavar="N", help="write N for each and keep the best")
    parser.add_argument("--size", type=float, default=2.0, metavar="METRES", help="longest side (default: 2)")
    _add_output(parser)


def _add_complete(commands: Any) -> None:
    about = "the missing faces of a mesh; those that are there stay exactly as they are"
    parser = _add(commands, "complete", _complete, about, "half-a-chair.glb chair --count 3 -o chairs.blend")
    _add_input(parser)
    parser.add_argument("prompt", nargs="?", default="", help="what the whole is, in a few words")
    _add_sampling(parser)
    _add_output(parser)


def _add_retopologize(commands: Any) -> None:
    about = "a low-poly mesh that follows the surface of a dense one"
    parser = _add(commands, "retopologize", _retopologize, about, "sculpt.blend --object Head --faces 400 -o light.glb")
    _add_input(parser)
    parser.add_argument("--faces", type=int, metavar="N", help="about how many triangles (default: 400)")
    far = "where the model's mesh lies more than 2%% of the longest side away, make one with Blender's Decimate"
    parser.add_argument("--decimate-far", action="store_true", help=far)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same meshes")
    _add_drawing(parser)
    _add_output(parser)


def _add_reconstruct(commands: Any) -> None:
    about = "a mesh through the tokenizer of a model and back"
    parser = _add(commands, "reconstruct", _reconstruct, about, "chair.glb -o chair-back.glb")
    _add_input(parser)
    _add_output(parser)


def _add_info(commands: Any) -> None:
    about = "which Python, devices and models there are"
    parser = _add(commands, "info", _info, f"{about}; or what a file holds", "tables.blend")
    parser.add_argument(
        "file", type=Path, nargs="?", help=f"a file to report on: {mesh_files.listed(mesh_files.IMPORTERS)}"
    )


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, help=f"file with meshes: {mesh_files.listed(mesh_files.IMPORTERS)}")
    parser.add_argument(
        "--object",
        action="append",
        default=[],
        metavar="NAME",
        help="only this object of the file; may be given again (default: all meshes)",
    )


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=1, metavar="N", help="how many meshes (default: 1)")
    parser.add_argument("--faces", type=int, metavar="N", help="about how many triangles each (default: as it comes)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same meshes")
    _add_drawing(parser)


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    """How the model draws; what is not given is the model's own."""
    parser.add_argument("--temperature", type=float, metavar="T", help="lower: safer and more alike")
    parser.add_argument("--top-p", type=float, metavar="P", help="choose among the likeliest with this probability")
    parser.add_argument("--guidance", type=float, metavar="G", help="how strictly to follow what is asked for")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME", help="name or folder of the model (default: the bundled one)")
    written = mesh_files.listed(mesh_files.EXPORTERS)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=f"file to write: {written}")


def _generate(options: argparse.Namespace) -> list[str]:
    mesh_files.check_output(options.output)
    mesh_files.clear()
    start = time.monotonic()
    return _write(options, api.generate(size=options.size, attempts=options.attempts, **_chosen(options)), start)


def _complete(options: argparse.Namespace) -> list[str]:
    return _each(options, lambda obj: api.complete(obj, **_chosen(options)))


def _retopologize(options: argparse.Namespace) -> list[str]:
    names = ("faces", "seed", "temperature", "top_p", "guidance", "model", "decimate_far")
    return _each(options, lambda obj: [api.retopologize(obj, **{name: getattr(options, name) for name in names})])


def _reconstruct(options: argparse.Namespace) -> list[str]:
    return _each(options, lambda obj: [api.reconstruct(obj, options.model, beside=False)])


def _info(options: argparse.Namespace) -> list[str]:
    if options.file:
        return [_describe(obj) for obj in mesh_files.read(options.file)]
    if bpy.ops.meshgpt.check_python.poll():
        with contextlib.suppress(RuntimeError):  # jobs.problem() has it
            bpy.ops.meshgpt.check_python()
    if jobs.problem() is not None:
        raise jobs.problem()
    hello = jobs.hello()
    return [
        f"MeshGPT {hello['version']} in Blender {bpy.app.version_string}",
        f"Python {hello['python']}: {hello['executable']}",
        *(f"  {name} {version}" for name, version in hello["packages"].items()),
        *(f"Device: {runtime.describe_device(device)}" for device in hello["devices"]),
        f"Own models: {runtime.model_folder()}",
        *(
            f"Model: {info.name} ({info.kind}, {info.parameters / 1e6:.1f}M parameters): {info.summary}"
            for info in api.models()
        ),
    ]


def _chosen(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in SAMPLING}


def _each(options: argparse.Namespace, job: Any) -> list[str]:
    """Do a job with each object of the input file, and write what came of all of them."""
    mesh_files.check_output(options.output)
    objects = mesh_files.read(options.input, options.object)
    start = time.monotonic()
    return _write(options, [made for obj in objects for made in job(obj)], start)


def _write(options: argparse.Namespace, objects: list[bpy.types.Object], start: float) -> list[str]:
    seconds = time.monotonic() - start
    mesh_files.write(options.output, objects)
    return [*map(_describe, objects), f"{options.output}: {seconds:.1f} s"]


def _describe(obj: bpy.types.Object) -> str:
    found = api.provenance(obj)
    parts = [f"{len(obj.data.polygons)} faces"]
    if found.get("seed") is not None:
        parts.append(f"seed {found['seed']}")
    if found.get("triangle_accuracy") is not None:
        parts.append(f"{found['triangle_accuracy']:.1%} of the triangles kept")
    if found.get("decimated"):
        parts.append(provenance.decimated(found))
    if not found.get("ended", True):
        parts.append("incomplete")
    return f"{obj.name}: {', '.join(parts)}"


@contextlib.contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    """Keep what importers, exporters and reports print out of both outputs; with `verbose` it goes to standard error.

    An exception that is a fault of the program shows all of it, because it may tell why.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(2 if verbose else log.fileno(), 1)
        os.dup2(2 if verbose else log.fileno(), 2)
        try:
            yield
        except (MeshGPTError, OSError, KeyboardInterrupt):
            raise
        except BaseException:
            log.seek(0)
            os.write(saved[1], log.read())
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, 1):
                os.dup2(copy, number)
                os.close(copy)


def _fail(message: str, code: int) -> int:
    print(f"meshgpt: {message}", file=sys.stderr)
    return code


_handle = None


def register() -> None:
    global _handle
    _handle = bpy.utils.register_cli_command(COMMAND, main)


def unregister() -> None:
    global _handle
    if _handle is not None:
        bpy.utils.unregister_cli_command(_handle)
        _handle = None
