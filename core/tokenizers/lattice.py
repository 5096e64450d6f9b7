# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lossless tokenizer: a vertex's quantised position, split into residual codes. Nothing to train, exact for
every mesh.
"""

from __future__ import annotations

import math
import operator
import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import MeshGPTError
from ..mesh import LatticeMesh, TriangleMesh

# Each residual level refines z, y and x by these factors. COARSE_TO_FINE is a residual FSQ of [8, 8, 8], [4, 4, 4], [4,
# 4, 4]; AXIS_BY_AXIS names one coordinate a level. docs/ARCHITECTURE.md has the measurement that chose the default.
COARSE_TO_FINE = ((8, 8, 8), (4, 4, 4), (4, 4, 4))
AXIS_BY_AXIS = ((128, 1, 1), (1, 128, 1), (1, 1, 128))

_MOST_LEVELS = 2**20  # so that a cell's number fits an int64


def _are_factors(levels: tuple[tuple[int, ...], ...]) -> bool:
    """Whether there are levels, a few, of three factors each."""
    return 1 <= len(levels) <= 64 and all(len(level) == 3 and min(level) >= 1 for level in levels)


def _dividing(level: tuple[int, ...]) -> list[tuple[int, int]]:
    """Axes and factors that refine anything: on a GPU each operation counts, also those that change nothing."""
    return [(axis, factor) for axis, factor in enumerate(level) if factor > 1]


class LatticeTokenizer:
    """Codes of a vertex = digits of its lattice position in a mixed radix, coarsest digit first.

    `splits`: for each residual level the factors (z, y, x) by which it refines a cell; over all levels the product of
    each axis is the lattice's number of cells. A level's code is z-major: `(z * ny + y) * nx + x`.
    """

    kind = "lattice"

    def __init__(self, splits: Sequence[Sequence[int]] = AXIS_BY_AXIS) -> None:
        try:
            levels = tuple(tuple(map(operator.index, level)) for level in splits)
        except TypeError:
            levels = ()
        sizes = {math.prod(level[axis] for level in levels) for axis in range(3)} if _are_factors(levels) else ()
        if len(sizes) != 1 or max(sizes) > _MOST_LEVELS:
            raise MeshGPTError(
                f"The lattice splits {reprlib.repr(splits)} do not refine the three axes alike.",
                f"Give factors (z, y, x) for each level, with the same product of each axis, at most {_MOST_LEVELS}.",
            )
        self.splits = levels
        self.levels = sizes.pop()
        self.codebook_sizes = tuple(math.prod(level) for level in self.splits)

    def encode(self, mesh: TriangleMesh | LatticeMesh) -> np.ndarray:
        """Codes int64 [F, 3, D] of the mesh in canonical order."""
        if isinstance(mesh, TriangleMesh):
            mesh = mesh.quantised(self.levels)
        if mesh.levels != self.levels:
            raise MeshGPTError(
                f"The mesh lies on a lattice of {mesh.levels} levels, the tokenizer's has {self.levels}.",
                "Quantise the mesh with the tokenizer's levels.",
            )
        return self.encode_positions(mesh.positions)[mesh.faces]

    def encode_positions(self, positions: np.ndarray) -> np.ndarray:
        """Lattice positions int64 [..., 3] (x, y, z) -> codes int64 [..., D]."""
        return np.stack(self._digits([positions[..., axis] for axis in range(3)]), axis=-1)

    def _digits(self, positions: list[Any]) -> list[Any]:
        """Coordinates x, y, z, each [...], -> one code [...] a level."""
        rest = positions[::-1]
        cell = [self.levels] * 3
        codes = []
        for level in self.splits:
            code = None
            for axis, factor in _dividing(level):
                cell[axis] //= factor
                digit = rest[axis]
                if cell[axis] > 1:
                    digit, rest[axis] = digit // cell[axis], digit % cell[axis]
                code = digit if code is None else code * factor + digit
            codes.append(rest[0] * 0 if code is None else code)
        return codes

    def lattice_positions(self, codes: Any) -> Any:
        """Codes [..., D] -> lattice coordinates as a list [x, y, z] of integer arrays (or tensors) [...]."""
        axes: list[Any] = [None] * 3  # z, y, x
        for index, level in enumerate(self.splits):
            code = codes[..., index]
            below = size = math.prod(level)
            for axis, factor in _dividing(level):
                below //= factor
                digit = code // below if below > 1 else code
                digit = digit % factor if below * factor < size else digit
                axes[axis] = digit if axes[axis] is None else axes[axis] * factor + digit
        return [codes[..., 0] * 0 if axis is None else axis for axis in reversed(axes)]

    def positions(self, codes: Any) -> Any:
        """Codes [..., D] -> cell centres [..., 3] in [-1, 1] (x, y, z); NumPy in, NumPy out, tensor in, tensor out."""
        axes = self.lattice_positions(codes)
        if isinstance(codes, np.ndarray):
            cells = np.stack(axes, axis=-1)
        else:
            import torch

            cells = torch.stack(axes, dim=-1)
        return (cells + 0.5) * (2 / self.levels) - 1

    def decode_from_codes_to_faces(self, codes: Any) -> Any:
        """Codes int64 tensor [B, F, 3, D], -1 where there is no face -> coordinates [B, F, 3, 3], NaN there."""
        missing = (codes < 0).flatten(-2).any(dim=-1)
        return self.positions(codes).masked_fill(missing[..., None, None], math.nan)

    def order_keys(self, codes: Any) -> Any:
        """Codes [..., D] -> integers [...] that sort vertices canonically (z-y-x)."""
        x, y, z = self.lattice_positions(codes)
        return (z * self.levels + y) * self.levels + x

    @property
    def codes_in_order(self) -> bool:
        """Whether codes sort like order keys: one coordinate after the other, z, y, x, each in as many codes as it
        takes.
        """
        axes = [axis for level in self.splits for axis, factor in enumerate(level) if factor > 1]
        return axes == sorted(axes) and all(sorted(level)[1] == 1 for level in self.splits)

    def codes_of_keys(self, keys: Any) -> Any:
        """Order keys [...] -> codes [..., D], the inverse of `order_keys`; a tensor for a tensor."""
        levels = self.levels
        positions = [keys % levels, keys // levels % levels, keys // (levels * levels)]
        if isinstance(keys, np.ndarray):
            return self.encode_positions(np.stack(positions, axis=-1))
        import torch

        return torch.stack(self._digits(positions), dim=-1)

    def decode(self, codes: np.ndarray) -> TriangleMesh:
        """The mesh in [-1, 1] of codes [F, 3, D], exactly as given: order kept, vertices welded by position."""
        codes = np.asarray(codes, np.int64)
        unique, faces = np.unique(codes.reshape(-1, len(self.splits)), axis=0, return_inverse=True)
        return TriangleMesh(self.positions(unique), faces.reshape(-1, 3))

    def config(self) -> dict[str, Any]:
        return {"kind": self.kind, "splits": [list(level) for level in self.splits]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LatticeTokenizer:
        return cls(config.get("splits"))

    def __repr__(self) -> str:
        return f"LatticeTokenizer({self.levels} levels, codebooks {self.codebook_sizes})"
