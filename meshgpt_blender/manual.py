# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Right-click > Online Manual: the sections of docs/HANDBOOK.md.

The handbook comes with the extension, so that it is there without a network and fits the version. Browsers show no
Markdown, so what opens is a page made of it: its text as it stands, with headings to jump to. Once the manifest names a
`website`, that could be opened instead.
"""

import html
import re
from pathlib import Path

import bpy

from .properties import RESULT_OPTIONS

HANDBOOK = Path(__file__).resolve().parent.parent / "docs" / "HANDBOOK.md"

# Patterns of what was clicked, in lower case, and the section that explains it; the first one that fits counts.
SECTIONS = (
    ("bpy.ops.meshgpt.generate*", "generate"),
    ("bpy.ops.meshgpt.preset_add*", "generate"),
    ("bpy.ops.meshgpt.cancel_set_up*", "set-up-pytorch"),
    ("bpy.ops.meshgpt.cancel*", "the-first-mesh"),
    ("bpy.ops.meshgpt.new_seed*", "seeds"),
    ("bpy.ops.meshgpt.reset_sampling*", "sampling"),
    ("bpy.ops.meshgpt.regenerate*", "more-like-this"),
    ("bpy.ops.meshgpt.more_like_this*", "more-like-this"),
    ("bpy.ops.meshgpt.mark_asset*", "mark-as-asset"),
    ("bpy.ops.meshgpt.complete*", "complete"),
    ("bpy.ops.meshgpt.*_variant*", "complete"),
    ("bpy.ops.meshgpt.reconstruct*", "reconstruct"),
    ("bpy.ops.meshgpt.retopologize*", "retopologize"),
    ("bpy.ops.meshgpt.*_model*", "models"),
    ("bpy.ops.meshgpt.*_torch*", "set-up-pytorch"),
    ("bpy.ops.meshgpt.check_python*", "preferences"),
    ("bpy.ops.meshgpt.free_memory*", "status"),
    ("bpy.ops.meshgpt.copy_log*", "when-something-fails"),
    ("bpy.ops.meshgpt.dismiss*", "when-something-fails"),
    ("bpy.types.meshgpt_pg_settings.prompt*", "prompts"),
    ("bpy.types.meshgpt_pg_settings.*seed*", "seeds"),
    ("bpy.types.meshgpt_pg_settings.*temperature*", "sampling"),
    ("bpy.types.meshgpt_pg_settings.*top_p*", "sampling"),
    ("bpy.types.meshgpt_pg_settings.*guidance*", "sampling"),
    ("bpy.types.meshgpt_pg_settings.manifold*", "sampling"),
    ("bpy.types.meshgpt_pg_settings.close*", "sampling"),
    ("bpy.types.meshgpt_pg_settings.model*", "models"),
    ("bpy.types.meshgpt_pg_settings.*count*", "generate"),
    ("bpy.types.meshgpt_pg_settings.attempts*", "generate"),
    ("bpy.types.meshgpt_pg_settings.*faces*", "generate"),
    *((f"bpy.types.meshgpt_pg_settings.{name}*", "result-options") for name in RESULT_OPTIONS),
    ("bpy.types.meshgpt_pg_complete.*", "complete"),
    ("bpy.types.meshgpt_pg_variant.*", "complete"),
    ("bpy.types.meshgpt_pg_retopologize.*", "retopologize"),
    ("bpy.types.meshgpt_ap_preferences.*", "preferences"),
)

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>MeshGPT for Blender: handbook</title>
<style>body {{ max-width: 50em; margin: 2em auto; padding: 0 1em }} pre {{ white-space: pre-wrap }}</style></head>
<body>{body}</body></html>
"""


def page(markdown: str) -> str:
    """The handbook as HTML: headings with the names that GitHub gives them, everything else as it stands."""
    parts = []
    for number, block in enumerate(re.split(r"^```.*\n", _without_pictures(markdown), flags=re.MULTILINE)):
        if number % 2:
            parts.append(f"<pre><code>{html.escape(block)}</code></pre>")
        else:
            parts += map(_element, re.split(r"^(#+ .+)\n", block, flags=re.MULTILINE))
    return _PAGE.format(body="\n".join(filter(None, parts)))


def _element(text: str) -> str:
    """A heading or what stands below one."""
    heading = re.fullmatch(r"(#+) (.+)", text)
    if heading:
        level, title = len(heading[1]), heading[2]
        return f'<h{level} id="{anchor(title)}">{html.escape(title)}</h{level}>'
    return f"<pre>{html.escape(text.strip())}</pre>" if text.strip() else ""


def anchor(title: str) -> str:
    """The fragment of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _without_pictures(markdown: str) -> str:
    """The extension does not carry the pictures of docs/."""
    return re.sub(r"^!\[.*?\]\(.*?\)\n", "", markdown, flags=re.MULTILINE)


def _manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """Called by Blender when someone asks for the manual of anything."""
    path = Path(bpy.app.tempdir) / "meshgpt-handbook.html"  # Blender empties this folder when it ends
    if not path.is_file():
        path.write_text(page(HANDBOOK.read_text(encoding="utf-8")), encoding="utf-8")
    return f"{path.as_uri()}#", SECTIONS


def register() -> None:
    bpy.utils.register_manual_map(_manual_map)


def unregister() -> None:
    bpy.utils.unregister_manual_map(_manual_map)
