# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopologize every mesh file of a folder into another folder."""

from pathlib import Path

import bpy

FOLDER = "//dense"  # // is the folder of this .blend file
RESULTS = "//light"
FACES = 400

api = bpy.context.scene.meshgpt.api
importers = {".obj": bpy.ops.wm.obj_import, ".ply": bpy.ops.wm.ply_import, ".stl": bpy.ops.wm.stl_import}
results = Path(bpy.path.abspath(RESULTS))
results.mkdir(parents=True, exist_ok=True)

for path in sorted(Path(bpy.path.abspath(FOLDER)).iterdir()):
    importer = importers.get(path.suffix.lower())
    if importer is None:
        continue
    importer(filepath=str(path))
    imported = list(bpy.context.selected_objects)
    # An imported OBJ is turned by its object; the model wants the mesh itself upright.
    bpy.ops.object.transform_apply(location=True, rotation=True, scale=True)
    light = []
    for obj in imported:
        try:
            light.append(api.retopologize(obj, faces=FACES))
        except api.MeshGPTError as error:
            print(f"{path.name}, {obj.name}: {error}")
    for obj in bpy.context.selected_objects:
        obj.select_set(False)
    for obj in light:
        obj.select_set(True)
        print(f"{path.name}, {obj.name}: {len(obj.data.polygons)} faces")
    if light:
        out = str(results / f"{path.stem}.obj")
        bpy.ops.wm.obj_export(filepath=out, export_selected_objects=True)
    bpy.data.batch_remove(imported + light)
