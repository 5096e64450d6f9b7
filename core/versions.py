# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions that the code asks about, each with its reason. docs/RELIABILITY.md has the whole matrix.

What only Blender's side asks stands beside the call that needs it, as `core` knows no Blender; the matrix lists it.
"""

# tomllib, and StrEnum-style enums of the standard library; the worker's start-up line says it to older ones.
PYTHON_OLDEST = (3, 11)
# The releases of Python that TORCH has wheels for.
PYTHON_OF_TORCH = ((3, 10), (3, 14))
# Older ones lack what the model calls: torch.xpu, SDPA on every device, safe loading by default.
TORCH_OLDEST = (2, 6)
# What "Set Up PyTorch" installs: the release that this project's own tests run with.
TORCH = "2.13.0"


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version before any suffix: (2, 13, 0) of "2.13.0+cpu"."""
    numbers = []
    for part in version.split("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:  # "0a1", "0rc2"
            break
    return tuple(numbers)
