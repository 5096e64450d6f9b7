# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -c meshgpt`: the same jobs from a shell."""

import os
from pathlib import Path

import bpy
from _blender import MODEL, done, enable, part

enable()
cli = part("cli")
folder = Path(os.environ["MESHGPT_DATA_DIR"])
folder.mkdir(parents=True, exist_ok=True)
table = folder / "table.obj"
assert cli.main(["generate", "table", "--count", "2", "--seed", "1", "--model", MODEL, "-o", str(table)]) == 0
assert table.read_text().count("\no ") + table.read_text().startswith("o ") == 2
again = folder / "again.blend"
assert cli.main(["reconstruct", str(table), "--model", MODEL, "-o", str(again)]) == 0
bpy.ops.wm.open_mainfile(filepath=str(again))
assert all("Reconstructed" in obj.name and "meshgpt" in obj for obj in bpy.data.objects) and len(bpy.data.objects) == 2
for wrong in (
    ["generate", "-o", "x.txt"],
    ["reconstruct", "none.obj", "-o", "x.obj"],
    ["reconstruct", "a.xyz", "-o", "x.obj"],
):
    assert cli.main(wrong) == 1
done()
