# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of the handbook with the bundled models: what they are about is what those models do."""

import os
from pathlib import Path

import bpy
from _blender import done, enable

enable()
from _handbook import EXAMPLES, run  # noqa: E402

folder = Path(os.environ["MESHGPT_DATA_DIR"])
(folder / "dense").mkdir(parents=True)
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))

made = run(EXAMPLES["From a script"][2])
assert len(made) == 2 and "Reconstructed" in bpy.context.active_object.name

variants = run(EXAMPLES["Variants as assets"][0], COUNT=2)
assert 1 <= len(variants) <= 2 and all(obj.asset_data for obj in variants)
assert {"MeshGPT", "mushroom", "meshgpt-lowpoly"} == set(variants[0].asset_data.tags.keys())

bpy.ops.mesh.primitive_plane_add(location=(5, 0, 0))
completed = run(EXAMPLES["Complete the selection"][0], VARIANTS=2)
assert len(completed) == 2 and min(obj.location.x for obj in completed) > 6
bpy.ops.mesh.primitive_uv_sphere_add()
bpy.ops.wm.obj_export(filepath=str(folder / "dense" / "ball.obj"), export_selected_objects=True)
(folder / "dense" / "notes.txt").write_text("no mesh")
assert run(EXAMPLES["Retopologize a folder"][0], FACES=60) == []
assert 10 < (folder / "light" / "ball.obj").read_text().count("\nf ") < 400
done()
