# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handbook's example of a panel and an operator of one's own: it registers, works, and leaves."""

import bpy
from _blender import done, enable

enable()
from _handbook import EXAMPLES, api, small_model  # noqa: E402

names = {"__name__": "__main__"}
exec(compile(EXAMPLES["A panel of your own"][0], "example", "exec"), names)
assert not bpy.ops.object.fill_empties.poll()
for name in ("table", "table.001"):
    empty = bpy.data.objects.new(name, None)
    bpy.context.collection.objects.link(empty)
    empty.empty_display_size, empty.location, empty.rotation_euler.z = 0.25, (1, 2, 3), 1
    empty.select_set(True)
bpy.context.view_layer.update()
before = set(bpy.data.objects)
with small_model():
    bpy.ops.object.fill_empties()
filled = [obj for obj in bpy.data.objects if obj not in before]
bpy.context.view_layer.update()
assert len(filled) == 2 and max(filled[0].dimensions) < 0.55
assert [api.provenance(obj)["seed"] for obj in filled] == [0, 1]
for obj in filled:
    assert all((a - b).length < 1e-5 for a, b in zip(obj.matrix_world, empty.matrix_world, strict=True))
names["unregister"]()
assert "fill_empties" not in dir(bpy.ops.object)
done()
