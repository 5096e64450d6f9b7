# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of what a model makes, nothing picked: a row for each prompt, side by side the best of the seeds 0 to 3, of
4 to 7, ..., as the panel makes them (`--best-of 1`: the seeds themselves).

.venv/bin/python tools/contact_sheet.py --model meshgpt-lowpoly --out docs/samples.png chair table "" tree

With --categories there is a sheet for each kind of thing, the words that training knew best, in a folder:

.venv/bin/python tools/contact_sheet.py --categories --best-of 1 --columns 7 --out docs/samples

With --retopologize the rows are mesh files: the dense mesh, what Blender's Decimate makes of it, and the model's mesh,
at each of the face counts; errors are printed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from core.checkpoint import Checkpoint, load_checkpoint  # noqa: E402
from core.mesh import TriangleMesh  # noqa: E402
from core.meshio import load_mesh  # noqa: E402
from core.retopology import retopologize  # noqa: E402
from core.surface import compare_surfaces  # noqa: E402

CATEGORIES = {
    "furniture": ("chair", "table", "sofa", "bed", "cabinet", "shelf", "lamp", "door"),
    "buildings": ("building", "house", "tower", "tent", "wall", "fence", "column", "stairs"),
    "roads-and-pipes": ("road", "bridge", "pipe", "conveyor", "railroad", "sign", "platform", "roof"),
    "nature": ("tree", "rock", "plant", "bush", "cactus", "mushroom", "flower", "mountain"),
    "props": ("crate", "barrel", "chest", "potion", "coin", "gravestone", "book", "key"),
    "food-and-kitchen": ("burger", "donut", "pumpkin", "can", "plate", "bowl", "bottle", "pot"),
    "weapons": ("blaster", "shield", "sword", "knife", "axe", "arrow"),
    "vehicles-and-animals": ("spacecraft", "truck", "boat", "wheel", "fish", "dog", "skull"),
}

CELL = 2.6  # distance between meshes that are 1.9 long
PIXELS = 170  # a cell is wide
TILT = math.radians(60)  # of the camera, from straight above
TURN = math.radians(30)  # of each mesh about z, so that three sides are seen


def add_mesh(mesh: TriangleMesh, column: float, row: float, flat: bool = True) -> bpy.types.Object:
    """An object in a cell of the sheet."""
    plain, _ = mesh.normalised()
    data = bpy.data.meshes.new("mesh")
    data.from_pydata(plain.vertices.tolist(), [], plain.faces.tolist())
    data.validate()
    if not flat:
        data.polygons.foreach_set("use_smooth", np.ones(len(data.polygons), dtype=bool))
    thing = bpy.data.objects.new("mesh", data)
    thing.location = place(column, row)
    thing.rotation_euler.z = TURN
    bpy.context.collection.objects.link(thing)
    return thing


def place(column: float, row: float) -> tuple[float, float, float]:
    """The middle of a cell: in the plane that the camera looks at squarely."""
    down = -row * CELL
    return column * CELL, down * math.cos(TILT), down * math.sin(TILT)


def add_text(text: str, column: float, row: float, size: float = 0.34) -> None:
    data = bpy.data.curves.new("text", "FONT")
    data.body, data.size, data.align_x = text, size, "RIGHT"
    thing = bpy.data.objects.new("text", data)
    thing.location, thing.rotation_euler = place(column, row), (TILT, 0, 0)
    bpy.context.collection.objects.link(thing)
    bpy.context.view_layer.update()  # its width is known only then
    thing.scale *= 0.95 * CELL / max(0.95 * CELL, thing.dimensions.x)  # the picture is one cell wide to the left of it


def render(columns: int, rows: int, path: Path) -> None:
    """Workbench, orthographic, with the edges of the faces."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    wide, high = (columns + 1) * CELL, rows * CELL
    camera.data.type, camera.data.ortho_scale, camera.data.clip_end = "ORTHO", max(wide, high), 1000
    middle = np.array(place((columns - 2) / 2, (rows - 1) / 2))
    back = np.array([0, -math.sin(TILT), math.cos(TILT)])
    camera.location, camera.rotation_euler = middle + back * 300, (TILT, 0, 0)
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = (columns + 1) * PIXELS, rows * PIXELS
    scene.render.filepath = str(path.resolve())
    scene.display.shading.light, scene.display.shading.color_type = "STUDIO", "OBJECT"
    scene.display.shading.show_cavity = True
    scene.display.shading.show_object_outline = True
    scene.world = scene.world or bpy.data.worlds.new("world")
    scene.world.color = (1, 1, 1)
    scene.display.shading.background_type = "WORLD"
    scene.view_settings.view_transform = "Standard"
    for thing in list(scene.collection.all_objects):
        if thing.type == "MESH":
            thing.color = (0.72, 0.78, 0.86, 1)
            wires = thing.copy()
            wires.color = (0.08, 0.1, 0.14, 1)
            modifier = wires.modifiers.new("edges", "WIREFRAME")
            modifier.thickness = 0.012
            modifier.use_even_offset = False  # sharp corners would grow spikes
            scene.collection.objects.link(wires)
        elif thing.type == "FONT":
            thing.color = (0.05, 0.05, 0.05, 1)
    bpy.ops.render.render(write_still=True)


def sheet_of_prompts(
    checkpoint: Checkpoint, prompts: Sequence[str], columns: int, faces: int | None, best_of: int
) -> None:
    for row, prompt in enumerate(prompts):  # each begins with seed 0
        add_text(prompt or "(no prompt)", -0.5, row)
        for column, mesh in enumerate(checkpoint.generate(prompt, columns, faces, seed=0, best_of=best_of)):
            add_mesh(mesh, column, row)


def sheet_of_retopology(checkpoint: Checkpoint, paths: Sequence[Path], counts: Sequence[int], best_of: int) -> None:
    for row, path in enumerate(paths):
        source = load_mesh(path)
        add_text(path.stem, -0.5, row)
        add_mesh(source, 0, row, flat=False)
        side = float(np.subtract(*source.bounds()[::-1]).max())
        for number, faces in enumerate(counts):
            ours = retopologize(checkpoint, source, faces, best_of=best_of, seed=0)[0]
            theirs = decimated(source, len(ours.mesh.faces))
            add_mesh(theirs, 1 + 2 * number, row)
            add_mesh(ours.mesh, 2 + 2 * number, row)
            other = {"faces": len(theirs.faces), **compare_surfaces(source, theirs).shares(side)}
            print(json.dumps({"file": path.name, "asked": faces, "model": ours.as_dict(), "decimate": other}))


def decimated(mesh: TriangleMesh, faces: int) -> TriangleMesh:
    """What Blender's Decimate modifier makes of a mesh, collapsing edges down to so many faces."""
    data = bpy.data.meshes.new("source")
    data.from_pydata(mesh.vertices.tolist(), [], mesh.faces.tolist())
    thing = bpy.data.objects.new("source", data)
    bpy.context.collection.objects.link(thing)
    thing.modifiers.new("decimate", "DECIMATE").ratio = faces / len(mesh.faces)
    result = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    result.calc_loop_triangles()
    vertices = [tuple(vertex.co) for vertex in result.vertices]
    triangles = [tuple(triangle.vertices) for triangle in result.loop_triangles]
    bpy.data.objects.remove(thing)
    return TriangleMesh(vertices, triangles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="prompts, or with --retopologize mesh files")
    parser.add_argument("--model", help="a name or a folder (default: the default model)")
    parser.add_argument("--columns", type=int, default=8, help="meshes a prompt (default: %(default)s)")
    parser.add_argument("--faces", type=int, help="to ask for (default: any number)")
    parser.add_argument("--categories", action="store_true", help="a sheet for each kind of thing")
    parser.add_argument("--retopologize", type=int, nargs="+", metavar="FACES", help="face counts to ask for")
    parser.add_argument("--best-of", type=int, default=4, help="seeds for each mesh (default: %(default)s)")
    parser.add_argument("--device", default="numpy", help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="a .png file, or a folder")
    options = parser.parse_args()
    if bool(options.rows) == options.categories:
        parser.error("give rows, or --categories")
    checkpoint = load_checkpoint(options.model, options.device)
    if options.categories:
        for name, words in CATEGORIES.items():
            bpy.ops.wm.read_factory_settings(use_empty=True)
            sheet_of_prompts(checkpoint, words, options.columns, options.faces, options.best_of)
            render(options.columns, len(words), options.out / f"{name}.png")
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if options.retopologize:
        counts = options.retopologize
        sheet_of_retopology(checkpoint, [Path(path) for path in options.rows], counts, options.best_of)
        columns = 1 + 2 * len(counts)
    else:
        columns = options.columns
        sheet_of_prompts(checkpoint, options.rows, columns, options.faces, options.best_of)
    render(columns, len(options.rows), options.out)


if __name__ == "__main__":
    main()
