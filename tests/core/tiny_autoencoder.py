# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the learned tokenizer share: eight small meshes, sizes that train in seconds, padded arrays."""

from __future__ import annotations

import numpy as np
import torch

from core import MeshAutoencoder
from core.data.procedural import procedural_meshes
from core.mesh import LatticeMesh, face_adjacency
from core.nn.mesh_batch import cell_centres

SMALL = {"dim": 32, "encoder_depth": 2, "decoder_depth": 2, "dim_codebook": 16}
SMALL |= {"codebook_size": 64, "num_quantizers": 2, "shared_codebook": True}
QUANTIZERS = {  # sizes that suffice for eight meshes
    "rvq": {"quantizer": "rvq", "codebook_size": 192, "num_quantizers": 3, "shared_codebook": False},
    "rvq, one codebook": {"quantizer": "rvq", "codebook_size": 192, "num_quantizers": 3, "shared_codebook": True},
    "rlfq": {"quantizer": "rlfq", "codebook_size": 64, "num_quantizers": 4},
    "rfsq": {"quantizer": "rfsq", "codebook_size": 216, "num_quantizers": 3},
}


def eight_meshes() -> list[LatticeMesh]:
    found = [mesh.quantised() for mesh, _ in procedural_meshes(12, 0)]
    return sorted(found, key=lambda mesh: len(mesh.faces))[:8]


def as_after_training(meshes: list[LatticeMesh], **options: object) -> MeshAutoencoder:
    """Codebooks are set and no weight is zero, so that context reaches codes and positions."""
    torch.manual_seed(0)
    model = MeshAutoencoder(**SMALL | options)
    model.initialise_codebooks(meshes)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def overfit(meshes: list[LatticeMesh], steps: int, **options: object) -> MeshAutoencoder:
    """An autoencoder that has seen only these meshes, `steps` times."""
    torch.manual_seed(0)
    model = MeshAutoencoder(**SMALL | options)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, total_iters=steps)
    for _ in range(steps):
        model.loss(meshes)["loss"].backward()
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
    return model.eval()


def padded(batch: list[LatticeMesh]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """vertices [B, V, 3] (padding: a far point), faces and face_edges [B, 2, E] padded with -1."""
    edges = [face_adjacency(mesh.faces) for mesh in batch]
    counts = [(len(mesh.positions), len(mesh.faces), pairs.shape[1]) for mesh, pairs in zip(batch, edges, strict=True)]
    sizes = np.max(counts, axis=0)
    vertices = torch.full((len(batch), sizes[0] + 2, 3), 1e6)
    faces = torch.full((len(batch), sizes[1], 3), -1)
    face_edges = torch.full((len(batch), 2, sizes[2] + 1), -1)
    for row, (mesh, pairs) in enumerate(zip(batch, edges, strict=True)):
        vertices[row, : len(mesh.positions)] = cell_centres(torch.from_numpy(mesh.positions), mesh.levels)
        faces[row, : len(mesh.faces)] = torch.from_numpy(mesh.faces)
        face_edges[row, :, : pairs.shape[1]] = torch.from_numpy(pairs)
    return vertices, faces, face_edges
