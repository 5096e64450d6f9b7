# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedural shapes are sound meshes, varied, called what they are, and the same for the same seed."""

from collections import defaultdict
from functools import cache

import numpy as np
import pytest

from core import TriangleMesh
from core.data.dataset import load_dataset
from core.data.families import FAMILIES, Draw
from core.data.procedural import draw_shape, procedural_meshes, procedural_samples
from core.data.solids import arc, ball, box, extrude, frustum, loft, placed, tube, vessel, volume
from core.mesh import face_adjacency

NOUNS = [family.noun for family in FAMILIES]
each_family = pytest.mark.parametrize("noun", NOUNS)
MEMBERS = 24


@cache
def members(noun, count=MEMBERS):
    index = NOUNS.index(noun)
    return [draw_shape(FAMILIES[index], np.random.default_rng([7, index, i])) for i in range(count)]


def normals(vertices, faces):
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    across = np.cross(b - a, c - a)
    return across / np.linalg.norm(across, axis=1, keepdims=True)


def assert_solid(vertices, faces, what=""):
    """One closed piece, wound outwards, no face of which lies folded on its neighbour."""
    report = TriangleMesh(vertices, faces).report()
    assert report.watertight and report.components == 1 and report.degenerate == report.duplicate == 0, what
    assert volume(vertices, faces) > 0, what
    first, second = face_adjacency(faces)
    normal = normals(vertices, faces)
    assert np.einsum("ni,ni->n", normal[first], normal[second]).min() > -0.99, what


@each_family
def test_every_part_is_a_solid(noun):
    for shape in members(noun):
        for index, part in enumerate(shape.parts):
            assert_solid(*part, f"part {index} of {shape.label} {shape.parameters}")


@each_family
def test_meshes_are_sound_stand_on_the_ground_and_are_low_poly(noun):
    for shape in members(noun):
        report = shape.mesh.report()
        assert report.watertight and report.degenerate == report.duplicate == 0, shape.parameters
        assert shape.mesh.bounds()[0][2] == 0, shape.parameters
        assert 4 <= len(shape.mesh.faces) <= 800


@each_family
def test_quantising_keeps_the_faces(noun):
    for shape in members(noun):
        assert len(shape.mesh.quantised(128).faces) >= 0.95 * len(shape.mesh.faces), shape.parameters


def test_most_shapes_have_20_to_300_faces():
    counts = [len(shape.mesh.faces) for noun in NOUNS for shape in members(noun)]
    assert np.mean([20 <= count <= 300 for count in counts]) > 0.9 and 80 < np.median(counts) < 130


@each_family
def test_members_differ_in_shape_and_caption(noun):
    shapes = members(noun)
    extents = {tuple((shape.mesh.bounds()[1] - shape.mesh.bounds()[0]).round(5)) for shape in shapes}
    vertices = {shape.mesh.vertices.tobytes() for shape in shapes}
    assert len(vertices) == len(shapes) and len(extents) > 1
    assert len({shape.label for shape in shapes}) >= 2


@each_family
def test_the_variant_decides_the_faces(noun):
    """A family of the split has one topology: its members are the same asset in other proportions."""
    sizes = defaultdict(set)
    for shape in members(noun):
        sizes[shape.family].add((len(shape.mesh.faces), tuple(len(faces) for _, faces in shape.parts)))
    assert all(len(found) == 1 for found in sizes.values())


@each_family
def test_labels_end_with_their_head(noun):
    for shape in members(noun):
        assert shape.label.endswith(noun) and shape.label.split()[-1] == shape.head == noun.split()[-1]
        assert shape.category and shape.category == shape.category.lower()


def test_the_five_groups_are_there():
    categories = {family.category for family in FAMILIES}
    assert len(NOUNS) == len(set(NOUNS)) >= 60
    for group in ("furniture/table", "furniture/chair", "furniture/storage", "prop/container", "building"):
        assert group in categories
    assert {"nature/tree", "nature/plant", "prop/tool", "weapon"} <= categories


@pytest.mark.parametrize(
    ("noun", "words", "holds"),
    [
        ("stool", "three legged", lambda p: p["legs"] == 3),
        ("round table", "four legged", lambda p: p["legs"] == 4),
        ("table", "square", lambda p: p["square"]),
        ("bed", "double", lambda p: p["double"]),
        ("bed", "single", lambda p: not p["double"]),
        ("shelf", "tall", lambda p: p["rows"] == 5),
        ("shelf", "low", lambda p: p["rows"] == 2),
        ("shelf", "narrow", lambda p: p["width"] < 0.76),
        ("cabinet", "double door", lambda p: p["doors"] == 2),
        ("sofa", "corner", lambda p: p["corner"]),
        ("tower", "hexagonal", lambda p: p["sides"] == 6),
        ("tower", "round", lambda p: p["sides"] == 10),
        ("house", "two story", lambda p: p["stories"] == 2),
        ("house", "steep", lambda p: p["pitch"] > 1.12),
        ("hut", "stilt", lambda p: p["stilts"]),
        ("wall", "castle", lambda p: p["merlons"] > 0),
        ("chest", "flat", lambda p: p["lid"] == 0),
        ("cart", "two wheeled", lambda p: p["wheels"] == 2),
        ("axe", "double", lambda p: p["double"]),
        ("sword", "curved", lambda p: p["curved"]),
        ("hammer", "claw", lambda p: p["claw"]),
        ("shovel", "pointed", lambda p: p["pointed"]),
        ("ladder", "long", lambda p: p["rungs"] == 7),
    ],
)
def test_captions_say_what_the_parameters_are(noun, words, holds):
    said = [(words in shape.label.removesuffix(noun), holds(shape.parameters)) for shape in members(noun, 80)]
    assert any(word for word, _ in said) and not all(word for word, _ in said)
    assert all(true for word, true in said if word)


@pytest.mark.parametrize(("less", "more"), [("low", "tall"), ("flat", "tall"), ("shallow", "deep")])
def test_tall_things_are_taller_than_low_ones(less, more):
    found = 0
    for noun in NOUNS:
        heights = defaultdict(list)
        for shape in members(noun, 40):
            low, high = shape.mesh.bounds()
            heights[shape.label.split()[0]].append((high - low)[2] / (high - low)[:2].max())
        if heights[less] and heights[more]:
            found += 1
            assert np.mean(heights[less]) < np.mean(heights[more]), noun
    assert found


def test_a_label_has_at_most_one_word_of_a_kind():
    draw = Draw(np.random.default_rng(0))
    for name in "abc":
        draw.whole(name, 3, 3, {3: f"feature {name}"})
    assert draw.label("thing") == "feature a thing" and draw.variant() == "a=3 b=3 c=3"
    values = [Draw(np.random.default_rng(seed)) for seed in range(200)]
    drawn = [(d.real("height", 1.0, 2.0, "low", "tall"), d.label("thing")) for d in values]
    assert {label for _, label in drawn} == {"low thing", "thing", "tall thing"}
    for height, label in drawn:
        assert label == ("low thing" if height < 1.25 else "tall thing" if height > 1.75 else "thing")


def test_families_come_in_turn_and_small_ones_first():
    shapes = procedural_samples(2 * len(FAMILIES), seed=11)
    assert [shape.family[0] for shape in shapes] == NOUNS * 2
    assert np.median([len(shape.mesh.faces) for shape in procedural_samples(16)]) < 80
    # Any stretch has something of each group.
    after = {shape.category.split("/")[0] for shape in shapes[20:30]}
    assert {"furniture", "building", "nature", "prop"} <= after


def test_a_seed_names_the_meshes_whatever_the_count():
    few, many = procedural_meshes(5, seed=4), procedural_meshes(30, seed=4)
    for (a, name_a), (b, name_b) in zip(few, many, strict=False):
        assert name_a == name_b
        np.testing.assert_array_equal(a.vertices, b.vertices)
        np.testing.assert_array_equal(a.faces, b.faces)
    assert not np.array_equal(procedural_meshes(1, seed=5)[0][0].vertices, few[0][0].vertices)


def test_samples_and_meshes_are_the_same_shapes():
    for shape, (mesh, label) in zip(procedural_samples(12, seed=2), procedural_meshes(12, seed=2), strict=True):
        assert shape.label == label
        np.testing.assert_array_equal(shape.mesh.vertices, mesh.vertices)


def test_the_data_set_knows_heads_categories_and_families():
    dataset = load_dataset("procedural:200")
    table = next(sample for sample in dataset if sample.family[0] == "round table")
    assert table.head == "table" and table.category == "furniture/table"
    assert {"table", "furniture table"} <= {prompt for prompt, _ in table.prompts()}
    train, validation = dataset.split(0.1)
    assert not {sample.kin for sample in train} & {sample.kin for sample in validation}
    assert len(train) + len(validation) == 200 and 5 <= len(validation) <= 60


def test_a_box_has_its_volume():
    vertices, faces = box((0, 0, 0), (1, 2, 3))
    assert len(vertices) == 8 and len(faces) == 12 and volume(vertices, faces) == pytest.approx(6)


def test_a_loft_to_a_point_is_a_tip():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    tip = np.broadcast_to([0.5, 0.5, 1.0], (4, 3))
    for rings in ([square, tip], [tip, square]):
        vertices, faces = loft(rings)
        assert (len(vertices), len(faces)) == (5, 6)


@pytest.mark.parametrize(
    "part",
    [
        ball(1, (3, 0, 0)),
        ball(1, (0, 0, 0), fine=True),
        frustum([(1, 1, 0), (0.5, 2, 1), (1, 1, 2)]),
        vessel([(0.5, 0), (1, 1)], 0.1, 7),
        tube([(x, 0, z) for x, z in arc(1, 0, 3, 6)], 0.1, 5),
        tube([(0, 0, 0), (0, 0, 1), (0.3, 0.2, 2)], [0.2, 0.1, 0], 4),
        placed(extrude([(0, 0), (1, 0), (0, 1)], 0, 1), (1, 2, 3), spin=2, tilt=1, scale=(1, 2, 3)),
    ],
    ids=["ball", "fine ball", "frustum", "vessel", "bent rod", "pointed rod", "placed"],
)
def test_the_parts_are_solids(part):
    assert_solid(*part)


def test_a_fine_ball_is_nearly_one():
    assert volume(*ball(1, (0, 0, 5), fine=True)) == pytest.approx(4 / 3 * np.pi, rel=0.15)


def test_a_tilted_part_leans_to_x_and_spins_from_there():
    rod = box((-0.1, -0.1, 0), (0.1, 0.1, 1))
    middle = placed(rod, (0, 0, 2), spin=np.pi / 2, tilt=np.pi / 2)[0].mean(axis=0)
    assert middle == pytest.approx([0, 0.5, 2])
