# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling meshes face by face: KV-cached, seeded, rule-checked, streamed; every face is an event, every event can be
the last.

Shapes: B rows, G branches of guidance (1 or 2; rows of the second follow those of the first), V vertices so far, N
slots, D residual levels, K draws for a new vertex, d trunk width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .conditioning import Conditions
from .errors import Cancelled, MeshGPTError
from .mesh import TriangleMesh
from .nn.copy_head import COPY, END, NEW
from .rules import FaceRules
from .transformer import MeshTransformer

_NEVER = -1e9
_TRIES_A_START = 2  # failed faces from one first vertex before others get their turn


@dataclass(frozen=True)
class SamplingConfig:
    """How to draw. temperature 0: the likeliest choice each time. guidance 1: the conditions as they are; above:
    overstated.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 0
    min_p: float = 0.0
    guidance: float = 1.5
    manifold: bool = True
    attempts: int = 64  # tries for a face before the mesh is given up as it stands
    draws: int = 4  # candidates for a new vertex, of which the first that keeps the rules is taken

    def __post_init__(self) -> None:
        if not (
            0 <= self.temperature <= 10 and 0 < self.top_p <= 1 and 0 <= self.min_p < 1 and 0 <= self.guidance <= 20
        ):
            raise MeshGPTError(
                f"Sampling cannot use temperature {self.temperature}, top_p {self.top_p}, min_p {self.min_p}, "
                f"guidance {self.guidance}.",
                "Use a temperature of 0 to 10, top_p above 0 up to 1, min_p from 0 below 1, and guidance of 0 to 20.",
            )


class GeneratedMesh(TriangleMesh):
    """A mesh that a model made, in [-1, 1]. `ended`: the model ended it itself; if not, a limit did."""

    def __init__(self, vertices: Any, faces: Any, *, ended: bool, seed: int, prompt: str, attempts: int) -> None:
        super().__init__(vertices, faces)
        self.ended, self.seed, self.prompt, self.attempts = ended, seed, prompt, attempts
        self.settings: dict[str, Any] = {}

    def provenance(self) -> dict[str, Any]:
        """What it takes to make the mesh again, as plain JSON values."""
        return {"prompt": self.prompt, "seed": self.seed, "ended": self.ended, **self.settings}


@dataclass(frozen=True)
class FaceEvent:
    """Face number `index` of mesh number `row`: its corners float32 [3, 3]."""

    row: int
    index: int
    triangle: np.ndarray


@dataclass(frozen=True)
class MeshEvent:
    """Mesh number `row` is finished."""

    row: int
    mesh: GeneratedMesh


def filtered_probabilities(logits: Tensor, config: SamplingConfig) -> Tensor:
    """Logits [..., C] -> probabilities [..., C] after temperature, top-k, min-p and top-p; at temperature 0 one-hot."""
    if config.temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    p = (logits / config.temperature).softmax(dim=-1)
    if config.top_k and config.top_k < p.shape[-1]:
        p = p * (p >= p.topk(config.top_k, dim=-1).values[..., -1:])
    if config.min_p:
        p = p * (p >= config.min_p * p.amax(dim=-1, keepdim=True))
    if config.top_p < 1:
        ordered, order = p.sort(dim=-1, descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        keep = before < config.top_p * p.sum(dim=-1, keepdim=True)
        p = torch.zeros_like(p).scatter(-1, order, ordered * keep)
    return p / p.sum(dim=-1, keepdim=True)


def draw(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """One index [...] of probabilities [..., C] by inverse transform of uniform numbers [...] in [0, 1)."""
    cumulative = probabilities.cumsum(dim=-1)
    # Kept below the total, whatever the rounding, so that it never leads past the last index with any probability.
    point = uniform.clamp(max=1 - 1e-6)[..., None] * cumulative[..., -1:]
    return (cumulative <= point).sum(dim=-1)


class Sampler:
    """One batch of meshes on their way. `stream()` yields events until every row has finished."""

    def __init__(
        self,
        model: MeshTransformer,
        prompts: Sequence[str],
        faces: Sequence[int],
        seeds: Sequence[int],
        config: SamplingConfig,
        max_faces: int,
    ) -> None:
        self.model, self.config, self.max_faces = model, config, max_faces
        self.prompts, self.seeds = list(prompts), list(seeds)
        self.device = next(model.parameters()).device
        # At temperature 0 only retries draw, and they must not make the mesh depend on the seed.
        self.generators = [torch.Generator().manual_seed(seed if config.temperature else 0) for seed in seeds]
        conditions = Conditions(model.vocabulary.encode(prompts), torch.tensor([float(f) for f in faces]))
        # Guidance cannot move a row that asks for nothing; then one branch does.
        asked = bool(conditions.words.any() or conditions.faces.any())
        self.guided = config.guidance != 1 and asked
        self.conditions = conditions.to(self.device)

        rows, slots, levels = len(seeds), 3 * max_faces, len(model.tokenizer.codebook_sizes)
        ordered = hasattr(model.tokenizer, "order_keys")
        self.masks_codes = ordered and getattr(model.tokenizer, "codes_in_order", False)
        self.rules = FaceRules(rows, max_faces, ordered, config.manifold, self.device)
        self.codes = torch.zeros(rows, slots, levels, dtype=torch.long, device=self.device)  # of each vertex
        self.slot_vertex = torch.zeros(rows, slots, dtype=torch.long, device=self.device)
        # How many faces that began at a vertex have failed since the last that did not, [B, V].
        self.dead_ends = torch.zeros(rows, slots, dtype=torch.long, device=self.device)
        self.rows = list(range(rows))  # which mesh each row of the batch makes; finished ones leave
        self.face_counts = [0] * rows
        self.failures = [0] * rows  # attempts in a row that broke a rule
        self.total_attempts = [0] * rows

    @torch.inference_mode()
    def stream(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[FaceEvent | MeshEvent]:
        """Events as they come; raises Cancelled when the callback says so, checked at every face."""
        self._prefill()
        while self.rows:
            if cancelled():
                raise Cancelled
            yield from self._attempt_face()

    def _prefill(self) -> None:
        branches = [self.conditions, self.conditions.without()] if self.guided else [self.conditions]
        prefix = torch.cat([self.model.prefix(branch) for branch in branches])
        trunk = self.model.trunk
        self.cache = trunk.new_cache(len(prefix), prefix, self.model.prefix.length + 3 * self.max_faces)
        self.hidden = trunk.prefill(prefix, self.cache)[:, -1]
        self.pointer_keys = prefix.new_zeros(len(prefix), 3 * self.max_faces, prefix.shape[-1])

    def _attempt_face(self) -> Iterator[FaceEvent | MeshEvent]:
        """Try one face in every row. Rows whose face breaks a rule stay where they were."""
        uniform = self._uniform()
        counts = torch.tensor(self.face_counts, device=self.device)
        before = self.rules.vertex_count
        hidden, face, kept = self.hidden, [], torch.ones(len(self.rows), dtype=torch.bool, device=self.device)
        for slot in range(3):
            place = 3 * counts + slot
            vertex, ok, ended = self._choose(hidden, slot, face, place, uniform[:, slot])
            if slot == 0 and any(finished := ended.tolist()):
                yield from self._finish([i for i, end in enumerate(finished) if end], ended=True)
                if not self.rows:
                    return
                go_on = ~ended
                uniform, counts, before = uniform[go_on], counts[go_on], before[go_on]
                vertex, ok, kept, place = vertex[go_on], ok[go_on], kept[go_on], place[go_on]
            kept &= ok
            face.append(vertex)
            hidden = self._advance(vertex, slot, place)
        self.rules.add_face(kept, face, counts)
        self.rules.vertex_count = torch.where(kept, self.rules.vertex_count, before)
        rows = torch.arange(len(kept), device=self.device)
        self.dead_ends[rows, face[0]] += 1
        self.dead_ends.masked_fill_(kept[:, None], 0)
        self.hidden = torch.where(kept.repeat(self._branches())[:, None], hidden, self.hidden)
        yield from self._record(kept.tolist(), face)

    def _branches(self) -> int:
        return 2 if self.guided else 1

    def _uniform(self) -> Tensor:
        """Uniform numbers [B, 3, 2 + K D] of one face; each row draws from its own seed, whatever else is in the
        batch.
        """
        size = (3, 2 + self.config.draws * self.codes.shape[-1])
        numbers = torch.stack([torch.rand(size, generator=self.generators[row]) for row in self.rows])
        return numbers.to(self.device)

    def _guide(self, log_p: Tensor) -> Tensor:
        """Log-probabilities [G B, ...] of the branches -> [B, ...], the conditioned overstated against the other."""
        if not self.guided:
            return log_p
        conditioned, free = log_p.chunk(2)
        return free + self.config.guidance * (conditioned - free)

    def _in_trouble(self) -> Tensor | None:
        """Rows that have failed more often than chance explains, bool [B]; None when there are none."""
        patience = self.config.attempts // 8 if self.config.temperature else 0
        failed = [count > patience for count in self.failures]
        return torch.tensor(failed, device=self.device) if any(failed) else None

    def _probabilities(self, logits: Tensor) -> Tensor:
        """Filtered probabilities of logits [B or B K, C].

        What filters leave may break a rule every time, above all at temperature 0: a row in trouble draws freely.
        """
        p = filtered_probabilities(logits, self.config)
        failed = self._in_trouble()
        if failed is None:
            return p
        return torch.where(failed.repeat_interleave(len(p) // len(failed))[:, None], logits.softmax(dim=-1), p)

    def _choose(
        self, hidden: Tensor, slot: int, face: list[Tensor], place: Tensor, uniform: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Vertex id [B] of the next slot, whether it keeps the rules [B], and whether the mesh ends instead [B]."""
        head, rules = self.model.head, self.rules
        face_span = max(self.face_counts) + 1
        vertex_span = 3 * face_span
        allowed = rules.candidates(slot, face, face_span, vertex_span)
        if slot == 0:
            allowed &= self.dead_ends[:, :vertex_span] < _TRIES_A_START
        any_allowed = allowed.any(-1)
        gate = self._guide(head.gate_logits(hidden, slot).log_softmax(-1)).clone()
        # Before a face the model chooses among what is left. Inside one it does not: where it would copy and nothing
        # may be copied the face fails, for a new vertex instead would be a guess. The first face has nothing to copy.
        gate[:, COPY].masked_fill_(place < 3 if slot else ~any_allowed, _NEVER)
        if slot == 0:
            gate[:, END].masked_fill_(place == 0, _NEVER)
        choice = draw(self._probabilities(gate), uniform[:, 0])

        pointer = self._pointer_log_p(hidden, place, vertex_span).masked_fill(~allowed, _NEVER)
        vertex = draw(self._probabilities(pointer), uniform[:, 1]) * any_allowed
        is_new = choice == NEW
        ok = is_new | any_allowed
        # A look at is_new would make a GPU wait; a CPU has the value at hand, and saves the draw.
        if self.device.type != "cpu" or bool(is_new.any()):
            codes, keys, points, accepted = self._draw_new(hidden, slot, face, uniform[:, 2:], vertex_span)
            vertex = torch.where(is_new, rules.vertex_count, vertex)
            ok = torch.where(is_new, accepted, ok)
            at = rules.vertex_count.clamp(max=self.codes.shape[1] - 1)
            rows = torch.arange(len(at), device=self.device)
            self.codes[rows, at] = torch.where(is_new[:, None], codes, self.codes[rows, at])
            rules.add_vertex(is_new, keys, points)
        return vertex, ok, choice == END

    def _pointer_log_p(self, hidden: Tensor, place: Tensor, vertex_span: int) -> Tensor:
        """Log-probability [B, vertex_span] of copying each earlier vertex: its slots summed."""
        places = place.repeat(self._branches())
        query = self.model.head.queries(hidden, places)[:, None]
        scores = self.model.head.scores(query, self.pointer_keys[:, :vertex_span])[:, 0]
        slots = torch.arange(vertex_span, device=self.device)
        p = scores.masked_fill(slots >= places[:, None], _NEVER).softmax(-1)
        owner = self.slot_vertex[:, :vertex_span].repeat(self._branches(), 1)
        p = p.masked_fill(slots >= places[:, None], 0.0)
        return self._guide(torch.zeros_like(p).scatter_add(1, owner, p).clamp(min=1e-30).log())

    def _draw_new(
        self, hidden: Tensor, slot: int, face: list[Tensor], uniform: Tensor, vertex_span: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The first of K drawn vertices that keeps the rules: codes [B, D], order key [B], place [B, 3]; and whether
        one does, bool [B].
        """
        draws, levels = self.config.draws, self.codes.shape[-1]
        head, tokenizer = self.model.head.codes, self.model.tokenizer
        uniform = uniform.unflatten(-1, (draws, levels))
        context = head.context(hidden).repeat_interleave(draws, dim=0)
        bound = self.rules.lower_bound(slot, face).repeat_interleave(draws)
        tied = bound >= 0  # the codes so far are those of the bound: what follows must not fall below
        least = tokenizer.codes_of_keys(bound.clamp(min=0)) if self.masks_codes else None
        codes = []
        for level in range(levels):
            log_p = self._guide(head.logits(context, level).float().log_softmax(-1))
            if least is not None:
                below = torch.arange(log_p.shape[-1], device=self.device) < least[:, level, None] + (
                    level == levels - 1
                )
                log_p = log_p.masked_fill(tied[:, None] & below, _NEVER)
            code = draw(self._probabilities(log_p), uniform[:, :, level].flatten())
            codes.append(code)
            if least is not None:
                tied = tied & (code == least[:, level])
            context = head.extend(context, level, code.repeat(self._branches()))
        drawn = torch.stack(codes, dim=-1).unflatten(0, (-1, draws))
        keys = tokenizer.order_keys(drawn) if self.rules.ordered else self.model.identity(drawn)
        points = tokenizer.positions(drawn).float()
        accepted = self.rules.accepts_new(slot, face, keys, points, vertex_span)
        first = accepted.int().argmax(dim=1)
        rows = torch.arange(len(first), device=self.device)
        return drawn[rows, first], keys[rows, first], points[rows, first], accepted.any(1)

    def _advance(self, vertex: Tensor, slot: int, place: Tensor) -> Tensor:
        """Read the chosen vertices [B]; trunk states [G B, d] that predict the next slot."""
        rows = torch.arange(len(vertex), device=self.device)
        self.slot_vertex[rows, place] = vertex
        x = self.model.embed_vertices(self.codes[rows, vertex], place).repeat(self._branches(), 1)
        places = place.repeat(self._branches())
        at = self.model.prefix.length + places
        span = self.model.prefix.length + 3 * (max(self.face_counts) + 1)
        hidden = self.model.trunk.step(x, at, span, self.cache)
        keys = self.model.head.keys(hidden, places)
        self.pointer_keys[torch.arange(len(places), device=self.device), places] = keys
        return hidden

    def _record(self, kept: list[bool], face: list[Tensor]) -> Iterator[FaceEvent | MeshEvent]:
        rows = torch.arange(len(kept), device=self.device)[:, None]
        corners = self.codes[rows, torch.stack(face, dim=-1)]
        triangles = self.model.tokenizer.positions(corners).float().cpu().numpy()
        stopped = []
        for i, good in enumerate(kept):
            row = self.rows[i]
            self.total_attempts[row] += 1
            if good:
                yield FaceEvent(row, self.face_counts[i], triangles[i])
            self.face_counts[i] += good
            self.failures[i] = 0 if good else self.failures[i] + 1
            tries = self.config.attempts * (1 if self.face_counts[i] else 10)  # a mesh needs its first face
            if self.face_counts[i] >= self.max_faces or self.failures[i] >= tries:
                stopped.append(i)
        if stopped:
            yield from self._finish(stopped, ended=False)

    def _finish(self, indices: list[int], ended: bool) -> Iterator[MeshEvent]:
        """Hand out the meshes of these rows and take the rows out of the batch."""
        for i in indices:
            row, count = self.rows[i], self.face_counts[i]
            if count == 0:
                raise MeshGPTError(
                    "The model could not make a single face.", "Try another seed or a higher temperature."
                )
            used, faces = torch.unique(self.rules.faces[i, :count], return_inverse=True)
            points = self.model.tokenizer.positions(self.codes[i, used]).float().cpu().numpy()
            yield MeshEvent(
                row,
                GeneratedMesh(
                    points,
                    faces.cpu().numpy(),
                    ended=ended,
                    seed=self.seeds[row],
                    prompt=self.prompts[row],
                    attempts=self.total_attempts[row],
                ),
            )
        gone = set(indices)
        left = [i for i in range(len(self.rows)) if i not in gone]
        self._keep(left)

    def _keep(self, left: list[int]) -> None:
        rows = torch.tensor(left, dtype=torch.long, device=self.device)
        branches = torch.cat([rows + b * len(self.rows) for b in range(self._branches())])
        self.rules.select(rows)
        self.codes, self.slot_vertex, self.dead_ends = (t[rows] for t in (self.codes, self.slot_vertex, self.dead_ends))
        self.hidden, self.pointer_keys = self.hidden[branches], self.pointer_keys[branches]
        self.cache.select(branches)
        for name in ("rows", "face_counts", "failures"):
            values = getattr(self, name)
            setattr(self, name, [values[i] for i in left])
