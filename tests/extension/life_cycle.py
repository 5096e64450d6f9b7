# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the Python of one bpy module: install the zip, enable, use, disable; writes what it saw.

    python life_cycle.py ARCHIVE REPORT [MODEL]

Each run is a process of its own with BLENDER_USER_RESOURCES set to an empty folder. It asserts nothing: the test does.
"""

import json
import os
import sys
import time
from pathlib import Path

import bpy

# isort: split
import addon_utils  # is there once bpy is

MODULE = "bl_ext.user_default.meshgpt"


def children():
    """Ids of the processes that this one has started and that still run (Linux)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(stat.parent.name))
    return found


def registered():
    """What an add-on may leave behind: classes, operators, properties of the scene."""
    classes = {name for name in dir(bpy.types) if "meshgpt" in name.lower()}
    properties = {name for name in dir(bpy.types.Scene) if "meshgpt" in name.lower()}
    return sorted(classes | properties | {f"meshgpt.{name}" for name in dir(bpy.ops.meshgpt)})


def describe(obj):
    mesh = obj.data
    return {
        "name": obj.name,
        "faces": len(mesh.polygons),
        "selected": obj.select_get(),
        "active": obj == bpy.context.view_layer.objects.active,
        "needed_repair": mesh.validate(),
        "provenance": json.loads(obj["meshgpt"]),
    }


def generate(**settings):
    before = set(bpy.data.objects)
    start = time.perf_counter()
    returned = sorted(bpy.ops.meshgpt.generate(**settings))
    seconds = time.perf_counter() - start
    new = [describe(obj) for obj in bpy.data.objects if obj not in before]
    return {"returned": returned, "seconds": seconds, "objects": new}


def reconstruct(**settings):
    bpy.ops.mesh.primitive_cube_add(size=3)
    source, before = bpy.context.object, set(bpy.data.objects)
    returned = sorted(bpy.ops.meshgpt.reconstruct(**settings))
    new = [describe(obj) for obj in bpy.data.objects if obj not in before]
    return {"returned": returned, "objects": new, "source_faces": len(source.data.polygons)}


def main():
    archive, report, *model = sys.argv[1:]
    seen = {"blender": bpy.app.version_string, "before": registered()}
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    seen["installed"] = list(addon_utils.check(MODULE))
    seen["registered"] = registered()
    named = {"model": model[0]} if model else {}
    seen["generate"] = generate(prompt="table", count=2, seed=3, **named)
    seen["again"] = generate(prompt="table", count=2, seed=3, **named)
    seen["reconstruct"] = reconstruct(**named)
    seen["worker_running"] = len(children())

    addon_utils.disable(MODULE)
    seen["worker_left"] = len(children())
    seen["left"] = registered()

    for name in [name for name in sys.modules if name.startswith(MODULE)]:
        del sys.modules[name]  # as when Blender starts
    start = time.perf_counter()
    addon_utils.enable(MODULE)
    seen["enable_seconds"] = time.perf_counter() - start
    seen["enabled_again"] = registered()
    package = sys.modules[MODULE]
    package.unregister()
    start = time.perf_counter()
    package.register()
    seen["register_seconds"] = time.perf_counter() - start
    seen["torch"] = "torch" in sys.modules

    bpy.ops.extensions.package_uninstall(repo_index=_repo_index(), pkg_id="meshgpt")
    seen["left_uninstalled"] = registered()
    seen["left_files"] = [str(path) for path in Path(os.environ["BLENDER_USER_RESOURCES"]).rglob("meshgpt/__init__.py")]
    Path(report).write_text(json.dumps(seen, indent=1))


def _repo_index():
    repos = bpy.context.preferences.extensions.repos
    return next(index for index, repo in enumerate(repos) if repo.module == "user_default")


if __name__ == "__main__":
    main()
    if bpy.app.version < (4, 3):
        # Blender keeps a reference to `search=` callbacks. In the 4.2 module one whose Python module is gone keeps bpy
        # alive past the interpreter's end, where C++ destructors then crash. An installed Blender exits another way.
        os._exit(0)
