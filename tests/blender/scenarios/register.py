# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering is fast, imports no torch, and unregistering takes everything back."""

import sys
import time

import bpy
from _blender import MODULE, done, enable, part

MENUS = (
    "VIEW3D_MT_mesh_add",
    "VIEW3D_MT_object",
    "VIEW3D_MT_object_context_menu",
    "VIEW3D_MT_edit_mesh",
    "TEXT_MT_templates",
)


def state():
    return {
        "types": {name for name in dir(bpy.types) if "meshgpt" in name.lower()},
        "scene": set(bpy.types.Scene.bl_rna.properties.keys()),
        "object": set(bpy.types.Object.bl_rna.properties.keys()),
        "operators": set(dir(bpy.ops.meshgpt)),
        "handlers": {
            name: len(functions)
            for name in dir(bpy.app.handlers)
            if isinstance(functions := getattr(bpy.app.handlers, name), list)
        },
        "menus": {
            name: len(getattr(bpy.types, name).draw._draw_funcs)
            for name in MENUS
            if hasattr(getattr(bpy.types, name).draw, "_draw_funcs")
        },
        "manuals": len(bpy.utils._manual_map),
    }


for menu in MENUS:
    getattr(bpy.types, menu).append(print)  # Blender makes its list of drawing functions with the first one
before = state()
start = time.perf_counter()
extension = enable()
print(f"enable, imports included: {1000 * (time.perf_counter() - start):.1f} ms")
registered = state()
assert {"generate", "complete", "reconstruct", "retopologize", "cancel"} <= registered["operators"]
assert "meshgpt" in registered["scene"]
assert all(registered["menus"][menu] > before["menus"][menu] for menu in MENUS)
assert registered["manuals"] == before["manuals"] + 1

times = []
for _ in range(5):
    extension.unregister()
    assert state() == before, (before, state())
    start = time.perf_counter()
    extension.register()
    times.append(1000 * (time.perf_counter() - start))
    assert state() == registered
print(f"register: {min(times):.2f} ms")
assert min(times) < 50  # the others may have waited for another program
assert part("worker_client").current() is None, "registering started a process"
assert not any(name.split(".")[0] in ("torch", "safetensors", "trimesh") for name in sys.modules)
assert bpy.context.preferences.addons[MODULE].preferences.python_mode == "AUTOMATIC"
done()
