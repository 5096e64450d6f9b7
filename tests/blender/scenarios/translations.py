# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text of the interface is there in every language, and says what the English one says in its placeholders."""

import importlib
import re
import string
from pathlib import Path

import bpy
from _blender import MODULE, done, enable, part
from _strings import SAME_EVERYWHERE, of_classes, of_source

enable()
translations = part("translations")
addon = importlib.import_module(f"{MODULE}.meshgpt_blender")
model_list = importlib.import_module(f"{MODULE}.core.model_list")
root = Path(addon.__file__).parent
NOT_SHOWN = {"cli.py", "mesh_files.py"}  # the command line is in English

needed, formatted = set(of_classes(addon.CLASSES)), []
for path in sorted(root.rglob("*.py")):
    if path.name in NOT_SHOWN or path.parent.name == "templates":
        continue
    for text, line in of_source(path):
        if text is None:
            formatted.append(f"{path.relative_to(root)}:{line}")
        else:
            needed.add(text)
# What the processes of model and set-up say while they work, and the names in the plan of a set-up, are shown too.
core = root.parent / "core"
for path in (core / "operations.py", core / "setup" / "install.py"):
    needed |= {text for text, _ in of_source(path, {"_progress", "progress"}, keywords=()) if text}
needed |= {name for name, _ in part("torch_setup").plan("cpu", "pytorch", "").lines}
for able in ({}, {"completion": True, "point_latents": 1}):  # models of the user's too, not the bundled ones alone
    needed |= {job.capitalize() for job in model_list.jobs_of({"kind": "transformer", "transformer": able})}
needed -= SAME_EVERYWHERE
assert {"Generate", "Switch to Object Mode", "How many meshes to make"} <= needed

tables = translations.tables()
assert set(tables) == {"de", "fr", "es", "ja", "zh_HANS"}
unused = sorted(set(tables["de"]) - needed)
assert not unused, f"texts that are shown nowhere: {unused}"
lacking = {language: sorted(needed - set(table)) for language, table in tables.items()}
assert not any(lacking.values()), "texts without a translation:\n" + "\n".join(
    f"{language}: {text!r}" for language, texts in lacking.items() for text in texts
)


def fields(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


for language, table in tables.items():
    assert list(table) == list(tables["de"]), f"{language} has other texts than de, or in another order"
    for english, text in table.items():
        where = f"{language}: {english!r} -> {text!r}"
        assert text and text == text.strip() and fields(text) == fields(english), where
        assert english.endswith("...") == text.endswith("..."), where
        # A tooltip has no full stop, an error has one.
        assert re.search(r"[.。](?<!\.\.\.)$", english) is None or re.search(r"[.。?？]$", text), where
        assert re.search(r"[.。]$", english) or not re.search(r"(?<!\.)[.。]$", text), where
assert not formatted, f"f-strings that no table can hold: {formatted}"
print(f"{len(needed)} texts")

# Where Blender was built with languages (the module is not), it shows them.
if bpy.app.build_options.international:
    view = bpy.context.preferences.view
    languages = {item.identifier for item in view.bl_rna.properties["language"].enum_items}
    for language, name in (("de", "de_DE"), ("fr", "fr_FR"), ("es", "es"), ("ja", "ja_JP"), ("zh_HANS", "zh_HANS")):
        view.language = name if name in languages else next(one for one in languages if one.startswith(language))
        view.use_translate_interface = view.use_translate_tooltips = view.use_translate_reports = True
        for context in ("*", "Operator"):
            shown = bpy.app.translations.pgettext_iface("Reconstruct", context)
            assert shown == tables[language]["Reconstruct"], (language, context, shown)
        assert bpy.app.translations.pgettext_rpt("MeshGPT: cancelled") == tables[language]["MeshGPT: cancelled"]
        print(language, shown)
done()
