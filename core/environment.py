# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model needs of the Python that runs it: packages, and a sensible number of threads."""

import importlib
import os
import sys

from .errors import MeshGPTError

NEEDED = ("torch", "numpy", "safetensors", "einops")


def default_threads() -> int:
    """Threads for the model: all cores but one, which stays with Blender; small models gain nothing beyond eight."""
    return int(os.environ.get("OMP_NUM_THREADS") or min(8, max(1, (os.cpu_count() or 2) - 1)))


def set_threads() -> None:
    import torch

    if torch.get_num_threads() != default_threads():
        torch.set_num_threads(default_threads())


def import_check() -> tuple[dict[str, str], dict[str, str]]:
    """Import what the model needs; returns the versions found, and what went wrong by package name."""
    versions, problems = {}, {}
    for name in NEEDED:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # a broken install raises OSError, AttributeError and more
            problems[name] = f"{type(error).__name__}: {error}"
        else:
            versions[name] = str(getattr(module, "__version__", "?"))
    return versions, problems


def need_packages() -> None:
    """Raise MeshGPTError when a package the model needs is missing or broken."""
    _, problems = import_check()
    if not problems:
        return
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    raise MissingPackageError(problems)


class MissingPackageError(MeshGPTError):
    """This Python lacks something the model needs."""

    def __init__(self, problems: dict[str, str]) -> None:
        names = " and ".join("PyTorch" if name == "torch" else name for name in problems)
        super().__init__(
            f"The Python at {sys.executable} cannot import {names}.",
            f"Install what is missing there ({sys.executable} -m pip install {' '.join(problems)}), "
            "or choose another Python in the preferences.",
        )
