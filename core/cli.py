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
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        print(f"Error: {known}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": known.message, "hint": known.hint}))
        return 2
    if result is None:  # one of several processes; another one reports
        return 0
    try:
        if as_json:
            print(json.dumps(result))
        else:
            options.show(result)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read this has seen enough; Python would flush once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def explained(error: Exception) -> MeshGPTError | None:
    """What a user can mend, in one sentence and a hint: also memory or a disk that ran out. None for anything else,
    which is a mistake of ours and keeps its traceback.
    """
    if isinstance(error, MeshGPTError):
        return error
    from .explanations import is_full_disk, is_out_of_memory

    if is_out_of_memory(error):
        return MeshGPTError("The memory ran out.", "Ask for less at once, close other programs, or try --device cpu.")
    if is_full_disk(error):
        return MeshGPTError("The disk is full.", "Free some space, or write to another folder.")
    return None


def parser() -> Parser:
    """The options of all commands."""
    whole = Parser(prog=PROGRAM, description="MeshGPT: generate, reconstruct and learn low-poly triangle meshes.")
    commands = whole.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for module in (generate, complete, reconstruct, retopologize, train, evaluate, info):
        module.add(commands)
    return whole
