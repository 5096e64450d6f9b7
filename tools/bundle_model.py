# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a trained transformer into core/weights, with a card that says how it was made and what was measured.

.venv/bin/python -m core evaluate --model runs/mine/model --data meshes.npz --out evaluation.json
.venv/bin/python tools/bundle_model.py runs/mine --name meshgpt-lowpoly --data meshes.npz \\
    --evaluation evaluation.json --notes notes.md
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

from core.checkpoint import load_checkpoint, save_transformer  # noqa: E402
from core.data.dataset import load_dataset  # noqa: E402
from core.model_list import BUNDLED  # noqa: E402

SUMMARY = "Low-poly game assets from a prompt: furniture, buildings, plants, rocks, props. Up to {} faces."
LICENCE = (
    "All meshes it learned from are CC0-1.0 (public domain) by their creators: Kenney, Quaternius, Kay Lousberg "
    "(KayKit), and single makers on poly.pizza; for about a quarter of them the public mirror that they were taken "
    "from does not repeat the creator's own licence. The weights come under the licence of this repository. Nothing "
    "has to be credited; thank the artists above."
)
DATA = (
    "artist-made low-poly meshes of at most {} faces, and levels of detail of these and of denser ones by Blender's "
    "Decimate (`tools/prepare_data.py`), {} in all"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the training run")
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", required=True, help="what it was trained on")
    parser.add_argument("--summary", default=SUMMARY, help="{} is the face limit (default: %(default)s)")
    parser.add_argument("--evaluation", type=Path, required=True, help="what `core evaluate --out` wrote")
    parser.add_argument("--notes", type=Path, required=True, help="Markdown: recipe, hardware, time, known failures")
    options = parser.parse_args()

    checkpoint = load_checkpoint(options.run / "model")
    steps = [json.loads(line) for line in (options.run / "metrics.jsonl").read_text().splitlines()]
    limit = checkpoint.transformer.config.max_faces
    split = checkpoint.config.get("split") or {"validation_fraction": 0.05, "max_lost": 0.1}
    fitting = load_dataset(options.data).filtered(limit).fitting(checkpoint.tokenizer.levels, split["max_lost"])
    parts = fitting.split(split["validation_fraction"])
    sides = [len(part) for part in parts]
    evaluation = json.loads(options.evaluation.read_text())
    if evaluation["held_out_meshes"] != sides[1]:
        parser.error("the evaluation is of another model or of other data")
    evaluation["model"] = options.name
    details = {
        "name": options.name,
        "summary": options.summary.format(limit),
        "licence": LICENCE,
        "data": DATA.format(limit, sum(sides)),
        "training_meshes": sides[0],
        "validation_meshes": sides[1],
        "metrics": {
            "parameters": checkpoint.transformer.parameter_count(),
            "training_steps": steps[-1]["step"],
            "faces_seen": steps[-1]["faces"],
        },
        "evaluation": evaluation,
        "notes": options.notes.read_text(),
        "sampling": evaluation["sampling"],  # what was measured is what it will do
        "sampling_without_prompt": evaluation["sampling_without_prompt"],
        "split": split,
        "word_counts": parts[0].word_counts(),
    }
    print(save_transformer(BUNDLED / options.name, checkpoint.transformer, details))


if __name__ == "__main__":
    main()
