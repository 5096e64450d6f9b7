# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build and validate the extension zip with Blender's own extension tool, from a Blender or from the bpy module."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def extension_command(blender: str | None = None) -> list[str]:
    """The command line of Blender's extension tool: of `blender`, else of the bpy module beside this Python."""
    if blender:
        return [blender, "--background", "--command", "extension"]
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        sys.exit("No Blender found. Install the bpy module (`make venv`) or name a Blender: BLENDER=/path/to/blender")
    scripts = sorted(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not scripts:
        sys.exit(f"The bpy module at {spec.origin} has no extension tool; Blender 4.2 or newer is needed.")
    return [sys.executable, str(scripts[-1])]


def archive_path(out: Path) -> Path:
    """Where the zip of the version named in the manifest goes."""
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    return out / f"{manifest['id']}-{manifest['version']}.zip"


def build(out: Path, blender: str | None = None, quiet: bool = False) -> Path:
    """Build the zip into `out`, validate it and return its path; ends the program with the tool's words on failure."""
    out.mkdir(parents=True, exist_ok=True)
    archive = archive_path(out.resolve())
    command = extension_command(blender)
    for arguments in (
        ["build", "--source-dir", str(ROOT), "--output-filepath", str(archive)],
        ["validate", str(archive)],
    ):
        done = subprocess.run([*command, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f"{done.stdout}\nextension {arguments[0]} failed (exit code {done.returncode})")
        if not quiet:
            print(done.stdout.strip())
    return archive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the zip (default: dist)")
    parser.add_argument("--blender", default=os.environ.get("BLENDER") or None, help="a Blender to build with")
    options = parser.parse_args()
    archive = build(options.out, options.blender)
    print(f"{os.path.relpath(archive)}: {archive.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
