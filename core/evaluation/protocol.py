# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole evaluation of a checkpoint, part by part, as plain values.

Training meshes and held-out meshes are those of the named split (`MeshDataset.split`). Two control rows tell what a
number is worth: other training meshes of the same nouns, as if they were generated (about as good as can be), and
copies of training meshes that are moved a little (which look as good, and are no news).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checkpoint import sampling_of
from ..data.dataset import MeshDataset, Sample
from ..errors import MeshGPTError
from ..mesh import TriangleMesh
from ..sampling_config import shipped_sampling
from .alignment import STEPS, train_classifier
from .clouds import chamfer_among, point_clouds
from .distribution import Reference
from .generated import Wish, make, nonmanifold_share, noun_wishes, soundness, writer_of
from .jobs import completion, retopology
from .likelihood import likelihood, tokenizer_accuracy
from .novelty import TrainingShapes
from .synonyms import synonyms
from .writers import Writers

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

PARTS = ("tokenizer", "likelihood", "nouns", "distribution", "variety", "synonyms", "completion", "retopology")
_SPLIT = {"validation_fraction": 0.05, "max_lost": 0.1}  # of checkpoints that do not say
_JITTER = 0.01  # standard deviation of the control row's vertices, in shares of the longest side
_VARIED = 32  # meshes made without a wish
_COMPLETED, _RETOPOLOGIZED = 50, 12  # held-out meshes
_REMADE = (50, 800)  # faces of those that are retopologized


def evaluate(
    checkpoint: Checkpoint,
    dataset: MeshDataset,
    *,
    meshes: int = 300,
    parts: Sequence[str] = PARTS,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    keep: Callable[[dict[str, Any]], None] = lambda result: None,
    classifier_steps: int = STEPS,
    processes: int = 1,
    without_prompt: dict[str, Any] | None = None,
    **sampling: Any,
) -> dict[str, Any]:
    """A dictionary for each part. `meshes`: how many are made for the nouns; `sampling`: fields of SamplingConfig, of
    all that is made, and over them those of `without_prompt` where there is none; `processes`: how many write, where
    the NumPy engine does. They import the caller's script: with more than one, it has to call this under
    `if __name__ == "__main__":`.

    `advance` is called after each batch or mesh, `keep` with the result so far after each part. A checkpoint without a
    transformer has the tokenizer's part only.
    """
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise MeshGPTError(f"The evaluation has no part {', '.join(unknown)}.", f"Choose of: {', '.join(PARTS)}.")
    if meshes < 1:
        raise MeshGPTError("Nothing was to be made.", "Give at least 1 mesh.")
    seed %= 2**62  # random generators take no negative numbers
    writers = Writers(checkpoint if checkpoint.transformer is None else writer_of(checkpoint), processes)
    free = sampling | (without_prompt or {})
    run = _Evaluation(checkpoint, dataset, meshes, seed, advance, sampling, free, classifier_steps, writers)
    if checkpoint.transformer is None:
        parts = [part for part in parts if part == "tokenizer"]
    result: dict[str, Any] = {"model": checkpoint.name, "held_out_meshes": len(run.validation), "seed": seed}
    if checkpoint.transformer is not None:
        for prompted, wished in ((True, sampling), (False, free)):  # a wrong one would look like a model that fails
            sampling_of(checkpoint.config, checkpoint.name, prompted, **wished)
        result["sampling"] = shipped_sampling(checkpoint.config, prompted=True) | sampling
        result["sampling_without_prompt"] = shipped_sampling(checkpoint.config, prompted=False) | free
    with writers:
        for part in PARTS:
            if part in parts:
                start = time.perf_counter()
                result[part] = getattr(run, part)() | {"seconds": round(time.perf_counter() - start, 1)}
                keep(result)
    return result


class _Evaluation:
    """What the parts share: the split, and what is known of the training meshes."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        dataset: MeshDataset,
        meshes: int,
        seed: int,
        advance: Callable[[], None],
        sampling: dict[str, Any],
        free_sampling: dict[str, Any],
        classifier_steps: int,
        writers: Writers,
    ) -> None:
        self.checkpoint, self.writers, self.meshes, self.seed = checkpoint, writers, meshes, seed
        self.advance, self.sampling, self.free_sampling = advance, sampling, free_sampling
        split = {**_SPLIT, **checkpoint.config.get("split", {})}
        if checkpoint.transformer is not None:
            dataset = dataset.filtered(checkpoint.transformer.config.max_faces)
        dataset = dataset.fitting(checkpoint.tokenizer.levels, split["max_lost"])
        self.train, self.validation = dataset.split(split["validation_fraction"])
        self.originals = [sample for sample in self.train if sample.derived_from is None]
        if not self.originals or self.train.samples == self.validation.samples:
            raise MeshGPTError(
                "None of the meshes can be held out from the others.", "Give meshes of more than one family."
            )
        self.classifier_steps = classifier_steps
        self._shapes: TrainingShapes | None = None

    @property
    def shapes(self) -> TrainingShapes:
        if self._shapes is None:
            self._shapes = TrainingShapes([sample.mesh for sample in self.train])
        return self._shapes

    def tokenizer(self) -> dict[str, Any]:
        return tokenizer_accuracy(self.checkpoint, self.validation, self.advance)

    def likelihood(self) -> dict[str, Any]:
        return likelihood(self.checkpoint, self.validation, self.advance)

    def nouns(self) -> dict[str, Any]:
        """Meshes for the commonest nouns: sound, new, and what was asked for?"""
        wishes = noun_wishes(self.train, self.meshes, seed=self.seed)
        made = make(self.writers, wishes, seed=self.seed, advance=self.advance, **self.sampling)
        found = [(mesh, wish) for mesh, wish in zip(made, wishes, strict=True) if mesh is not None]
        result = soundness(made, wishes)
        if not found:
            return result
        result |= {
            "nonmanifold_edge_share_of_training_meshes": nonmanifold_share([s.mesh for s in self.originals]),
            "open_edge_share_of_training_meshes": float(
                np.median([s.mesh.report().open_edge_share for s in self.originals])
            ),
            "watertight_training_meshes": float(np.mean([s.mesh.report().watertight for s in self.originals])),
        }
        clouds = point_clouds([mesh for mesh, _ in found])
        held_out = [sample.mesh for sample in self.validation]
        result |= {
            "novelty": float(self.shapes.distances(clouds).median()) * 1e3,
            "novelty_of_held_out_meshes": float(self.shapes.distances(point_clouds(held_out)).median()) * 1e3,
            "copies": float(np.mean(self.shapes.copied([mesh for mesh, _ in found]))),
            "copies_of_held_out_meshes": float(np.mean(self.shapes.copied(held_out))),
        }
        nouns = sorted({wish.prompt for wish in wishes})
        known = [sample for sample in self.originals if sample.noun in nouns]
        unseen = [sample for sample in self.validation if sample.noun in nouns]
        if len(nouns) > 1:
            heads = [sample.noun for sample in known]
            real = point_clouds([sample.mesh for sample in known])
            classifier = train_classifier(real, heads, nouns, steps=self.classifier_steps)
            result["alignment"] = classifier.accuracy(clouds, [wish.prompt for _, wish in found])
            if unseen:
                real = point_clouds([sample.mesh for sample in unseen])
                result["alignment_of_held_out_meshes"] = classifier.accuracy(real, [s.noun for s in unseen])
        return result

    def distribution(self) -> dict[str, Any]:
        """A mesh for each held-out one, of its label and face count; and the control rows."""
        wishes = [Wish(sample.label, len(sample.mesh.faces)) for sample in self.validation]
        seed = self.seed + self.meshes
        made = make(self.writers, wishes, seed=seed, advance=self.advance, **self.sampling)
        reference = Reference(point_clouds([sample.mesh for sample in self.validation], seed=2))
        subset = [sample.mesh for sample in self._alike()]
        rng = np.random.default_rng(self.seed)
        moved = [_moved(sample.mesh, rng) for sample in self._alike(start=1)]
        sets = {
            "generated": [mesh for mesh in made if mesh is not None],
            "training_subset": subset,
            "moved_training_meshes": moved,
        }
        result: dict[str, Any] = {}
        for name, meshes in sets.items():
            if not meshes:
                continue
            clouds = point_clouds(meshes, seed=3)
            result[name] = reference.compare(clouds)
            result[name]["novelty"] = float(self.shapes.distances(clouds).median()) * 1e3
            self.advance()
        sound = soundness(made, wishes)
        return result | {name: sound[name] for name in ("ended", "face_count_error") if name in sound}

    def _alike(self, start: int = 0) -> list[Sample]:
        """For each held-out mesh another training mesh made by an artist: of the same noun if there is one left, else
        of the same category, else any.
        """
        rng = np.random.default_rng(self.seed + start)
        left = [self.originals[i] for i in rng.permutation(len(self.originals))]
        chosen = []
        for sample in self.validation:
            if not left:
                break
            alike = [lambda s, n=sample.noun: s.noun == n, lambda s, c=sample.category: s.category == c]
            index = next((i for test in alike for i, other in enumerate(left) if test(other)), 0)
            chosen.append(left.pop(index))
        return chosen

    def variety(self) -> dict[str, Any]:
        """Meshes without any wish: how far apart they lie, beside as many training meshes; medians of the distance to
        the nearest other one.
        """
        made = make(self.writers, [Wish("")] * _VARIED, seed=self.seed, advance=self.advance, **self.free_sampling)
        found = [mesh for mesh in made if mesh is not None]
        if len(found) < 2:
            return {"generated": len(found)}
        rng = np.random.default_rng(self.seed)
        some = [self.originals[i].mesh for i in rng.permutation(len(self.originals))[: len(found)]]
        result = {
            "generated": len(found),
            "ended": float(np.mean([mesh is not None and mesh.ended for mesh in made])),
            "distance_to_nearest": _spread(found),
        }
        return result | ({"distance_to_nearest_of_training_meshes": _spread(some)} if len(some) > 1 else {})

    def synonyms(self) -> dict[str, Any]:
        return synonyms(self.writers, self.train, seed=self.seed, advance=self.advance, **self.sampling)

    def completion(self) -> dict[str, Any]:
        some = [(sample.mesh, sample.label) for sample in self._some(_COMPLETED, 2)]
        return completion(self.writers, some, seed=self.seed, advance=self.advance, **self.sampling)

    def retopology(self) -> dict[str, Any]:
        if not self.checkpoint.transformer.config.point_latents:
            return {"meshes": 0, "why": "trained without point clouds"}
        low, high = _REMADE
        some = [sample.mesh for sample in self._some(_RETOPOLOGIZED, low, high)]
        return retopology(self.writers, some, seed=self.seed, advance=self.advance, **self.sampling)

    def _some(self, count: int, least: int, most: int = 10**9) -> list[Sample]:
        """Held-out meshes of so many faces, drawn by the seed; at most `count`."""
        fitting = [sample for sample in self.validation if least <= len(sample.mesh.faces) <= most]
        order = np.random.default_rng(self.seed).permutation(len(fitting))
        return [fitting[i] for i in order[:count]]


def _moved(mesh: TriangleMesh, rng: np.random.Generator) -> TriangleMesh:
    """The mesh with each vertex moved a little."""
    side = float(np.subtract(*mesh.bounds()[::-1]).max())
    return TriangleMesh(mesh.vertices + rng.normal(0, _JITTER * side, mesh.vertices.shape), mesh.faces)


def _spread(meshes: Sequence[TriangleMesh]) -> float:
    return float(chamfer_among(point_clouds(meshes)).fill_diagonal_(float("inf")).amin(dim=1).median()) * 1e3
