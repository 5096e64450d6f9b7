# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the handbook shows is true: its Python runs, its commands parse, its examples are the templates."""

import re
import shlex

import bpy
from _blender import done, enable, part

enable()
from _handbook import EXAMPLES, TEXT, api, run, small_model  # noqa: E402

commands = re.findall(r"^    blender -c meshgpt (.+)$", TEXT, re.M)
assert len(commands) >= 5 and {line.split()[0] for line in commands} >= {"generate", "complete", "retopologize", "info"}
for line in commands:
    assert callable(part("cli")._parser().parse_args(shlex.split(line)).run)

assert len(EXAMPLES["From a script"]) == 3 and len(EXAMPLES) == 6
templates = {path.read_text(encoding="utf-8") for path in part("ui.templates").FOLDER.glob("*.py")}
shown = {codes[0] for title, codes in EXAMPLES.items() if title != "From a script"}
assert shown == {text.split("\n", 2)[2] for text in templates}, "the handbook shows other templates"

functions, failure, _ = EXAMPLES["From a script"]
assert run(failure) == []
with small_model():
    assert len(run(functions)) == 2
    room = run(EXAMPLES["Furnish a room"][0])
assert len(room) == 8 and set(room) == set(bpy.data.collections["Room"].objects)
assert all(obj.users_collection == (bpy.data.collections["Room"],) for obj in room)

run(EXAMPLES["A panel of your own"][0])
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
done()
