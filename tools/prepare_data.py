# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put archives of meshes together into one to train on, with levels of detail by Blender's Decimate.

As MeshGPT does (arXiv 2311.15475, section 4): planar decimation at several angles, those kept that stay near the
source. Meshes that are too dense also come down by collapsing edges, first freed of flat edges. Each record of a
decimated mesh says under `derived` from which mesh, how, and how far (in shares of the longest side).

.venv/bin/python tools/prepare_data.py meshes.npz more.npz --out .data/train
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.data.dataset import read_archive  # noqa: E402
from core.mesh import TriangleMesh  # noqa: E402
from core.surface import draw_points  # noqa: E402

ANGLES = (1, 5, 10, 20, 35)  # degrees up to which edges count as flat
TARGETS = (780, 480, 240)  # faces that dense meshes collapse to
FLAT = 2  # degrees up to which edges are flat before a collapse
FEWER = 0.9  # a level of detail has at most this share of the faces of the one before
PROBES = 512  # points that the distance is measured at, each way


@dataclass(frozen=True)
class Decimated:
    mesh: TriangleMesh
    how: dict[str, Any]  # modifier settings, for the record


def levels_of_detail(mesh: TriangleMesh, largest: int) -> Iterator[Decimated]:
    """Candidates with ever fewer faces: planar ones, and where the mesh is too dense for those, collapsed ones."""
    for angle in ANGLES:
        yield Decimated(_decimated(mesh, angle), {"planar_degrees": angle})
    if len(mesh.faces) > largest:
        flat = _decimated(mesh, FLAT)
        for target in TARGETS:
            if target < min(largest, len(flat.faces)):
                yield Decimated(_decimated(flat, None, target / len(flat.faces)), {"collapsed_to": target})


def _decimated(mesh: TriangleMesh, degrees: float | None, ratio: float = 1.0) -> TriangleMesh:
    data = bpy.data.meshes.new("source")
    data.from_pydata(mesh.vertices.tolist(), [], mesh.faces.tolist())
    thing = bpy.data.objects.new("source", data)
    bpy.context.collection.objects.link(thing)
    modifier = thing.modifiers.new("decimate", "DECIMATE")
    if degrees is None:
        modifier.ratio = ratio
    else:
        modifier.decimate_type, modifier.angle_limit = "DISSOLVE", math.radians(degrees)
    thing.modifiers.new("triangulate", "TRIANGULATE")
    result = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    vertices = np.empty(len(result.vertices) * 3, np.float32)
    faces = np.empty(len(result.loops), np.int32)
    result.vertices.foreach_get("co", vertices)
    result.loops.foreach_get("vertex_index", faces)
    bpy.data.objects.remove(thing)
    bpy.data.meshes.remove(data)
    return TriangleMesh(vertices.reshape(-1, 3), faces.reshape(-1, 3))


def distance(a: TriangleMesh, b: TriangleMesh, rng: np.random.Generator) -> float:
    """Largest distance found from points on either surface to the other."""
    trees = [BVHTree.FromPolygons(mesh.vertices.tolist(), mesh.faces.tolist()) for mesh in (a, b)]
    worst = 0.0
    for mesh, tree in ((a, trees[1]), (b, trees[0])):
        points = draw_points(mesh.vertices[mesh.faces].astype(np.float64), PROBES, rng)[:, :3]
        points = np.concatenate([points, mesh.vertices[np.unique(mesh.faces)]])
        worst = max([worst, *(tree.find_nearest(point)[3] for point in points)])
    return worst


def kept_levels(mesh: TriangleMesh, options: argparse.Namespace) -> list[tuple[TriangleMesh, dict[str, Any]]]:
    """Levels of detail of at most `max_faces` faces, each markedly lighter than the one before, that stay near."""
    rng, kept, faces = np.random.default_rng(len(mesh.faces)), [], len(mesh.faces)
    for level in levels_of_detail(mesh, options.max_faces):
        if not options.min_faces <= len(level.mesh.faces) <= min(options.max_faces, FEWER * faces):
            continue
        far = distance(mesh, level.mesh, rng)
        if far <= options.distance:
            kept.append((level.mesh, {**level.how, "distance": round(far, 4)}))
            faces = len(level.mesh.faces)
        if len(kept) == options.levels:
            break
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, nargs="+", help=".npz archives, each with its .json")
    parser.add_argument("--out", type=Path, required=True, help="writes OUT.npz and OUT.json")
    parser.add_argument("--max-faces", type=int, default=800, help="(default: %(default)s)")
    parser.add_argument("--min-faces", type=int, default=12, help="of a level of detail (default: %(default)s)")
    parser.add_argument("--distance", type=float, default=0.02, help="from the source (default: %(default)s)")
    parser.add_argument("--levels", type=int, default=2, help="of detail for each mesh (default: %(default)s)")
    parser.add_argument(
        "--alike", type=int, default=6, help="dense meshes of one maker and head noun (default: %(default)s)"
    )
    options = parser.parse_args()

    meshes: list[TriangleMesh] = []
    records: list[dict[str, Any]] = []
    dense: Counter[tuple[str, str]] = Counter()
    for path in options.archives:
        for number, (mesh, record) in enumerate(tqdm(read_archive(path)[0], desc=path.stem)):
            if len(mesh.faces) > options.max_faces:
                dense[kind := (record.get("creator", ""), record.get("head", ""))] += 1
                if dense[kind] > options.alike:
                    continue
            else:
                meshes.append(mesh)
                records.append(record)
            for level, how in kept_levels(mesh, options):
                meshes.append(level)
                derived = {"of": record.get("id") or f"{path.stem} {number}", **how}
                records.append({**record, "n_faces": len(level.faces), "derived": derived})
    _write(options.out, meshes, records)
    derived = sum("derived" in record for record in records)
    print(f"{options.out}.npz: {len(records)} meshes, {derived} of them levels of detail")


def _write(out: Path, meshes: list[TriangleMesh], records: list[dict[str, Any]]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    offsets = {
        "vertex_offsets": np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)]),
        "face_offsets": np.cumsum([0, *(len(mesh.faces) for mesh in meshes)]),
    }
    temporary = out.with_name(out.name + ".tmp.npz")
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces for mesh in meshes]).astype(np.int32)
    np.savez_compressed(temporary, vertices=vertices, faces=faces, **offsets)
    out.with_suffix(".json").write_text(json.dumps(records))
    os.replace(temporary, out.with_suffix(".npz"))


if __name__ == "__main__":
    main()
