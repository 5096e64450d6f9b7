# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command-line options from config dataclasses: each field becomes one, explained by the comment beside it."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Collection
from typing import Any, Literal, get_args, get_origin, get_type_hints

_SCALARS = {int: "N", float: "X", str: "TEXT"}


def add_settings(parser: argparse.ArgumentParser, title: str, config: type, skip: Collection[str] = ()) -> None:
    """A group of options, one for each field of a dataclass that is a number, a text, a choice, yes or no, or a tuple
    of numbers. A field that an earlier group has too shares its option.
    """
    group = parser.add_argument_group(title, _flags(config, inspect.getdoc(config) or ""))
    texts, types = _comments(config), get_type_hints(config)
    for field in dataclasses.fields(config):
        kind, flag = _kind(types[field.name]), _flag(field.name)
        if kind is None or field.name in skip or flag in parser._option_string_actions:
            continue
        text = f"{texts.get(field.name, '')} (default: {_shown(field.default)})".strip()
        group.add_argument(flag, dest=field.name, default=None, help=text.replace("%", "%%"), **kind)


def chosen(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """The fields of a dataclass that the user gave; the others are left to its defaults."""
    given = {field.name: getattr(options, field.name, None) for field in dataclasses.fields(config)}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None
    }


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _flags(config: type, text: str) -> str:
    """The text with names of fields, which are quoted like `code`, as the options they become. What is raised is for
    programmers.
    """
    text = re.sub(r"\s*\bRaises MeshGPTError\b[^.]*\.", "", text)
    names = {field.name for field in dataclasses.fields(config)}
    return re.sub(r"`(\w+)`", lambda match: _flag(match[1]) if match[1] in names else match[1], text)


def _kind(annotation: Any) -> dict[str, Any] | None:
    """What argparse has to know of a type; None when it cannot be given on the command line."""
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if annotation in _SCALARS:
        return {"type": annotation, "metavar": _SCALARS[annotation]}
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    parts = get_args(annotation)
    if get_origin(annotation) is tuple and parts[0] in _SCALARS and len(set(parts)) == 1:
        return {"type": parts[0], "nargs": len(parts), "metavar": _SCALARS[parts[0]]}
    return None


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return str(default) or "none"


def _comments(config: type) -> dict[str, str]:
    """The comment on the line of each field of a dataclass, else the lines of comment right above it."""
    source = textwrap.dedent(inspect.getsource(config))
    lines = source.splitlines()
    comments = {
        token.start[0]: (token.string.lstrip("# "), lines[token.start[0] - 1].lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for node in ast.parse(source).body[0].body:
        if not isinstance(node, ast.AnnAssign):
            continue
        above, line = [], node.lineno - 1
        while comments.get(line, ("", False))[1]:
            above.insert(0, comments[line][0])
            line -= 1
        found[node.target.id] = comments[node.end_lineno][0] if node.end_lineno in comments else " ".join(above)
    return found
