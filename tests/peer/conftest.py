# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the comparisons with meshgpt-pytorch share: eight small meshes as padded arrays, and small models of both.

They run in an environment of their own, `make test-peer`; elsewhere they are skipped.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from core.mesh import LatticeMesh
from core.nn.mesh_batch import cell_centres


class Padded(NamedTuple):
    """vertices float32 [B, V, 3] in [-1, 1]; faces int64 [B, F, 3], -1 where there is none; the meshes themselves."""

    vertices: Tensor
    faces: Tensor
    meshes: list[LatticeMesh]


def grid(side: int, height: float, turn: float) -> LatticeMesh:
    """A wavy field of 2 side^2 triangles, turned about the vertical."""
    u, v = np.meshgrid(np.linspace(-1, 1, side + 1), np.linspace(-1, 1, side + 1), indexing="ij")
    x, y = (0.6 * (np.cos(turn) * u - np.sin(turn) * v), 0.6 * (np.sin(turn) * u + np.cos(turn) * v))
    points = np.stack([x, y, height * np.sin(3 * u) * np.cos(2 * v)], axis=-1).reshape(-1, 3)
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).reshape(-1)
    a, b, c, d = corner, corner + side + 1, corner + side + 2, corner + 1
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    cells = np.floor((points + 1) * 64).astype(np.int64)
    return LatticeMesh.canonical(cells, faces, 128)


@pytest.fixture(scope="session")
def batch() -> Padded:
    meshes = [grid(side, height, turn) for side, height, turn in ((2, 0.3, 0.2), (3, 0.5, 0.9), (5, 0.2, 0.0))]
    width, length = max(len(m.positions) for m in meshes), max(len(m.faces) for m in meshes)
    vertices, faces = torch.zeros(len(meshes), width, 3), torch.full((len(meshes), length, 3), -1)
    for row, mesh in enumerate(meshes):
        vertices[row, : len(mesh.positions)] = cell_centres(torch.from_numpy(mesh.positions), 128)
        faces[row, : len(mesh.faces)] = torch.from_numpy(mesh.faces)
    return Padded(vertices, faces, meshes)


@pytest.fixture(scope="session")
def peer() -> Any:
    """The module with the peer's functions and classes."""
    if find_spec("meshgpt_pytorch") is None:
        pytest.skip("meshgpt-pytorch is not installed here: make test-peer")
    # It imports this for text prompts, which need a network; nothing here reads one.
    sys.modules.setdefault("open_clip", ModuleType("open_clip"))
    return import_module("meshgpt_pytorch").meshgpt_pytorch


@pytest.fixture(scope="session")
def peer_autoencoder(peer: Any) -> Any:
    torch.manual_seed(0)
    return peer.MeshAutoencoder(
        dim_coor_embed=8,
        encoder_dims_through_depth=(32, 32),
        decoder_dims_through_depth=(32, 32),
        dim_codebook=24,
        codebook_size=256,
    ).eval()


@pytest.fixture(scope="session")
def peer_transformer(peer: Any, peer_autoencoder: Any) -> Any:
    torch.manual_seed(0)
    return peer.MeshTransformer(
        peer_autoencoder, dim=32, max_seq_len=360, attn_depth=2, attn_dim_head=32, attn_heads=2, fine_attn_depth=1
    ).eval()
