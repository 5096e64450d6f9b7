# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -c meshgpt generate|reconstruct`: the operators from a shell, without a window."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy

from . import provenance

COMMAND = "meshgpt"
EXPORTERS = {
    ".blend": lambda path: bpy.ops.wm.save_as_mainfile(filepath=path, copy=True),
    ".glb": lambda path: bpy.ops.export_scene.gltf(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_export(filepath=path, export_materials=False),
    ".ply": lambda path: bpy.ops.wm.ply_export(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_export(filepath=path),
}
IMPORTERS = {
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".gltf": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
}


def main(arguments: list[str]) -> int:
    """Entry point of the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.output.suffix.lower() not in EXPORTERS:
        return _fail(f"Cannot write {options.output.suffix or 'a file without a suffix'}; use {_list(EXPORTERS)}.")
    try:
        with _quiet():
            bpy.data.batch_remove(list(bpy.data.objects))
            start = time.monotonic()
            objects = options.run(options)
            _keep(objects)
            EXPORTERS[options.output.suffix.lower()](str(options.output.absolute()))
    except (RuntimeError, OSError) as error:  # what an operator reports as an error
        return _fail(str(error).removeprefix("Error: ").strip())
    for obj in objects:
        cut = "" if provenance.read(obj).get("ended", True) else ", incomplete"
        print(f"{obj.name}: {len(obj.data.polygons)} faces{cut}")
    print(f"{options.output}: {time.monotonic() - start:.1f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="blender -c meshgpt", description="Generate and reconstruct low-poly meshes.")
    commands = parser.add_subparsers(required=True, metavar="command")

    generate = commands.add_parser("generate", help="new meshes from a prompt")
    generate.add_argument("prompt", nargs="?", default="", help="what to make, in a few words")
    generate.add_argument("--count", type=int, default=1)
    generate.add_argument("--faces", type=int, default=0, help="about how many triangles each (0: the model decides)")
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--temperature", type=float, default=0.8)
    generate.add_argument("--top-p", type=float, default=0.95)
    generate.add_argument("--guidance", type=float)
    generate.set_defaults(run=_generate)

    reconstruct = commands.add_parser("reconstruct", help="a mesh through the tokenizer and back")
    reconstruct.add_argument("input", type=Path, help=f"mesh file: {_list(IMPORTERS)}")
    reconstruct.set_defaults(run=_reconstruct)

    for command in (generate, reconstruct):
        command.add_argument("--model", default="", help="name or folder of the model")
        command.add_argument("-o", "--output", type=Path, required=True, help=f"file to write: {_list(EXPORTERS)}")
    return parser


def _generate(options: argparse.Namespace) -> list[bpy.types.Object]:
    names = ("prompt", "count", "faces", "seed", "temperature", "top_p", "guidance", "model")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    bpy.ops.meshgpt.generate(**given)
    return list(bpy.context.selected_objects)


def _reconstruct(options: argparse.Namespace) -> list[bpy.types.Object]:
    suffix = options.input.suffix.lower()
    if suffix not in IMPORTERS:
        raise RuntimeError(f"Cannot read {suffix or 'a file without a suffix'}; use {_list(IMPORTERS)}.")
    if not options.input.is_file():
        raise RuntimeError(f"The file {options.input} does not exist.")
    IMPORTERS[suffix](str(options.input.absolute()))
    meshes = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    if not meshes:
        raise RuntimeError(f"{options.input} has no mesh.")
    results = []
    for obj in meshes:
        bpy.context.view_layer.objects.active = obj
        bpy.ops.meshgpt.reconstruct(model=options.model, beside=False)
        results.append(bpy.context.active_object)
    return results


def _keep(objects: list[bpy.types.Object]) -> None:
    """Leave nothing but the results in the file that is written."""
    bpy.data.batch_remove([obj for obj in bpy.data.objects if obj not in objects])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send what importers and exporters print to the standard error, so that the output holds results only."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def _list(suffixes: dict) -> str:
    return ", ".join(suffixes)


def _fail(message: str) -> int:
    print(f"meshgpt: {message}", file=sys.stderr)
    return 1


_handle = None


def register() -> None:
    global _handle
    _handle = bpy.utils.register_cli_command(COMMAND, main)


def unregister() -> None:
    global _handle
    if _handle is not None:
        bpy.utils.unregister_cli_command(_handle)
        _handle = None
