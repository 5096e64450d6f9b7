# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces as they come: all are there, in place, and an update costs the same early and late."""

import time

import bpy
import numpy as np
from _blender import done, enable, part
from mathutils import Vector

enable()
preview = part("preview")
ROWS, FACES, UPDATES = 8, 800, 80
rng = np.random.default_rng(0)
bpy.context.scene.cursor.location = (0.0, 1.0, 0.5)
places = [bpy.context.scene.cursor.location + Vector((3.0 * row, 0, 0)) for row in range(ROWS)]
preview.start(places, 2.0)
shown = preview._shown
each = FACES // UPDATES
times, parts = [], []
for _ in range(UPDATES):
    rows = np.repeat(np.arange(ROWS, dtype=np.int32), each)
    triangles = rng.uniform(0.0, 1.0, (len(rows), 3, 3)).astype(np.float32)
    triangles[:ROWS, 0, 2] = 0.0
    start = time.perf_counter()
    preview.add(rows, triangles)
    times.append(1000 * (time.perf_counter() - start))
    parts = shown.parts()
    assert np.array_equal(parts[-1].colour, preview.NEW_FACE) and len(parts[-1].triangles) == len(rows)
assert sum(len(one.triangles) for one in parts) == ROWS * FACES
assert len(parts) <= 12, "too many things to draw"
last = parts[-1].triangles.reshape(ROWS, each, 3, 3)
for row, place in enumerate(places):
    assert np.all(last[row] >= np.array(place) - 1e-5) and np.all(last[row] <= np.array(place) + 2.0 + 1e-5)
print(f"taking in faces: median {np.median(times):.3f} ms, longest {max(times):.2f} ms, {len(parts)} parts")

# What comes between two drawings is one part.
preview.start(places, 2.0)
for _ in range(3):
    preview.add(np.zeros(2, np.int32), np.zeros((2, 3, 3), np.float32))
assert [len(one.triangles) for one in preview._shown.parts()] == [6]
preview.stop()
assert preview._shown is None
done()
