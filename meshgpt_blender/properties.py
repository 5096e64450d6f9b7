# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user asks for: the same properties in the scene, where the panel shows them, and on the operators."""

from types import ModuleType

import bpy
from bpy.props import BoolProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import models

MAX_SEED = 2**31 - 1


class GenerateProperties:
    """Mixin: the settings of a generation. Not remembered between calls, so scripts get the defaults."""

    prompt: StringProperty(
        name="Prompt",
        description="What to make, in a few words; empty: anything",
        options={"SKIP_SAVE"},
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
        name="Temperature",
        description="Lower is safer and more alike, higher more varied and less sound",
        default=0.8,
        min=0.0,
        soft_max=1.5,
        max=4.0,
        step=5,
        options={"SKIP_SAVE"},
    )
    top_p: FloatProperty(
        name="Top P",
        description="Choose only among the most likely codes that together have this probability",
        default=0.95,
        min=0.01,
        max=1.0,
        options={"SKIP_SAVE"},
    )
    guidance: FloatProperty(
        name="Guidance",
        description="How strictly to follow the prompt and the face count; 1 is the plain model at half the cost",
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
    model: StringProperty(
        name="Model",
        description="Name or folder of the model; empty: the one that comes with MeshGPT",
        search=models.search_generators,
        search_options={"SUGGESTION"},
        options={"SKIP_SAVE"},
    )
    size: FloatProperty(
        name="Size",
        description="Longest side of a mesh",
        default=2.0,
        min=0.001,
        soft_max=100.0,
        subtype="DISTANCE",
        options={"SKIP_SAVE"},
    )


# What decides the meshes; the size only scales them.
MODEL_OPTIONS = ("prompt", "count", "seed", "faces", "temperature", "top_p", "guidance", "manifold", "model")


class MESHGPT_PG_settings(GenerateProperties, bpy.types.PropertyGroup):
    use_faces: BoolProperty(name="Face Count", description="Ask for a number of faces; else the model decides")
    faces: IntProperty(
        name="Faces",
        description="About how many triangles a mesh should have",
        default=200,
        min=1,
        soft_max=800,
        max=100_000,
    )
    random_seed: BoolProperty(name="New Seed", description="Use a new seed for each job", default=True)

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
