# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes of different sizes as one flat graph, so that no padding exists that could leak from one mesh into another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..errors import MeshGPTError
from ..mesh import LatticeMesh, face_adjacency


@dataclass(frozen=True)
class MeshBatch:
    """V vertices, F faces and E edges of the face graph over all meshes; indices count through the batch.

    `positions` [V, 3] in lattice cells, int64 unless noise was added, each used by a face; `faces` int64 [F, 3];
    `edges` int64 [2, E] between faces that share an edge, both directions; `mesh_of_face` int64 [F], ascending.
    """

    positions: Tensor
    faces: Tensor
    edges: Tensor
    mesh_of_face: Tensor
    count: int

    @classmethod
    def from_lattice(cls, meshes: Sequence[LatticeMesh], device: torch.device | str = "cpu") -> MeshBatch:
        """Concatenate canonical meshes. Raises MeshGPTError when there is none."""
        if not meshes:
            raise MeshGPTError("The batch has no meshes.", "Give at least one mesh.")
        vertices = np.array([len(mesh.positions) for mesh in meshes])
        offsets = np.cumsum(vertices) - vertices
        faces = np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)])
        mesh_of_face = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
        arrays = (np.concatenate([mesh.positions for mesh in meshes]), faces, face_adjacency(faces), mesh_of_face)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays), count=len(meshes))

    @classmethod
    def from_padded(cls, vertices: Tensor, faces: Tensor, face_edges: Tensor | None, levels: int) -> MeshBatch:
        """Padded arrays: vertices [B, V, 3] in [-1, 1], faces [B, F, 3] and face_edges padded with -1.

        `face_edges` is [B, 2, E] or [B, E, 2] with indices of faces within their mesh (self loops are dropped), or
        None: then it is derived. Raises MeshGPTError for shapes and indices that do not fit.
        """
        real = _check_padded(vertices, faces)
        size = vertices.shape[1]
        mesh_of_face = real.nonzero()[:, 0]
        flat = faces[real] + mesh_of_face[:, None] * size
        # Vertices that no face uses are padding: they must not reach the quantiser.
        used, flat = torch.unique(flat, return_inverse=True)
        positions = lattice_positions(vertices.reshape(-1, 3)[used], levels)
        if face_edges is None:
            edges = torch.from_numpy(face_adjacency(flat.cpu().numpy())).to(faces.device)
        else:
            edges = _flat_edges(face_edges.long(), real)
        return cls(positions, flat, edges, mesh_of_face, len(faces))

    def to(self, device: torch.device) -> MeshBatch:
        """There; a GPU is not waited for."""
        return self._each(lambda value: value.to(device, non_blocking=device.type == "cuda"))

    def pin_memory(self) -> MeshBatch:
        """In memory that a GPU copies from by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> MeshBatch:
        tensors = (self.positions, self.faces, self.edges, self.mesh_of_face)
        return MeshBatch(*map(change, tensors), count=self.count)

    def vertex_edges(self) -> Tensor:
        """Vertices that share an edge of a face, both directions, int64 [2, E]."""
        pairs = torch.cat([self.faces, self.faces.roll(-1, dims=1)]).reshape(2, -1)
        count = len(self.positions)
        keys = torch.unique(torch.cat([pairs[0] * count + pairs[1], pairs[1] * count + pairs[0]]))
        start, end = keys // count, keys % count
        apart = start != end  # faces of padded arrays may repeat a vertex
        return torch.stack([start[apart], end[apart]])

    def with_noise(self, deviation: float) -> MeshBatch:
        """Vertices moved at random, by `deviation` cells on each axis."""
        return replace(self, positions=self.positions + deviation * torch.randn_like(self.positions, dtype=torch.float))

    @property
    def corners(self) -> Tensor:
        """Positions of the corners of each face [F, 3, 3]."""
        return self.positions[self.faces]


def lattice_positions(points: Tensor, levels: int) -> Tensor:
    """Points in [-1, 1] -> lattice cells int64 in [0, levels); points outside go to the outermost cell."""
    return ((points + 1) * (levels / 2)).floor().clamp(0, levels - 1).long()


def cell_centres(positions: Tensor, levels: int) -> Tensor:
    """Lattice cells -> their centres in [-1, 1], float32."""
    return (positions + 0.5) * (2 / levels) - 1


def _check_padded(vertices: Tensor, faces: Tensor) -> Tensor:
    """Which faces are real, bool [B, F]."""
    if vertices.ndim != 3 or faces.ndim != 3 or vertices.shape[-1] != 3 or faces.shape[-1] != 3:
        raise MeshGPTError(
            f"The batch has vertices {tuple(vertices.shape)} and faces {tuple(faces.shape)}.",
            "Give vertices [B, V, 3] and faces [B, F, 3], padded with -1.",
        )
    real = (faces >= 0).all(dim=-1)
    if len(vertices) != len(faces) or not real.any():
        raise MeshGPTError("The batch has no faces, or another number of meshes than of vertex lists.")
    if int(faces.max()) >= vertices.shape[1]:
        raise MeshGPTError(f"A face refers to vertex {int(faces.max())} of {vertices.shape[1]}.", "Check the faces.")
    return real


def _flat_edges(face_edges: Tensor, real: Tensor) -> Tensor:
    """Padded edges of the face graph -> int64 [2, E] over the flat faces."""
    if face_edges.ndim == 3 and face_edges.shape[1] != 2 and face_edges.shape[2] == 2:
        face_edges = face_edges.transpose(1, 2)
    if face_edges.ndim != 3 or face_edges.shape[1] != 2 or len(face_edges) != len(real):
        raise MeshGPTError(f"The face edges have shape {tuple(face_edges.shape)}.", "Give [B, 2, E] or [B, E, 2].")
    row = real.reshape(-1).cumsum(0).reshape(real.shape) - 1  # flat index of each real face
    keep = (face_edges >= 0).all(dim=1) & (face_edges[:, 0] != face_edges[:, 1])
    mesh, edge = keep.nonzero().unbind(dim=1)
    pairs = face_edges[mesh, :, edge]  # [E, 2]
    if len(pairs) and (int(pairs.max()) >= real.shape[1] or not real[mesh[:, None], pairs].all()):
        raise MeshGPTError("A face edge refers to a face that does not exist.", "Leave face_edges out to derive them.")
    return row[mesh[:, None], pairs].T
