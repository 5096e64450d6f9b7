# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants of a completion: one object that shows one of several meshes.

An object each, of which all but one are hidden, would fill the outliner, and each would have to follow when one is
moved, renamed or parented. Here the object stays one and the same and only changes its mesh. It holds the other meshes
as properties, so they are saved with the file, count as used, and undo knows them.
"""

import json
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import CollectionProperty, IntProperty, PointerProperty, StringProperty

from . import provenance


class MESHGPT_PG_variant(bpy.types.PropertyGroup):
    mesh: PointerProperty(type=bpy.types.Mesh)
    provenance: StringProperty()


def add(obj: bpy.types.Object, mesh: bpy.types.Mesh, found: dict[str, Any]) -> None:
    """Give an object one more mesh to choose."""
    variant = obj.meshgpt_variants.add()
    variant.mesh, variant.provenance = mesh, json.dumps(found)


def show(obj: bpy.types.Object, number: int) -> None:
    """Show variant `number`, counted around from 0."""
    variants = obj.meshgpt_variants
    variant = variants[number % len(variants)]
    obj.data = variant.mesh
    provenance.write(obj, json.loads(variant.provenance))


def shown(obj: bpy.types.Object) -> int:
    """The number of the variant that is shown; -1 where the object was given another mesh."""
    meshes = [variant.mesh for variant in obj.meshgpt_variants]
    return meshes.index(obj.data) if obj.data in meshes else -1


class _VariantOperator:
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if obj is None or len(obj.meshgpt_variants) < 2:
            cls.poll_message_set("The active object has no variants")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode")
            return False
        return True


class MESHGPT_OT_flip_variant(_VariantOperator, bpy.types.Operator):
    """Show another of the meshes that the model made"""

    bl_idname = "meshgpt.flip_variant"
    bl_label = "Next Variant"

    step: IntProperty(name="Step", description="How many variants to go on; negative: back", default=1)

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.step > 0:
            return tip_("Show the next of the meshes that the model made")
        return tip_("Show the previous of the meshes that the model made")

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.active_object
        show(obj, shown(obj) + self.step)
        return {"FINISHED"}


class MESHGPT_OT_keep_variant(_VariantOperator, bpy.types.Operator):
    """Keep the variant that is shown and delete the others"""

    bl_idname = "meshgpt.keep_variant"
    bl_label = "Keep This Variant"

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.active_object
        others = [variant.mesh for variant in obj.meshgpt_variants if variant.mesh not in (None, obj.data)]
        obj.meshgpt_variants.clear()
        bpy.data.batch_remove([mesh for mesh in others if not mesh.users])
        return {"FINISHED"}


def register() -> None:
    bpy.types.Object.meshgpt_variants = CollectionProperty(type=MESHGPT_PG_variant)


def unregister() -> None:
    del bpy.types.Object.meshgpt_variants


CLASSES = [MESHGPT_PG_variant, MESHGPT_OT_flip_variant, MESHGPT_OT_keep_variant]
