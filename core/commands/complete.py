# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`complete`: the missing faces of a mesh file; those that are there stay exactly as they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .common import Result, command
from .request import add_request, show_meshes, write_meshes


def add(commands: Any) -> None:
    text = "Complete a partial mesh: its faces are kept exactly, the missing ones are added"
    parser = command(commands, "complete", _complete, show_meshes, text)
    parser.add_argument("file", type=Path, help="the mesh: glb, gltf, obj, off, ply or stl")
    parser.add_argument("prompt", nargs="?", default="", help="what the whole is; empty: anything")
    parser.add_argument(
        "--above",
        action=argparse.BooleanOptionalAction,
        help="only what lies above the mesh is missing (default: if the model knows no other way)",
    )
    parser.add_argument(
        "--box",
        type=float,
        nargs=6,
        metavar=("X0", "Y0", "Z0", "X1", "Y1", "Z1"),
        help="corners of the whole, z up (default: the mesh's own, and twice as high with --above)",
    )
    add_request(parser)


def _complete(options: argparse.Namespace) -> Result:
    from ..meshio import load_mesh
    from ..model_list import able_checkpoint

    mesh = load_mesh(options.file)
    options.model = options.model or able_checkpoint("completion")
    box = (options.box[:3], options.box[3:]) if options.box else None

    def make(checkpoint: Any, settings: dict[str, Any]) -> list:
        found = checkpoint.complete(mesh, above=options.above, box=box, **settings)
        return [(completed.mesh, completed.made) for completed in found]

    return write_meshes(options, f"{options.file.stem}-complete", make)
