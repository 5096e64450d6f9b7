# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All texts that the interface can show: of the registered classes, and of the calls in the source that show one."""

import ast
import inspect

import bpy

KEYWORDS = {"text", "heading", "placeholder", "confirm_text", "title", "message"}
MARKED = {"rpt_", "iface_", "tip_", "n_"}  # names under which Blender's scripts import pgettext_*
# Functions whose constant arguments are shown; of `label` and the like only the keywords are.
SHOWN = MARKED | {"poll_message_set", "report", "MeshGPTError", "_fail", "_give_up", "wrapped", "pair"}
SAME_EVERYWHERE = {"", "MeshGPT", "MeshGPT: ", "CPU", "XPU", "Metal", "CUDA or ROCm"}


def of_classes(classes):
    """Texts of registered classes: labels, tooltips, names and tooltips of their properties and choices."""
    for cls in classes:
        rna = cls.bl_rna
        yield getattr(cls, "bl_label", "")
        if issubclass(cls, bpy.types.Operator):  # whose properties live elsewhere
            module, name = cls.bl_idname.split(".")
            rna = getattr(getattr(bpy.ops, module), name).get_rna_type()
            yield rna.description
        # Blender's own bases, as that of presets, have texts that Blender translates.
        own = [base for base in cls.__mro__ if base.__module__.startswith("bl_ext.")]
        names = {name for base in own for name in inspect.get_annotations(base)}
        for prop in (rna.properties[name] for name in names if name in rna.properties):
            if prop.is_hidden or prop.name == prop.identifier:
                continue
            yield from (prop.name, prop.description)
            if prop.type == "ENUM":
                for item in prop.enum_items:
                    yield from (item.name, item.description)


def of_source(path, shown=frozenset(SHOWN), keywords=frozenset(KEYWORDS)):
    """Texts in one file: (constant or None, line). None stands for an f-string, which no catalogue can hold.

    `shown`: functions whose constant arguments are shown; `keywords`: the same of any function's keywords.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        for value in _shown(node, shown, keywords):
            yield from _texts(constants.get(value.id, value) if isinstance(value, ast.Name) else value)


def _shown(node, shown, keywords):
    """Expressions below `node` that are shown."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name == "strip" or name in ("write_text", "run", "Popen"):
            return
        yield from (word.value for word in node.keywords if word.arg in keywords)
        if name in shown:
            yield from node.args
    elif isinstance(node, ast.Assign) and {"text", "message"} & {
        getattr(node.targets[0], "attr", ""),
        getattr(node.targets[0], "id", ""),
    }:
        yield node.value
    elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "text" and node.value is not None:
        yield node.value
    elif isinstance(node, ast.FunctionDef) and node.name == "description":
        yield from (
            below.value for below in ast.walk(node) if isinstance(below, ast.Return) and below.value is not None
        )


def _texts(value):
    """The texts that an expression can become."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        if any(letter.isalpha() for letter in value.value):
            yield value.value, value.lineno
    elif isinstance(value, ast.JoinedStr):
        words = [part.value for part in value.values if isinstance(part, ast.Constant)]
        if any(letter.isalpha() for letter in "".join(words)):
            yield None, value.lineno
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.BinOp):
        yield from _texts(value.left)
        yield from _texts(value.right)
