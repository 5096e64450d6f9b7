# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets and augmentation: what is read, how it is split, and that a variant is still the same thing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import MeshGPTError, TriangleMesh
from core.data.augment import AugmentConfig, augment
from core.data.captions import captions
from core.data.dataset import MeshDataset, Sample, epoch_batches, label_from_name, length_buckets, load_dataset
from core.data.procedural import procedural_meshes
from core.mesh import LatticeMesh
from core.meshio import save_mesh

from .strategies import triangle_soups

SHAPES = procedural_meshes(24, seed=3)


def write_archive(folder: Path, meshes: list[TriangleMesh], records: list[dict] | None) -> Path:
    vertex_offsets = np.cumsum([0] + [len(m.vertices) for m in meshes])
    face_offsets = np.cumsum([0] + [len(m.faces) for m in meshes])
    np.savez(
        folder / "set.npz",
        vertices=np.concatenate([m.vertices for m in meshes]),
        faces=np.concatenate([m.faces for m in meshes]).astype(np.int32),
        vertex_offsets=vertex_offsets,
        face_offsets=face_offsets,
    )
    if records is not None:
        (folder / "set.json").write_text(json.dumps(records))
    return folder / "set.npz"


def test_an_archive_gives_its_meshes_with_their_records(tmp_path: Path) -> None:
    meshes = [mesh for mesh, _ in SHAPES[:3]]
    record = {"label": "round table", "head": "table", "theme": "home", "category": "furniture/table", "creator": "A"}
    dataset = load_dataset(write_archive(tmp_path, meshes, [record, {**record, "creator": "B"}, {"name": "slab"}]))
    assert [len(s.mesh.faces) for s in dataset] == [len(m.faces) for m in meshes]
    first, second, third = dataset
    assert first.family != second.family and third.label == "slab"
    assert dict(first.prompts()).keys() == {"round table", "table", "home round table", "furniture table"}
    assert list(dataset.word_counts()) == ["furniture", "home", "round", "slab", "table"]


def test_a_broken_mesh_is_left_out_and_named(tmp_path: Path) -> None:
    mesh = SHAPES[0][0]
    path = write_archive(tmp_path, [mesh, mesh], [{"label": "good"}, {"label": "bad"}])
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["vertices"][len(mesh.vertices)] = np.nan
    np.savez(path, **arrays)
    dataset = load_dataset(path)
    assert [s.label for s in dataset] == ["good"] and "bad" in dataset.skipped[0]


def test_a_folder_gives_its_files_with_labels_from_their_names(tmp_path: Path) -> None:
    save_mesh(SHAPES[0][0], tmp_path / "tableRound_02.obj")
    (tmp_path / "broken.obj").write_text("nothing")
    dataset = load_dataset(tmp_path)
    assert [s.label for s in dataset] == ["table round"] and "broken.obj" in dataset.skipped[0]


@pytest.mark.parametrize(
    ("name", "label"),
    [("Chair_A", "chair"), ("wall-corner-01", "wall corner"), ("3", "mesh"), ("bigRedBarn", "big red barn")],
)
def test_labels_are_the_words_of_a_name(name: str, label: str) -> None:
    assert label_from_name(name) == label


@pytest.mark.parametrize("source", ["nowhere", "nowhere.npz"])
def test_a_missing_data_set_says_what_may_be_given(source: str, tmp_path: Path) -> None:
    with pytest.raises(MeshGPTError, match="no data set") as caught:
        load_dataset(tmp_path / source)
    assert "folder" in caught.value.hint


def test_damaged_and_mismatched_archives_are_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path, [SHAPES[0][0]], [{}, {}])
    with pytest.raises(MeshGPTError, match="2 records for 1 meshes"):
        load_dataset(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(MeshGPTError, match="cannot be read"):
        load_dataset(path)


def test_no_mesh_within_the_limit_is_an_error() -> None:
    with pytest.raises(MeshGPTError, match="between 1 and 2 faces"):
        load_dataset("procedural:4").filtered(2)


@given(st.integers(0, 2**32 - 1), st.sampled_from(range(len(SHAPES))))
def test_augmented_meshes_are_canonical_and_keep_their_winding(seed: int, index: int) -> None:
    mesh, _ = SHAPES[index]
    result = augment(mesh, np.random.default_rng(seed), AugmentConfig())
    again = LatticeMesh.canonical(result.positions, result.faces, result.levels)
    assert np.array_equal(again.faces, result.faces) and result.positions.min() >= 0 and result.positions.max() < 128
    if mesh.report().watertight and len(result.faces) == len(mesh.faces):
        corners = result.corners().astype(float)
        volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
        assert volume > 0  # still outward, mirrored or not


@given(triangle_soups(), st.integers(0, 2**32 - 1))
def test_any_mesh_can_be_augmented(mesh: TriangleMesh, seed: int) -> None:
    try:
        mesh.quantised()
    except MeshGPTError:
        return  # nothing is left of it even as it is
    assert len(augment(mesh, np.random.default_rng(seed), AugmentConfig()).faces)


def test_augmentation_makes_variants() -> None:
    mesh = SHAPES[0][0]
    rng = np.random.default_rng(0)
    variants = {augment(mesh, rng, AugmentConfig()).positions.tobytes() for _ in range(20)}
    assert len(variants) == 20
    still = AugmentConfig(scale=(1, 1), yaws=False, mirror=False, shift=0)
    assert np.array_equal(augment(mesh, rng, still).positions, mesh.quantised().positions)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_an_epoch_has_every_mesh_in_batches_of_few_shapes(lengths: list[int], seed: int) -> None:
    edges = [16, 32, 64]
    buckets = length_buckets(lengths, edges)
    inside = {i for i, length in enumerate(lengths) if length <= 64}
    batches = epoch_batches(buckets, 128, np.random.default_rng(seed))
    assert {i for _, members in batches for i in members} == inside
    for edge, members in batches:
        assert len(members) == 128 // edge and all(lengths[i] <= edge for i in members)
    plain = [i for _, members in epoch_batches(buckets, 128, None) for i in members]
    assert sorted(plain) == sorted(inside)


def test_prompt_weights_are_probabilities_of_what_exists() -> None:
    bare = Sample(SHAPES[0][0], "slab", "slab")
    assert [prompt for prompt, _ in bare.prompts()] == ["slab"]


def test_a_family_keeps_its_side_whatever_joins_the_data() -> None:
    data = load_dataset("procedural:200")
    few = MeshDataset(data.samples[:120])
    sides = [{sample.kin: number for number, part in enumerate(d.split(0.2)) for sample in part} for d in (data, few)]
    assert all(sides[0][family] == side for family, side in sides[1].items()) and set(sides[1].values()) == {0, 1}
    assert data.split(0.2)[1].samples == data.split(0.2)[1].samples != data.split(0.2, seed=1)[1].samples


def test_a_moved_folder_keeps_its_split(tmp_path: Path) -> None:
    sides = []
    for name in ("here", "there"):
        for index, (mesh, label) in enumerate(SHAPES[:8]):
            save_mesh(mesh, tmp_path / name / "kit" / f"{label} {index}.obj")
        sides.append([sample.label for sample in load_dataset(tmp_path / name).split(0.3)[1]])
    assert sides[0] == sides[1]


def test_levels_of_detail_are_trained_on_and_never_validated_on(tmp_path: Path) -> None:
    meshes = [mesh for mesh, _ in SHAPES for _ in range(2)]
    names = [f"thing {index}" for index in range(len(SHAPES))]
    records = [{"label": name, **more} for name in names for more in ({}, {"derived": {"of": name}})]
    train, validation = load_dataset(write_archive(tmp_path, meshes, records)).split(0.3)
    assert 0 < len(validation) < len(SHAPES) and not any(sample.derived_from for sample in validation)
    assert not {sample.kin for sample in train} & {sample.kin for sample in validation}
    assert sum(sample.derived_from is not None for sample in train) * 2 == len(train)


def test_meshes_that_a_lattice_flattens_are_left_out() -> None:
    thick, _ = SHAPES[1]
    thin = TriangleMesh(thick.vertices * (1, 1, 1e-4), thick.faces)
    data = MeshDataset((Sample(thick, "table"), Sample(thin, "sheet")))
    kept = data.fitting(128, 0.1)
    assert [sample.label for sample in kept] == ["table"] and "1 mesh" in kept.skipped[-1]
    assert len(data.fitting(128, 1.0)) == 2 and data.fitting(2**20, 0.1).skipped == ()
    with pytest.raises(MeshGPTError, match="too fine"):
        MeshDataset((data.samples[1],)).fitting(128, 0.1)


def test_captions_say_a_thing_in_all_its_names() -> None:
    found = dict(captions("old sofa", "sofa", "home", "furniture/sofa"))
    assert found.keys() == {"old sofa", "sofa", "old couch", "old settee", "home old sofa", "furniture sofa"}
    assert found["old sofa"] == max(found.values()) and found["old couch"] == found["old settee"]
    assert captions("thing") == [("thing", 0.5)]
