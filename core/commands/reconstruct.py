# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`reconstruct`: a mesh through a tokenizer and back, with its error."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from .common import Result, add_model, command, load, show_values


def add(commands: Any) -> None:
    text = "Take a mesh through a tokenizer and back, and measure the error"
    parser = command(commands, "reconstruct", _reconstruct, show_values, text)
    parser.add_argument("file", type=Path, help="the mesh: glb, gltf, obj, off, ply or stl")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the mesh that came back")
    add_model(parser)


def _reconstruct(options: argparse.Namespace) -> Result:
    from ..meshio import load_mesh, save_mesh

    mesh = load_mesh(options.file)
    checkpoint = load(options, options.model or _first_tokenizer())
    from ..reconstruction import reconstruct

    start = time.perf_counter()
    found = reconstruct(checkpoint, mesh)
    seconds = round(time.perf_counter() - start, 3)
    result = {"file": str(options.file), "model": checkpoint.name, **found.as_dict(), "seconds": seconds}
    if options.out:
        result["path"] = str(save_mesh(found.mesh, options.out))
    return result


def _first_tokenizer() -> str | None:
    """Reconstruction is about the autoencoder: one in the list goes before the default model's own tokenizer."""
    from ..model_list import list_checkpoints

    return next((info.name for info in list_checkpoints() if info.kind == "tokenizer"), None)
