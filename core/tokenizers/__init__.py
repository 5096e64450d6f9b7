# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tokenizer turns a mesh into codes [F, 3, D] and back: F faces, 3 vertices, D residual levels. Only it knows how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import MeshGPTError

if TYPE_CHECKING:
    import numpy as np

    from ..mesh import LatticeMesh, TriangleMesh


class Tokenizer(Protocol):
    """What transformer, sampler, training and evaluation know of a tokenizer."""

    kind: str
    levels: int  # lattice cells per axis that the tokenizer's meshes live on
    codebook_sizes: tuple[int, ...]  # one entry a residual level

    def encode(self, mesh: TriangleMesh | LatticeMesh) -> np.ndarray:
        """Codes int64 [F, 3, D] of the mesh in canonical order."""

    def decode(self, codes: np.ndarray) -> TriangleMesh:
        """The mesh in [-1, 1] of codes [F, 3, D]; vertices with the same codes are one vertex."""

    def positions(self, codes: Any) -> Any:
        """Codes [..., D] -> coordinates [..., 3] in [-1, 1] (x, y, z), as array or tensor like the codes."""

    def decode_from_codes_to_faces(self, codes: Any) -> Any:
        """Codes int64 tensor [B, F, 3, D], -1 where there is no face -> coordinates [B, F, 3, 3], NaN there."""

    def config(self) -> dict[str, Any]:
        """What `tokenizer_from_config` needs to build the tokenizer again."""


def tokenizer_from_config(config: dict[str, Any]) -> Tokenizer:
    """Build a tokenizer from `config()` of one; a learned one comes with fresh weights, to be loaded."""
    kind = config.get("kind")
    if kind == "lattice":
        from .lattice import LatticeTokenizer

        return LatticeTokenizer.from_config(config)
    if kind == "autoencoder":
        from .autoencoder import MeshAutoencoder

        return MeshAutoencoder.from_config(config)
    raise MeshGPTError(
        f'The checkpoint uses a tokenizer of kind "{kind}", which this version does not know.',
        "Update the extension, or choose another model.",
    )
