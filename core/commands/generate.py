# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`generate`: meshes from a prompt, written to files."""

from __future__ import annotations

import argparse
from typing import Any

from .common import Result, command
from .request import add_request, show_meshes, write_meshes


def add(commands: Any) -> None:
    parser = command(commands, "generate", _generate, show_meshes, "Generate meshes and write them to files")
    parser.add_argument("prompt", nargs="?", default="", help='what to make, such as "round table"; empty: anything')
    add_request(parser)


def _generate(options: argparse.Namespace) -> Result:
    def make(checkpoint: Any, settings: dict[str, Any]) -> list:
        return [(mesh, mesh) for mesh in checkpoint.generate(**settings)]

    return write_meshes(options, options.prompt, make)
