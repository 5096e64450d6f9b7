# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the whole tree keeps: who may import what, headers, sizes, one version, a valid manifest."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPDX = (
    "# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
FOLDERS = ("core", "meshgpt_blender", "tests", "tools", "benchmarks")
MODULES = sorted(
    path
    for path in [ROOT / "__init__.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
    if path.stat().st_size  # an empty __init__.py has nothing to say
)
SOURCES = sorted((ROOT / "core/cuda/source").glob("*.cuh"))
TEXTS = [
    *MODULES,
    *SOURCES,
    *ROOT.glob("*.md"),
    *ROOT.glob("*.toml"),
    *ROOT.glob("docs/*.md"),
    ROOT / "Makefile",
    ROOT / ".ci/run",
]
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text())


def name(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """Top-level names of all absolute imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def in_folder(folder):
    return [path for path in MODULES if path.is_relative_to(ROOT / folder)]


@pytest.mark.parametrize("path", in_folder("core"), ids=name)
def test_core_knows_no_blender_and_imports_itself_relatively(path):
    assert not {"bpy", "bmesh", "mathutils", "core", "meshgpt_blender"} & set(imports(path))


@pytest.mark.parametrize("path", in_folder("meshgpt_blender"), ids=name)
def test_the_addon_needs_nothing_that_blender_does_not_bring(path):
    brought = {"bpy", "bmesh", "mathutils", "gpu", "gpu_extras", "numpy"}
    brought |= {"bl_operators", "bl_ui", "blf", "addon_utils", "rna_prop_ui"}
    assert set(imports(path)) <= brought | set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    "module", ["core", "core.mesh", "core.tokenizers.lattice", "core.protocol", "core.errors", "core.cli"]
)
def test_light_modules_stay_light(module):
    heavy = {"torch", "trimesh", "scipy", "torch_geometric", "bpy"}
    code = f"import sys, {module}; from core import TriangleMesh, LatticeTokenizer; print(*set(sys.modules) & {heavy})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_have_header_docstring_and_a_readable_size(path):
    text = path.read_text()
    lines = text.splitlines()
    assert tuple(lines[:2]) == SPDX
    assert ast.get_docstring(ast.parse(text))
    assert len(lines) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sources_of_kernels_have_header_and_a_readable_size(path):
    lines = path.read_text().splitlines()
    assert tuple(lines[:2]) == tuple(line.replace("#", "//") for line in SPDX) and lines[3].startswith("// ")
    assert len(lines) <= 300 and max(map(len, lines)) <= 120


def test_no_path_of_a_machine_and_no_package_host():
    # Built from pieces, so that this file does not find itself.
    unwanted = re.compile("|".join((r"/(?:work|farm)/", "/ho" + r"me/\w", "py" + r"pi\.org", "python" + "hosted")))
    found = [
        f"{name(path)}: {line}" for path in TEXTS for line in path.read_text().splitlines() if unwanted.search(line)
    ]
    assert found == []


def test_the_manifest_says_what_was_agreed():
    assert MANIFEST["id"] == "meshgpt" and MANIFEST["blender_version_min"] == "4.2.0"
    assert MANIFEST["license"] == ["SPDX:GPL-3.0-or-later"] and "wheels" not in MANIFEST
    assert len(MANIFEST["tagline"]) <= 64 and MANIFEST["tagline"][-1].isalnum()
    for reason in MANIFEST["permissions"].values():
        assert len(reason) <= 64 and not reason.endswith(".")


def test_there_is_one_version():
    import core

    assert core.__version__ == MANIFEST["version"]
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == MANIFEST["version"]


def test_the_root_can_be_imported_without_blender():
    code = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("extension", "__init__.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print("bpy" in sys.modules, callable(module.register), callable(module.unregister))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.stdout.split() == ["False", "True", "True"], done.stderr


def test_bundled_weights_are_shards_of_at_most_16_megabytes_and_no_pickle():
    for path in (ROOT / "core" / "weights").rglob("*"):
        assert path.suffix not in {".pt", ".pth", ".pkl", ".bin", ".npy"}, path
        assert not path.is_file() or path.stat().st_size <= 16 * 2**20, path
