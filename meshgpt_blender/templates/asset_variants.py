# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make variants of one thing and mark them as assets, with their prompt and their model as tags.

Save the file into one of your asset libraries (Preferences > File Paths) to have them in every file.
"""

import bpy

PROMPT = "mushroom"
COUNT = 6
SEED = 10
SIZE = 0.3  # metres, longest side

api = bpy.context.scene.meshgpt.api
for variant in api.generate(PROMPT, count=COUNT, seed=SEED, size=SIZE):
    made = api.provenance(variant)
    if not made["ended"]:  # the model was cut off at its face limit
        bpy.data.objects.remove(variant)
        continue
    variant.asset_mark()
    variant.asset_data.description = f"{PROMPT}, seed {made['seed']}"
    for tag in ("MeshGPT", PROMPT, made["model"]):
        variant.asset_data.tags.new(tag, skip_if_exists=True)
    if not bpy.app.background:  # previews are rendered beside the window's work
        variant.asset_generate_preview()
