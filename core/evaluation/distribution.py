# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How alike two sets of shapes are: coverage, minimum matching distance and 1-nearest-neighbour accuracy.

After Achlioptas et al. (arXiv 1707.02392) and Yang et al. (PointFlow, arXiv 1906.12320), on Chamfer distances.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .clouds import chamfer, chamfer_among


class Reference:
    """A set of clouds [R, M, 3] that generated ones are compared with."""

    def __init__(self, clouds: Tensor) -> None:
        self.clouds = clouds
        self.among = chamfer_among(clouds)

    def compare(self, generated: Tensor) -> dict[str, float]:
        """Of generated clouds [G, M, 3]. coverage: share of the reference that is nearest to some generated one, high
        is good. mmd: mean distance of the reference to the nearest generated one, times 1,000, low is good.
        one_nna: how often the nearest neighbour tells which set a cloud is of; 0.5 is best.
        """
        across = chamfer(generated, self.clouds)
        among = chamfer_among(generated)
        return {
            "coverage": len(across.argmin(dim=1).unique()) / len(self.clouds),
            "mmd": float(across.amin(dim=0).mean()) * 1e3,
            "one_nna": one_nearest_neighbour_accuracy(among, across, self.among),
        }


def one_nearest_neighbour_accuracy(generated: Tensor, across: Tensor, reference: Tensor) -> float:
    """From distances among generated [G, G], between [G, R] and among the reference [R, R]."""
    whole = torch.cat([torch.cat([generated, across], dim=1), torch.cat([across.T, reference], dim=1)])
    whole = whole.clone().fill_diagonal_(torch.inf)
    is_reference = torch.arange(len(whole)) >= len(generated)
    return float((is_reference[whole.argmin(dim=1)] == is_reference).float().mean())
