# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in the interface that Blender would only complain about while drawing: icons, operators, menus."""

import ast
from pathlib import Path

import bpy
from _blender import done, enable, part

enable()
icons = bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys()
source = Path(part("jobs").__file__).parent
used = set()
for path in set(source.rglob("*.py")) - set(source.glob("templates/*")):  # those define operators of their own
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            used |= {
                word.value.value
                for word in node.keywords
                if word.arg == "icon" and isinstance(word.value, ast.Constant)
            }
            if getattr(node.func, "attr", "") == "operator" and isinstance(node.args[0], ast.Constant):
                module, name = node.args[0].value.split(".")
                assert (
                    hasattr(getattr(bpy.ops, module), name) and getattr(getattr(bpy.ops, module), name).get_rna_type()
                ), name
assert len(used) > 5 and used <= set(icons), used - set(icons)

# The scene's settings and the operator mean the same thing by the same name, and the model's own defaults.
from bl_ext.user_default.meshgpt.meshgpt_blender import properties  # noqa: E402

operator = bpy.ops.meshgpt.generate.get_rna_type().properties
assert operator["seed"].default == 0 and operator["faces"].default == 0 and operator["count"].default == 1
settings = bpy.context.scene.meshgpt
for name in properties.ASKED_OPTIONS:
    assert name in operator.keys() and hasattr(settings, name), name
assert operator["guidance"].default == 3.0 and abs(operator["top_p"].default - 0.95) < 1e-6
done()
