# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m benchmarks`: run all, print the table, write the JSON."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import torch

from . import autoencoder, generation, imports, meshes, peer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"), help="where the JSON goes")
    parser.add_argument("--model", help="the model to measure (default: the bundled one)")
    options = parser.parse_args()
    rows = []
    for row in chain(imports.rows(), meshes.rows(), autoencoder.rows(), generation.rows(options.model), peer.rows()):
        print(row.text(), flush=True)
        rows.append(row)
    machine = {"machine": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    print(f"\n{machine['threads']} threads, torch {machine['torch']}; written to {options.out}")


if __name__ == "__main__":
    main()
