# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete each selected mesh, several times, and set the results in a row beside it. The sources stay as they are."""

import bpy

PROMPT = ""  # what the whole is, where it helps: "chair"
VARIANTS = 3
SEED = 0
GAP = 1.2  # in widths of the result

api = bpy.context.scene.meshgpt.api
for source in [obj for obj in bpy.context.selected_objects if obj.type == "MESH"]:
    place = source.matrix_world.translation.x + source.dimensions.x / 2
    for variant in api.complete(source, PROMPT, count=VARIANTS, seed=SEED):
        place += GAP * variant.dimensions.x
        variant.location.x = place - variant.dimensions.x / 2
        added = len(variant.data.polygons) - len(source.data.polygons)
        print(f"{variant.name}: {added:+} faces")
