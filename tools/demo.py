# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: build the extension, install it into an empty Blender profile, generate four meshes and render them."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from build_extension import ROOT, build

SCENE = Path(__file__).with_name("demo_scene.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder of demo.blend and demo.png")
    parser.add_argument("--blender", default=os.environ.get("BLENDER") or None, help="use this Blender, not the module")
    options = parser.parse_args()

    out = options.out.resolve()
    profile = out / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    profile.mkdir(parents=True)
    archive = build(out, options.blender, quiet=True)
    print(f"Extension: {archive.name}, {archive.stat().st_size / 1e6:.1f} MB, built and valid", flush=True)

    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(profile),
        "MESHGPT_DATA_DIR": str(profile / "meshgpt"),
        "MESHGPT_PYTHON": os.environ.get("MESHGPT_PYTHON") or sys.executable,
    }
    if options.blender:
        command = [options.blender, "--background", "--python-exit-code", "1", "--python", str(SCENE)]
    else:
        command = [sys.executable, str(SCENE)]
    # Blender tells of every file it touches on stdout; its stderr stays visible for the day something breaks.
    with subprocess.Popen(
        [*command, "--", str(archive), str(out)], env=environment, text=True, stdout=subprocess.PIPE
    ) as process:
        for line in process.stdout:
            if line.startswith("meshgpt: "):
                print(line.removeprefix("meshgpt: "), end="", flush=True)
    if process.returncode:
        print("The demo failed; Blender's own words stand above.", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
