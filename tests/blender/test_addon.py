# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in Blender as a module. Each scenario runs in a process of its own: bpy is one global state."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = Path(__file__).parent / "scenarios"
EXTENSION = ("core", "meshgpt_blender", "__init__.py", "blender_manifest.toml")

# The Python that has bpy may be another one, to test several versions of Blender; this one always runs the model.
BLENDER_PYTHON = os.environ.get("MESHGPT_TEST_BLENDER_PYTHON") or sys.executable
MISSING = BLENDER_PYTHON == sys.executable and importlib.util.find_spec("bpy") is None

pytestmark = pytest.mark.skipif(MISSING, reason="Blender as a module is not installed")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_model import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def able(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that completes and follows surfaces."""
    from tests.tiny_model import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("models") / "able", 60, completion=True, point_latents=2)


@pytest.mark.parametrize("scenario", sorted(path.stem for path in SCENARIOS.glob("[!_]*.py")))
def test_scenario(scenario: str, model: Path, able: Path, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    extension = profile / "extensions" / "user_default" / "meshgpt"
    extension.mkdir(parents=True)
    for name in EXTENSION:
        (extension / name).symlink_to(ROOT / name)
    (tmp_path / "jobs").mkdir()
    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(profile),
        "MESHGPT_DATA_DIR": str(tmp_path / "data"),
        "MESHGPT_PYTHON": sys.executable,
        "MESHGPT_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(tmp_path / "jobs"),
        "TEST_MODEL": str(model),
        "TEST_ABLE_MODEL": str(able),
        "PYTHONPATH": str(SCENARIOS),
    }
    done = subprocess.run(
        [BLENDER_PYTHON, str(SCENARIOS / f"{scenario}.py")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
    )
    # Not as the last line: bpy 4.5 and 5.0 report at the end some bytes that their own Data Transfer modifier keeps.
    assert done.returncode == 0 and "DONE" in done.stdout.splitlines(), f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    left = [path for path in (tmp_path / "jobs").iterdir() if path.name.startswith("meshgpt-")]
    assert not left, f"files of a job were left behind: {left}"
    shutil.rmtree(profile)
