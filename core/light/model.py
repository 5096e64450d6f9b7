# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MeshTransformer with a copy head over the lattice in NumPy, and the state of one mesh that it writes.

Shapes: L lanes (the branches of guidance), P prefix tokens, N slots, D residual levels, V vertices, d trunk width, w
width of the code head.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MeshGPTError
from ..model_files import COPY_AGAIN, VOCABULARY, of_model
from ..surface import as_cloud
from ..tokenizers import tokenizer_from_config
from ..tokenizers.lattice import LatticeTokenizer
from ..transformer_config import TransformerConfig
from ..vocabulary import Vocabulary
from .layers import Cache, Trunk, Weights, fourier, gelu, packed, part, product, rms, rotary_table, rotate, silu
from .points import NearestPoints, PointAttention, point_latents
from .rules import Closing

_COORDINATE_OCTAVES, _COUNT_FREQUENCIES = 7, 16


def writes(config: dict[str, Any]) -> bool:
    """Whether this engine can write with a checkpoint of that config.json: with a copy head, over the lattice."""
    model = config.get("transformer", {})
    return (
        config.get("kind") == "transformer"
        and config.get("tokenizer", {}).get("kind") == LatticeTokenizer.kind
        and model.get("head", "copy") == "copy"
        and model.get("step", "vertex") in ("vertex", "face")
    )


@dataclass(frozen=True)
class Asked:
    """What is asked of one mesh; see `conditioning.Conditions`. words int64 [W, G]; points float [M, 6] or None."""

    words: np.ndarray
    faces: float
    category: int
    points: np.ndarray | None

    def present(self) -> list[str]:
        """The conditions that are asked for, by the names of `CONDITIONS`."""
        values = {"prompt": self.words.any(), "category": self.category, "faces": self.faces > 0}
        values["points"] = self.points is not None
        return [name for name, value in values.items() if value]

    def only(self, names: Collection[str]) -> Asked:
        return Asked(
            self.words if "prompt" in names else np.zeros_like(self.words),
            self.faces if "faces" in names else 0.0,
            self.category if "category" in names else 0,
            self.points if "points" in names else None,
        )


class LightTransformer:
    """The weights of a MeshTransformer, ready for writing."""

    def __init__(
        self, weights: Weights, config: TransformerConfig, vocabulary: Vocabulary, tokenizer: LatticeTokenizer
    ):
        """weights: by their names in a MeshTransformer; raises KeyError or ValueError for those of another model."""
        self.config, self.vocabulary, self.tokenizer = config, vocabulary, tokenizer
        per_face = 1 if config.step == "face" else 3
        weights = packed(weights)  # which may be changed in place from here on
        self.per_face, self._weights = per_face, weights
        self._prefix = part(weights, "prefix.")
        self.prefix_length = vocabulary.max_words + 2 + bool(vocabulary.categories) + config.point_latents
        capacity = self.prefix_length + per_face * config.max_faces
        self.trunk = Trunk(part(weights, "trunk."), config.depth, config.heads, capacity)
        self.inner = self.merge = None
        if config.step == "face":
            self.inner = Trunk(part(weights, "steps.inner."), config.face_depth, config.heads, 4)
            self.merge = weights["steps.merge.weight"].T
        self.tables = [weights[f"code_embeddings.{i}.weight"] for i in range(len(tokenizer.codebook_sizes))]
        self.slot, self.kept = weights["slot.weight"], weights.get("kept")
        self._axes = self._axis_tables(weights["coordinates.weight"])
        self.neighbours = part(weights, "neighbours.")
        self.head = CopyHead(part(weights, "head."), 3 * config.max_faces + 1)

    def _axis_tables(self, weight: np.ndarray) -> list[np.ndarray]:
        """What each cell of each axis adds to the embedding of a place: three [cells, d], for x, y and z."""
        centres = ((np.arange(self.tokenizer.levels) + 0.5) * (2 / self.tokenizer.levels) - 1).astype(np.float32)
        features = fourier(np.repeat(centres[:, None], 3, axis=1), _COORDINATE_OCTAVES)
        columns = np.arange(features.shape[1]).reshape(2, 3, _COORDINATE_OCTAVES)
        return [features[:, of] @ weight[:, of].T for of in columns.transpose(1, 0, 2).reshape(3, -1)]

    def asked(self, prompt: str, faces: int = 0, category: str = "", points: Any = None) -> Asked:
        """What is asked, in the model's terms. Raises MeshGPTError for what the model was not trained with."""
        if points is not None:
            if not self.config.point_latents:
                raise MeshGPTError("This model was trained without point clouds.", "Choose a model that was.")
            points = as_cloud(points)
        category_id = int(self.vocabulary.category_ids([category])[0])
        return Asked(self.vocabulary.encode([prompt])[0], float(faces), category_id, points)

    def prefix(self, asked: Asked) -> np.ndarray:
        """Prefix tokens [P, d]; see `conditioning.PrefixConditions`."""
        weights = self._prefix
        used = (asked.words > 0).sum(axis=-1, keepdims=True)
        vectors = weights["pieces.weight"][asked.words].sum(axis=-2) / np.sqrt(np.maximum(used, 1)).astype(np.float32)
        words = vectors @ weights["project.weight"].T if used.any() else weights["no_prompt"]
        tokens = [words + weights["place"]]
        if "category.weight" in weights:
            tokens.append(weights["category.weight"][asked.category][None])
        octaves = (np.pi * 2.0 ** np.linspace(-4, 3, _COUNT_FREQUENCIES)).astype(np.float32)
        angles = np.log2(np.float32(max(asked.faces, 1))) * octaves
        count = np.concatenate([np.sin(angles), np.cos(angles)]) @ weights["count.weight"].T + weights["count.bias"]
        tokens.append((count if asked.faces > 0 else weights["no_count"])[None])
        if self.config.point_latents:
            points = asked.points
            nothing = points is None or not points.any()
            tokens.append(
                weights["no_points"] if nothing else point_latents(part(weights, "points."), points, self.config.heads)
            )
        return np.concatenate([*tokens, weights["start"][None]]).astype(np.float32)

    def nearest_points(self, asked: Asked) -> NearestPoints | None:
        """What vertices gather from the asked points, if the model does that and there are any."""
        if not self.config.point_neighbours or asked.points is None or not asked.points.any():
            return None
        return NearestPoints(part(self._weights, "point_neighbours."), self.config.point_neighbours, asked.points)

    def attended_points(self, asked: Asked) -> PointAttention | None:
        """What faces and slots attend to in the asked points, if the model does that and there are any."""
        if not self.config.point_attention or asked.points is None or not asked.points.any():
            return None
        return PointAttention(part(self._weights, "point_attention."), self.config.heads, asked.points)

    def embed(self, codes: np.ndarray, slots: np.ndarray | int, kept: bool = False) -> np.ndarray:
        """Embeddings [..., d] of vertices with codes [..., D] that stand in the given slots of a face [...]."""
        x = self.slot[slots].copy()
        for table, level in zip(self.tables, np.moveaxis(codes, -1, 0), strict=True):
            x += table[level]
        for table, cell in zip(self._axes, self.tokenizer.lattice_positions(codes), strict=True):
            x += table[cell]
        if kept and self.kept is not None:
            x += self.kept
        return x

    def gather(self, x: np.ndarray, total: np.ndarray, faces: np.ndarray | int) -> np.ndarray:
        """x [..., d] with what comes from its neighbours; see `nn.neighbours.CausalNeighbours`."""
        weights = self.neighbours
        mean = total * (1 / np.maximum(3 * np.asarray(faces), 1)).astype(np.float32)[..., None]
        said = mean @ weights["neighbour.weight"].T + weights["neighbour.bias"] + x @ weights["root.weight"].T
        return x + silu(said) @ weights["mix.weight"].T


class CopyHead:
    """`core.nn.heads.CopyHead` with `MLPCodes`."""

    def __init__(self, weights: Weights, capacity: int) -> None:
        self._weights, codes = weights, part(weights, "codes.")
        self.cos, self.sin = rotary_table(capacity, weights["query.weight"].shape[0])
        self._project = codes["project.weight"].T, codes["project.bias"]
        self._level, self._norm = codes["level"], codes["norm.weight"]
        self._codes = []
        while (table := codes.get(f"codes.{len(self._codes)}.weight")) is not None:
            self._codes.append(table)
        self._out = [(codes[f"out.{i}.weight"].T, codes[f"out.{i}.bias"]) for i in range(len(self._level))]
        self._blocks = []
        while (norm := codes.get(f"blocks.{len(self._blocks)}.0.weight")) is not None:
            block = part(codes, f"blocks.{len(self._blocks)}.")
            up = block["1.weight"]
            up *= norm
            self._blocks.append((up.T, block["3.weight"].T))

    def gate_logits(self, hidden: np.ndarray, closing: Closing | None = None) -> np.ndarray:
        """Logits [L, 3] of copy, new, end."""
        gate = product(hidden, self._weights["gate.weight"].T) + self._weights["gate.bias"]
        if closing is not None and closing.due:
            gate[:, 0] += self._closing(hidden, closing)[..., 1]
        return gate

    def passing_bias(self, hidden: np.ndarray, closing: Closing) -> np.ndarray:
        """What leaving an edge open adds to the logits of pointing at vertices [V], by a state [d]."""
        return self._closing(hidden, closing)[:1] * closing.past

    def _closing(self, hidden: np.ndarray, closing: Closing) -> np.ndarray:
        """What passing by, and copying, get for what is due, [..., 2]."""
        weights = product(hidden, self._weights["closing.weight"].T) + self._weights["closing.bias"]
        return weights[..., ::2] + weights[..., 1::2] * np.float32(closing.sound)

    def queries(self, hidden: np.ndarray, slot: int) -> np.ndarray:
        return self._placed(product(hidden, self._weights["query.weight"].T), slot)

    def keys(self, hidden: np.ndarray, slots: int | slice) -> np.ndarray:
        return self._placed(product(hidden, self._weights["key.weight"].T), slots)

    def _placed(self, x: np.ndarray, slots: int | slice) -> np.ndarray:
        return rotate(rms(x), self.cos[slots], self.sin[slots])

    def edge_weights(self, hidden: np.ndarray) -> np.ndarray:
        """What each edge feature of a vertex adds to the logit of pointing at it [E], by a state [d]."""
        return product(hidden, self._weights["edges.weight"].T) + self._weights["edges.bias"]

    def context(self, hidden: np.ndarray) -> np.ndarray:
        """Trunk states [L, d] -> what the first code is read from [L, w]."""
        return product(hidden, self._project[0]) + self._project[1]

    def code_logits(self, context: np.ndarray, level: int) -> np.ndarray:
        y = context + self._level[level]
        for up, down in self._blocks:
            y = y + product(gelu(product(rms(y), up)), down)
        weight, bias = self._out[level]
        return product(rms(y) * self._norm, weight) + bias

    def extend(self, context: np.ndarray, level: int, code: int) -> np.ndarray:
        """The context after the code of a level has been chosen."""
        return context + self._codes[level][code] if level < len(self._codes) else context


class Writing:
    """One mesh being written in all branches of guidance; `predict` [L, d] predicts the next slot.

    A face that broke a rule is tried again from where it began: `begin_face` steps back.
    """

    def __init__(self, model: LightTransformer, branches: Sequence[Asked], max_faces: int) -> None:
        self.model, lanes, dim = model, len(branches), model.trunk.dim
        self._cache = Cache(model.trunk, lanes, model.prefix_length + model.per_face * max_faces)
        prefix = np.stack([model.prefix(branch) for branch in branches])
        self._before = model.trunk.extend(prefix, 0, self._cache)[:, -1]  # the state before the next face
        self.pointer_keys = np.zeros((3 * max_faces, dim), np.float32)  # of the branch that has all that is asked
        self._points = [model.nearest_points(branch) for branch in branches]
        self._attended = [model.attended_points(branch) for branch in branches]
        self._sums = np.zeros((3 * max_faces, dim), np.float32)  # over the slots of the faces around each vertex
        self._faces = np.zeros(3 * max_faces, np.int64)  # around each vertex
        self._inner_cache = Cache(model.inner, lanes, 4) if model.inner else None
        self._next_face()

    def _next_face(self) -> None:
        """What the first slot of a face is predicted from, worked out once for all tries of that face."""
        hidden = self._before
        if self.model.inner:
            hidden = self.model.inner.extend(self._before[:, None], 0, self._inner_cache)[:, 0]
        self._ready(hidden)
        self._start = self._hidden, self.predict
        self.begin_face()

    def begin_face(self) -> None:
        self._inputs: list[np.ndarray] = []  # embeddings of the slots of this face, before they gathered
        self._read: list[np.ndarray] = []  # and after
        self._hidden, self.predict = self._start

    def _ready(self, hidden: np.ndarray) -> None:
        """The slots so far have become hidden [L, d]."""
        self._hidden = self.predict = hidden
        if any(self._attended):
            self.predict = hidden.copy()
            for lane, points in enumerate(self._attended):
                if points is not None:
                    self.predict[lane] = points.slots.add(hidden[lane : lane + 1])[0]

    def _with_points(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens [L, T, d] that the trunk is about to read, after what the points say to them."""
        for lane, points in enumerate(self._attended):
            if points is not None:
                tokens[lane] = points.faces.add(tokens[lane])
        return tokens

    def pointer_scores(self, place: int) -> np.ndarray:
        """Logits [place] of pointing at the slots before this one, in the last branch."""
        query = self.model.head.queries(self.predict[-1], place)
        return self.pointer_keys[:place] @ query / np.float32(8)

    def read(self, codes: np.ndarray, vertex: int, place: int) -> None:
        """Read the vertex with these codes [D] and this id, which now stands in the slot."""
        model, slot = self.model, place % 3
        x = model.embed(codes, slot)
        if model.neighbours:
            self._inputs.append(x)
            x = model.gather(x, self._sums[vertex], self._faces[vertex])
        lanes = self._in_lanes(x[None], codes[None])
        if model.inner:
            self._read.append(lanes[:, 0])
            hidden = model.inner.extend(lanes, slot + 1, self._inner_cache)[:, 0]
        else:
            hidden = model.trunk.extend(self._with_points(lanes), model.prefix_length + place, self._cache)[:, 0]
        self.pointer_keys[place] = model.head.keys(hidden[-1], place)
        self._ready(hidden)

    def _in_lanes(self, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Embeddings [N, d] of vertices with codes [N, D] -> what each branch reads, [L, N, d]."""
        lanes = np.repeat(x[None], len(self._points), axis=0)
        if any(self._points):
            places = self.model.tokenizer.positions(codes).astype(np.float32)
            for lane, points in enumerate(self._points):
                if points is not None:
                    lanes[lane] = points.add(lanes[lane : lane + 1], places)[0]
        return lanes

    def end_face(self, face: list[int], number: int) -> None:
        """The face with these vertices stays, as face number so and so."""
        model = self.model
        if model.inner:
            token = self._with_points(product(np.concatenate(self._read, axis=-1), model.merge)[:, None])
            self._before = model.trunk.extend(token, model.prefix_length + number, self._cache)[:, 0]
        else:
            self._before = self._hidden
        self._count(face, self._inputs)
        self._next_face()

    def _count(self, face: Sequence[int], inputs: Sequence[np.ndarray]) -> None:
        if self.model.neighbours:
            total = sum(inputs)
            for vertex in face:
                self._sums[vertex] += total
                self._faces[vertex] += 1

    def read_faces(self, codes: np.ndarray, vertices: np.ndarray, kept: bool) -> None:
        """Read the first faces in one pass: codes [F, 3, D] and vertex ids [F, 3], as given ones if `kept`."""
        model, count = self.model, codes.shape[0]
        x = model.embed(codes, np.broadcast_to(np.arange(3), codes.shape[:2]), kept)
        if model.neighbours:
            gathered = np.empty_like(x)
            for face, (ids, slots) in enumerate(zip(vertices, x, strict=True)):
                gathered[face] = model.gather(slots, self._sums[ids], self._faces[ids])
                self._count(ids, list(slots))
            x = gathered
        lanes = self._in_lanes(x.reshape(3 * count, -1), codes.reshape(3 * count, -1))
        by_face = lanes.reshape(len(lanes), count, -1)
        tokens = by_face @ model.merge if model.inner else lanes
        states = model.trunk.extend(self._with_points(tokens), model.prefix_length, self._cache)
        if model.inner:
            before = np.concatenate([self._before[:, None], states[:, :-1]], axis=1)
            rows = np.concatenate([before[:, :, None], by_face.reshape(*by_face.shape[:2], 3, -1)], axis=2)
            rows = rows.reshape(-1, 4, rows.shape[-1])
            inner = model.inner.extend(rows, 0, Cache(model.inner, len(rows), 4))
            read = inner[:, 1:].reshape(len(lanes), 3 * count, -1)
        else:
            read = states
        self.pointer_keys[: 3 * count] = model.head.keys(read[-1], slice(0, 3 * count))
        self._before = states[:, -1]
        self._next_face()


def light_transformer(weights: Weights, config: dict[str, Any], labels: dict[str, Any], owner: str) -> LightTransformer:
    """The model of a checkpoint's config.json, labels.json and weights; raises MeshGPTError when they do not fit."""
    from ..checkpoint import dataclass_from, sampling_of

    with of_model(owner):
        settings = dataclass_from(TransformerConfig, config.get("transformer", {}), owner)
        for prompted in (True, False):
            sampling_of(config, owner, prompted)
        tokenizer = tokenizer_from_config(config.get("tokenizer", {}))
        vocabulary = Vocabulary(**{name: labels[name] for name in VOCABULARY})
    try:
        model = LightTransformer(part(weights, "transformer."), settings, vocabulary, tokenizer)
        _try(model)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MeshGPTError(f'The weights of the model "{owner}" do not fit its config.json.', COPY_AGAIN) from error
    return model


def _try(model: LightTransformer) -> None:
    """Write a face, by which every weight is used; raises ValueError or IndexError where shapes do not fit."""
    points = np.ones((1, 6), np.float32) if model.config.point_latents else None
    words = np.full((model.vocabulary.max_words, model.vocabulary.max_pieces), model.vocabulary.size - 1)
    asked = Asked(words, 1.0, len(model.vocabulary.categories), points)
    writing = Writing(model, [asked, asked.only(())], 2)
    largest = np.array(model.tokenizer.codebook_sizes) - 1
    for slot in range(3):
        closing = Closing(True, np.ones(1, bool), True, 0) if model.config.closing else None
        model.head.gate_logits(writing.predict, closing)
        writing.pointer_scores(slot)
        context = model.head.context(writing.predict)
        for level, code in enumerate(largest):
            if model.head.code_logits(context, level).shape[-1] != code + 1:
                raise ValueError("a codebook of another size")
            context = model.head.extend(context, level, code)
        if model.config.edges:
            model.head.edge_weights(writing.predict[-1])
        writing.read(largest, slot, slot)
    writing.end_face([0, 1, 2], 0)
    writing.read_faces(np.broadcast_to(largest, (1, 3, len(largest))), np.array([[0, 1, 2]]), kept=True)
