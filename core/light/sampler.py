# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`core.generation.Sampler` in NumPy: one mesh after the other, each from its own seed, face by face.

Shapes: L lanes (the branches of guidance), V vertices so far, D residual levels, K draws for a new vertex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import Cancelled, MeshGPTError
from ..events import FaceEvent, GeneratedMesh, MeshEvent
from ..sampling_config import SamplingConfig
from .layers import log_softmax, softmax
from .model import Asked, LightTransformer, Writing
from .rules import NEVER, Closing, GrowingMesh

COPY, NEW, END = 0, 1, 2
HIDDEN = np.float32(-1e9)  # logit of what cannot be
_TRIES_A_START = 2  # failed faces from one first vertex before others get their turn
_TRIES_TO_CLOSE = 12  # the same where that would leave a hole


class Guidance:
    """`core.decoding.Guidance` for one mesh: classifier-free guidance with a weight a condition."""

    def __init__(self, asked: Asked, weights: Mapping[str, float]) -> None:
        present = asked.present()
        names = [name for name in present if weights[name] == 1]
        self.branches = [asked.only(names)]
        self.weights: list[float] = []
        for weight in sorted({weights[name] for name in present} - {1}):
            names += [name for name in present if weights[name] == weight]
            self.branches.append(asked.only(names))
            self.weights.append(weight)

    def join(self, log_p: np.ndarray) -> np.ndarray:
        """Log-probabilities [L, ...] of the branches -> [...]."""
        result = log_p[0].copy()
        for weight, before, after in zip(self.weights, log_p[:-1], log_p[1:], strict=True):
            result = result + np.float32(weight) * (after - before)
        return result

    def join_gate(self, log_p: np.ndarray) -> np.ndarray:
        """Log-probabilities [L, 3] of copy, new, end -> [3]; see `core.decoding.Guidance.join_gate`."""
        if len(self.branches) == 1:
            return log_p[0].copy()
        go_on = np.logaddexp(log_p[:, COPY], log_p[:, NEW])
        odds = self.join(log_p[:, END] - go_on)
        stay, end = -np.logaddexp(0, odds), -np.logaddexp(0, -odds)
        return np.append(log_p[-1, :END] - go_on[-1] + stay, end).astype(np.float32)


class Uniform:
    """The uniform numbers that a `torch.Generator` of the same seed gives: 24 bits each of a Mersenne Twister."""

    def __init__(self, seed: int) -> None:
        self._twister = np.random.RandomState(seed & 0xFFFFFFFF)

    def draw(self, *shape: int) -> np.ndarray:
        bits = self._twister.randint(0, 2**32, size=shape, dtype=np.uint32)
        return (bits & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


class LightSampler:
    """Meshes on their way, one after the other. `stream()` yields events until all have finished."""

    def __init__(
        self,
        model: LightTransformer,
        asked: Sequence[Asked],
        seeds: Sequence[int],
        config: SamplingConfig,
        max_faces: int,
        prompts: Sequence[str] = (),
    ) -> None:
        self.model, self.asked, self.seeds = model, list(asked), list(seeds)
        self.config, self.max_faces = config, max_faces
        self.prompts = list(prompts) or [""] * len(seeds)
        self._kept: tuple[np.ndarray, bool] | None = None

    def keep(self, codes: np.ndarray, above: bool) -> None:
        """Begin every mesh with these faces, codes int64 [F, 3, D]; see `Sampler.keep`."""
        if len(codes) >= self.max_faces:
            raise MeshGPTError(
                f"{len(codes)} faces are kept, and a mesh may have {self.max_faces}.",
                "Keep fewer faces, or allow more.",
            )
        self._kept = (np.asarray(codes), above)

    def statistics(self) -> dict[str, Any]:
        """What is worth knowing of the run so far, as plain JSON values."""
        return {}

    def stream(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[FaceEvent | MeshEvent]:
        """Events as they come; see `Sampler.stream`."""
        made = 0
        for row, (asked, seed) in enumerate(zip(self.asked, self.seeds, strict=True)):
            mesh = OneMesh(self, asked, seed)
            if self._kept is not None:
                mesh.keep(*self._kept)
            while not mesh.finished:
                if cancelled():
                    raise Cancelled
                if mesh.attempt():
                    yield FaceEvent(row, len(mesh.mesh.faces) - 1, mesh.last_triangle())
            if mesh.mesh.faces:
                made += 1
                yield MeshEvent(row, mesh.result(self.prompts[row]))
        if not made:
            raise MeshGPTError("The model could not make a single face.", "Try another seed or a higher temperature.")


class OneMesh:
    """One mesh being drawn; every choice of a face goes through the same steps as in `Sampler`."""

    def __init__(self, sampler: LightSampler, asked: Asked, seed: int) -> None:
        self.model, self.config, self.seed = sampler.model, sampler.config, seed
        self.max_faces, self.finished, self.ended = sampler.max_faces, False, False
        self.guidance = Guidance(asked, self.config.weights())
        self.state = Writing(self.model, self.guidance.branches, self.max_faces)
        self.mesh = GrowingMesh(self.max_faces, self.config.manifold, self.config.close and self.model.config.closing)
        capacity, self.levels = 3 * self.max_faces, len(self.model.tokenizer.codebook_sizes)
        self.codes = np.zeros((capacity, self.levels), np.int64)  # of each vertex
        self.slot_vertex = np.zeros(capacity, np.int64)
        # How many faces that began at a vertex have failed since the last that did not.
        self.dead_ends = np.zeros(capacity, np.int64)
        self.kept_faces = self.failures = self.attempts = 0
        # Log-probability of what was chosen, as asked for: of the faces so far, and of the face that is being tried.
        self.log_p = self._chosen_log_p = 0.0
        # At temperature 0 only retries draw, and they must not make the mesh depend on the seed.
        self._uniform = Uniform(seed if self.config.temperature else 0)

    def keep(self, codes: np.ndarray, above: bool) -> None:
        unique, vertices = np.unique(codes.reshape(-1, self.levels), axis=0, return_inverse=True)
        faces = vertices.reshape(-1, 3)
        tokenizer = self.model.tokenizer
        points = tokenizer.positions(unique).astype(np.float32)
        self.mesh.begin_with(tokenizer.order_keys(unique), points, faces, above)
        self.codes[: len(unique)] = unique
        self.slot_vertex[: faces.size] = faces.reshape(-1)
        self.state.read_faces(codes, faces, kept=not above)
        self.kept_faces = len(faces)

    def attempt(self) -> bool:
        """Try one face; whether it stays. Sets `finished` at the end of the mesh."""
        uniform = self._uniform.draw(3, 2 + self.config.draws * self.levels)
        vertices_before, number = self.mesh.vertex_count, len(self.mesh.faces)
        face: list[int] = []
        good = True
        self._chosen_log_p = 0.0
        for slot in range(3):
            place = 3 * number + slot
            vertex, choice = self._choose(slot, face, place, uniform[slot])
            if choice == END:
                self.log_p += self._chosen_log_p
                self.finished = self.ended = True
                return False
            good = vertex is not None
            face.append(vertex or 0)
            if not good:
                break
            self.slot_vertex[place] = vertex
            self.state.read(self.codes[vertex], vertex, place)
        self.attempts += 1
        if good:
            self.log_p += self._chosen_log_p
            self.mesh.add_face(face)
            self.state.end_face(face, number)
            self.dead_ends[:] = 0
            self.failures = 0
        else:
            self.mesh.forget_vertices(vertices_before)
            self.state.begin_face()
            self.dead_ends[face[0]] += len(face) > 1
            self.failures += 1
        tries = self.config.attempts * (10 if len(self.mesh.faces) == self.kept_faces else 1)
        self.finished = len(self.mesh.faces) >= self.max_faces or self.failures >= tries
        return good

    def _choose(self, slot: int, face: list[int], place: int, uniform: np.ndarray) -> tuple[int | None, int]:
        """Vertex of the next slot, None where the choice breaks a rule, and what was chosen: COPY, NEW or END."""
        allowed = self.mesh.candidates(slot, face)
        closing = self.mesh.closing(slot, face) if self.model.config.closing else None
        due = closing.first if self.mesh.close else NEVER
        if slot == 0:
            tries = np.where(self.mesh.keys[: len(allowed)] == due, _TRIES_TO_CLOSE, _TRIES_A_START)
            allowed &= self.dead_ends[: len(allowed)] < tries
        if self.mesh.close and (slot or closing.sound) and not self._in_trouble():
            allowed &= ~closing.past
        any_allowed = bool(allowed.any())
        if slot:  # the mesh cannot end there, so there is nothing to guide
            gates = self.model.head.gate_logits(self.state.predict[-1:], closing)
            gates[:, END] += HIDDEN
            gate = (gates := log_softmax(gates))[0].copy()
        else:
            gates = log_softmax(self.model.head.gate_logits(self.state.predict, closing))
            gate = self.guidance.join_gate(gates)
        if place < 3 if slot else not any_allowed:
            gate[COPY] = HIDDEN
        if slot == 0 and len(self.mesh.faces) == self.kept_faces:
            gate[END] = HIDDEN
        choice = self._pick(self._probabilities(gate), uniform[0])
        self._chosen_log_p += float(gates[-1, choice])
        if choice == NEW:
            below = NEVER if self._in_trouble() else due  # a mesh in trouble may leave a hole
            return self._draw_new(slot, face, uniform[2:].reshape(-1, self.levels), below), choice
        if choice == END or not any_allowed:
            return None, choice
        log_p = log_softmax(self._pointer_log_p(slot, face, place, closing))
        vertex = self._pick(self._probabilities(np.where(allowed, log_p, HIDDEN)), uniform[1])
        self._chosen_log_p += float(log_p[vertex])
        return vertex, choice

    def _pointer_log_p(self, slot: int, face: list[int], place: int, closing: Closing | None) -> np.ndarray:
        """Log-probability [V] of copying each earlier vertex, up to a constant: its slots summed."""
        p = softmax(self.state.pointer_scores(place))
        summed = np.bincount(self.slot_vertex[:place], p, self.mesh.vertex_count)[: self.mesh.vertex_count]
        log_p = np.log(np.maximum(summed.astype(np.float32), np.float32(1e-30)))
        asked = self.state.predict[-1]
        if self.model.config.edges:
            log_p += self.mesh.edge_bias(slot, face, self.model.head.edge_weights(asked))
        if closing is not None:
            log_p += self.model.head.passing_bias(asked, closing)
        return log_p

    def _draw_new(self, slot: int, face: list[int], uniform: np.ndarray, below: int) -> int | None:
        """A new vertex: the first of K drawn ones that keeps the rules, `below` this key, uniform [K, D]; None where
        none does.
        """
        head, tokenizer = self.model.head, self.model.tokenizer
        bound = self.mesh.lower_bound(slot, face)
        ordered = tokenizer.codes_in_order
        least = tokenizer.codes_of_keys(np.array(max(bound, 0))).tolist() if ordered else None
        start = head.context(self.state.predict)
        first = log_softmax(head.code_logits(start, 0))  # the same for all draws
        for draw in uniform:
            context, codes, tied, log_p_named = start, [], bound >= 0, 0.0
            for level in range(self.levels):
                branches = first if level == 0 else log_softmax(head.code_logits(context, level))
                log_p = self.guidance.join(branches)
                if least is not None and tied:  # the codes so far are those of the bound: no code may fall below
                    log_p[: least[level] + (level == self.levels - 1)] = HIDDEN
                code = self._pick(self._probabilities(log_p), draw[level])
                codes.append(code)
                log_p_named += float(branches[-1, code])
                tied = tied and least is not None and code == least[level]
                context = head.extend(context, level, code)
            named = np.array(codes)
            key, point = int(tokenizer.order_keys(named)), tokenizer.positions(named).astype(np.float32)
            if self.mesh.accepts_new(slot, face, key, point, below):
                vertex = self.mesh.add_vertex(key, point)
                self.codes[vertex] = named
                self._chosen_log_p += log_p_named
                return vertex
        return None

    def _in_trouble(self) -> bool:
        """Whether it has failed more often than chance explains."""
        return self.failures > (self.config.attempts // 8 if self.config.temperature else 0)

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Filtered probabilities of logits [C]; a mesh in trouble draws freely, see `Sampler._probabilities`."""
        config = self.config
        if self._in_trouble():
            return softmax(logits)
        if config.temperature == 0:
            return (np.arange(len(logits)) == logits.argmax()).astype(np.float32)
        p = softmax(logits / np.float32(config.temperature))
        if config.top_k and config.top_k < len(p):
            p = p * (p >= np.partition(p, -config.top_k)[-config.top_k])
        if config.min_p:
            p = p * (p >= config.min_p * p.max())
        if config.top_p < 1:
            order = np.argsort(-p, kind="stable")
            ordered = p[order]
            before = np.cumsum(ordered) - ordered
            p[order[before >= config.top_p * p.sum()]] = 0
        return p / p.sum()

    @staticmethod
    def _pick(p: np.ndarray, uniform: np.float32) -> int:
        cumulative = np.cumsum(p)
        # Kept below the total, whatever the rounding, so that it never leads past the last index with any probability.
        return int((cumulative <= min(uniform, np.float32(1 - 1e-6)) * cumulative[-1]).sum())

    def last_triangle(self) -> np.ndarray:
        """Corners float32 [3, 3] of the newest face."""
        return self.mesh.points[list(self.mesh.faces[-1])]

    def result(self, prompt: str) -> GeneratedMesh:
        codes = self.codes[np.array(self.mesh.faces)]
        decoded = self.model.tokenizer.decode(codes)
        mesh = GeneratedMesh(decoded, codes, ended=self.ended, seed=self.seed, prompt=prompt, attempts=self.attempts)
        mesh.log_p = self.log_p / max(1, len(codes) - self.kept_faces)
        return mesh
