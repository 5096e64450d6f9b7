# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint with random weights, small enough to make in a test: its meshes are noise that keeps all rules."""

import sys
from pathlib import Path

import torch

from core.checkpoint import save_transformer
from core.nn.heads import END
from core.tokenizers.lattice import LatticeTokenizer
from core.transformer import MeshTransformer
from core.transformer_config import TransformerConfig
from core.vocabulary import Vocabulary


def save_tiny_model(folder: Path, max_faces: int = 300, **abilities: object) -> Path:
    """Write the checkpoint and return its folder; the same weights every time.

    abilities: further options of the transformer, as `completion=True` and `point_latents=2`.
    """
    torch.manual_seed(0)
    config = TransformerConfig(dim=16, depth=1, heads=2, head_width=16, head_depth=1, max_faces=max_faces, **abilities)
    model = MeshTransformer(LatticeTokenizer(), Vocabulary(["table"], buckets=8), config)
    with torch.no_grad():
        model.head.gate.bias[
            END
        ] = -9.0  # meshes as long as the cap allows, so that there is something to watch and cancel
    return save_transformer(folder, model, {"summary": "random weights, for tests"})


if __name__ == "__main__":
    print(save_tiny_model(Path(sys.argv[1])))
