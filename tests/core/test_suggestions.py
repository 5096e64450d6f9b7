# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the prompt field suggests: the model's own words, the commonest first, read without torch."""

import json
import subprocess
import sys
from pathlib import Path

from core.model_list import find_checkpoint
from core.suggestions import known_words, suggest

WORDS = ("wall", "table", "tree", "round", "stable", "car")


def test_the_last_word_is_ended() -> None:
    assert suggest("", WORDS, limit=2) == ["wall", "table"]
    assert suggest("t", WORDS) == ["table", "tree"]
    assert suggest("Round TA", WORDS) == ["Round table", "Round stable"]
    assert suggest("round ", WORDS) == ["round wall", "round table", "round tree", "round stable", "round car"]
    assert suggest("round, ca", WORDS) == ["round, car"]
    assert suggest("zebra", WORDS) == [] and suggest("a\nca", WORDS) == ["a\ncar"]


def test_words_come_commonest_first(tmp_path: Path) -> None:
    labels = {"words": ["ant", "b", "bee", "cow"], "counts": {"bee": 5.5, "cow": 7, "b": 100}}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    assert known_words(tmp_path) == ("cow", "bee", "ant")
    assert known_words(tmp_path / "nowhere") == ()
    (tmp_path / "labels.json").write_text("{}")
    assert known_words(tmp_path) == ()


def test_a_model_without_counts_takes_the_order_of_english(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"words": ["chalice", "zzyx", "house", "chair"]}))
    assert known_words(tmp_path) == ("house", "chair", "chalice", "zzyx")


def test_the_bundled_model_tells_how_common_its_words_are() -> None:
    folder = find_checkpoint()
    labels = json.loads((folder / "labels.json").read_text())
    words = known_words(folder)
    assert len(words) > 500 and set(words) <= set(labels["words"])
    counts = [labels["counts"].get(word, 0) for word in words]
    assert counts == sorted(counts, reverse=True) and counts[0] > 10


def test_reading_them_needs_no_torch() -> None:
    code = "import sys, core.suggestions as s, core.model_list as c, core.sampling_config\n"
    code += "assert s.known_words(c.find_checkpoint()) and core.sampling_config.SamplingConfig.top_p\n"
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
