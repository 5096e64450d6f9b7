# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""LatticeTokenizer: exact for every mesh, whatever the splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import LatticeTokenizer, MeshGPTError, TriangleMesh
from core.mesh import LatticeMesh
from core.tokenizers import tokenizer_from_config
from core.tokenizers.lattice import AXIS_BY_AXIS, COARSE_TO_FINE

from .strategies import triangle_soups

BY_HALVES = ((8, 1, 1), (16, 1, 1), (1, 128, 1), (1, 1, 64), (1, 1, 2))
SPLITS = [
    AXIS_BY_AXIS,
    BY_HALVES,
    COARSE_TO_FINE,
    ((8, 8, 8), (16, 16, 16)),
    ((128, 128, 128),),
    ((2, 1, 4), (1, 8, 2), (4, 1, 1)),
]


@given(triangle_soups(), st.sampled_from(SPLITS))
def test_round_trip_is_exact(mesh: TriangleMesh, splits: tuple) -> None:
    tokenizer = LatticeTokenizer(splits)
    lattice = mesh.quantised(tokenizer.levels)
    codes = tokenizer.encode(mesh)
    assert codes.shape == (len(lattice.faces), 3, len(splits)) and codes.dtype == np.int64
    assert (codes >= 0).all() and (codes < tokenizer.codebook_sizes).all()
    decoded = tokenizer.decode(codes)
    expected = lattice.to_mesh()
    assert np.array_equal(decoded.vertices[decoded.faces], expected.vertices[expected.faces])
    assert len(decoded.vertices) == len(lattice.positions)  # welded


@pytest.mark.parametrize("splits", SPLITS)
def test_every_cell_has_its_own_codes_and_order_key(splits: tuple) -> None:
    tokenizer = LatticeTokenizer(splits)
    rng = np.random.default_rng(0)
    positions = np.unique(rng.integers(tokenizer.levels, size=(500, 3)), axis=0)
    codes = tokenizer.encode_positions(positions)
    assert len(np.unique(codes, axis=0)) == len(positions)
    assert np.array_equal(np.stack(tokenizer.lattice_positions(codes), axis=-1), positions)
    assert np.array_equal(tokenizer.codes_of_keys(tokenizer.order_keys(codes)), codes)
    lexicographic = positions[np.lexsort(codes.T[::-1])]
    if tokenizer.codes_in_order:
        assert np.array_equal(lexicographic, positions[np.lexsort(positions.T)])
    by_key = positions[np.argsort(tokenizer.order_keys(codes))]
    assert np.array_equal(by_key, positions[np.lexsort(positions.T)])


def test_positions_are_the_same_for_tensors_and_arrays() -> None:
    tokenizer = LatticeTokenizer(COARSE_TO_FINE)
    codes = np.random.default_rng(0).integers(0, tokenizer.codebook_sizes, size=(5, 7, 3))
    tensor = tokenizer.positions(torch.from_numpy(codes))
    assert isinstance(tensor, torch.Tensor)
    assert np.allclose(tensor.numpy(), tokenizer.positions(codes)) and abs(tensor).max() < 1


def test_config_builds_the_same_tokenizer() -> None:
    tokenizer = LatticeTokenizer(COARSE_TO_FINE)
    again = tokenizer_from_config(tokenizer.config())
    assert again.splits == tokenizer.splits and again.levels == 128 and again.codebook_sizes == (512, 64, 64)


def test_which_codes_sort_like_their_vertices() -> None:
    in_order = [LatticeTokenizer(splits).codes_in_order for splits in (AXIS_BY_AXIS, BY_HALVES, COARSE_TO_FINE)]
    assert in_order == [True, True, False]
    assert not LatticeTokenizer(AXIS_BY_AXIS[::-1]).codes_in_order


def test_bad_splits_and_kinds_are_refused() -> None:
    with pytest.raises(MeshGPTError, match="refine"):
        LatticeTokenizer(((8, 8, 8), (4, 4, 2)))
    with pytest.raises(MeshGPTError, match="sphere"):
        tokenizer_from_config({"kind": "sphere"})
    mesh = LatticeMesh(np.zeros((3, 3), int), np.array([[0, 1, 2]]), 64)
    with pytest.raises(MeshGPTError, match="64 levels"):
        LatticeTokenizer().encode(mesh)
