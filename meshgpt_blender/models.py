# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that are installed. Panels read what was found last; files are looked at again when a search field is
opened, when a job ends, or when the user asks for it.
"""

from typing import Any

from bpy.app.translations import pgettext_iface as iface_

from ..core.errors import MeshGPTError
from ..core.model_list import DEFAULT_MODEL, CheckpointInfo, find_checkpoint, list_checkpoints
from ..core.sampling_config import SamplingConfig
from ..core.suggestions import known_words, suggest
from . import runtime

SAMPLING = ("temperature", "top_p", "guidance")

_found: list[CheckpointInfo] | None = None
_named: dict[str, CheckpointInfo | None] = {}


def search_generators(owner: Any, context: Any, text: str) -> list[str]:
    """Names of the models that generate."""
    return [info.name for info in installed() if generates(info) and text.lower() in info.name.lower()]


def search_followers(owner: Any, context: Any, text: str) -> list[str]:
    """Names of the models that follow the surface of a mesh."""
    from ..core.model_files import read_config

    able = [info for info in installed() if read_config(info.path).get("transformer", {}).get("point_latents")]
    return [info.name for info in able if text.lower() in info.name.lower()]


def search_all(owner: Any, context: Any, text: str) -> list[str]:
    """Names of all models; each has a tokenizer, which is what reconstructing takes."""
    return [info.name for info in installed() if text.lower() in info.name.lower()]


def search_words(owner: Any, context: Any, text: str) -> list[str]:
    """Prompts that go on from what was typed, in the words of the model that the owner names."""
    info = named(owner.model)
    return suggest(text, known_words(info.path)) if info is not None else []


def has_autoencoder() -> bool:
    """Whether a model is installed whose purpose is to encode and decode meshes."""
    return any(info.kind == "tokenizer" for info in installed())


def generates(info: CheckpointInfo) -> bool:
    return "generate" in info.jobs


def installed() -> list[CheckpointInfo]:
    """The bundled models and the user's own, looked up now."""
    global _found
    folder = runtime.model_folder()
    _found = list({info.path: info for info in list_checkpoints([folder])}.values())
    _named.clear()
    return _found


def known() -> list[CheckpointInfo]:
    """The models as they were found last; for panels."""
    return installed() if _found is None else _found


def named(name: str) -> CheckpointInfo | None:
    """The model of a name or folder ("" is the bundled one) as it was found last; None when there is none."""
    found = next((info for info in known() if info.name == (name or DEFAULT_MODEL)), None)
    if found is not None:
        return found
    if name not in _named:  # a folder of its own, or a mistake
        try:
            _named[name] = CheckpointInfo.read(find_checkpoint(name, [runtime.model_folder()]))
        except MeshGPTError:
            _named[name] = None
    return _named[name]


def sampling(name: str, prompt: str) -> dict[str, float]:
    """How the model of a name draws for a prompt when nothing else is asked for."""
    info = named(name)
    shipped = {} if info is None else info.sampling if prompt else info.sampling_without_prompt
    return {setting: float(shipped.get(setting, getattr(SamplingConfig, setting))) for setting in SAMPLING}


def size_of(info: CheckpointInfo) -> str:
    """Its parameters, and the largest mesh that it makes or takes."""
    millions = f"{info.parameters / 1e6:.1f}"
    if not info.max_faces:
        return iface_("{millions} M parameters").format(millions=millions)
    text = iface_("{millions} M parameters, up to {faces} faces")
    return text.format(millions=millions, faces=f"{info.max_faces:,}")


def forget() -> None:
    """Drop what was found; the next panel that is drawn looks again."""
    global _found
    _found = None
    _named.clear()
