# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators share whose job begins with meshes of the scene: complete, reconstruct, retopologize."""

import random
from typing import Any

import bpy

from . import jobs, models, properties
from .job_operator import JobOperator


def _as_for_generate(name: str) -> Any:
    """The property of that name as generation has it."""
    return properties.GenerateProperties.__annotations__[name]


class ToolProperties:
    """Mixin: what generation is asked for that holds for these jobs too. Not remembered between calls."""

    prompt: _as_for_generate("prompt")
    seed: _as_for_generate("seed")
    temperature: _as_for_generate("temperature")
    top_p: _as_for_generate("top_p")
    # The default of the bundled model that does these jobs, not of the one that generates.
    guidance: bpy.props.FloatProperty(
        name="Guidance",
        description="How strictly to follow the request; 1 is the plain model at half the cost",
        default=2.5,
        min=0.0,
        soft_max=8.0,
        max=20.0,
        step=10,
        options={"SKIP_SAVE"},
    )


class SourceOperator(JobOperator):
    """Mixin for bpy.types.Operator. From the panel and the menus it takes the settings that the panel shows; in Adjust
    Last Operation it builds the same results anew, without running the model again.
    """

    settings_name = ""  # of the property group of the scene
    asked = ()  # properties that decide what the model makes
    built = ()  # those that only decide what becomes of it

    state: Any = None  # what `begin` read from the scene and `conclude` needs

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = getattr(context.scene, self.settings_name, None)
        if settings is not None and not any(self.properties.is_property_set(name) for name in self.asked):
            if settings.random_seed:
                settings.seed = random.randrange(properties.MAX_SEED)
            for name in (*self.asked, *self.built):
                own = name not in models.SAMPLING or settings.is_property_set(name)
                if own and hasattr(settings, name):
                    setattr(self, name, getattr(settings, name))
        return super().invoke(context, event)

    def sampling(self) -> dict[str, float | None]:
        """How to draw: what was set, else None, which leaves it to the model."""
        given = self.properties.is_property_set
        return {name: round(getattr(self, name), 6) if given(name) else None for name in models.SAMPLING}

    def execute(self, context: bpy.types.Context) -> set[str]:
        asked, self.state, job = _last.get(type(self).__name__, (None, None, None))
        if self.options.is_repeat and asked == self._key():
            return self.conclude(context, job)
        return super().execute(context)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in self.built:
            self.layout.prop(self, name)

    def _end(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        result = super()._end(context, job)
        if result == {"FINISHED"}:
            _last[type(self).__name__] = (self._key(), self.state, job)
        return result

    def _key(self) -> tuple:
        return tuple(getattr(self, name) for name in self.asked)


_last: dict[str, tuple[tuple, Any, jobs.Job]] = {}  # of each operator: what was asked for, its state and its results


def forget() -> None:
    """Drop the results kept for Adjust Last Operation."""
    _last.clear()
