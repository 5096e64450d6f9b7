# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's state while meshes are written: caches, the states that predict, and the branches of guidance.

Shapes: B rows, G branches of guidance (rows of a branch follow those of the one before), N slots, D residual levels,
K draws for a new vertex, d trunk width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .conditioning import Conditions
from .nn.closing import Closing
from .nn.heads import END
from .nn.neighbours import NeighbourSums
from .nn.steps import CodeSteps, FaceSteps
from .transformer import MeshTransformer


class Guidance:
    """Classifier-free guidance with a weight a condition, in as few branches as there are different weights.

    Conditions of weight 1 are in every branch. The others join by weight, one group a branch, so that with one weight w
    for all it is the usual `free + w (asked - free)`; what no row asks for makes no branch.
    """

    def __init__(self, conditions: Conditions, weights: Mapping[str, float]) -> None:
        asked = [name for name, rows in conditions.present().items() if bool(rows.any())]
        names = [name for name in asked if weights[name] == 1]
        self.branches = [conditions.only(names)]
        self.weights: list[float] = []
        for weight in sorted({weights[name] for name in asked} - {1}):
            names += [name for name in asked if weights[name] == weight]
            self.branches.append(conditions.only(names))
            self.weights.append(weight)

    def __len__(self) -> int:
        return len(self.branches)

    def join(self, log_p: Tensor) -> Tensor:
        """Log-probabilities [G B, ...] of the branches -> [B, ...]."""
        if len(self) == 1:
            return log_p
        parts = log_p.chunk(len(self))
        result = parts[0]
        for weight, before, part in zip(self.weights, parts[:-1], parts[1:], strict=True):
            result = torch.add(result, part - before, alpha=weight)
        return result

    def join_gate(self, log_p: Tensor) -> Tensor:
        """Log-probabilities [G B, 3] of copy, new, end -> [B, 3]. Guided is whether the mesh ends: that is what a face
        count is asked for. How it goes on is as the last branch has it, for overstated it tears holes.
        """
        asked = log_p.chunk(len(self))[-1]
        if len(self) == 1:
            return asked
        go_on = log_p[:, :END].logsumexp(dim=-1, keepdim=True)
        odds = self.join(log_p[:, END:] - go_on)
        return torch.cat([asked[:, :END] - go_on.chunk(len(self))[-1] + F.logsigmoid(-odds), F.logsigmoid(odds)], -1)


class Decoding:
    """One batch being written, one trunk step a vertex. `predict` [G B, d] predicts the next slot."""

    def __init__(self, model: MeshTransformer, branches: Sequence[Conditions], max_faces: int) -> None:
        self.model, self.groups = model, len(branches)
        self.prefix_length, per_face = model.prefix.length, model.steps.per_face
        prefix = torch.cat([model.prefix(branch) for branch in branches])
        self.cache = model.trunk.new_cache(len(prefix), prefix, self.prefix_length + per_face * max_faces)
        self.before = model.trunk.extend(prefix, 0, self.cache)[:, -1]  # the trunk's state before the next face
        rows = len(prefix) // self.groups
        self.pointer_keys = prefix.new_zeros(rows, 3 * max_faces, prefix.shape[-1]) if self.copies else None
        self.around = NeighbourSums(rows, 3 * max_faces, prefix[:rows]) if model.neighbours is not None else None
        points = _joined_points(branches)
        self.points = points if model.point_neighbours is not None else None
        attends = points is not None and model.point_attention is not None
        self.memory = model.point_attention.memory(points) if attends else None
        self.inputs: list[Tensor] = []  # embeddings of the slots of this face so far
        self.span = self.prefix_length  # trunk steps so far at most, in any row
        self.begin_face(0)

    @property
    def copies(self) -> bool:
        return self.model.head.copies

    def begin_face(self, most_faces: int) -> None:
        """Get ready for the first slot of a face; no row has more than so many faces."""
        self.inputs = []
        self.span = min(self.prefix_length + self.model.steps.per_face * (most_faces + 1), self.cache.keys.shape[3])
        self._ready(self._before_face())

    def _before_face(self) -> Tensor:
        """The state [G B, d] that predicts the first slot of a face."""
        return self.before

    def _ready(self, hidden: Tensor) -> None:
        """The slots so far have become hidden [G B, d]."""
        self.hidden = self.predict = hidden
        if self.memory is not None:
            self.predict = self.model.point_attention.add_to_slots(hidden[:, None], self.memory)[:, 0]

    def _with_points(self, tokens: Tensor) -> Tensor:
        """Tokens [G B, T, d] that the trunk is about to read, after what the points say to them."""
        return tokens if self.memory is None else self.model.point_attention.add_to_faces(tokens, self.memory)

    # -- what the sampler asks ---------------------------------------------------------------------------------------

    def gate_logits(self, slot: int, closing: Closing | None = None) -> Tensor:
        """Logits [G B, 3] of copy, new, end."""
        if closing is not None:
            closing = Closing(*(part.repeat(self.groups, *[1] * (part.ndim - 1)) for part in closing))
        return self.model.head.gate_logits(self.predict, slot, closing)

    # Which vertices a face joins is asked of one branch: the last, which has all that is asked for.

    def pointer_scores(self, place: Tensor, span: int) -> Tensor:
        """Logits [B, span] of pointing at the first `span` slots, from the slots place [B]."""
        head, keys = self.model.head, self.pointer_keys[:, :span]
        return head.scores(head.queries(self._asked(self.predict), place)[:, None], keys)[:, 0]

    def edge_bias(self, features: Tensor, closing: Closing | None = None) -> Tensor:
        """What edge features [B, V, 6] add to the logits of pointing at vertices, [B, V]."""
        return self.model.head.edge_bias(self._asked(self.predict), features, closing)

    def code_context(self, draws: int) -> Tensor:
        """What the codes of a vertex are read from, each row `draws` times over [G B K, ...]."""
        return self.model.head.codes.context(self.predict).repeat_interleave(draws, dim=0)

    def code_logits(self, context: Tensor, level: int) -> Tensor:
        return self.model.head.codes.logits(context, level)

    def extend_codes(self, context: Tensor, level: int, code: Tensor, place: Tensor) -> Tensor:
        """The context after the code [G B K] of a level has been chosen, for the slots place [B]."""
        return self.model.head.codes.extend(context, level, code)

    def _asked(self, x: Tensor) -> Tensor:
        return x.chunk(self.groups)[-1]

    # -- what it tells -----------------------------------------------------------------------------------------------

    def read(self, codes: Tensor, vertex: Tensor, slot: int, place: Tensor) -> None:
        """Read the vertices with codes [B, D] and ids [B] that now stand in the slots place [B]."""
        x = self.model.embed_vertices(codes, place)
        if self.around is not None:
            self.inputs.append(x if x.ndim == 2 else x[:, -1])
            x = self._gather(x, vertex)
        places = place.repeat(self.groups)
        read = self._step(self._branched(x, codes), slot, places)
        if self.copies:
            rows = torch.arange(len(place), device=place.device)
            self.pointer_keys[rows, place] = self.model.head.keys(self._asked(read), place)

    def _branched(self, x: Tensor, codes: Tensor) -> Tensor:
        """What is read in each branch [G B, ...]: embeddings of vertices with these codes, and what the points of the
        branch add, if it has any.
        """
        x = x.repeat(self.groups, *[1] * (x.ndim - 1))
        if self.points is None:
            return x
        codes = codes.repeat(self.groups, *[1] * (codes.ndim - 1))
        if codes.ndim == 3:
            return self.model.gather_points(x, codes, self.points)
        return self.model.gather_points(x[:, None], codes[:, None], self.points)[:, 0]

    def _gather(self, x: Tensor, vertex: Tensor) -> Tensor:
        total, faces = self.around.of(vertex)
        return self.model.neighbours.add(x, total, faces)

    def _step(self, x: Tensor, slot: int, places: Tensor) -> Tensor:
        """Embeddings [G B, d] -> what has read them [G B, d], which predicts the next slot."""
        x = self._with_points(x[:, None])[:, 0]
        self._ready(self.model.trunk.step(x, self.prefix_length + places, self.span, self.cache))
        return self.hidden

    def end_face(self, kept: Tensor, face: list[Tensor], most_faces: int) -> None:
        """The face with vertex ids [B] a slot stays where kept [B]; the other rows are as they were before it."""
        after = self._after_face()
        self.before = torch.where(kept.repeat(self.groups)[:, None], after, self.before)
        if self.around is not None:
            self.around.add_face(kept, face, self.inputs)
        self.begin_face(most_faces)

    def _after_face(self) -> Tensor:
        return self.hidden

    def read_faces(self, codes: Tensor, vertices: Tensor, start: int, kept: bool = False) -> None:
        """Read whole faces in one pass, the same in number for all rows: codes [B, F, 3, D] and vertex ids [B, F, 3]
        from face number `start` on, as faces that were given if `kept`.
        """
        self.before = self._read_many(codes, vertices, start, kept)[1][:, -1]
        self.begin_face(start + codes.shape[1])

    def look_ahead(self, codes: Tensor, vertices: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """What reading these faces would give: the states [G B, 3 F + 1, d] that predict their slots and the one after,
        and the trunk's states [G B, F + 1, d] before the faces and after the last. Nothing has been read then.
        """
        around = self.around
        self.around = None if around is None else around.clone()
        predict, before = self._read_many(codes, vertices, start, False)
        self.around = around
        return predict, before

    def _read_many(self, codes: Tensor, vertices: Tensor, start: int, kept: bool) -> tuple[Tensor, Tensor]:
        model, count = self.model, 3 * codes.shape[1]
        slots = torch.arange(3 * start, 3 * start + count, device=codes.device).expand(len(codes), -1)
        given = torch.full_like(slots, kept, dtype=torch.bool)
        x = model.embed_vertices(codes.flatten(1, 2), slots, given)
        if self.around is not None:
            x = self._gather_faces(x, vertices)
        x = self._branched(x, codes.flatten(1, 2))
        per_face = model.steps.per_face
        tokens = self._with_points(model.steps.tokens(x))
        hidden = model.trunk.extend(tokens, self.prefix_length + per_face * start, self.cache)
        states = model.steps.slots(torch.cat([self.before[:, None], hidden], dim=1), x)
        if self.copies:
            self.pointer_keys[:, 3 * start : 3 * start + count] = model.head.keys(self._asked(states.read), slots[:1])
        predict = states.predict
        if self.memory is not None:
            predict = model.point_attention.add_to_slots(predict, self.memory)
        return predict, torch.cat([self.before[:, None], hidden[:, per_face - 1 :: per_face]], dim=1)

    def note(self, codes: Tensor, place: Tensor) -> None:
        """Remember for the neighbours what stands in a slot that was read ahead."""
        if self.around is not None:
            x = self.model.embed_vertices(codes, place)
            self.inputs.append(x if x.ndim == 2 else x[:, -1])

    def take_face(self, after: Tensor, face: list[Tensor], most_faces: int) -> None:
        """Go on after a face that was read ahead, all rows; after [G B, d]: the trunk's state behind it."""
        self.before = after
        if self.around is not None:
            self.around.add_face(torch.ones_like(face[0], dtype=torch.bool), face, self.inputs)
        self.begin_face(most_faces)

    def _gather_faces(self, x: Tensor, vertices: Tensor) -> Tensor:
        all_rows = torch.ones(len(x), dtype=torch.bool, device=x.device)
        plain = x if x.ndim == 3 else x[:, :, -1]
        gathered = []
        for slot in range(0, plain.shape[1], 3):  # a face changes what the next one finds
            face = list(vertices[:, slot // 3].unbind(dim=1))
            gathered += [self._gather(plain[:, slot + i], vertex) for i, vertex in enumerate(face)]
            self.around.add_face(all_rows, face, list(plain[:, slot : slot + 3].unbind(dim=1)))
        last = torch.stack(gathered, dim=1)
        return last if x.ndim == 3 else torch.cat([x[:, :, :-1], last[:, :, None]], dim=2)

    def select(self, rows: Tensor, count: int) -> None:
        """Keep only these rows of `count`; between faces."""
        branches = self._branch_rows(rows, count)
        self.cache.select(branches)
        self.before = self.before[branches]
        if self.pointer_keys is not None:
            self.pointer_keys = self.pointer_keys[rows]
        if self.around is not None:
            self.around.select(rows)
        if self.points is not None:
            self.points = self.points[branches]
        if self.memory is not None:
            self.memory = self.memory.select(branches)
        self.hidden, self.predict = self.hidden[branches], self.predict[branches]

    def _branch_rows(self, rows: Tensor, count: int) -> Tensor:
        return torch.cat([rows + branch * count for branch in range(self.groups)])


class FaceDecoding(Decoding):
    """One trunk step a face; the vertices of the face at hand go through the inner network, with a cache of four."""

    def _before_face(self) -> Tensor:
        inner = self.model.steps.inner
        self.face = [self.before]
        self.inner_cache = inner.new_cache(len(self.before), self.before)
        return inner.extend(self.before[:, None], 0, self.inner_cache)[:, 0]

    def _step(self, x: Tensor, slot: int, places: Tensor) -> Tensor:
        self.face.append(x)
        self._ready(self.model.steps.inner.extend(x[:, None], slot + 1, self.inner_cache)[:, 0])
        self.places = places
        return self.hidden

    def _after_face(self) -> Tensor:
        token = self.model.steps.merge(torch.cat(self.face[1:], dim=-1))
        token = self._with_points(token[:, None])[:, 0]
        return self.model.trunk.step(token, self.prefix_length + self.places // 3, self.span, self.cache)

    def select(self, rows: Tensor, count: int) -> None:
        branches = self._branch_rows(rows, count)
        super().select(rows, count)
        self.face = [part[branches] for part in self.face]
        self.inner_cache.select(branches)


class CodeDecoding(Decoding):
    """One trunk step a code; a vertex is drawn once, for each draw would need a cache of its own."""

    def begin_face(self, most_faces: int) -> None:
        super().begin_face(most_faces)
        self.levels_read = 0  # of the vertex at hand

    def code_context(self, draws: int) -> Tensor:
        self.levels_read = 0
        return self.predict

    def extend_codes(self, context: Tensor, level: int, code: Tensor, place: Tensor) -> Tensor:
        levels = self.model.steps.levels
        if level == levels - 1:  # its last code is read with the vertex
            return context
        self.levels_read = level + 1
        places = place.repeat(self.groups)
        x = self.model.slot(places % 3) + self.model.code_embeddings[level](code)
        return self.model.trunk.step(x, self.prefix_length + levels * places + level, self.span, self.cache)

    def _gather(self, x: Tensor, vertex: Tensor) -> Tensor:
        if x.ndim == 2:
            return super()._gather(x, vertex)
        return torch.cat([x[:, :-1], super()._gather(x[:, -1], vertex)[:, None]], dim=1)

    def _step(self, x: Tensor, slot: int, places: Tensor) -> Tensor:
        levels = self.model.steps.levels
        for level in range(self.levels_read, levels):
            at = self.prefix_length + levels * places + level
            self._ready(self.model.trunk.step(x[:, level], at, self.span, self.cache))
        self.levels_read = 0
        return self.hidden


def start_decoding(model: MeshTransformer, branches: Sequence[Conditions], max_faces: int) -> Decoding:
    """The decoding state that fits the model's steps."""
    kind = {FaceSteps: FaceDecoding, CodeSteps: CodeDecoding}.get(type(model.steps), Decoding)
    return kind(model, branches, max_faces)


def _joined_points(branches: Sequence[Conditions]) -> Tensor | None:
    """The point clouds of all branches [G B, M, 6], all 0 where a branch has none; None where no branch has one."""
    some = next((branch.points for branch in branches if branch.points is not None), None)
    if some is None:
        return None
    return torch.cat([torch.zeros_like(some) if b.points is None else b.points for b in branches])
