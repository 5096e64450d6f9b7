# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents show works: commands parse, Python runs, make targets and files exist."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from core.cli import parser
from core.model_list import BUNDLED, DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = [line.strip() for line in README.splitlines() if line.startswith("    python -m core ")]


def test_there_are_commands():
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_parse(line):
    options = parser().parse_args(shlex.split(line)[3:])
    assert callable(options.run)


RECIPES = [run for runs in runpy.run_path(str(ROOT / "tools" / "make_models.py"))["RECIPES"].values() for run in runs]


@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_recipes_parse(recipe):
    kind, *settings = recipe.split()
    options = parser().parse_args(["train", kind, "--data", "meshes.npz", "--out", "run", *settings])
    assert callable(options.run)
    named = getattr(options, "tokenizer", None)
    assert named is None or (ROOT / named).is_dir()


SNIPPETS = [code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "import bpy" not in code]


@pytest.mark.skipif(not (BUNDLED / DEFAULT_MODEL).is_dir(), reason="no bundled model")
@pytest.mark.parametrize("code", SNIPPETS, ids=lambda code: code.splitlines()[-1][:40])
def test_python_runs(code):
    names = {}
    exec(code, names)
    if "model" in names:
        assert names["codes"].ndim == 3 and names["mesh"].seed == 8  # the second of two from seed 7
    else:
        assert names["loss"].isfinite() and names["coordinates"].shape[2:] == (3, 3)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_links_exist(path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z-]+)", text))
    assert named <= targets
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (path.parent / link).exists(), link
