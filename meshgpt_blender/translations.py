# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface in other languages: locale/<language>.json, each a table from English to that language.

Blender looks up a text and its context: "Operator" for buttons of operators, "*" for all else. A text means the same in
both here, so the tables hold it once.
"""

import json
from pathlib import Path

import bpy

from .. import __package__ as ADDON

FOLDER = Path(__file__).with_name("locale")
CONTEXTS = ("*", "Operator")


def tables() -> dict[str, dict[str, str]]:
    """English to translated text, by language in Blender's spelling ("de", "zh_HANS")."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def register() -> None:
    texts = {
        language: {(context, english): text for english, text in table.items() for context in CONTEXTS}
        for language, table in tables().items()
    }
    bpy.app.translations.register(ADDON, texts)


def unregister() -> None:
    bpy.app.translations.unregister(ADDON)
