# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`generate`: meshes from a prompt, written to files."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any

from ..errors import MeshGPTError
from .common import Result, add_model, command, load, positive, progress


def add(commands: Any) -> None:
    parser = command(commands, "generate", _generate, _show, "Generate meshes and write them to files")
    parser.add_argument("prompt", nargs="?", default="", help='what to make, such as "round table"; empty: anything')
    parser.add_argument("--count", type=positive, default=1, metavar="N", help="how many meshes (default: %(default)s)")
    parser.add_argument("--faces", type=positive, metavar="N", help="about how many faces; leave out for any number")
    parser.add_argument("--max-faces", type=positive, metavar="N", help="end a mesh there at the latest")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first mesh (default: %(default)s)")
    sampling = parser.add_argument_group("sampling", "Left out, the model's own values count.")
    sampling.add_argument("--temperature", type=float, metavar="X", help="below 1: safer, above 1: wilder")
    sampling.add_argument("--top-p", type=float, metavar="X", help="share of the probability that is drawn from")
    sampling.add_argument(
        "--guidance", type=float, metavar="X", help="how strongly prompt and faces count; 1: as learned"
    )
    sampling.add_argument("--manifold", action=argparse.BooleanOptionalAction, help="at most two faces on an edge")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the files, or the file of one mesh")
    formats = ("glb", "obj", "off", "ply", "stl")
    parser.add_argument("--format", choices=formats, default="glb", help="format in a folder (default: %(default)s)")
    add_model(parser)


def _generate(options: argparse.Namespace) -> Result:
    from ..meshio import WRITABLE, save_mesh

    into_file = options.out.suffix.lower() in WRITABLE
    if into_file and options.count > 1:
        raise MeshGPTError(f"{options.count} meshes do not fit into one file.", "Name a folder: --out meshes/")
    checkpoint = load(options)
    names = ("prompt", "count", "faces", "seed", "max_faces", "temperature", "top_p", "guidance", "manifold")
    settings = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    start = time.perf_counter()
    with progress("faces") as advance:
        meshes = checkpoint.generate(**settings, on_face=lambda _: advance())
    seconds = time.perf_counter() - start
    rows = []
    stem = re.sub(r"\W+", "-", options.prompt).strip("-") or "mesh"
    for mesh in meshes:
        path = options.out if into_file else options.out / f"{stem}-{mesh.seed}.{options.format}"
        save_mesh(mesh, path)
        rows.append({"path": str(path), **mesh.report().as_dict(), **mesh.provenance(), "faces": len(mesh.faces)})
    return {
        "meshes": rows,
        "model": checkpoint.name,
        "device": str(checkpoint.device),
        "seconds": round(seconds, 3),
        "faces_per_second": round(sum(row["faces"] for row in rows) / seconds, 1),
    }


def _show(result: Result) -> None:
    for mesh in result["meshes"]:
        note = "" if mesh["ended"] else ", stopped at the face limit"
        print(f"{mesh['path']}: {mesh['faces']} faces{note}")
    print(f"{result['seconds']:.1f} s with {result['model']} on {result['device']}")
