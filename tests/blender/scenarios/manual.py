# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Online Manual opens the section of the handbook; Text Editor > Templates > MeshGPT opens the example scripts."""

import importlib
import inspect
import re
import urllib.parse
import urllib.request
import webbrowser
from unittest import mock

import bpy
from _blender import MODULE, done, enable, part

enable()
manual, templates = part("manual"), part("ui.templates")


def opened(doc_id):
    """What Online Manual opens for a button or a field: the address's fragment and the page."""
    with mock.patch.object(webbrowser, "open") as browser:
        assert bpy.ops.wm.doc_view_manual(doc_id=doc_id) == {"FINISHED"}, doc_id
    (address,) = browser.call_args.args
    with urllib.request.urlopen(urllib.parse.urldefrag(address).url) as file:
        return urllib.parse.urlparse(address).fragment, file.read().decode()


sections = set(re.findall(r' id="([^"]+)"', manual.page(manual.HANDBOOK.read_text(encoding="utf-8"))))
assert {section for _, section in manual.SECTIONS} <= sections, sections
for doc_id, section in (
    ("meshgpt.generate", "generate"),
    ("meshgpt.generate_dialog", "generate"),
    ("MESHGPT_OT_reconstruct.model", "reconstruct"),
    ("meshgpt.free_memory", "status"),
    ("meshgpt.set_up_torch", "set-up-pytorch"),
    ("meshgpt.cancel_set_up", "set-up-pytorch"),
    ("meshgpt.choose_model", "models"),
    ("meshgpt.mark_asset", "mark-as-asset"),
    ("meshgpt.flip_variant", "complete"),
    ("MESHGPT_PG_settings.size", "result-options"),
    ("MESHGPT_PG_complete.room", "complete"),
    ("MESHGPT_PG_retopologize.attempts", "retopologize"),
    ("MESHGPT_PG_settings.guidance", "sampling"),
    ("MESHGPT_PG_settings.count", "generate"),
    ("MESHGPT_AP_preferences.device", "preferences"),
):
    if doc_id.startswith("MESHGPT_AP") and bpy.app.version < (5, 0):
        continue  # Blender looks for the fields of preferences since 5.0
    fragment, text = opened(doc_id)
    assert fragment == section and f'<h3 id="{section}">' in text or f'<h2 id="{section}">' in text, (doc_id, fragment)
assert "# left" not in text and "&quot;round table&quot;" in text and "![" not in text
# Every operator and every field has a section, by a pattern of its own.
fields = [f"meshgpt.{name}" for name in dir(bpy.ops.meshgpt) if not name.startswith("_")]
for cls in importlib.import_module(f"{MODULE}.meshgpt_blender").CLASSES:
    if issubclass(cls, bpy.types.PropertyGroup):
        names = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
        fields += [f"{cls.__name__}.{name}" for name in names if not cls.bl_rna.properties[name].is_hidden]
for doc_id in fields:
    assert opened(doc_id)[0] in sections, doc_id
assert len({section for _, section in manual.SECTIONS}) > 12
assert manual.page("# A\n\ntext\n\n```python\n# no heading\n```\n![x](y.png)\n").count("<h") == 3  # html, head, h1

# Blender's own pages stay what they are.
with mock.patch.object(webbrowser, "open") as browser:
    bpy.ops.wm.doc_view_manual(doc_id="mesh.primitive_cube_add")
assert "docs.blender.org" in browser.call_args.args[0]

files = sorted(templates.FOLDER.glob("*.py"))
assert len(files) == 5
for path in files:
    assert bpy.ops.text.open(filepath=str(path), internal=True) == {"FINISHED"}
    text = bpy.data.texts[path.name]
    assert text.is_in_memory and text.as_string().strip() == path.read_text(encoding="utf-8").strip()
    compile(text.as_string(), path.name, "exec")
done()
