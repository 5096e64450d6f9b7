# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip in real Blender modules, each with an empty profile: install, enable, generate, disable, uninstall.

`BPY_PYTHONS` names the interpreters, separated by spaces (`make test-blenders` sets it); without it, this one.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHONS = os.environ.get("BPY_PYTHONS", "").split() or [sys.executable]
OPERATORS = ("meshgpt.generate", "meshgpt.reconstruct", "meshgpt.cancel")


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    tool = [sys.executable, ROOT / "tools" / "build_extension.py", "--out", out]
    done = subprocess.run(tool, capture_output=True, text=True, env=os.environ | {"BLENDER": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("meshgpt-*.zip"))


@pytest.fixture(scope="session", params=PYTHONS, ids=lambda path: Path(path).parents[1].name)
def seen(request, archive, tmp_path_factory):
    """What one run of life_cycle.py saw."""
    folder = tmp_path_factory.mktemp("blender")
    profile, report = folder / "profile", folder / "report.json"
    profile.mkdir()
    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(profile),
        "MESHGPT_DATA_DIR": str(folder / "data"),
        "MESHGPT_PYTHON": os.environ.get("MESHGPT_PYTHON") or sys.executable,
        "MESHGPT_DEVICE": "cpu",
    }
    script = Path(__file__).with_name("life_cycle.py")
    command = [request.param, "-I", script, archive, report]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "Traceback" not in done.stderr, done.stderr[-4000:]
    return json.loads(report.read_text())


def test_the_archive_holds_the_extension_and_nothing_else(archive):
    names = zipfile.ZipFile(archive).namelist()
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "README.md"} <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert tops <= {
        "blender_manifest.toml",
        "__init__.py",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "core",
        "docs",
        "meshgpt_blender",
    }
    assert [name for name in names if name.startswith("docs/") and name != "docs/"] == ["docs/HANDBOOK.md"]
    assert not [name for name in names if "__pycache__" in name or "/." in name]


def test_it_installs_and_registers(seen):
    assert seen["before"] == []
    assert seen["installed"] == [True, True]
    assert set(OPERATORS) <= set(seen["registered"])


def test_generate_makes_meshes(seen):
    made = seen["generate"]
    assert made["returned"] == ["FINISHED"] and len(made["objects"]) == 2
    for obj in made["objects"]:
        assert obj["faces"] >= 1 and obj["selected"] and not obj["needed_repair"]
        assert obj["provenance"]["prompt"] == "table"
    assert sum(obj["active"] for obj in made["objects"]) == 1


def test_the_same_seed_makes_the_same_meshes(seen):
    first, second = ([obj["faces"] for obj in seen[key]["objects"]] for key in ("generate", "again"))
    assert first == second


def test_reconstruct_makes_a_new_object(seen):
    made = seen["reconstruct"]
    assert made["returned"] == ["FINISHED"] and made["source_faces"] == 6
    assert [obj["faces"] for obj in made["objects"]] == [12]


def test_blender_never_imports_torch(seen):
    assert seen["torch"] is False


def test_disabling_leaves_nothing_behind(seen):
    assert seen["left"] == seen["left_uninstalled"] == seen["left_files"] == []
    if sys.platform == "linux":
        assert seen["worker_running"] == 1 and seen["worker_left"] == 0


def test_it_can_be_enabled_again_and_is_quick_about_it(seen):
    assert seen["enabled_again"] == seen["registered"]
    assert seen["register_seconds"] < 0.05
    assert seen["enable_seconds"] < 0.5  # imports included; ten times what a quiet machine needs
