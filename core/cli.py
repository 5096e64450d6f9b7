# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, `python -m core <command>`: generate, complete, reconstruct, retopologize, train, evaluate, info.

Results go to standard output (one JSON object with --json), progress and errors to standard error. Exit codes: 0 done,
2 a mistake that the user can mend, 130 cancelled. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from .commands import complete, evaluate, generate, info, reconstruct, retopologize, train
from .commands.common import PROGRAM, Parser
from .errors import Cancelled, MeshGPTError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Threads that spin while they wait make small models several times slower; torch reads this on import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    as_json = "--json" in arguments
    try:
        options = parser().parse_args(arguments)
        result = options.run(options)
    except (Cancelled, KeyboardInterrupt):
        print("Cancelled.", file=sys.stderr)
        return 130
    except MeshGPTError as error:
        print(f"Error: {error}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": error.message, "hint": error.hint}))
        return 2
    if result is None:  # one of several processes; another one reports
        return 0
    if as_json:
        print(json.dumps(result))
    else:
        options.show(result)
    return 0


def parser() -> Parser:
    """The options of all commands."""
    whole = Parser(prog=PROGRAM, description="MeshGPT: generate, reconstruct and learn low-poly triangle meshes.")
    commands = whole.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for module in (generate, complete, reconstruct, retopologize, train, evaluate, info):
        module.add(commands)
    return whole
