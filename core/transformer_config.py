# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and parts of a transformer over face codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checks import check_types, need_at_least, need_at_most, need_shares
from .errors import MeshGPTError


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and parts of a MeshTransformer."""

    dim: int = 256  # width of the trunk
    depth: int = 6  # blocks of the trunk
    heads: int = 4  # attention heads
    # What stands in a vertex slot: "copy" points at an earlier vertex or names a new one; "mlp" and "attention" (an
    # RQ-transformer) name every vertex by its codes.
    head: Literal["copy", "mlp", "attention"] = "copy"
    # One trunk step a vertex, a face or a code. With "code" (the paper's flat sequence) a linear layer reads each code.
    step: Literal["vertex", "face", "code"] = "vertex"
    head_width: int = 192  # width of the network that names codes
    head_depth: int = 3  # layers of the network that names codes
    face_depth: int = 1  # blocks of the network that goes through the vertices of a face, with step "face"
    neighbours: bool = False  # causal SAGEConv: slots gather from earlier faces around their vertex
    edges: bool = False  # the pointer of head "copy" knows which edges are open, half used and used up
    closing: bool = False  # gate and pointer know which edge would stay open for good; needs `edges` and the lattice
    point_latents: int = 0  # tokens a point cloud becomes; 0: no such condition
    point_attention: bool = False  # faces and slots attend to the points of that cloud themselves
    point_neighbours: int = 0  # points of that cloud that each vertex gathers from, the nearest; 0: none
    completion: bool = False  # learn to complete any set of faces
    max_faces: int = 400  # faces of a mesh at most, in training and generation
    dropout: float = 0.0  # in the blocks of the trunk
    recompute: bool = False  # train in less memory: blocks are computed again for their gradients

    def __post_init__(self) -> None:
        check_types(self)
        need_at_least(1, self, "dim", "depth", "heads", "head_width", "head_depth", "face_depth", "max_faces")
        need_at_least(0, self, "point_latents", "point_neighbours")
        need_shares(self, "dropout")
        need_at_most(2**16, self, "dim", "heads", "head_width", "point_latents", "point_neighbours", "max_faces")
        need_at_most(1000, self, "depth", "head_depth", "face_depth")
        if self.dim * self.max_faces > 2**26:  # of tables of places, which no weights have to be as large as
            raise MeshGPTError(
                f"A transformer of width {self.dim} for {self.max_faces} faces cannot be built.", "Ask for less of one."
            )
        if self.dim % (2 * self.heads):
            raise MeshGPTError(
                f"A transformer of width {self.dim} with {self.heads} heads cannot be built.",
                "The width must be a multiple of twice the number of heads.",
            )
        if self.point_neighbours and not self.point_latents:
            raise MeshGPTError(
                "Vertices can only gather from a point cloud where the model takes one.", "Give it point_latents too."
            )
        if self.point_attention and (not self.point_latents or self.step == "code"):
            raise MeshGPTError(
                "Faces and vertices can only attend to a point cloud where the model takes one and steps by them.",
                'Give it point_latents too, and take step "face" or "vertex".',
            )
        if self.edges and (self.head != "copy" or self.step == "code"):
            raise MeshGPTError("Edges help a pointer, and this head has none.", 'Take head "copy", or no edges.')
        if self.closing and not self.edges:
            raise MeshGPTError("What is due to close is read from the edges.", "Take edges too, or no closing.")
        if self.head == "attention" and self.head_width % 8:
            raise MeshGPTError(
                f"An attention head of width {self.head_width} cannot be built.", "The width must be a multiple of 8."
            )
