# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that are installed, for the search fields; looked up when a field is opened, never while drawing."""

from typing import Any

from . import runtime


def search_generators(owner: Any, context: Any, text: str) -> list[str]:
    """Names of the models that generate."""
    return [info.name for info in installed() if info.kind == "transformer" and text.lower() in info.name.lower()]


def search_followers(owner: Any, context: Any, text: str) -> list[str]:
    """Names of the models that follow the surface of a mesh."""
    from ..core.checkpoint import read_config

    able = [info for info in installed() if read_config(info.path).get("transformer", {}).get("point_latents")]
    return [info.name for info in able if text.lower() in info.name.lower()]


def search_all(owner: Any, context: Any, text: str) -> list[str]:
    """Names of all models; each has a tokenizer, which is what reconstructing takes."""
    return [info.name for info in installed() if text.lower() in info.name.lower()]


def has_autoencoder() -> bool:
    """Whether a model is installed whose purpose is to encode and decode meshes."""
    return any(info.kind == "tokenizer" for info in installed())


def installed() -> list[Any]:
    """The bundled models and the user's own."""
    from ..core.checkpoint import list_checkpoints

    found = {info.path: info for info in list_checkpoints([runtime.model_folder()])}
    return list(found.values())
