# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make models`: the data, then each model of the extension by its recipe, from the archives of meshes alone.

Every step goes on where it stopped. A recipe is the options of `python -m core train`, so what is not named here is its
default. The finished models lie in WORK/<name>/model; `python -m core evaluate` measures them, and
`tools/bundle_model.py` puts them in core/weights.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHIVES = ("lowpoly-train", "lowpoly-extra", "lowpoly-heavy")
PARTS = "--step face --neighbours --edges --completion --point-latents 32"
# What artists build, as they build it: upright, in their proportions, hardly any level of detail.
ARTISTS = (
    "--faces-per-batch 3200 --compile --no-yaws --scale 0.93 1.07 --shift-probability 0 --derived 0.15 --long 150 "
    "--drop-points 0.9 --keep 0.15 --drop-prompt 0.07 --cooldown 0.95 --validate-every 500 --no-keep-best"
)
# Name -> what to train: one run after another, each from the weights of the one before.
RECIPES: dict[str, tuple[str, ...]] = {
    # Minutes on a processor.
    "meshgpt-autoencoder": ("tokenizer --max-faces 400 --faces-per-batch 2048 --steps 300",),
    # A quarter of an hour on a large GPU, beside other runs; on a processor take batches of 3,200 faces and more time.
    "meshgpt-lowpoly": (
        f"transformer {PARTS} --closing --point-attention --max-faces 800 --dropout 0.1 --faces-per-batch 16384 "
        "--passes 8 --loaders 3 --no-yaws --scale 0.85 1.15 --shift-probability 0.1 --derived 0.3 --long 150 "
        "--drop-points 0.5 --keep 0.2 --drop-prompt 0.07 --steps 6700 --learning-rate 0.002 --warmup 200 "
        "--cooldown 0.45 --ema 0.999 --validate-every 500 --no-keep-best",
    ),
    # The paper's own way, over codes that a graph autoencoder learned. On processors: how triangles go together, from
    # meshes that are turned, stretched and decimated in any way; what artists build; the same in learned codes. Then
    # these for longer.
    "meshgpt-lowpoly-rvq": (
        f"transformer {PARTS} --points 512 --max-faces 800 --faces-per-batch 1536 --compile --steps 7300 "
        "--cooldown 0.6 --ema 0.999",
        f"transformer {ARTISTS} --points 512 --steps 5350 --learning-rate 0.0012 --warmup 60",
        f"transformer {ARTISTS} --points 512 --closing --steps 2800 --learning-rate 0.001 --warmup 40",
        f"transformer {ARTISTS} --no-closing --tokenizer core/weights/meshgpt-autoencoder --max-faces 400 --long 100 "
        "--drop-points 1 --keep 0.1 --steps 2200 --learning-rate 0.0012 --warmup 40",
        # Nine minutes on a large GPU beside other runs.
        "transformer --no-yaws --scale 0.93 1.07 --shift-probability 0 --derived 0.15 --dropout 0.1 --long 100 "
        "--drop-points 1 --keep 0.1 --drop-prompt 0.07 --faces-per-batch 8192 --passes 8 --loaders 6 --steps 4300 "
        "--learning-rate 0.0012 --warmup 200 --cooldown 0.6 --ema 0.999 --validate-every 500 --no-keep-best",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the archives of meshes")
    parser.add_argument("--work", type=Path, default=ROOT / ".data", help="for data and runs (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="(default: %(default)s)")
    parser.add_argument("--only", default="", help=f"of {', '.join(RECIPES)}; separated by commas")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or list(RECIPES)
    unknown = sorted(set(wanted) - set(RECIPES))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")

    meshes = options.work / "meshes"
    if not meshes.with_suffix(".npz").is_file():
        archives = [str(options.data / f"{name}.npz") for name in ARCHIVES]
        _run("tools/prepare_data.py", *archives, "--out", str(meshes))
    for name in wanted:
        start: list[str] = []
        for number, run in enumerate(RECIPES[name], start=1):
            out = options.work / (name if number == len(RECIPES[name]) else f"{name}-{number}")
            kind, *settings = run.split()
            # The autoencoder learns from what artists built, without levels of detail.
            data = options.data / f"{ARCHIVES[0]}.npz" if kind == "tokenizer" else meshes.with_suffix(".npz")
            command = ["-m", "core", "train", kind, "--data", str(data), "--out", str(out)]
            _run(*command, *settings, *start, "--device", options.device)
            start = ["--start", str(out / "model")]


def _run(*command: str) -> None:
    # The allocator keeps its memory instead of asking the system for it at every step.
    kept = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **kept, **os.environ}
    if subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=False).returncode:
        sys.exit(f"stopped at: {' '.join(command)}")


if __name__ == "__main__":
    main()
