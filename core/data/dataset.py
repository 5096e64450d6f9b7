# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets: meshes with labels from a folder of mesh files, an .npz archive, or the procedural shapes; split by
family.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MeshGPTError
from ..mesh import TriangleMesh
from .captions import captions


@dataclass(frozen=True)
class Sample:
    """One mesh and what is known of it. `family`: variants of one asset share it, and stay on one side of a split.
    `derived_from`: the mesh of which this one is a level of detail, None for what is as its artist made it.
    """

    mesh: TriangleMesh
    label: str
    head: str = ""
    theme: str = ""
    category: str = ""
    family: tuple[str, ...] = ()
    derived_from: str | None = None

    @property
    def noun(self) -> str:
        return self.head or self.label

    @property
    def kin(self) -> tuple[str, ...]:
        return self.family or (self.label,)

    def prompts(self) -> list[tuple[str, float]]:
        """Prompts that describe the mesh, with the weight that each has in training."""
        return captions(self.label, self.head, self.theme, self.category)


@dataclass(frozen=True)
class MeshDataset:
    """Samples in a fixed order, and a sentence on where they come from for the model card."""

    samples: tuple[Sample, ...]
    source: str = ""
    skipped: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def filtered(self, max_faces: int, min_faces: int = 1) -> MeshDataset:
        """Only meshes with that many faces."""
        kept = tuple(s for s in self.samples if min_faces <= len(s.mesh.faces) <= max_faces)
        if not kept:
            raise MeshGPTError(
                f"None of the {len(self)} meshes has between {min_faces} and {max_faces} faces.",
                "Raise the face limit, or decimate the meshes first.",
            )
        return MeshDataset(kept, self.source, self.skipped)

    def fitting(self, levels: int, max_lost: float) -> MeshDataset:
        """Without the meshes that lose more than that share of their faces on a lattice of so many levels: thin parts
        fall together there.
        """
        kept = tuple(s for s in self.samples if _kept_faces(s.mesh, levels) >= (1 - max_lost) * len(s.mesh.faces))
        lost = len(self) - len(kept)
        what = "mesh" if lost == 1 else "meshes"
        if not kept:
            raise MeshGPTError("All meshes are too fine for this lattice.", "Raise --max-lost, or leave parts out.")
        skipped = (*self.skipped, f"{lost} {what} too fine for the lattice") if lost else self.skipped
        return MeshDataset(kept, self.source, skipped)

    def split(self, fraction: float = 0.05, seed: int = 0) -> tuple[MeshDataset, MeshDataset]:
        """Training and validation part; all samples of a family are on the same side.

        A family's side follows from its name and the seed alone, so it stays there whatever else joins the data. What
        is a level of detail of another mesh is not validated on: it is not as an artist made it.
        """
        place = {family: _place(family, seed) for family in {sample.kin for sample in self.samples}}
        whole = [place[sample.kin] for sample in self.samples if sample.derived_from is None]
        bound = max(fraction, min(whole)) if whole and len(place) > 1 else -1.0
        train = tuple(s for s in self.samples if place[s.kin] > bound)
        validation = tuple(s for s in self.samples if place[s.kin] <= bound and s.derived_from is None)
        return MeshDataset(train, self.source), MeshDataset(validation or train, self.source)

    def word_counts(self) -> dict[str, float]:
        """All words of all prompts, sorted: the vocabulary. Each with about how many meshes as artists made them it
        describes, which is what the interface suggests first.
        """
        from ..vocabulary import Vocabulary

        counts: Counter[str] = Counter()
        for sample in self.samples:
            for prompt, weight in sample.prompts():
                for word in set(Vocabulary.split(prompt)):
                    counts[word] += weight if sample.derived_from is None else 0.0
        return {word: round(counts[word], 2) for word in sorted(counts)}


def _kept_faces(mesh: TriangleMesh, levels: int) -> int:
    try:
        return len(mesh.quantised(levels).faces)
    except MeshGPTError:
        return 0


def _place(family: tuple[str, ...], seed: int) -> float:
    """Where in [0, 1) a family stands in the order in which families are held out."""
    digest = hashlib.sha256("/".join((str(seed), *family)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def load_dataset(source: str | Path, seed: int = 0) -> MeshDataset:
    """The data set at a path: a folder of mesh files, an .npz archive with its .json, or `procedural[:count]`."""
    name = str(source)
    if name.split(":")[0] == "procedural":
        return _procedural(name, seed)
    path = Path(source)
    if path.is_dir():
        return _from_folder(path)
    if path.suffix == ".npz" and path.is_file():
        return _from_archive(path)
    raise MeshGPTError(
        f'There is no data set at "{path}".', "Give a folder of mesh files, an .npz archive, or procedural."
    )


def _procedural(name: str, seed: int) -> MeshDataset:
    from .procedural import procedural_samples

    count = int(name.partition(":")[2] or 512)
    shapes = procedural_samples(count, seed)
    samples = (Sample(s.mesh, s.label, s.head, "", s.category, s.family) for s in shapes)
    return MeshDataset(tuple(samples), f"{count} procedural shapes")


def read_archive(path: str | Path) -> tuple[list[tuple[TriangleMesh, dict[str, Any]]], list[str]]:
    """Meshes with their records, and what had to be left out and why.

    The .npz holds vertices [sum V, 3], faces [sum F, 3] local to each mesh, vertex_offsets and face_offsets [M + 1];
    the .json beside it a list of records. Raises MeshGPTError when they cannot be read.
    """
    path = Path(path)
    records_path = path.with_suffix(".json")
    try:
        with np.load(path, allow_pickle=False) as archive:
            vertices, faces = archive["vertices"], archive["faces"]
            vertex_offsets, face_offsets = archive["vertex_offsets"], archive["face_offsets"]
    except (OSError, KeyError, ValueError) as error:
        raise MeshGPTError(f'The archive "{path.name}" cannot be read: {error}.', "Write it again.") from error
    count = len(face_offsets) - 1
    records = json.loads(records_path.read_text()) if records_path.is_file() else [{}] * count
    if len(records) != count:
        raise MeshGPTError(f'"{records_path.name}" has {len(records)} records for {count} meshes.', "Write both again.")
    found, skipped = [], []
    for index, record in enumerate(records):
        v = vertices[vertex_offsets[index] : vertex_offsets[index + 1]]
        f = faces[face_offsets[index] : face_offsets[index + 1]]
        try:
            found.append((TriangleMesh(v, f), record))
        except MeshGPTError as error:
            skipped.append(f"{_label_of(record)}: {error.message}")
    return found, skipped


def _label_of(record: dict[str, Any]) -> str:
    return record.get("label") or record.get("name") or "mesh"


def _from_archive(path: Path) -> MeshDataset:
    meshes, skipped = read_archive(path)
    samples = []
    for mesh, record in meshes:
        label = _label_of(record)
        family = (record.get("creator", ""), label)
        category, theme, of = record.get("category", ""), record.get("theme", ""), record.get("derived", {}).get("of")
        samples.append(Sample(mesh, label, record.get("head", ""), theme, category, family, of))
    return MeshDataset(tuple(samples), f"{path.stem} ({len(samples)} meshes)", tuple(skipped))


def _from_folder(folder: Path) -> MeshDataset:
    """Every readable mesh file below the folder; the label is the file's name in words, the family that and its
    folder.
    """
    from ..meshio import MESH_SUFFIXES, load_mesh

    samples, skipped = [], []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in MESH_SUFFIXES):
        label = label_from_name(path.stem)
        try:
            place = path.parent.relative_to(folder).as_posix()  # so that a moved folder keeps its split
            samples.append(Sample(load_mesh(path), label, label.split()[-1], "", "", (place, label)))
        except MeshGPTError as error:
            skipped.append(f"{path.name}: {error.message}")
    if not samples:
        raise MeshGPTError(
            f'No mesh file in "{folder}" could be read.', "Put .obj, .ply, .stl, .glb or .off files there."
        )
    return MeshDataset(tuple(samples), f"{folder.name} ({len(samples)} meshes)", tuple(skipped))


def label_from_name(stem: str) -> str:
    """ "tablePlastic_02" -> "table plastic": words of a file name, without numbers and single letters."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c if c.isalpha() else " " for c in stem)
    words = [word for word in spaced.split() if len(word) > 1]
    return " ".join(words) or "mesh"


def length_buckets(lengths: Sequence[int], edges: Sequence[int]) -> dict[int, list[int]]:
    """Indices by the smallest bucket edge that holds them; few fixed shapes keep training fast
    (docs/ARCHITECTURE.md).
    """
    buckets: dict[int, list[int]] = {edge: [] for edge in edges}
    for index, length in enumerate(lengths):
        fitting = [edge for edge in edges if edge >= length]
        if fitting:
            buckets[min(fitting)].append(index)
    return {edge: members for edge, members in buckets.items() if members}


def epoch_batches(
    buckets: dict[int, list[int]], faces_per_batch: int, rng: np.random.Generator | None
) -> list[tuple[int, list[int]]]:
    """(bucket edge, indices) of one epoch's batches, all of a bucket with the same size; in order when `rng` is None.

    With an rng the order is shuffled and a bucket's last batch is filled with repeats, so that shapes recur.
    """
    batches = []
    for edge, members in buckets.items():
        size = max(1, faces_per_batch // edge)
        chosen = list(members) if rng is None else [members[i] for i in rng.permutation(len(members))]
        if rng is not None and len(chosen) % size:
            chosen += [members[i] for i in rng.integers(len(members), size=size - len(chosen) % size)]
        batches += [(edge, chosen[i : i + size]) for i in range(0, len(chosen), size)]
    if rng is None:
        return batches
    return [batches[i] for i in rng.permutation(len(batches))]
