# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling meshes face by face: KV-cached, seeded, rule-checked, streamed; every face is an event, every event can be
the last.

Shapes: B rows, G branches of guidance, V vertices so far, F faces so far, N slots, D residual levels, K draws for a new
vertex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .conditioning import Conditions
from .decoding import Guidance, start_decoding
from .errors import Cancelled, MeshGPTError
from .events import FaceEvent, GeneratedMesh, MeshEvent
from .mesh import TriangleMesh
from .nn.closing import NEVER, Closing
from .nn.heads import COPY, END, HIDDEN, NEW
from .rules import FaceRules
from .sampling import draw, filtered_probabilities
from .sampling_config import SamplingConfig
from .transformer import MeshTransformer

_TRIES_A_START = 2  # failed faces from one first vertex before others get their turn
_TRIES_TO_CLOSE = 12  # the same where that would leave a hole


class Sampler:
    """One batch of meshes on their way. `stream()` yields events until every row has finished."""

    def __init__(
        self,
        model: MeshTransformer,
        conditions: Conditions,
        seeds: Sequence[int],
        config: SamplingConfig,
        max_faces: int,
        prompts: Sequence[str] = (),
    ) -> None:
        self.model, self.config, self.max_faces = model, config, max_faces
        self.seeds, self.prompts = list(seeds), list(prompts) or [""] * len(seeds)
        self.device = next(model.parameters()).device
        # At temperature 0 only retries draw, and they must not make the mesh depend on the seed.
        self.generators = [torch.Generator().manual_seed(seed if config.temperature else 0) for seed in seeds]
        self.guidance = Guidance(conditions.to(self.device), config.weights())
        rows, slots, levels = len(seeds), 3 * max_faces, len(model.tokenizer.codebook_sizes)
        ordered = hasattr(model.tokenizer, "order_keys")
        self.masks_codes = ordered and getattr(model.tokenizer, "codes_in_order", False)
        self.draws = 1 if model.config.step == "code" else config.draws
        close = config.close and model.config.closing
        self.rules = FaceRules(rows, max_faces, ordered, config.manifold, self.device, model.config.edges, close)
        self.codes = torch.zeros(rows, slots, levels, dtype=torch.long, device=self.device)  # of each vertex
        self.slot_vertex = torch.zeros(rows, slots, dtype=torch.long, device=self.device)
        # How many faces that began at a vertex have failed since the last that did not, [B, V].
        self.dead_ends = torch.zeros(rows, slots, dtype=torch.long, device=self.device)
        self.rows = list(range(rows))  # which mesh each row of the batch makes; finished ones leave
        self.kept_faces = 0
        self.face_counts = [0] * rows
        self.failures = [0] * rows  # attempts in a row that broke a rule
        self.total_attempts = [0] * rows
        self.made = 0  # meshes
        with torch.inference_mode():
            self.state = start_decoding(model, self.guidance.branches, max_faces)

    @torch.inference_mode()
    def keep(self, codes: np.ndarray | Tensor, above: bool) -> None:
        """Begin every mesh with these faces, codes int64 [F, 3, D] in canonical order; before `stream`.

        above: they are the beginning of the canonical sequence, which goes on; otherwise any faces of a mesh, whose
        others are written in canonical order (needs a model with `completion`).
        """
        count, rows = len(codes), len(self.rows)
        if count >= self.max_faces:
            raise MeshGPTError(
                f"{count} faces are kept, and a mesh may have {self.max_faces}.",
                "Keep fewer faces, or allow more.",
            )
        codes = torch.as_tensor(codes, device=self.device)
        unique, vertices = torch.unique(codes.flatten(0, 1), dim=0, return_inverse=True)
        size = len(unique)
        faces = vertices.reshape(1, count, 3).expand(rows, -1, -1)
        self.rules.begin_with(self._keys(unique), self.model.tokenizer.positions(unique).float(), faces, above)
        self.codes[:, :size] = unique
        self.slot_vertex[:, : 3 * count] = faces.flatten(1)
        self.state.read_faces(codes.expand(rows, -1, -1, -1), faces, 0, kept=not above)
        self.kept_faces, self.face_counts = count, [count] * rows

    def statistics(self) -> dict[str, Any]:
        """What is worth knowing of the run so far, as plain JSON values."""
        return {}

    def _keys(self, codes: Tensor) -> Tensor:
        """What sorts vertices and tells them apart, int64 [...] of codes [..., D]."""
        return self.model.tokenizer.order_keys(codes) if self.rules.ordered else self.model.identity(codes)

    @torch.inference_mode()
    def stream(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[FaceEvent | MeshEvent]:
        """Events as they come; raises Cancelled when the callback says so, checked at every face.

        A row that cannot make a single face gives no mesh; MeshGPTError when that happens to all.
        """
        while self.rows:
            if cancelled():
                raise Cancelled
            yield from self._attempt_face()
        if not self.made:
            raise MeshGPTError("The model could not make a single face.", "Try another seed or a higher temperature.")

    def _attempt_face(self) -> Iterator[FaceEvent | MeshEvent]:
        """Try one face in every row. Rows whose face breaks a rule stay where they were."""
        uniform = self._uniform()
        counts = torch.tensor(self.face_counts, device=self.device)
        before = self.rules.vertex_count
        face, kept = [], torch.ones(len(self.rows), dtype=torch.bool, device=self.device)
        begun = kept  # which rows have got a first vertex
        for slot in range(3):
            place = 3 * counts + slot
            vertex, ok, ended = self._choose(slot, face, place, uniform[:, slot])
            if slot == 0 and any(finished := ended.tolist()):
                yield from self._finish([i for i, end in enumerate(finished) if end], ended=True)
                if not self.rows:
                    return
                go_on = ~ended
                uniform, counts, before = uniform[go_on], counts[go_on], before[go_on]
                vertex, ok, kept, place = vertex[go_on], ok[go_on], kept[go_on], place[go_on]
            kept &= ok
            begun = kept.clone() if slot == 0 else begun
            face.append(vertex)
            rows = torch.arange(len(vertex), device=self.device)
            self.slot_vertex[rows, place] = vertex
            self._read(self.codes[rows, vertex], vertex, slot, place)
        self.rules.add_face(kept, face, counts, self._span())
        self.rules.vertex_count = torch.where(kept, self.rules.vertex_count, before)
        self.dead_ends[rows, face[0]] += begun
        self.dead_ends.masked_fill_(kept[:, None], 0)
        self._end_face(kept, face)
        yield from self._record(kept.tolist(), face)

    def _span(self) -> int:
        """How many faces, this one included, no row has more than."""
        return max(self.face_counts) + 1

    def _uniform(self) -> Tensor:
        """Uniform numbers [B, 3, 2 + K D] of one face; each row draws from its own seed, whatever else is in the
        batch.
        """
        size = (3, 2 + self.draws * self.codes.shape[-1])
        numbers = torch.stack([torch.rand(size, generator=self.generators[row]) for row in self.rows])
        return numbers.to(self.device)

    def _in_trouble(self) -> Tensor | None:
        """Rows that have failed more often than chance explains, bool [B]; None when there are none."""
        patience = self.config.attempts // 8 if self.config.temperature else 0
        failed = [count > patience for count in self.failures]
        return torch.tensor(failed, device=self.device) if any(failed) else None

    def _holes(self, slot: int, closing: Closing) -> Tensor:
        """Vertices [B, V] that would tear a hole: not in trouble, and in a mesh with holes inside a face only."""
        failed = self._in_trouble()
        past = closing.past if slot else closing.past & closing.sound[:, None]
        return past if failed is None else past & ~failed[:, None]

    def _limit(self, closing: Closing) -> Tensor:
        """Keys [B] that new vertices have to stay below; a row in trouble may leave a hole."""
        failed = self._in_trouble()
        return closing.first if failed is None else closing.first.masked_fill(failed, NEVER)

    def _probabilities(self, logits: Tensor) -> Tensor:
        """Filtered probabilities of logits [B or B K, C].

        What filters leave may break a rule every time, above all at temperature 0: a row in trouble draws freely.
        """
        p = filtered_probabilities(logits, self.config)
        failed = self._in_trouble()
        if failed is None:
            return p
        return torch.where(failed.repeat_interleave(len(p) // len(failed))[:, None], logits.softmax(dim=-1), p)

    def _may_name(self, is_new: Tensor) -> bool:
        """Whether a new vertex may stand in some row. A look at is_new [B] would make a GPU wait; a CPU has the value
        at hand, and saves the draw.
        """
        return self.device.type != "cpu" or bool(is_new.any())

    def _pick(self, what: tuple[int, str | int], probabilities: Tensor, uniform: Tensor) -> Tensor:
        """One choice [...] of probabilities [..., C]; every choice of a face goes through here, `what` tells which."""
        return draw(probabilities, uniform)

    def _read(self, codes: Tensor, vertex: Tensor, slot: int, place: Tensor) -> None:
        """The model reads what was chosen for a slot."""
        self.state.read(codes, vertex, slot, place)

    def _end_face(self, kept: Tensor, face: list[Tensor]) -> None:
        """The model goes on after the face where kept [B], and before it again in the other rows."""
        self.state.end_face(kept, face, self._span())

    def _choose(self, slot: int, face: list[Tensor], place: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vertex id [B] of the next slot, whether it keeps the rules [B], and whether the mesh ends instead [B]."""
        rules, copies = self.rules, self.state.copies
        face_span = self._span()
        vertex_span = 3 * face_span
        allowed = rules.candidates(slot, face, face_span, vertex_span)
        features = closing = None
        if self.model.config.edges:
            features = rules.edge_features(slot, face, face_span, vertex_span)
        if self.model.config.closing:
            closing = rules.closing(slot, face, features)
        if slot == 0:
            tries: int | Tensor = _TRIES_A_START
            if rules.close:
                due = rules.keys[:, :vertex_span] == closing.first[:, None]
                tries = torch.where(due, _TRIES_TO_CLOSE, _TRIES_A_START)
            allowed &= self.dead_ends[:, :vertex_span] < tries
        if rules.close:
            allowed &= ~self._holes(slot, closing)
        any_allowed = allowed.any(-1)
        gate = self.guidance.join_gate(self.state.gate_logits(slot, closing).log_softmax(-1))
        # Before a face the model chooses among what is left. Inside one it does not: where it would copy and nothing
        # may be copied the face fails, for a new vertex instead would be a guess. The first face has nothing to copy.
        gate[:, COPY].masked_fill_(place < 3 if slot else ~any_allowed, HIDDEN)
        if slot == 0:
            gate[:, END].masked_fill_(place == 3 * self.kept_faces, HIDDEN)
        choice = self._pick((slot, "gate"), self._probabilities(gate), uniform[:, 0])

        vertex, ok = torch.zeros_like(choice), any_allowed
        if copies:
            pointer = self._pointer_log_p(place, vertex_span, features, closing).masked_fill(~allowed, HIDDEN)
            vertex = self._pick((slot, "copy"), self._probabilities(pointer), uniform[:, 1]) * any_allowed
        is_new = choice == NEW
        ok = is_new | any_allowed
        if self._may_name(is_new):
            below = self._limit(closing) if rules.close else None
            named, accepted, codes, keys, points = self._draw_named(slot, face, place, uniform[:, 2:], allowed, below)
            vertex = torch.where(is_new, named, vertex)
            ok = torch.where(is_new, accepted, ok)
            is_new &= named == rules.vertex_count
            at = rules.vertex_count.clamp(max=self.codes.shape[1] - 1)
            rows = torch.arange(len(at), device=self.device)
            self.codes[rows, at] = torch.where(is_new[:, None], codes, self.codes[rows, at])
            rules.add_vertex(is_new, keys, points)
        return vertex, ok, choice == END

    def _pointer_log_p(
        self, place: Tensor, vertex_span: int, features: Tensor | None, closing: Closing | None
    ) -> Tensor:
        """Log-probability [B, vertex_span] of copying each earlier vertex, up to a constant: its slots summed."""
        scores = self.state.pointer_scores(place, vertex_span)
        seen = torch.arange(vertex_span, device=self.device) < place[:, None]
        p = scores.masked_fill(~seen, HIDDEN).softmax(-1).masked_fill(~seen, 0.0)
        log_p = torch.zeros_like(p).scatter_add(1, self.slot_vertex[:, :vertex_span], p).clamp(min=1e-30).log()
        return log_p if features is None else log_p + self.state.edge_bias(features, closing)

    def _draw_named(
        self, slot: int, face: list[Tensor], place: Tensor, uniform: Tensor, allowed: Tensor, below: Tensor | None
    ) -> tuple[Tensor, ...]:
        """A vertex named by its codes: the first of K drawn ones that keeps the rules, with a key `below` [B]. Its id
        [B] (the count of vertices for a new one), whether it keeps them [B], its codes [B, D], order key [B] and place
        [B, 3].

        A head that cannot copy names earlier vertices too; of one that can, such a name is a mistake.
        """
        drawn = self._draw_codes(slot, face, place, uniform)
        keys, vertex_span = self._keys(drawn), allowed.shape[1]
        points = self.model.tokenizer.positions(drawn).float()
        accepted = self.rules.accepts_new(slot, face, keys, points, vertex_span, below)
        vertex = self.rules.vertex_count[:, None].expand_as(keys)
        if not self.state.copies:
            known, which = self.rules.find(keys, vertex_span)
            accepted = torch.where(known, allowed.gather(1, which), accepted)
            vertex = torch.where(known, which, vertex)
        first = accepted.int().argmax(dim=1)
        rows = torch.arange(len(first), device=self.device)
        return vertex[rows, first], accepted.any(1), drawn[rows, first], keys[rows, first], points[rows, first]

    def _draw_codes(self, slot: int, face: list[Tensor], place: Tensor, uniform: Tensor) -> Tensor:
        """K vertices drawn for the slot, as codes [B, K, D]; codes that the order rules out are left out."""
        draws, levels, state = self.draws, self.codes.shape[-1], self.state
        uniform = uniform.unflatten(-1, (draws, levels))
        context = state.code_context(draws)
        bound = self.rules.lower_bound(slot, face, new=state.copies).repeat_interleave(draws)
        tied = bound >= 0  # the codes so far are those of the bound: what follows must not fall below
        least = self.model.tokenizer.codes_of_keys(bound.clamp(min=0)) if self.masks_codes else None
        codes = []
        for level in range(levels):
            log_p = self.guidance.join(state.code_logits(context, level).float().log_softmax(-1))
            if least is not None:
                below = torch.arange(log_p.shape[-1], device=self.device) < least[:, level, None] + (
                    level == levels - 1
                )
                log_p = log_p.masked_fill(tied[:, None] & below, HIDDEN)
            code = self._pick((slot, level), self._probabilities(log_p), uniform[:, :, level].flatten())
            codes.append(code)
            if least is not None:
                tied = tied & (code == least[:, level])
            context = state.extend_codes(context, level, code.repeat(len(self.guidance)), place)
        return torch.stack(codes, dim=-1).unflatten(0, (-1, draws))

    def _record(self, kept: list[bool], face: list[Tensor]) -> Iterator[FaceEvent | MeshEvent]:
        yield from self._count(range(len(kept)), kept, self._triangles(face).cpu().numpy())

    def _triangles(self, face: list[Tensor]) -> Tensor:
        """The corners of a face, vertex ids [B] a slot, in [-1, 1]: float [B, 3, 3]."""
        rows = torch.arange(len(face[0]), device=self.device)[:, None]
        return self.model.tokenizer.positions(self.codes[rows, torch.stack(face, dim=-1)]).float()

    def _count(
        self, tried: Sequence[int], kept: Sequence[bool], triangles: np.ndarray
    ) -> Iterator[FaceEvent | MeshEvent]:
        """Count an attempt in the rows that tried, and hand out what came of it; triangles [B, 3, 3]."""
        stopped = []
        for i in tried:
            row, good = self.rows[i], bool(kept[i])
            self.total_attempts[row] += 1
            if good:
                yield FaceEvent(row, self.face_counts[i], triangles[i])
            self.face_counts[i] += good
            self.failures[i] = 0 if good else self.failures[i] + 1
            first = self.face_counts[i] == self.kept_faces
            tries = self.config.attempts * (10 if first else 1)  # a mesh needs its first face
            if self.face_counts[i] >= self.max_faces or self.failures[i] >= tries:
                stopped.append(i)
        if stopped:
            yield from self._finish(stopped, ended=False)

    def _finish(self, indices: list[int], ended: bool) -> Iterator[MeshEvent]:
        """Hand out the meshes of these rows and take the rows out of the batch."""
        for i in indices:
            row, count = self.rows[i], self.face_counts[i]
            if count == 0:
                continue
            self.made += 1
            codes = self.codes[i, self.rules.faces[i, :count]].cpu().numpy()
            yield MeshEvent(
                row,
                GeneratedMesh(
                    self._decoded(codes),
                    codes,
                    ended=ended,
                    seed=self.seeds[row],
                    prompt=self.prompts[row],
                    attempts=self.total_attempts[row],
                ),
            )
        gone = set(indices)
        left = [i for i in range(len(self.rows)) if i not in gone]
        self._keep(left)

    def _decoded(self, codes: np.ndarray) -> TriangleMesh:
        tokenizer = self.model.tokenizer
        try:
            return tokenizer.decode(codes)
        except MeshGPTError:  # a learned decoder let all faces collapse; read one by one, their corners lie apart
            unique, faces = np.unique(codes.reshape(-1, codes.shape[-1]), axis=0, return_inverse=True)
            return TriangleMesh(tokenizer.positions(unique), faces.reshape(-1, 3))

    def _keep(self, left: list[int]) -> None:
        rows = torch.tensor(left, dtype=torch.long, device=self.device)
        self.state.select(rows, len(self.rows))
        self.rules.select(rows)
        self.codes, self.slot_vertex, self.dead_ends = (t[rows] for t in (self.codes, self.slot_vertex, self.dead_ends))
        for name in ("rows", "face_counts", "failures"):
            values = getattr(self, name)
            setattr(self, name, [values[i] for i in left])
