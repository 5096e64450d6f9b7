# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes that a model makes from prompts, and how sound they are before any repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checkpoint import ROWS, sampling_of
from ..data.dataset import MeshDataset
from ..errors import MeshGPTError
from ..mesh import TriangleMesh
from .writers import Writers

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..events import GeneratedMesh


@dataclass(frozen=True)
class Wish:
    """What one mesh is asked for; faces 0: any number."""

    prompt: str
    faces: int = 0


def noun_wishes(train: MeshDataset, count: int, nouns: int = 12, seed: int = 0) -> list[Wish]:
    """`count` wishes for the commonest head nouns of what artists made, each as often, with the face counts of meshes
    of that noun.
    """
    originals = [sample for sample in train if sample.derived_from is None]
    common = [noun for noun, _ in Counter(sample.noun for sample in originals).most_common(nouns)]
    rng = np.random.default_rng(seed)
    wishes = []
    for number in range(count):
        noun = common[number % len(common)]
        sizes = [len(sample.mesh.faces) for sample in originals if sample.noun == noun]
        wishes.append(Wish(noun, int(rng.choice(sizes))))
    return wishes


def writer_of(checkpoint: Checkpoint) -> Checkpoint:
    """The same model as what writes single meshes fastest where it is: NumPy on a processor, if it can."""
    from ..light.checkpoint import load_light, writing_device

    device = str(checkpoint.device)
    if device != "cpu" or not (checkpoint.path / "config.json").is_file():
        return checkpoint
    return load_light(checkpoint.path) if writing_device(checkpoint.path, device, 1) == "numpy" else checkpoint


def make(
    writers: Writers,
    wishes: Sequence[Wish],
    *,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    **settings: Any,
) -> list[GeneratedMesh | None]:
    """One mesh a wish, with the seeds seed, seed + 1, ...; None where the model could make no face. Wishes for about as
    many faces are made side by side, where that is faster, so that none waits long for the others.
    """
    sizes = [wish.faces for wish in wishes]
    if writers.checkpoint.device == "numpy":
        return writers.map(_made, [(wish, seed + i, settings) for i, wish in enumerate(wishes)], sizes, advance)
    made: list[GeneratedMesh | None] = [None] * len(wishes)
    order = sorted(range(len(wishes)), key=sizes.__getitem__)
    for first in range(0, len(order), ROWS):
        rows = order[first : first + ROWS]
        with suppress(MeshGPTError):  # none of the rows could make a face
            seeds = [seed + i for i in rows]
            for row, mesh in _side_by_side(writers.checkpoint, [wishes[i] for i in rows], seeds, settings):
                made[rows[row]] = mesh
        advance()
    return made


def _made(checkpoint: Checkpoint, wish: Wish, seed: int, settings: dict[str, Any]) -> GeneratedMesh | None:
    with suppress(MeshGPTError):  # it could make no face
        return checkpoint.generate(wish.prompt, 1, wish.faces, seed, **settings)[0]
    return None


def _side_by_side(
    checkpoint: Checkpoint, wishes: Sequence[Wish], seeds: Sequence[int], settings: dict[str, Any]
) -> Iterator[tuple[int, GeneratedMesh]]:
    import torch

    from ..events import MeshEvent
    from ..generation import Sampler

    model, prompts = checkpoint.transformer, [wish.prompt for wish in wishes]
    config = sampling_of(checkpoint.config, checkpoint.name, any(prompts), **settings)
    limit = model.config.max_faces
    faces = torch.tensor([float(min(wish.faces, limit)) for wish in wishes])
    sampler = Sampler(model, replace(model.conditions(prompts), faces=faces), seeds, config, limit, prompts)
    for event in sampler.stream():
        if isinstance(event, MeshEvent):
            yield event.row, event.mesh


def soundness(meshes: Sequence[GeneratedMesh | None], wishes: Sequence[Wish] = ()) -> dict[str, float]:
    """How many ended by themselves, and how many break which rule. nonmanifold_edge_share: of all edges, those with
    more than two faces. open_edge_share: median of the meshes' shares of edges with one face. face_count_error: median
    of |faces / asked - 1|.
    """
    found = [mesh for mesh in meshes if mesh is not None]
    if not found:
        return {"generated": len(meshes), "ended": 0.0}
    reports = [mesh.report() for mesh in found]
    asked = [wish.faces for wish in wishes] or [0] * len(meshes)
    errors = [
        abs(len(mesh.faces) / faces - 1)
        for mesh, faces in zip(meshes, asked, strict=True)
        if mesh is not None and faces
    ]
    result = {
        "generated": len(meshes),
        "ended": sum(mesh.ended for mesh in found) / len(meshes),
        "with_degenerate_faces": sum(report.degenerate > 0 for report in reports),
        "with_duplicate_faces": sum(report.duplicate > 0 for report in reports),
        "with_nonmanifold_edges": sum(report.nonmanifold_edges > 0 for report in reports),
        "with_repeated_directed_edges": sum(report.repeated_directed_edges > 0 for report in reports),
        "nonmanifold_edge_share": nonmanifold_share(found),
        "watertight": sum(report.watertight for report in reports) / len(meshes),
        "open_edge_share": float(np.median([report.open_edge_share for report in reports])),
        "median_faces": float(np.median([report.faces for report in reports])),
    }
    return result | ({"face_count_error": float(np.median(errors))} if errors else {})


def nonmanifold_share(meshes: Sequence[TriangleMesh]) -> float:
    """Share of all edges of the meshes that have more than two faces."""
    edges = bad = 0
    for mesh in meshes:
        ends = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
        _, faces = np.unique(ends, axis=0, return_counts=True)
        edges, bad = edges + len(faces), bad + int((faces > 2).sum())
    return bad / max(edges, 1)
