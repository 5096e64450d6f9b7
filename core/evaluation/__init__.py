# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model is worth: likelihood, generated meshes, the jobs it does, all beside control rows.

Names are resolved on first use: processes that only write meshes are to start without PyTorch.
"""

from importlib import import_module
from typing import Any

__all__ = ["PARTS", "evaluate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".protocol", __name__), name)
