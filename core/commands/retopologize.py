# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`retopologize`: a low-poly mesh that follows the surface of a mesh file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .common import Result, command
from .request import add_request, show_meshes, write_meshes


def add(commands: Any) -> None:
    text = "Make a low-poly mesh that follows the surface of a dense one"
    parser = command(commands, "retopologize", _retopologize, show_meshes, text)
    parser.add_argument("file", type=Path, help="the dense mesh: glb, gltf, obj, off, ply or stl")
    parser.add_argument("prompt", nargs="?", default="", help="what it is; may be left out")
    snap = "move vertices onto the surface where it is near (default)"
    parser.add_argument("--snap", action=argparse.BooleanOptionalAction, help=snap)
    add_request(parser, points=False)
    parser.set_defaults(faces=400, show=_show)


def _retopologize(options: argparse.Namespace) -> Result:
    from ..meshio import load_mesh
    from ..model_list import able_checkpoint
    from ..retopology import retopologize

    mesh = load_mesh(options.file)
    differences = []

    options.model = options.model or able_checkpoint("point_latents")

    def make(checkpoint: Any, settings: dict[str, Any]) -> list:
        if options.snap is not None:
            settings["snap"] = options.snap
        found = retopologize(checkpoint, mesh, **settings)
        differences.extend(one.as_dict() for one in found)
        return [(one.mesh, one.made) for one in found]

    result = write_meshes(options, f"{options.file.stem}-retopologized", make)
    for row, difference in zip(result["meshes"], differences, strict=True):
        row |= difference
    return result


def _show(result: Result) -> None:
    """A line a mesh with how far it is from the source, and how long it took."""
    for mesh in result["meshes"]:
        mean, largest = mesh["mean_error_share"], mesh["max_error_share"]
        print(f"{mesh['path']}: {mean:.2%} of the longest side away on average, {largest:.2%} at most")
    show_meshes(result)
