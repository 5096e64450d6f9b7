# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Residual quantisers of vector-quantize-pytorch behind one face: vertex vectors in, D codes a vertex out.

All lengths are in lattice cells. `RVQ` learns its codebooks over wide vectors; `RLFQ` and `RFSQ` have none to learn and
divide the three coordinates themselves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn
from vector_quantize_pytorch import ResidualFSQ, ResidualLFQ, ResidualVQ

from .codebooks import nearest_codes, residual_kmeans


class Quantizer(Protocol):
    """What the autoencoder knows of a quantiser. Shapes: N vertices, C = `width`, D levels."""

    width: int
    codebook_sizes: tuple[int, ...]
    initialised: bool
    more_follows: bool  # whether other vectors come in the same training step

    def initialise(self, vectors: Tensor) -> None:
        """Set the codebooks, where there are any, from vectors [N, C]."""

    def __call__(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training: vectors [N, C] -> quantised [N, C] (gradients pass straight through), codes int64 [N, D], loss."""

    def encode(self, vectors: Tensor) -> Tensor:
        """Codes int64 [N, D] of vectors [N, C]; no randomness."""

    def vectors(self, codes: Tensor) -> Tensor:
        """Quantised vectors [..., C] of codes [..., D]."""


class RVQ(ResidualVQ):
    """Residual vector quantisation, one codebook a level or one for all, learnt as moving averages.

    Codes are drawn at random by distance while training. A code used less often than `dead_code_share` of the average
    is replaced by a vector of the batch. `encode` searches with a beam of `search_width`.
    """

    def __init__(
        self,
        width: int,
        size: int,
        depth: int,
        *,
        shared: bool,
        decay: float,
        temperature: float,
        dead_code_share: float,
        search_width: int,
        commitment_weight: float,
    ) -> None:
        super().__init__(
            dim=width,
            codebook_size=size,
            num_quantizers=depth,
            shared_codebook=shared,
            kmeans_init=True,
            decay=decay,
            stochastic_sample_codes=True,
            threshold_ema_dead_code=1e-9,  # set for each batch in `forward`: it is relative to the batch's vertices
        )
        self.width, self.temperature, self.search_width = width, temperature, search_width
        self.dead_code_share, self.commitment_weight = dead_code_share, commitment_weight
        self.more_follows, self._seen = False, 0.0
        for layer in self.layers:
            layer.register_forward_pre_hook(self._collect, with_kwargs=True)
        if shared:
            self._register_state_dict_hook(_drop_aliases)
            self.register_load_state_dict_pre_hook(_add_aliases)

    @property
    def initialised(self) -> bool:
        return bool(self.layers[0]._codebook.initted)

    @torch.no_grad()
    def initialise(self, vectors: Tensor) -> None:
        """k-means level by level; of a shared codebook each level gets a part."""
        parts = self.num_quantizers if self.shared_codebook else 1
        sizes = [self.codebook_size // parts] * self.num_quantizers
        if self.shared_codebook:
            sizes[0] += self.codebook_size - sum(sizes)
        found = residual_kmeans(vectors, sizes)
        if self.shared_codebook:
            found = [tuple(torch.cat(level) for level in zip(*found, strict=True))]
        books = list(dict.fromkeys(layer._codebook for layer in self.layers))
        for book, (codes, members) in zip(books, found, strict=True):
            if book.use_ddp:  # each process has seen other vectors
                distributed.broadcast(codes, 0)
                distributed.broadcast(members, 0)
            book.embed[0] = codes
            book.cluster_size[0] = members
            book.embed_avg[0] = codes * members[:, None]
            book.initted.fill_(True)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self._seen += self._count(vectors)
        usage = self.dead_code_share * self._seen / self.codebook_size
        for layer in self.layers:
            layer._codebook.threshold_ema_dead_code = usage
            layer._codebook.reset_cluster_size = 2 * usage
        quantised, codes, commitment = super().forward(vectors[None], sample_codebook_temp=self.temperature)
        if not self.more_follows:
            self._seen = 0.0
        return quantised[0], codes[0], self.commitment_weight * commitment.sum()

    def _count(self, vectors: Tensor) -> float:
        """How many vectors the codebooks see now, in all processes together."""
        if not self.layers[0]._codebook.use_ddp:
            return len(vectors)
        count = torch.tensor(float(len(vectors)), device=vectors.device)
        distributed.all_reduce(count)
        return float(count)

    def _collect(self, layer: nn.Module, args: tuple, options: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """The last vectors of a training step update the codebooks for all vectors of the step."""
        return args, options | {"accum_ema_update": self.more_follows}

    def encode(self, vectors: Tensor) -> Tensor:
        return nearest_codes(vectors, self.codebooks, self.search_width)

    def vectors(self, codes: Tensor) -> Tensor:
        return _sum_of_codes(self.codebooks, codes)


class _CoordinateQuantizer(nn.Module):
    """Divides a cube of 2 x `half_side` cells, the lattice, evenly along each axis; vectors are coordinates [N, 3]."""

    width = 3
    initialised = True
    more_follows = False

    def __init__(self, half_side: float, steps: int, commitment_weight: float) -> None:
        super().__init__()
        self.half_side, self.commitment_weight = half_side, commitment_weight
        # The middle of a cell must lie in the middle of a step, or rounding would decide about its code.
        self.offset = {0: 0.5, 1: 0.0}.get(steps / (2 * half_side) % 2, 0.25) * 2 / steps

    def initialise(self, vectors: Tensor) -> None:
        pass

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        codes, loss = self._quantise(self._normalised(vectors))
        quantised = self.vectors(codes)
        commitment = self.commitment_weight * F.mse_loss(vectors, quantised)
        return vectors + (quantised - vectors).detach(), codes, commitment + loss

    def encode(self, vectors: Tensor) -> Tensor:
        return self._quantise(self._normalised(vectors))[0]

    def _normalised(self, vectors: Tensor) -> Tensor:
        """Coordinates in cells -> in (-1, 1)."""
        return (vectors / self.half_side + self.offset).clamp(-1 + 1e-6, 1 - 1e-6)

    def _in_cells(self, places: Tensor) -> Tensor:
        return (places - self.offset) * self.half_side


class RLFQ(_CoordinateQuantizer):
    """Residual lookup-free quantisation: each level says one bit of each of its channels.

    D levels give a channel D bits. Where a codebook has bits for more than three channels, an axis takes several: its
    coordinate, then what the coarser channel leaves, folded back and forth so that it never jumps (as Gray codes do).
    """

    def __init__(
        self, size: int, depth: int, half_side: float, *, entropy_weight: float, commitment_weight: float
    ) -> None:
        folds = int(math.log2(size)) // 3
        super().__init__(half_side, 2 ** (folds * depth), commitment_weight)
        self.folds, channels = folds, 3 * folds
        self.codebook_sizes = (2**channels,) * depth
        self.library = ResidualLFQ(
            dim=channels, codebook_size=2**channels, num_quantizers=depth, entropy_loss_weight=entropy_weight
        )
        self.blocks = 2**depth  # that a channel tells apart

    def _quantise(self, places: Tensor) -> tuple[Tensor, Tensor]:
        _, codes, loss = self.library(2 * self.folded(places)[None])
        return codes[0].long(), loss.sum()

    def vectors(self, codes: Tensor) -> Tensor:
        return self._in_cells(self.unfolded(_sum_of_codes(self.library.codebooks, codes) / 2))

    def folded(self, places: Tensor) -> Tensor:
        """Coordinates in (-1, 1) [..., 3] -> channels in [-1, 1] [..., 3 * folds]."""
        channels = [places]
        for _ in range(self.folds - 1):
            along = (channels[-1] + 1) / 2 * self.blocks
            channels.append(2 * ((along + 1) % 2 - 1).abs() - 1)  # up through one block, down through the next
        return torch.cat(channels, dim=-1)

    def unfolded(self, channels: Tensor) -> Tensor:
        """Undo `folded` for quantised channels."""
        *coarser, places = channels.split(3, dim=-1)
        for channel in reversed(coarser):
            block = ((channel + 1) / 2 * self.blocks).floor()
            along = torch.where(block % 2 == 0, places + 1, 1 - places) / 2
            places = 2 * (block + along) / self.blocks - 1
        return places


class RFSQ(_CoordinateQuantizer):
    """Residual finite scalar quantisation: each level divides each axis of what is left into as many steps."""

    def __init__(self, size: int, depth: int, half_side: float, *, commitment_weight: float) -> None:
        steps = round(size ** (1 / 3))
        steps -= steps**3 > size
        super().__init__(half_side, steps**depth, commitment_weight)
        self.codebook_sizes = (steps**3,) * depth
        self.library = ResidualFSQ(levels=[steps] * 3, num_quantizers=depth)
        self.reach = steps / (steps - 1)  # the outermost value, 1, stands for a step that ends here

    def _quantise(self, places: Tensor) -> tuple[Tensor, Tensor]:
        # The library bends its input by tanh, which would make steps near the border wider.
        _, codes = self.library(self.reach * places.atanh()[None])
        return codes[0].long(), places.new_zeros(())

    def vectors(self, codes: Tensor) -> Tensor:
        return self._in_cells(_sum_of_codes(self.library.codebooks * self.library.scales[:, None], codes) / self.reach)


def _sum_of_codes(codebooks: Sequence[Tensor], codes: Tensor) -> Tensor:
    """Codes [..., D] in codebooks D x [K, C] -> the sum of their vectors [..., C]."""
    return sum(book[code] for book, code in zip(codebooks, codes.unbind(dim=-1), strict=True))


_FIRST, _OTHER = "layers.0._codebook.", re.compile(r"layers\.[1-9]\d*\._codebook\.")


def _drop_aliases(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """All levels hold the one shared codebook; it is saved once, under the first."""
    for name in [name for name in state if name.startswith(prefix) and _OTHER.match(name.removeprefix(prefix))]:
        del state[name]


def _add_aliases(module: RVQ, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    for name in [name for name in state if name.startswith(prefix + _FIRST)]:
        for level in range(1, len(module.layers)):
            state[name.replace("layers.0.", f"layers.{level}.", 1)] = state[name]
