# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training a transformer over the codes of a tokenizer, with augmentation and conditions that drop at random."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoint import Checkpoint, save_transformer
from ..checks import need_at_least, need_shares
from ..conditioning import Conditions
from ..data.augment import AugmentConfig, augment
from ..data.dataset import MeshDataset, Sample, epoch_batches, length_buckets
from ..data.subsets import draw_subset
from ..finetuning import title, transformer_from
from ..mesh import LatticeMesh
from ..surface import draw_points
from ..tokenizers import Tokenizer
from ..transformer import MeshTransformer, pad_codes
from ..transformer_config import TransformerConfig
from ..vocabulary import Vocabulary

BUCKETS = (32, 64, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800)


@dataclass(frozen=True)
class TransformerTaskConfig:
    """Model, data and conditions. `drop_` values are the probabilities that a condition is left out of a mesh.

    An epoch leaves out some of the meshes there are many of, and of those that take long: a mesh takes part with the
    probability (`common` / meshes with its head noun) ** `balance`, times `long` / faces where it has more. Raises
    MeshGPTError for values that fit no training.
    """

    model: TransformerConfig = field(default_factory=TransformerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    faces_per_batch: int = 1536  # padding included
    passes: int = 1  # through the data in an epoch; several for large batches, which few meshes of a length do not fill
    balance: float = 0.5  # 0: take part as often as there are meshes; 1: head nouns alike
    common: int = 10  # meshes of a head noun from which on they take part less often
    long: int = 100  # faces from which on a mesh takes part less often
    derived: float = 0.5  # how often the levels of detail of a mesh take part, all together
    max_lost: float = 0.1  # meshes that lose more of their faces to the lattice are left out
    drop_prompt: float = 0.1  # of the prompt
    drop_count: float = 0.3  # of the face count
    drop_word: float = 0.1  # of the meaning of known words: they are seen by their n-grams only
    categories: bool = False  # learn the categories of the data as a condition
    drop_category: float = 0.5  # of the category
    points: int = 1024  # points of a point cloud, where the model has that condition
    drop_points: float = 0.7  # of the point cloud
    drop_beside_points: float = 0.5  # of the prompt of a mesh whose point cloud is given
    point_noise: float = 0.01  # most that points are moved, standard deviation in lattice units (the box is 2 wide)
    keep: float = 0.3  # probability that a set of faces is given, where the model learns completion
    validation_fraction: float = 0.05  # share of the families held out
    seed: int = 0

    def __post_init__(self) -> None:
        need_at_least(1, self, "faces_per_batch", "passes", "common", "long", "points")
        need_at_least(0, self, "balance", "seed", "derived", "point_noise")
        need_shares(self, "drop_prompt", "drop_count", "drop_word", "drop_category", "drop_points", "keep")
        need_shares(self, "max_lost", "drop_beside_points")
        need_shares(self, "validation_fraction")


@dataclass(frozen=True)
class Batch:
    codes: Tensor  # int64 [B, F, 3, D]
    lengths: Tensor  # int64 [B], faces
    conditions: Conditions
    kept: Tensor  # int64 [B], how many faces at the beginning were given

    def to(self, device: torch.device) -> Batch:
        """There; a GPU is not waited for."""
        no_wait = device.type == "cuda"
        codes, lengths, kept = (t.to(device, non_blocking=no_wait) for t in (self.codes, self.lengths, self.kept))
        return Batch(codes, lengths, self.conditions.to(device, no_wait), kept)

    def pin_memory(self) -> Batch:
        """In memory that a GPU copies from by itself; DataLoader calls this."""
        codes, lengths, kept = map(Tensor.pin_memory, (self.codes, self.lengths, self.kept))
        return Batch(codes, lengths, self.conditions.pin_memory(), kept)


class TransformerTask:
    """A data set, a tokenizer and a transformer to train on them.

    `start`: a checkpoint from whose weights it starts; its parts have to be those, and the codes of another tokenizer
    are learned anew (`finetuning.py`). To resume such a run, start from the same checkpoint again.
    """

    def __init__(
        self,
        dataset: MeshDataset,
        tokenizer: Tokenizer,
        config: TransformerTaskConfig | None = None,
        start: Checkpoint | None = None,
    ) -> None:
        self.config = config = config or TransformerTaskConfig()
        self.tokenizer = tokenizer
        # A learned tokenizer goes where the model goes; what prepares batches stays on the processor.
        self._encoder = copy.deepcopy(tokenizer).cpu() if isinstance(tokenizer, nn.Module) else tokenizer
        self.dataset = dataset.filtered(config.model.max_faces).fitting(tokenizer.levels, config.max_lost)
        self.train, self.validation = self.dataset.split(config.validation_fraction)
        torch.manual_seed(config.seed)
        self._word_counts, categories = self.train.word_counts(), self._categories()
        words = list(self._word_counts)
        if start is None:
            self.model = MeshTransformer(tokenizer, Vocabulary(words, categories=categories), config.model)
        else:
            self.model = transformer_from(start, words, categories, config.model, tokenizer)
        self._started_from = title(start.path) if start else ""
        edges = [edge for edge in BUCKETS if edge < config.model.max_faces] + [config.model.max_faces]
        self._buckets, self._validation_buckets = (
            length_buckets([len(s.mesh.faces) for s in part], edges) for part in (self.train, self.validation)
        )
        self._shares = self._epoch_shares()
        self._epoch: tuple[int, list[tuple[int, list[int]]]] | None = None

    def _categories(self) -> list[str]:
        return sorted({s.category for s in self.train if s.category}) if self.config.categories else []

    def muon_parameters(self) -> list[nn.Parameter]:
        return [p for p in self.model.trunk.parameters() if p.ndim == 2]

    def _epoch_shares(self) -> np.ndarray:
        """Probability of each training mesh to take part in an epoch, float [M]."""
        config = self.config
        heads = Counter(sample.head for sample in self.train if sample.derived_from is None)
        common = [min(1.0, config.common / max(1, heads[s.head])) ** config.balance for s in self.train]
        long = [min(1.0, config.long / len(sample.mesh.faces)) for sample in self.train]
        levels = Counter(sample.derived_from for sample in self.train)
        derived = [1.0 if (of := s.derived_from) is None else min(1.0, config.derived / levels[of]) for s in self.train]
        return np.asarray(common) * long * derived

    def _batches(self, epoch: int | None) -> list[tuple[int, list[int]]]:
        if epoch is None:
            return epoch_batches(self._validation_buckets, self.config.faces_per_batch, None)
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self.config.seed, epoch))
            times = (rng.random((self.config.passes, len(self._shares))) < self._shares).sum(axis=0)
            buckets = {edge: np.repeat(members, times[members]).tolist() for edge, members in self._buckets.items()}
            buckets = {edge: members for edge, members in buckets.items() if members}
            self._epoch = (epoch, epoch_batches(buckets, self.config.faces_per_batch, rng))
        return self._epoch[1]

    def start(self) -> None:
        """Nothing has to be learnt before the first step."""

    def compile(self) -> None:
        """Let torch.compile fuse what a step spends its time in; losses stay as they are, up to rounding."""
        self.model.compile_parts()

    def batch_sizes(self, epoch: int | None) -> list[int]:
        """Meshes in each batch of an epoch; None stands for the validation set."""
        return [len(members) for _, members in self._batches(epoch)]

    def batch(self, epoch: int | None, index: int, rows: Sequence[int] | None = None) -> Batch:
        """Augmented meshes of one bucket with their conditions; only these rows of the batch. Validation meshes are
        fully conditioned and not augmented.
        """
        length, members = self._batches(epoch)[index]
        rows = range(len(members)) if rows is None else rows
        if epoch is None:
            samples = [self.validation.samples[members[row]] for row in rows]
            return _assembled([self._plain(sample) for sample in samples], self.model, length)
        # A generator of its own for each, so that a mesh is the same whichever rows one process asks for.
        rngs = [np.random.default_rng((self.config.seed, epoch, index, row)) for row in rows]
        drawn = [self._drawn(self.train.samples[members[row]], rng) for row, rng in zip(rows, rngs, strict=True)]
        return _assembled(drawn, self.model, length)

    def _plain(self, sample: Sample) -> _Drawn:
        """A validation mesh: as it is, with prompt, face count and category."""
        mesh = sample.mesh.quantised(self.tokenizer.levels)
        codes = self._encoder.encode(mesh)
        return _Drawn(codes, 0, sample.label, True, float(len(codes)), self._known(sample.category), None)

    def _drawn(self, sample: Sample, rng: np.random.Generator) -> _Drawn:
        """A training mesh: augmented, each condition dropped or not, perhaps with some of its faces given."""
        config, model = self.config, self.model.config
        mesh = augment(sample.mesh, rng, config.augment, self.tokenizer.levels)
        prompt, known = _draw_prompt(sample, rng), rng.random() >= config.drop_word
        no_prompt, no_count = rng.random(2) < (config.drop_prompt, config.drop_count)
        codes, kept, category, points = self._encoder.encode(mesh), 0, "", None
        faces = 0.0 if no_count else float(len(codes))
        # What a model does not have draws no numbers, so that others keep theirs.
        if self.model.vocabulary.categories and rng.random() >= config.drop_category:
            category = self._known(sample.category)
        if model.point_latents and rng.random() >= config.drop_points:
            points = self._points(mesh, rng)
            no_prompt |= rng.random() < config.drop_beside_points
        if model.completion and rng.random() < config.keep:
            given = draw_subset(mesh, rng)
            codes, kept = np.concatenate([codes[given], codes[~given]]), int(given.sum())
        return _Drawn(codes, kept, "" if no_prompt else prompt, known, faces, category, points)

    def _points(self, mesh: LatticeMesh, rng: np.random.Generator) -> np.ndarray:
        """Points on the surface, moved and their normals turned a little: scans and sculpts are never quite there."""
        points = draw_points(mesh.to_mesh().vertices[mesh.faces].astype(np.float64), self.config.points, rng)
        noise = rng.uniform(0, self.config.point_noise) * rng.normal(size=points.shape)
        points += noise * np.repeat([1.0, 10.0], 3)
        points[:, 3:] /= np.linalg.norm(points[:, 3:], axis=1, keepdims=True).clip(1e-9)
        return points

    def _known(self, category: str) -> str:
        return category if category in self.model.vocabulary.categories else ""

    def _nll(self, batch: Batch) -> Tensor:
        batch = batch.to(next(self.model.parameters()).device)
        return self.model.nll(batch.codes, batch.lengths, batch.conditions, batch.kept)

    def size(self, batch: Batch) -> tuple[float, ...]:
        """Faces that the model has to write."""
        return (float((batch.lengths - batch.kept).sum()),)

    def loss(self, batch: Batch, totals: tuple[float, ...], last: bool = True) -> dict[str, Tensor]:
        """Nats and bits, divided by the faces of the whole of which the batch is a share."""
        loss = self._nll(batch).sum() / totals[0]
        return {"loss": loss, "bits_per_face": loss.detach() / math.log(2)}

    def export(self, folder: Path, metrics: dict[str, Any]) -> None:
        details = {
            "data": self.dataset.source,
            "training_meshes": len(self.train),
            "validation_meshes": len(self.validation),
            "started_from": self._started_from,
            "split": {"validation_fraction": self.config.validation_fraction, "max_lost": self.config.max_lost},
            "task": asdict(self.config),
            "metrics": metrics,
            "word_counts": self._word_counts,
        }
        save_transformer(folder, self.model, details)


@dataclass(frozen=True)
class _Drawn:
    """One mesh of a batch with what is told about it; see Conditions."""

    codes: np.ndarray
    kept: int
    prompt: str
    known: bool
    faces: float
    category: str
    points: np.ndarray | None


def _assembled(drawn: list[_Drawn], model: MeshTransformer, length: int) -> Batch:
    codes, lengths = pad_codes([torch.from_numpy(mesh.codes) for mesh in drawn], length)
    vocabulary, points = model.vocabulary, None
    sizes = [len(mesh.points) for mesh in drawn if mesh.points is not None]
    if sizes:
        nothing = np.zeros((sizes[0], 6))
        points = torch.from_numpy(np.stack([nothing if m.points is None else m.points for m in drawn])).float()
    conditions = Conditions(
        torch.from_numpy(vocabulary.encode([mesh.prompt for mesh in drawn], [mesh.known for mesh in drawn])),
        torch.tensor([mesh.faces for mesh in drawn], dtype=torch.float32),
        torch.from_numpy(vocabulary.category_ids([mesh.category for mesh in drawn])),
        points,
    )
    return Batch(codes, lengths, conditions, torch.tensor([mesh.kept for mesh in drawn]))


def _draw_prompt(sample: Sample, rng: np.random.Generator) -> str:
    prompts, weights = zip(*sample.prompts(), strict=True)
    return str(rng.choice(prompts, p=np.asarray(weights) / sum(weights)))
