# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures of an evaluation on sets whose answers are known, and the whole protocol on a tiny model."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from core.checkpoint import Checkpoint, load_checkpoint, save_transformer
from core.data.dataset import MeshDataset, Sample, load_dataset
from core.data.procedural import procedural_meshes
from core.errors import MeshGPTError
from core.evaluation import PARTS, evaluate
from core.evaluation.alignment import train_classifier
from core.evaluation.clouds import chamfer, chamfer_among, chamfer_pairs, point_clouds, turned
from core.evaluation.distribution import Reference, one_nearest_neighbour_accuracy
from core.evaluation.generated import Wish, make, nonmanifold_share, noun_wishes, soundness, writer_of
from core.evaluation.jobs import lower_half, subdivided
from core.evaluation.novelty import TrainingShapes
from core.evaluation.synonyms import synonym_pairs, synonyms
from core.evaluation.writers import Writers
from core.mesh import TriangleMesh
from core.nn.heads import END
from core.surface import compare_surfaces
from core.tables import markdown
from core.tokenizers.lattice import LatticeTokenizer
from core.transformer import MeshTransformer
from core.transformer_config import TransformerConfig
from core.vocabulary import Vocabulary

MESHES = [mesh for mesh, _ in procedural_meshes(24, 0)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Random weights that know all conditions and end a mesh every dozen faces."""
    torch.manual_seed(0)
    sizes = {"dim": 16, "depth": 1, "heads": 2, "head_width": 16, "head_depth": 1, "max_faces": 200}
    config = TransformerConfig(**sizes, step="face", edges=True, completion=True, point_latents=2)
    model = MeshTransformer(LatticeTokenizer(), Vocabulary(["table"], buckets=8), config)
    with torch.no_grad():
        model.head.gate.bias[END] = -2.0
    return load_checkpoint(save_transformer(tmp_path_factory.mktemp("model") / "tiny", model, {}), "cpu")


def scaled(mesh: TriangleMesh, *factors: float) -> TriangleMesh:
    return TriangleMesh(mesh.vertices * factors, mesh.faces)


def test_chamfer_distance_against_a_tree() -> None:
    a, b = point_clouds(MESHES[:3], 200), point_clouds(MESHES[3:8], 200, seed=9)
    found = chamfer(a, b)
    for i, one in enumerate(a.numpy()):
        for j, other in enumerate(b.numpy()):
            there, back = cKDTree(other).query(one)[0], cKDTree(one).query(other)[0]
            assert float(found[i, j]) == pytest.approx((there**2).mean() + (back**2).mean(), abs=1e-5)
    torch.testing.assert_close(chamfer_pairs(a, b[:3]), found.diagonal(), atol=1e-6, rtol=0)


def test_distances_among_clouds_are_the_same_both_ways() -> None:
    clouds = point_clouds(MESHES[:10], 300)
    among = chamfer_among(clouds)
    torch.testing.assert_close(among, chamfer(clouds, clouds), atol=1e-6, rtol=0)
    assert torch.equal(among, among.T) and float(among.diagonal().abs().max()) < 1e-5 < float(among[0, 1])


def test_clouds_do_not_depend_on_where_and_how_large_a_mesh_is() -> None:
    moved = TriangleMesh(MESHES[0].vertices * 7 + [10, -3, 2], MESHES[0].faces)
    torch.testing.assert_close(point_clouds([moved]), point_clouds([MESHES[0]]), atol=1e-4, rtol=0)


def test_the_eight_variants_are_different_and_keep_their_shape() -> None:
    cloud = point_clouds([MESHES[5]], 100)
    variants = turned(cloud)[0]
    assert torch.equal(variants[0], cloud[0]) and len({v.numpy().tobytes() for v in variants}) == 8
    distances = torch.cdist(variants, variants)
    torch.testing.assert_close(distances, distances[:1].expand(8, -1, -1), atol=1e-3, rtol=0)


def test_a_set_compared_with_itself_and_with_others() -> None:
    reference = Reference(point_clouds(MESHES[:8], 256))
    same = reference.compare(point_clouds(MESHES[:8], 256))
    assert same["coverage"] == 1 and same["mmd"] == pytest.approx(0, abs=0.01)
    assert same["one_nna"] == 0  # each shape's nearest neighbour is its copy in the other set
    far = reference.compare(point_clouds([scaled(MESHES[0], 1, 1, 40)] * 8, 256))
    assert far["one_nna"] == 1 and far["coverage"] == 1 / 8 and far["mmd"] > same["mmd"] + 1


def test_nearest_neighbours_cannot_tell_two_halves_of_one_crowd() -> None:
    places = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    distances = torch.cdist(places, places)
    found = one_nearest_neighbour_accuracy(distances[:200, :200], distances[:200, 200:], distances[200:, 200:])
    assert 0.4 < found < 0.6


def test_novelty_sees_through_turning_and_mirroring() -> None:
    shapes = TrainingShapes(MESHES)
    turned_mesh = TriangleMesh(MESHES[9].vertices[:, [1, 0, 2]], MESHES[9].faces[:, ::-1])
    distances, which = shapes.nearest(point_clouds([turned_mesh, scaled(MESHES[9], 1, 1, 9)]))
    assert int(which[0]) == 9 and float(distances[0]) < 0.02 < float(distances[1])


def test_copies_are_found_whatever_their_proportions() -> None:
    detailed = [mesh for mesh in MESHES if len(mesh.quantised().faces) >= 40]
    shapes = TrainingShapes(detailed[:2])
    changed = TriangleMesh(detailed[0].vertices, detailed[0].faces[:-1])
    turned_over = TriangleMesh(detailed[1].vertices[:, [1, 0, 2]], detailed[1].faces[::-1, ::-1])
    assert shapes.copied([scaled(detailed[0], 1, 1.1, 0.95), changed, turned_over]) == [True, False, True]
    sizes = {len(mesh.faces) for mesh in detailed[:2]}  # five boxes are joined like any five boxes
    others = [mesh for mesh in detailed[2:] if len(mesh.faces) not in sizes]
    assert len(others) > 10 and not any(shapes.copied(others))


def test_the_classifier_learns_what_a_prompt_means() -> None:
    samples = [s for s in load_dataset("procedural:700") if s.head in ("table", "tree", "lamp", "bed")]
    nouns = sorted({sample.head for sample in samples})
    clouds, heads = point_clouds([s.mesh for s in samples], 512), [s.head for s in samples]
    half = len(samples) // 2
    model = train_classifier(clouds[:half], heads[:half], nouns, steps=120)
    assert len(nouns) >= 2 and model.accuracy(clouds[half:], heads[half:]) > 0.9
    again = train_classifier(clouds[:half], heads[:half], nouns, steps=120)
    assert again.name(clouds) == model.name(clouds)


def test_wishes_are_for_common_nouns_with_face_counts_of_theirs() -> None:
    data = load_dataset("procedural:200")
    wishes = noun_wishes(data, 30, nouns=3)
    assert len({wish.prompt for wish in wishes}) == 3 and len(wishes) == 30
    sizes = {(sample.head, len(sample.mesh.faces)) for sample in data}
    assert all((wish.prompt, wish.faces) in sizes for wish in wishes) and noun_wishes(data, 30, nouns=3) == wishes


def test_meshes_come_in_the_order_of_their_wishes_and_alone_as_together(tiny: Checkpoint) -> None:
    wishes = [Wish("table", faces) for faces in (90, 10, 40)]
    together = make(Writers(tiny), wishes, seed=3)
    alone = tiny.generate("table", faces=40, seed=5)[0]
    assert [mesh.seed for mesh in together] == [3, 4, 5]
    assert np.array_equal(together[2].codes, alone.codes)
    assert writer_of(tiny).device == "numpy"
    for mesh, same in zip(together, make(Writers(writer_of(tiny)), wishes, seed=3), strict=True):
        assert np.array_equal(mesh.codes, same.codes)
    sound = soundness(together, wishes)
    assert sound["generated"] == 3 and sound["with_duplicate_faces"] == sound["with_degenerate_faces"] == 0
    errors = [abs(len(mesh.faces) / wish.faces - 1) for mesh, wish in zip(together, wishes, strict=True)]
    assert sound["face_count_error"] == pytest.approx(np.median(errors))
    assert soundness([*together, None])["ended"] <= 3 / 4


def test_processes_write_the_same_meshes(tiny: Checkpoint) -> None:
    wishes = [Wish("table", faces) for faces in (10, 90, 0, 40, 60, 20)]
    alone = make(Writers(writer_of(tiny)), wishes, seed=3, temperature=0.9)
    done: list[int] = []
    with Writers(writer_of(tiny), 2) as writers:
        shared = make(
            writers,
            wishes,
            seed=3,
            temperature=0.9,
            advance=lambda: done.append(len(multiprocessing.active_children())),
        )
    assert done == [2] * 6 and not multiprocessing.active_children()
    for mesh, same in zip(alone, shared, strict=True):
        assert np.array_equal(mesh.codes, same.codes) and np.array_equal(mesh.vertices, same.vertices)
        assert mesh.provenance() == same.provenance() and mesh.log_p == same.log_p


def test_a_process_that_dies_is_one_error(tiny: Checkpoint) -> None:
    def kill() -> None:
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(MeshGPTError, match=r"died.*--processes 1"), Writers(writer_of(tiny), 2) as writers:
        make(writers, [Wish("table", 200)] * 12, advance=kill)
    assert not multiprocessing.active_children()


def test_cancelling_ends_the_processes_at_once(tiny: Checkpoint) -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Writers(writer_of(tiny), 2) as writers:
        # The last begins first and is done at once; the others would take minutes.
        writers.map(slowly, [(300,), (300,), (0,)], [1, 0, 2], advance=cancel)
    assert time.monotonic() - start < 100 and not multiprocessing.active_children()


def slowly(checkpoint: Checkpoint, seconds: float) -> None:
    time.sleep(seconds)


def test_the_share_of_edges_with_more_than_two_faces() -> None:
    fan = TriangleMesh([[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0]], [[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    assert nonmanifold_share([fan]) == pytest.approx(1 / 7)


def test_the_lower_half_and_the_dense_twin_of_a_mesh() -> None:
    mesh = max(MESHES, key=lambda mesh: len(mesh.faces))
    half, dense = lower_half(mesh), subdivided(mesh)
    assert len(half.faces) == len(mesh.faces) // 2 and half.bounds()[0][2] == mesh.bounds()[0][2]
    assert len(dense.faces) == 16 * len(mesh.faces)
    assert compare_surfaces(mesh, dense).largest == pytest.approx(0, abs=1e-5)


def test_the_whole_protocol(tiny: Checkpoint) -> None:
    data = load_dataset("procedural:200")
    steps: list[None] = []
    result = evaluate(tiny, data, meshes=12, advance=lambda: steps.append(None), classifier_steps=20)
    assert set(PARTS) <= set(result) and steps
    assert result["tokenizer"]["triangle_accuracy"] == pytest.approx(1)  # the lattice is exact
    rows = ("generated", "training_subset", "moved_training_meshes")
    real, copies = (result["distribution"][row] for row in rows[1:])
    # A model that knows nothing is told from real meshes, and copies are no news.
    assert result["distribution"]["generated"]["one_nna"] > real["one_nna"]
    assert copies["novelty"] < result["nouns"]["novelty"]
    assert result["completion"]["kept_exactly"] == 1 and result["completion"]["meshes"] > 0
    assert result["retopology"]["meshes"] > 0 and 0 < result["retopology"]["mean_error_share"] < 1
    table = markdown(result)
    assert all(part in table for part in PARTS) and "1-NNA" in table


def named(**counts: int) -> MeshDataset:
    return MeshDataset(tuple(Sample(MESHES[0], noun) for noun, count in counts.items() for _ in range(count)))


def test_pairs_of_synonyms_are_of_trained_nouns() -> None:
    data = named(sofa=2, rock=9, road=5, street=3, car=1, cube=20)
    assert synonym_pairs(data) == [("sofa", "couch"), ("car", "automobile"), ("rock", "boulder"), ("road", "street")]
    assert synonym_pairs(data, 3)[-1] == ("rock", "boulder") and synonym_pairs(named(cube=3)) == []
    assert synonym_pairs(named(spaceship=1, spacecraft=2)) == [("spacecraft", "spaceship")]
    assert synonym_pairs(named(spaceship=2, spacecraft=1)) == [("spaceship", "starship")]


class Shaper:
    """Makes boxes, long ones of the words that it knows by another shape."""

    device = "numpy"

    def __init__(self, *tall: str) -> None:
        self.tall = tall

    def generate(self, prompt: str, count: int, faces: int, seed: int) -> list[TriangleMesh]:
        rng = np.random.default_rng(seed)
        size = rng.uniform(0.8, 1.2, 3) * ((1, 1, 4) if prompt in self.tall else (3, 1, 1))
        return [scaled(MESHES[0], *size)]


def test_synonyms_are_told_apart_only_where_they_give_different_things() -> None:
    data = named(sofa=5, car=5)
    same = synonyms(Writers(Shaper("car", "automobile")), data, count=16)
    assert same["pairs"] == 2 and same["generated"] == 64 and same["failed"] == 0
    assert 0.25 < same["one_nna"] < 0.7 and same["one_nna_of_other_nouns"] == 1
    other = synonyms(Writers(Shaper("car", "couch")), data, count=16)["one_nna_of_pairs"]
    assert other == {"sofa/couch": 1, "car/automobile": 1}
    assert "sofa/couch 100.00%" in markdown({"synonyms": {"one_nna_of_pairs": other}})


def test_synonyms_of_procedural_meshes(tiny: Checkpoint) -> None:
    data = load_dataset("procedural:60")
    result = evaluate(tiny, data, parts=["synonyms"])["synonyms"]
    assert result["generated"] == 24 * result["pairs"] > 0 and 0 <= result["one_nna"] <= 1
    assert synonyms(Writers(writer_of(tiny)), named(cube=2)) == {"pairs": 0}


def test_several_processes_measure_the_same(tiny: Checkpoint) -> None:
    data, parts = load_dataset("procedural:80"), ["completion", "retopology"]
    alone, shared = (evaluate(tiny, data, parts=parts, processes=count) for count in (1, 2))
    for part in parts:
        alone[part].pop("seconds"), shared[part].pop("seconds")
    assert alone == shared and alone["completion"]["meshes"] > 1
    with pytest.raises(MeshGPTError, match="No process"):
        evaluate(tiny, data, parts=parts, processes=0)


def test_parts_can_be_chosen_and_wrong_ones_are_named(tiny: Checkpoint) -> None:
    data = load_dataset("procedural:40")
    assert set(evaluate(tiny, data, parts=["likelihood"])) == {
        "model",
        "held_out_meshes",
        "seed",
        "sampling",
        "sampling_without_prompt",
        "likelihood",
    }
    free = evaluate(tiny, data, parts=["variety"], without_prompt={"temperature": 0.25, "top_p": 0.5}, guidance=2.0)
    assert free["sampling"] == {"guidance": 2.0}
    assert free["sampling_without_prompt"] == {"guidance": 2.0, "temperature": 0.25, "top_p": 0.5}
    with pytest.raises(MeshGPTError, match="cannot use temperature -1"):
        evaluate(tiny, data, parts=["variety"], without_prompt={"temperature": -1.0})
    with pytest.raises(MeshGPTError, match="no part speed"):
        evaluate(tiny, data, parts=["speed"])
    with pytest.raises(MeshGPTError, match="Nothing"):
        evaluate(tiny, data, meshes=0)


def test_a_tokenizer_alone_is_measured_as_such() -> None:
    result = evaluate(load_checkpoint("meshgpt-autoencoder", "cpu"), load_dataset("procedural:20"))
    assert list(result) == ["model", "held_out_meshes", "seed", "tokenizer"]


def test_a_result_is_written_beside_what_is_printed(tiny: Checkpoint, tmp_path: Path) -> None:
    from core.cli import main

    out = tmp_path / "results" / "one.json"
    arguments = ["evaluate", "--model", str(tiny.path), "--data", "procedural:40", "--only", "likelihood"]
    assert main([*arguments, "--out", str(out)]) == 0 and "bits_per_face" in out.read_text()
