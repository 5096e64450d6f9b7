# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure a trained transformer and put it into core/weights with a card that says what was measured.

.venv/bin/python tools/bundle_model.py runs/mine/model --name meshgpt-lowpoly --data meshes.npz
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.checkpoint import BUNDLED, load_checkpoint, save_transformer  # noqa: E402
from core.data.dataset import load_dataset  # noqa: E402
from core.evaluation import draw_prompts, likelihood, soundness  # noqa: E402

SUMMARY = "Low-poly game assets from a prompt: furniture, buildings, plants, rocks, props. Up to {} faces."
LICENCE = (
    "All meshes it learned from are CC0-1.0 (public domain) by their creators: Kenney, Quaternius, Kay Lousberg "
    "(KayKit), and single makers on poly.pizza; for 441 of them the public mirror that they were taken from does not "
    "repeat the creator's own licence. The weights come under the licence of this repository. Nothing has to be "
    "credited; thank the artists above."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the trained checkpoint")
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", required=True, help="the data set it was trained on; its own split is made again")
    parser.add_argument("--training", type=json.loads, default={}, metavar="JSON", help="more rows for the card")
    parser.add_argument("--sampling", type=json.loads, default={}, metavar="JSON", help="its defaults for generation")
    parser.add_argument("--meshes", type=int, default=100, help="how many to generate from training prompts")
    options = parser.parse_args()

    checkpoint = load_checkpoint(options.model)
    checkpoint.config["sampling"] = options.sampling
    limit = checkpoint.transformer.config.max_faces
    train, validation = load_dataset(options.data).filtered(limit).split()
    metrics = likelihood(checkpoint, validation)
    metrics |= soundness(checkpoint, draw_prompts(train, options.meshes))
    print(json.dumps(metrics, indent=1))
    details = {
        "name": options.name,
        "summary": SUMMARY.format(limit),
        "licence": LICENCE,
        "data": f"{Path(options.data).stem}, {len(train) + len(validation)} meshes of up to {limit} faces",
        "training_meshes": len(train),
        "validation_meshes": len(validation),
        "metrics": {**options.training, **metrics},
        "sampling": options.sampling,
    }
    print(save_transformer(BUNDLED / options.name, checkpoint.transformer, details))


if __name__ == "__main__":
    main()
