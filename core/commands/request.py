# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `generate`, `complete` and `retopologize` have in common: what is asked for, how it is drawn, and where the
meshes go.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import MeshGPTError
from .common import Result, add_model, load, positive, progress

_WISH = ("prompt", "count", "faces", "seed", "max_faces", "category", "best_of")
_GUIDED = ("prompt", "category", "faces", "points")
_DRAWN = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "guidance",
    "manifold",
    "close",
    *(f"{name}_guidance" for name in _GUIDED),
)


def add_request(parser: argparse.ArgumentParser, points: bool = True) -> None:
    """Options for what to make, how, with which model and into which files; `points`: also whose surface to follow."""
    parser.add_argument("--count", type=positive, default=1, metavar="N", help="how many meshes (default: %(default)s)")
    parser.add_argument("--faces", type=positive, metavar="N", help="about how many faces; leave out for any number")
    parser.add_argument("--max-faces", type=positive, metavar="N", help="end a mesh there at the latest")
    parser.add_argument("--category", metavar="NAME", help="one of the categories that the model was trained with")
    if points:
        parser.add_argument("--points", type=Path, metavar="FILE", help="a mesh whose surface the result should follow")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first mesh (default: %(default)s)")
    parser.add_argument("--best-of", type=positive, metavar="N", help="make N for each and keep the best")
    parser.add_argument("--draft", metavar="NAME|FOLDER", help="a smaller model that guesses ahead, for speed")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the files, or the file of one mesh")
    formats = ("glb", "obj", "off", "ply", "stl")
    parser.add_argument("--format", choices=formats, default="glb", help="format in a folder (default: %(default)s)")
    add_model(parser)
    sampling = parser.add_argument_group("sampling", "Left out, the model's own values count.")
    sampling.add_argument("--temperature", type=float, metavar="X", help="below 1: safer, above 1: wilder")
    sampling.add_argument("--top-p", type=float, metavar="X", help="share of the probability that is drawn from")
    sampling.add_argument("--top-k", type=int, metavar="N", help="how many choices are drawn from; 0: all")
    sampling.add_argument("--min-p", type=float, metavar="X", help="leave out what is rarer than X times the likeliest")
    sampling.add_argument("--guidance", type=float, metavar="X", help="how strongly the wish counts; 1: as learned")
    for name in _GUIDED:
        sampling.add_argument(f"--{name}-guidance", type=float, metavar="X", help=f"the same for the {name} alone")
    sampling.add_argument("--manifold", action=argparse.BooleanOptionalAction, help="at most two faces on an edge")
    sampling.add_argument("--close", action=argparse.BooleanOptionalAction, help="let no surface stay open by chance")


def write_meshes(
    options: argparse.Namespace, stem: str, make: Callable[[Any, dict[str, Any]], Sequence[tuple[Any, Any]]]
) -> Result:
    """Load the model, let `make(checkpoint, settings)` give pairs of the mesh to write and the mesh as the model made
    it, and write the files.
    """
    from ..meshio import WRITABLE, save_mesh

    into_file = options.out.suffix.lower() in WRITABLE
    if into_file and options.count > 1:
        raise MeshGPTError(f"{options.count} meshes do not fit into one file.", "Name a folder: --out meshes/")
    checkpoint = load(options, meshes=0 if options.draft else options.count * (options.best_of or 1))
    settings = {name: getattr(options, name) for name in (*_WISH, *_DRAWN) if getattr(options, name) is not None}
    if options.draft:
        settings["draft"] = load(options, options.draft)
    if getattr(options, "points", None):
        from ..meshio import load_mesh
        from ..retopology import surface_points

        settings["points"] = surface_points(load_mesh(options.points))
    start = time.perf_counter()
    with progress("faces") as advance:
        made = make(checkpoint, settings | {"on_face": lambda _: advance()})
    seconds = time.perf_counter() - start
    stem = re.sub(r"\W+", "-", stem)[:48].strip("-") or "mesh"  # a name may have 255 bytes, and a letter four
    rows = []
    for mesh, source in made:
        path = options.out if into_file else options.out / f"{stem}-{source.seed}.{options.format}"
        save_mesh(mesh, path)
        rows.append({"path": str(path), **mesh.report().as_dict(), **source.provenance(), "faces": len(mesh.faces)})
    return {
        "meshes": rows,
        "model": checkpoint.name,
        "device": str(checkpoint.device),
        "seconds": round(seconds, 3),
        "faces_per_second": round(sum(len(source.faces) for _, source in made) / seconds, 1),
    }


def show_meshes(result: Result) -> None:
    """A line a mesh, and how long it took."""
    for mesh in result["meshes"]:
        note = "" if mesh["ended"] else ", cut off: the model did not end it"
        print(f"{mesh['path']}: {mesh['faces']} faces{note}")
    print(f"{result['seconds']:.1f} s with {result['model']} on {result['device']}")
