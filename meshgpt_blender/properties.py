# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user asks for: the same properties in the scene, where the panel shows them, and on the operators."""

import math
from collections.abc import Callable
from types import ModuleType

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import models

MAX_SEED = 2**31 - 1


class GenerateProperties:
    """Mixin: the settings of a generation. Not remembered between calls, so scripts get the defaults."""

    prompt: StringProperty(
        name="Prompt",
        description="What to make, in a few words; empty: anything. The words the model knows best come first",
        options={"SKIP_SAVE"},
        search=models.search_words,
        search_options={"SUGGESTION"},
    )
    count: IntProperty(
        name="Count",
        description="How many meshes to make",
        default=1,
        min=1,
        soft_max=16,
        max=256,
        options={"SKIP_SAVE"},
    )
    attempts: IntProperty(
        name="Attempts",
        description="How many meshes the model writes for each result; the likeliest that holds together is taken",
        default=1,
        min=1,
        soft_max=8,
        max=64,
        options={"SKIP_SAVE"},
    )
    seed: IntProperty(
        name="Seed",
        description="The same seed and settings give the same meshes",
        default=0,
        min=0,
        max=MAX_SEED,
        options={"SKIP_SAVE"},
    )
    faces: IntProperty(
        name="Faces",
        description="About how many triangles a mesh should have; 0 leaves it to the model",
        default=0,
        min=0,
        soft_max=800,
        max=100_000,
        options={"SKIP_SAVE"},
    )
    temperature: FloatProperty(
        name="Variation",
        description="How far results may differ from the most typical one: lower is safer and more alike, higher more "
        "varied and less sound (the sampling temperature). Unless set, the model's own",
        default=0.8,
        min=0.0,
        soft_max=1.5,
        max=4.0,
        step=5,
        options={"SKIP_SAVE"},
    )
    top_p: FloatProperty(
        name="Top P",
        description="Choose only among the most likely codes that together have this probability. Unless set, the "
        "model's own",
        default=0.95,
        min=0.01,
        max=1.0,
        options={"SKIP_SAVE"},
    )
    guidance: FloatProperty(
        name="Guidance",
        description="How strictly to follow the prompt and the face count; 1 is the plain model at half the cost. "
        "Unless set, the model's own",
        default=3.0,
        min=0.0,
        soft_max=8.0,
        max=20.0,
        step=10,
        options={"SKIP_SAVE"},
    )
    manifold: BoolProperty(
        name="Manifold Edges",
        description="Never put more than two faces on an edge, and keep the winding consistent",
        default=True,
        options={"SKIP_SAVE"},
    )
    close: BoolProperty(
        name="Closed Surfaces",
        description="Leave no holes by chance. Switch it off for thin things like cloth and leaves",
        default=True,
        options={"SKIP_SAVE"},
    )
    model: StringProperty(
        name="Model",
        description="Name or folder of the model; empty: the one that comes with MeshGPT",
        search=models.search_generators,
        search_options={"SUGGESTION"},
        options={"SKIP_SAVE"},
    )


class ResultProperties:
    """Mixin: what becomes of the meshes. None of it asks the model, so Adjust Last Operation offers it."""

    size: FloatProperty(
        name="Size",
        description="Longest side of a mesh",
        default=2.0,
        min=0.001,
        soft_max=100.0,
        subtype="DISTANCE",
    )
    quads: BoolProperty(
        name="Tris to Quads",
        description="Join pairs of triangles that lie nearly flat and make a well-shaped quad",
    )
    shading: EnumProperty(
        name="Shading",
        description="How light falls on the faces",
        items=[
            ("FLAT", "Flat", "Each face has one shade"),
            ("SMOOTH", "Smooth by Angle", "Smooth where faces meet at a low angle, sharp elsewhere"),
        ],
    )
    angle: FloatProperty(
        name="Angle",
        description="Edges between faces that meet at a larger angle stay sharp",
        default=math.radians(30),
        min=0.0,
        max=math.pi,
        subtype="ANGLE",
    )
    material: StringProperty(name="Material", description="One of the file's materials for the meshes; empty: none")
    asset: BoolProperty(
        name="Mark as Asset",
        description="Offer the meshes in the Asset Browser, with a preview, tagged with the model and the prompt",
    )


# What decides the meshes, and is kept with each; then what is asked for besides.
MODEL_OPTIONS = ("prompt", "count", "seed", "faces", "temperature", "top_p", "guidance", "manifold", "close", "model")
ASKED_OPTIONS = (*MODEL_OPTIONS, "attempts")
# What is done to them afterwards.
RESULT_OPTIONS = tuple(ResultProperties.__annotations__)


def _shown(name: str) -> Callable[[bpy.types.PropertyGroup], float]:
    """Getter: the user's own value, else what the chosen model does by itself."""

    def get(settings: bpy.types.PropertyGroup) -> float:
        own = getattr(settings, f"own_{name}")
        return own if own >= 0 else models.sampling(settings.model, settings.prompt.strip())[name]

    return get


def _keep(name: str) -> Callable[[bpy.types.PropertyGroup, float], None]:
    def keep(settings: bpy.types.PropertyGroup, value: float) -> None:
        setattr(settings, f"own_{name}", value)

    return keep


def _of_model(name: str) -> object:
    """The sampling property of the operator, for the scene: it shows what will be used."""
    prop = GenerateProperties.__annotations__[name]
    return FloatProperty(**prop.keywords | {"options": set(), "get": _shown(name), "set": _keep(name)})


class MESHGPT_PG_settings(GenerateProperties, ResultProperties, bpy.types.PropertyGroup):
    # A script gets the mesh of its seed; who presses the button wants the best that a few seconds give.
    attempts: IntProperty(**GenerateProperties.__annotations__["attempts"].keywords | {"default": 4, "options": set()})
    use_faces: BoolProperty(name="Face Count", description="Ask for a number of faces; else the model decides")
    faces: IntProperty(
        name="Faces",
        description="About how many triangles a mesh should have",
        default=200,
        min=1,
        soft_max=800,
        max=100_000,
    )
    random_seed: BoolProperty(name="New Seed Each Time", description="Draw another seed for each job", default=True)
    temperature: _of_model("temperature")
    top_p: _of_model("top_p")
    guidance: _of_model("guidance")
    # The user's own values; below 0 the model's are used.
    own_temperature: FloatProperty(default=-1.0, options={"HIDDEN"})
    own_top_p: FloatProperty(default=-1.0, options={"HIDDEN"})
    own_guidance: FloatProperty(default=-1.0, options={"HIDDEN"})

    def request(self) -> dict[str, object]:
        """Arguments of `bpy.ops.meshgpt.generate` that ask for what the panel shows."""
        names = [name for name in ASKED_OPTIONS if name not in models.SAMPLING or self.is_own(name)]
        found = {name: getattr(self, name) for name in (*names, *RESULT_OPTIONS)}
        return found | {"faces": self.faces if self.use_faces else 0}

    def is_own(self, name: str) -> bool:
        """Whether the user has set a sampling value, which the model would choose otherwise."""
        return getattr(self, f"own_{name}") >= 0

    def reset_sampling(self) -> None:
        """Go back to the model's own values."""
        for name in models.SAMPLING:
            self.property_unset(f"own_{name}")
        for name in ("manifold", "close"):
            self.property_unset(name)

    @property
    def api(self) -> ModuleType:
        """The functions for scripts, see api.py; here scripts find them whatever the repository is called."""
        from . import api

        return api


def register() -> None:
    bpy.types.Scene.meshgpt = PointerProperty(type=MESHGPT_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.meshgpt


CLASSES = [MESHGPT_PG_settings]
