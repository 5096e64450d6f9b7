# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For scripts: the jobs as functions that wait, return objects, and raise MeshGPTError.

    api = bpy.context.scene.meshgpt.api
    table, lamp = (api.generate(prompt)[0] for prompt in ("table", "lamp"))

`scene.meshgpt.api` is this module whatever its package is called: that name holds the name of the extension repository,
which differs between users. Each function calls the operator of the same name, so both mean the same by the same names.
An argument that is None is left to the operator's default; `options` are any further properties of that operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.errors import Cancelled, MeshGPTError
from . import jobs
from . import models as _models
from . import provenance as _provenance

if TYPE_CHECKING:
    from ..core.model_list import CheckpointInfo

__all__ = ["MeshGPTError", "complete", "generate", "models", "provenance", "reconstruct", "retopologize"]


def generate(
    prompt: str = "",
    count: int = 1,
    seed: int = 0,
    faces: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    guidance: float | None = None,
    model: str | None = None,
    size: float = 2.0,
    attempts: int = 1,
    **options: Any,
) -> list[bpy.types.Object]:
    """New objects from a prompt, a face count, or nothing at all; mesh i has the seed `seed + i`, or one of `seed +
    attempts * i` and the next where it is the best of several attempts.

    They stand at the 3D cursor, in the active collection, and are selected.
    """
    options |= {"prompt": prompt, "count": count, "seed": seed, "faces": faces, "temperature": temperature}
    options |= {"top_p": top_p, "guidance": guidance, "model": model, "size": size}
    options |= {"attempts": attempts}
    return _run(bpy.ops.meshgpt.generate, options)


def complete(
    obj: bpy.types.Object,
    prompt: str = "",
    count: int = 1,
    seed: int = 0,
    faces: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    guidance: float | None = None,
    model: str | None = None,
    **options: Any,
) -> list[bpy.types.Object]:
    """New objects with the faces of `obj`, kept exactly, and those that the model finds missing; `obj` stays."""
    options |= {"prompt": prompt, "count": count, "seed": seed, "faces": faces, "temperature": temperature}
    options |= {"top_p": top_p, "guidance": guidance, "model": model}
    return [variant for made in _run(bpy.ops.meshgpt.complete, options, obj) for variant in _variants(made)]


def reconstruct(obj: bpy.types.Object, model: str | None = None, **options: Any) -> bpy.types.Object:
    """A new object: `obj` through the model's tokenizer and back. `provenance(...)` of it has the error."""
    return _run(bpy.ops.meshgpt.reconstruct, options | {"model": model}, obj)[0]


def retopologize(
    obj: bpy.types.Object,
    faces: int | None = None,
    seed: int = 0,
    model: str | None = None,
    **options: Any,
) -> bpy.types.Object:
    """A new low-poly object of about `faces` triangles that follows the surface of `obj`; `obj` stays."""
    return _run(bpy.ops.meshgpt.retopologize, options | {"faces": faces, "seed": seed, "model": model}, obj)[0]


def models() -> list[CheckpointInfo]:
    """The installed models: name, path, kind ("transformer" or "tokenizer"), parameters, max_faces, summary."""
    return _models.installed()


def provenance(obj: bpy.types.Object) -> dict[str, Any]:
    """How an object came to be: job, model, seed, prompt, settings; {} when it is not of MeshGPT's making."""
    return dict(_provenance.read(obj))


def _variants(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """An object of its own for each of the meshes that the operator lets the user flip through in one object."""
    found = [(variant.mesh, variant.provenance) for variant in obj.meshgpt_variants]
    obj.meshgpt_variants.clear()
    objects = [obj, *(obj.copy() for _ in found[1:])]
    for other, (mesh, text) in zip(objects, found, strict=False):
        other.data, other[_provenance.KEY] = mesh, text
    for other in objects[1:]:
        for collection in obj.users_collection:
            collection.objects.link(other)
        other.select_set(obj.select_get())
    return objects


def _run(
    operator: Callable[..., set[str]], options: dict[str, Any], obj: bpy.types.Object | None = None
) -> list[bpy.types.Object]:
    """Call an operator on `obj`; returns the objects that it made, in the order of their seeds."""
    given = {name: value for name, value in options.items() if value is not None}
    context = {}
    if obj is not None:
        if obj.type != "MESH":
            raise MeshGPTError(
                rpt_('"{name}" is not a mesh object.').format(name=obj.name), "Convert it to a mesh first."
            )
        context = {"active_object": obj, "object": obj}
        context |= dict.fromkeys(("selected_objects", "selected_editable_objects"), [obj])
    before = set(bpy.data.objects)
    jobs.clear_problem()
    try:
        with bpy.context.temp_override(**context):
            result = operator(**given)
    except RuntimeError as error:  # what Blender makes of an operator's report, or of its poll
        raise jobs.problem() or _error(str(error)) from None
    if "CANCELLED" in result:
        raise jobs.problem() or Cancelled()
    made = [other for other in bpy.data.objects if other not in before]
    return sorted(made, key=lambda other: _provenance.read(other).get("seed") or 0)


def _error(text: str) -> MeshGPTError:
    """The sentence inside of Blender's own words about a call that it refused."""
    sentence = text.partition("poll() failed, ")[2] or text.removeprefix("Error: ")
    return MeshGPTError(sentence.strip().rstrip(".") + ".")
