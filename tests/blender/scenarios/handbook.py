# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the handbook shows is true: its Python runs, its commands parse, its examples are the templates."""

import re
import shlex

import bpy
from _blender import done, enable, part

enable()
from _handbook import EXAMPLES, TEXT, run, small_model  # noqa: E402

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

done()
