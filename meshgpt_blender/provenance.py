# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an object came to be, as a JSON string in its custom property "meshgpt"."""

import functools
import json
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

KEY = "meshgpt"


def write(obj: bpy.types.Object, provenance: dict[str, Any]) -> None:
    obj[KEY] = json.dumps(provenance)


def read(obj: bpy.types.Object | None) -> dict[str, Any]:
    """The provenance of an object, {} when it has none."""
    text = obj.get(KEY) if obj is not None else None
    return _parse(text) if isinstance(text, str) else {}


@functools.lru_cache(maxsize=64)  # panels ask at every redraw
def _parse(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def model_name(found: dict[str, Any]) -> str:
    """The model that made it, without the folder it was in; Decimate where that took its place."""
    if found.get("decimated"):
        return iface_("Decimate")
    return Path(str(found.get("model") or "")).name


def number(found: dict[str, Any], name: str) -> str:
    """One of its settings for people; empty when it has none."""
    value = found.get(name)
    return f"{value:.4g}" if isinstance(value, (int, float)) else ""


def summary(found: dict[str, Any]) -> str:
    """The result of a reconstruction in a few words."""
    parts = [faces(found)]
    if found.get("triangle_accuracy") is not None:
        share = f"{100 * found['triangle_accuracy']:.1f}%"
        parts.append(iface_("{share} of the triangles kept").format(share=share))
    if found.get("mean_error_share") is not None:
        parts.append(distance(found))
    return ", ".join(parts)


def distance(found: dict[str, Any]) -> str:
    """How far the surfaces of result and source lie apart (Chamfer and Hausdorff distance)."""
    mean, largest = found["mean_error_share"], found["max_error_share"]
    text = iface_("{mean} of the longest side away on average, {largest} at most")
    return text.format(mean=f"{mean:.2%}", largest=f"{largest:.2%}")


def decimated(found: dict[str, Any]) -> str:
    """That Decimate made it, and why."""
    text = iface_("made by Decimate, for the model's mesh lay {mean} away")
    return text.format(mean=f"{found['model_error_share']:.1%}")


def faces(found: dict[str, Any]) -> str:
    """How many faces the source had, and how many the result has."""
    return iface_("{before} faces in, {after} out").format(before=found["faces_in"], after=found["faces_out"])
