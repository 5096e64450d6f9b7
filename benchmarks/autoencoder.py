# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned tokenizer on large meshes: from a mesh to its codes, with each quantiser and with attention."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core import MeshAutoencoder, load_checkpoint
from core.mesh import TriangleMesh

from .measure import Row, side_by_side

OPTIONS = {
    "rlfq": {"quantizer": "rlfq"},
    "rfsq": {"quantizer": "rfsq"},
    "rfsq, 2 blocks of attention": {"quantizer": "rfsq", "encoder_attention": 2},
    "rfsq, 2 layers over vertices": {"quantizer": "rfsq", "vertex_depth": 2},
}


def waves(rows: int) -> TriangleMesh:
    """200 faces for each of `rows`, of which quantising loses none while there are no more than 100."""
    x, y = np.meshgrid(np.arange(101), np.arange(rows + 1))
    points = np.stack([x, y, 9 * np.sin(x / 5) * np.sin(y / 7)], axis=-1).reshape(-1, 3)
    corner = (np.arange(rows)[:, None] * 101 + np.arange(100)).reshape(-1, 1)
    return TriangleMesh(points, np.concatenate([corner + [0, 1, 102], corner + [0, 102, 101]]))


def rows() -> Iterator[Row]:
    tokenizers = {"bundled": load_checkpoint("meshgpt-autoencoder", device="cpu").tokenizer}
    tokenizers |= {name: MeshAutoencoder(**options).eval() for name, options in OPTIONS.items()}
    whole, tenth = waves(100), waves(10)
    for name, tokenizer in tokenizers.items():
        long, short = side_by_side(lambda t=tokenizer: t.encode(whole), lambda t=tokenizer: t.encode(tenth))
        yield Row(f"autoencoder ({name}): 20,000 faces to codes", long, "s", 10 * short / long, "ten times 2,000 faces")
