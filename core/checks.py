# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the numbers of a config make sense, said in one sentence where they do not."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

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
