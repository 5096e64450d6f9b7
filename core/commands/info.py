# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`info`: what is installed and which models there are, or what a mesh file holds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .common import Result, command, show_values


def add(commands: Any) -> None:
    parser = command(
        commands, "info", _info, _show_info, "Say what is here: versions, models; or what a mesh file holds"
    )
    parser.add_argument("file", type=Path, nargs="?", help="a mesh file to report on")


def _info(options: argparse.Namespace) -> Result:
    if options.file:
        from ..meshio import load_mesh

        mesh = load_mesh(options.file)
        low, high = mesh.bounds()
        return {"file": str(options.file), "low": low.tolist(), "high": high.tolist(), **mesh.report().as_dict()}
    from .. import __version__
    from ..environment import import_check
    from ..model_list import list_checkpoints

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
        return show_values(result)
    print(f"MeshGPT {result['version']}, Python {result['python']}")
    for name, version in result["packages"].items():
        print(f"  {name} {version}")
    for name, problem in result["problems"].items():
        print(f"  {name}: {problem}")
    print("Models:" if result["models"] else "No models yet.")
    for model in result["models"]:
        print(f"  {model['name']} ({model['kind']}, {model['parameters'] / 1e6:.1f}M parameters): {model['summary']}")
