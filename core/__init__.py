# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshGPT as a plain Python package: tokenizers, transformer, training, generation.

Names are resolved on first use, so that what needs NumPy only (meshes, the lattice tokenizer, the worker's protocol)
never imports torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Cancelled": "errors",
    "Checkpoint": "checkpoint",
    "GeneratedMesh": "events",
    "LatticeMesh": "mesh",
    "LatticeTokenizer": "tokenizers.lattice",
    "MeshAutoencoder": "tokenizers.autoencoder",
    "MeshGPTError": "errors",
    "MeshTransformer": "transformer",
    "TriangleMesh": "mesh",
    "list_checkpoints": "model_list",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
