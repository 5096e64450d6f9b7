# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a prompt may go on with: the words that a model knows, read from its files without torch."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from .words import common_words


def known_words(folder: Path) -> tuple[str, ...]:
    """Words of the prompts that the model in a folder was trained with, the commonest first; () when it has none.

    How often each was used stands in labels.json; for a model without that, how common they are in English decides.
    """
    labels = Path(folder) / "labels.json"
    try:
        return _known_words(labels, labels.stat().st_mtime_ns)
    except (OSError, ValueError):
        return ()


@lru_cache(maxsize=8)
def _known_words(labels: Path, changed: int) -> tuple[str, ...]:
    found = json.loads(labels.read_text(encoding="utf-8"))
    words, counts = found.get("words", []), found.get("counts", {})
    if not counts:
        common = common_words()
        counts = dict(zip(common, range(len(common), 0, -1), strict=True))
    # One letter says nothing: it is what numbering ("table b") left.
    return tuple(sorted((word for word in words if len(word) > 1), key=lambda word: (-counts.get(word, 0), word)))


def suggest(prompt: str, words: Sequence[str], limit: int = 50) -> list[str]:
    """Prompts that end the word which `prompt` ends in: with the words that begin so, then those that contain it.

    After a space, and for an empty prompt, any word may follow. Words that are there already are not offered again.
    """
    begun, typed = re.fullmatch(r"(.*?)([^\s,;]*)", prompt, re.DOTALL).groups()
    used, typed = set(re.findall(r"[a-z0-9]+", begun.lower())), typed.lower()
    free = [word for word in words if word not in used]
    starting = [word for word in free if word.startswith(typed)]
    containing = [word for word in free if len(typed) > 1 and typed in word[1:] and not word.startswith(typed)]
    return [begun + word for word in (starting + containing)[:limit]]
