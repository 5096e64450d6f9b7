# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender for `make demo`: install the zip, generate, arrange, light and render."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import bpy

# isort: split
import addon_utils  # is there once bpy is
from mathutils import Vector

MODULE = "bl_ext.user_default.meshgpt"
# prompt, seed of the first of four attempts: picked by eye among seven results each (docs/samples.png)
PROMPTS = (("table", 12), ("chair", 8), ("crystal", 4), ("mushroom", 4))
# base colour (linear RGB) of each mesh on its stand
COLOURS = ((0.72, 0.42, 0.07), (0.10, 0.22, 0.40), (0.62, 0.17, 0.09), (0.16, 0.32, 0.14))
BACKDROP = (0.74, 0.70, 0.66)
SPACING = 2.35
SIZE = 1.75


def say(text: str) -> None:
    """Print a line that demo.py shows."""
    print(f"meshgpt: {text}", flush=True)


def install(archive: Path) -> None:
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    if not addon_utils.check(MODULE)[1]:
        raise SystemExit(f"{MODULE} was installed and is not enabled")


def generate() -> list[bpy.types.Object]:
    objects = []
    for prompt, seed in PROMPTS:
        started = time.perf_counter()
        bpy.ops.meshgpt.generate(prompt=prompt, count=1, seed=seed, attempts=4)
        seconds = time.perf_counter() - started
        made = bpy.context.view_layer.objects.active
        if made is None or "meshgpt" not in made or made in objects:
            raise SystemExit(f"no mesh came out for '{prompt}'")
        json.loads(made["meshgpt"])
        say(f"{prompt:<16} {len(made.data.polygons):>4} faces  {seconds:5.1f} s")
        objects.append(made)
    return objects


def empty_scene() -> bpy.types.Scene:
    scene = bpy.context.scene
    for item in list(scene.objects):
        bpy.data.objects.remove(item)
    return scene


def place_of(index: int, count: int) -> float:
    """Where along x the middle of an object stands."""
    return (index - (count - 1) / 2) * SPACING


def bounds(item: bpy.types.Object) -> tuple[Vector, Vector]:
    """Lowest and highest corner in the world."""
    bpy.context.view_layer.update()
    corners = [item.matrix_world @ Vector(corner) for corner in item.bound_box]
    return tuple(Vector(pick(corner[axis] for corner in corners) for axis in range(3)) for pick in (min, max))


def arrange(objects: list[bpy.types.Object]) -> None:
    """Stand the objects in a row on the ground, turned a little, each as large as its neighbour."""
    for index, item in enumerate(objects):
        low, high = bounds(item)
        item.scale = item.scale * (SIZE / max(*(high - low), 1e-6))
        item.rotation_euler.rotate_axis("Z", math.radians(-18))
        low, high = bounds(item)
        foot = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))
        item.location += Vector((place_of(index, len(objects)), 0.0, 0.0)) - foot


def with_nodes(owner: bpy.types.ID) -> None:
    """Materials and worlds have nodes since Blender 5.0, where asking for them is deprecated."""
    if bpy.app.version < (5, 0):
        owner.use_nodes = True


def clay(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """A matte material that hints at the triangles with thin darker edges."""
    material = bpy.data.materials.new(name)
    with_nodes(material)
    material.diffuse_color = (*colour, 1.0)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Roughness"].default_value = 0.75
    edges = nodes.new("ShaderNodeWireframe")
    edges.use_pixel_size = True
    edges.inputs["Size"].default_value = 0.9
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.inputs["A"].default_value = (*colour, 1.0)
    mix.inputs["B"].default_value = (*(channel * 0.3 for channel in colour), 1.0)
    links.new(edges.outputs["Fac"], mix.inputs["Factor"])
    links.new(mix.outputs["Result"], surface.inputs["Base Color"])
    return material


def backdrop(scene: bpy.types.Scene) -> None:
    """A studio sweep: the floor runs into the wall in a curve, so that no horizon is seen."""
    radius, depth, height, half_width = 4.0, 6.0, 9.0, 30.0
    curve = [(depth + radius * math.sin(a), radius - radius * math.cos(a)) for a in _steps(math.pi / 2, 24)]
    profile = [(-20.0, 0.0), *curve, (depth + radius, height)]
    vertices = [(x, y, z) for y, z in profile for x in (-half_width, half_width)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("Backdrop")
    mesh.from_pydata(vertices, [], faces)
    mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
    material = bpy.data.materials.new("Backdrop")
    with_nodes(material)
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (*BACKDROP, 1.0)
    surface.inputs["Roughness"].default_value = 1.0
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("Backdrop", mesh))


def _steps(end: float, count: int) -> list[float]:
    return [end * i / count for i in range(count + 1)]


def label(scene: bpy.types.Scene, text: str, x: float) -> None:
    curve = bpy.data.curves.new(f"Label {text}", "FONT")
    curve.body = text
    curve.size = 0.2
    curve.align_x = "CENTER"
    material = bpy.data.materials.get("Label") or bpy.data.materials.new("Label")
    with_nodes(material)
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (0.05, 0.05, 0.06, 1.0)
    curve.materials.append(material)
    item = bpy.data.objects.new(curve.name, curve)
    # Flat on the floor; stretched, because the camera sees the floor at a low angle.
    item.location = (x, -1.75, 0.004)
    item.scale.y = 2.0
    scene.collection.objects.link(item)


def light(scene: bpy.types.Scene) -> None:
    for name, place, size, power, colour in (
        ("Key", (-5.0, -6.0, 7.0), 3.0, 620.0, (1.0, 0.95, 0.87)),
        ("Fill", (8.0, -5.0, 4.0), 6.0, 170.0, (0.82, 0.90, 1.0)),
        ("Rim", (2.0, 5.0, 6.5), 4.0, 260.0, (1.0, 1.0, 1.0)),
    ):
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.size, lamp.energy, lamp.color = size, power, colour
        item = bpy.data.objects.new(name, lamp)
        item.location = place
        item.rotation_euler = (Vector((0.0, 0.0, 0.6)) - item.location).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(item)
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    with_nodes(world)
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.80, 0.86, 0.95, 1.0)
    background.inputs["Strength"].default_value = 0.55


def aim_camera(scene: bpy.types.Scene) -> None:
    data = bpy.data.cameras.new("Camera")
    data.lens = 60.0
    camera = bpy.data.objects.new("Camera", data)
    camera.location = (0.0, -17.5, 5.6)
    camera.rotation_euler = (Vector((0.0, -0.2, 0.62)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera


def render(scene: bpy.types.Scene, picture: Path) -> None:
    """Cycles on the processor: it needs neither a display nor a GPU driver."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    try:
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:  # some systems build Blender without it
        scene.cycles.use_denoising = False
    scene.cycles.samples = 24 if scene.cycles.use_denoising else 80
    scene.render.resolution_x, scene.render.resolution_y = 1600, 600
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(picture)
    bpy.ops.render.render(write_still=True)


def stage(objects: list[bpy.types.Object], out: Path) -> None:
    """Arrange, light and render `objects`; writes out/demo.blend and out/demo.png."""
    scene = bpy.context.scene
    arrange(objects)
    for index, (item, colour, (prompt, _)) in enumerate(zip(objects, COLOURS, PROMPTS, strict=True)):
        item.data.materials.clear()
        item.data.materials.append(clay(f"MeshGPT {prompt}", colour))
        label(scene, prompt, place_of(index, len(objects)))
    backdrop(scene)
    light(scene)
    aim_camera(scene)
    started = time.perf_counter()
    render(scene, out / "demo.png")
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), compress=True)
    say(f"{out / 'demo.png'} and demo.blend, rendered in {time.perf_counter() - started:.0f} s")


def main() -> None:
    archive, out = (Path(argument) for argument in sys.argv[sys.argv.index("--") + 1 :])
    install(archive)
    empty_scene()
    stage(generate(), out)


if __name__ == "__main__":
    main()
