# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen about an autoencoder. Importing it does not import torch, so that a command line can list it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from ..checks import check_types, need_at_least, need_at_most
from ..errors import MeshGPTError
from ..mesh import DEFAULT_LEVELS


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes and losses of a MeshAutoencoder.

    Raises MeshGPTError for values that fit no autoencoder.
    """

    dim: int = 192  # width of encoder and decoder
    encoder_depth: int = 4  # SAGEConv layers over the faces
    decoder_depth: int = 4  # residual blocks of the decoder
    num_discrete_coors: int = DEFAULT_LEVELS  # lattice cells an axis
    dim_coordinate: int = 64  # width of the embedding of one coordinate
    coordinate_embedding: Literal["discrete", "fourier"] = "discrete"  # learnt from Fourier features on, or these
    vertex_depth: int = 0  # SAGEConv layers over the vertices, before those over the faces
    encoder_attention: int = 0  # blocks of cross-covariance and local attention in the encoder
    decoder_attention: int = 0  # the same in the decoder
    attention_heads: int = 4  # of these blocks
    attention_window: int = 32  # faces that local attention sees before and after each
    noise: float = 0.0  # on the encoder's input while training, standard deviation in cells; the target stays clean
    quantizer: Literal["rvq", "rlfq", "rfsq"] = "rvq"  # residual: learnt codebooks, lookup-free, finite scalar
    # Triangles that come back exactly when training begins, by codes x levels: 1024 x 3 99%, 512 x 3 97%, 4096 x 2 83%;
    # 1024 x 3 in one codebook for all levels 97%. The paper has two levels and one codebook.
    codebook_size: int = 1024  # codes a level; rlfq takes the next power of 8 below, rfsq the next cube
    num_quantizers: int = 3  # residual levels
    dim_codebook: int = 32  # width of the vectors that rvq quantises; rlfq and rfsq quantise the three coordinates
    shared_codebook: bool = False  # rvq: one codebook for all levels
    sample_temperature: float = 0.1  # rvq: of the codes while training; 0 always takes the nearest
    search_width: int = 4  # rvq: of the beam search for codes when not training; 1 takes the nearest at each level
    codebook_decay: float = 0.99  # rvq: of the moving averages
    dead_code_share: float = 0.05  # rvq: a code used less than this share of the average is replaced by a vertex
    entropy_weight: float = 0.01  # rlfq: of the loss that wants each code certain and all codes used
    commitment_weight: float = 0.02  # of squared distances in cells between vectors and their codes'
    blur: float = 0.4  # standard deviation of the targets, in cells
    vertex_head_weight: float = 0.5  # of the loss of coordinates read without context

    def __post_init__(self) -> None:
        check_types(self)
        numbers = [field for field in fields(self) if type(field.default) in (int, float)]
        need_at_least(0, self, *(field.name for field in numbers))
        counts = [field.name for field in numbers if type(field.default) is int]
        need_at_least(1, self, *(name for name in counts if not name.endswith(_MAY_BE_NONE)))
        need_at_most(2**16, self, *counts)
        need_at_most(1000, self, "num_quantizers", *(name for name in counts if name.endswith(_MAY_BE_NONE)))
        need_at_most(4096, self, "num_discrete_coors", "dim_coordinate")
        need_at_most(100, self, "blur")
        if (self.encoder_attention or self.decoder_attention) and self.dim % (2 * self.attention_heads):
            raise MeshGPTError(
                f"Attention of {self.attention_heads} heads cannot be {self.dim} wide.",
                "The width must be a multiple of twice the number of heads.",
            )
        least = 8 if self.quantizer != "rvq" else self.num_quantizers if self.shared_codebook else 1
        if self.codebook_size < least:
            raise MeshGPTError(f"codebook_size is {self.codebook_size}.", f"{self.quantizer} needs at least {least}.")
        if self.codebook_size * self.dim_codebook > 2**26:
            raise MeshGPTError(
                f"{self.codebook_size} codes of width {self.dim_codebook} are too many.", "Ask for less of one."
            )
        if self.dim_codebook < 3:
            raise MeshGPTError(f"dim_codebook is {self.dim_codebook}.", "A place takes at least 3.")


_MAY_BE_NONE = ("depth", "attention")  # counts of which there may be none
