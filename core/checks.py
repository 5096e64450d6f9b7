# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the numbers of a config make sense, said in one sentence where they do not."""

from __future__ import annotations

import math
import reprlib
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from .errors import MeshGPTError

Config = TypeVar("Config")


def with_options(config: Config, options: dict[str, Any], owner: str) -> Config:
    """A config dataclass with some fields changed; raises MeshGPTError for options that it does not have."""
    known = [field.name for field in fields(config)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise MeshGPTError(f"The {owner} has no option {', '.join(unknown)}.", f"Options: {', '.join(known)}.")
    return replace(config, **options)


def need_at_least(least: float, config: object, *names: str) -> None:
    """Raise MeshGPTError unless these fields of a config are numbers of at least `least`."""
    for name in names:
        value = getattr(config, name)
        if not value >= least:  # so that nan is refused too
            raise MeshGPTError(f"{name} is {value}.", f"Give at least {least}.")


def need_shares(config: object, *names: str) -> None:
    """Raise MeshGPTError unless these fields of a config are between 0 and 1."""
    for name in names:
        value = getattr(config, name)
        if not 0 <= value <= 1:
            raise MeshGPTError(f"{name} is {value}.", "Give a number between 0 and 1.")


def need_at_most(most: float, config: object, *names: str) -> None:
    """Raise MeshGPTError unless these fields of a config are at most `most`, above which nothing could be built."""
    for name in names:
        value = getattr(config, name)
        if not value <= most:
            raise MeshGPTError(f"{name} is {shown(value)}.", f"Give at most {most}.")


def check_types(config: Any) -> None:
    """Raise MeshGPTError unless the fields of a config dataclass are of the types that it says."""
    kinds = get_type_hints(type(config))
    for field in fields(config):
        check_type(field.name, getattr(config, field.name), kinds[field.name])


def check_type(name: str, value: Any, kind: Any) -> None:
    """Raise MeshGPTError unless a value is of a type as annotations write it: int, float, bool, str, dict, one of these
    or None, or a Literal. A whole number is a float too; NaN and infinity are no numbers.
    """
    choices = get_args(kind)
    if get_origin(kind) is Literal:
        if value not in choices:
            raise MeshGPTError(f"{name} is {shown(value)}.", f"Choose one of: {', '.join(choices)}.")
        return
    kinds = [one for one in choices or (kind,) if one is not type(None)]
    if value is None and len(kinds) < len(choices):
        return
    if isinstance(value, bool) or not isinstance(value, Real):
        right = isinstance(value, tuple(kinds)) and (bool in kinds or not isinstance(value, bool))
    else:
        right = (int in kinds and isinstance(value, Integral)) or (float in kinds and abs(value) < math.inf)
    if not right:
        wanted = " or ".join(_IN_WORDS[one] for one in kinds)
        raise MeshGPTError(f"{name} is {shown(value)}.", f"Give {wanted}.")


def shown(value: object) -> str:
    """A value for a message, shortened."""
    return f'"{value[:60]}"' if isinstance(value, str) else reprlib.repr(value)


_IN_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "an object"}
