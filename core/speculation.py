# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speculative decoding (Leviathan et al., arXiv 2211.17192): a smaller draft guesses faces ahead, the model reads them
in one pass, and keeps each choice with the probability that makes the result its own.

Every choice of a face (copy, new or end; which vertex; each code) is a draw x from the draft's distribution q. It
stays with probability min(1, p(x) / q(x)) and is otherwise drawn again from max(0, p - q), which gives exactly p. The
model's own rules, retries and random numbers stay in force, so at temperature 0 the mesh is the one it would have made.

Shapes: one row, G branches of guidance, K draws for a new vertex, C choices, D residual levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .conditioning import Conditions
from .errors import MeshGPTError
from .events import FaceEvent, MeshEvent
from .generation import Sampler
from .nn.edges import EdgeCounts
from .sampling import draw
from .sampling_config import SamplingConfig
from .tokenizers import Tokenizer
from .transformer import MeshTransformer


@dataclass
class Guess:
    """One face as the draft would write it: each choice with its distribution, and the vertices chosen, [1, D] each."""

    picks: dict[tuple[int, str | int], tuple[Tensor, Tensor]] = field(default_factory=dict)
    codes: list[Tensor] = field(default_factory=list)
    vertices: list[Tensor] = field(default_factory=list)


class _Draft(Sampler):
    """The draft's own sampler, which remembers what it chose and yields nothing."""

    def guess_face(self) -> Guess | None:
        """One attempt at the next face; None when the draft would end the mesh or has no room."""
        if self.face_counts[0] >= self.max_faces:
            return None
        self.guess = Guess()
        for _ in self._attempt_face():
            pass
        return self.guess

    def _pick(self, what: tuple[int, str | int], probabilities: Tensor, uniform: Tensor) -> Tensor:
        choice = super()._pick(what, probabilities, uniform)
        self.guess.picks[what] = probabilities, choice
        return choice

    def _read(self, codes: Tensor, vertex: Tensor, slot: int, place: Tensor) -> None:
        self.guess.codes.append(codes)
        self.guess.vertices.append(vertex)
        super()._read(codes, vertex, slot, place)

    def _record(self, kept: list[bool], face: list[Tensor]) -> Iterator[FaceEvent | MeshEvent]:
        self.face_counts[0] += kept[0]
        self.goes_on = kept[0]
        return iter(())

    def _finish(self, indices: list[int], ended: bool) -> Iterator[MeshEvent]:
        self.rows, self.goes_on = [], False
        return iter(())

    def follow(self, leader: Sampler) -> None:
        """Take over all that the leader's mesh holds; the state must have read its faces."""
        self.rules = leader.rules.clone()
        self.codes, self.slot_vertex = leader.codes.clone(), leader.slot_vertex.clone()
        self.dead_ends = leader.dead_ends.clone()
        self.rows, self.goes_on = [0], True
        self.face_counts, self.failures = list(leader.face_counts), list(leader.failures)


class SpeculativeSampler(Sampler):
    """Writes one mesh, the same as Sampler or one of the same distribution. `ahead`: faces guessed at a time."""

    def __init__(
        self,
        model: MeshTransformer,
        conditions: Conditions,
        draft: MeshTransformer,
        draft_conditions: Conditions,
        seed: int,
        config: SamplingConfig,
        max_faces: int,
        prompt: str = "",
        ahead: int = 4,
    ) -> None:
        if not _same_codes(draft.tokenizer, model.tokenizer):
            raise MeshGPTError(
                "The draft was trained over another tokenizer than the model.", "Choose a draft of the same tokenizer."
            )
        super().__init__(model, conditions, [seed], config, max_faces, [prompt])
        guesses, self.random = (_stream(seed, number) for number in (1, 2))
        if draft.config.edges and self.rules.edges is None:  # the draft goes on from a copy of these rules
            self.rules.edges = EdgeCounts(1, 3 * max_faces, self.device)
        self.draft = _Draft(draft, draft_conditions, [seed], config, min(max_faces, draft.config.max_faces))
        self.draft.generators = [guesses]
        self.ahead, self.guesses = ahead, list[Guess]()
        self.draft_faces = 0  # faces that the draft's state has read, all of them the mesh's
        self.draft_before: list[tuple[Tensor, Any]] = []  # its state before each face guessed in this round
        self.number = 0  # guesses of this round that became faces
        self.guessed = self.followed = 0

    def keep(self, codes: Tensor, above: bool) -> None:
        super().keep(codes, above)
        if len(codes) < self.draft.max_faces:  # else it has no room to guess in
            self.draft.keep(codes, above)
            self.draft_faces = len(codes)

    def statistics(self) -> dict[str, Any]:
        """Faces guessed by the draft, and which share of them became the mesh's."""
        share = self.followed / self.guessed if self.guessed else 0.0
        return {"guessed": self.guessed, "acceptance": round(share, 4)}

    def _attempt_face(self) -> Iterator[FaceEvent | MeshEvent]:
        if not self.guesses and self._in_trouble() is None and self.face_counts[0] < self.draft.max_faces:
            self._guess()
        self.guess = self.guesses.pop(0) if self.guesses else None
        self.following = self.guess is not None
        self.slots_followed: list[tuple] = []
        agreed = self.number
        if self.following:
            self.guessed += bool(self.guess.codes)
            self.state.predict = self.predict[:, 3 * self.number]
        yield from super()._attempt_face()
        if self.number == agreed:
            self.guesses.clear()

    def _guess(self) -> None:
        """Let the draft write some faces, and read them."""
        draft, state = self.draft, self.draft.state
        if self.draft_before:
            agreed = self.number
            state.before, state.around = self.draft_before[agreed]
            self.draft_faces += agreed
        draft.follow(self)
        count = self.face_counts[0]
        if count > self.draft_faces:
            new = slice(self.draft_faces, count)
            faces = self.rules.faces[:, new]
            state.read_faces(self.codes[0, faces[0]][None], faces, self.draft_faces)
            self.draft_faces = count
        else:
            state.begin_face(count)
        self.guesses, self.draft_before, self.number = [], [self._draft_state()], 0
        while draft.goes_on and len(self.guesses) < self.ahead:
            guess = draft.guess_face()
            if guess is None:
                break
            self.guesses.append(guess)
            self.draft_before.append(self._draft_state())
        whole = [guess for guess in self.guesses if len(guess.codes) == 3]
        if whole:
            codes = torch.stack([torch.stack(guess.codes, dim=1) for guess in whole], dim=1)
            vertices = torch.stack([torch.stack(guess.vertices, dim=1) for guess in whole], dim=1)
            self.predict, self.states_before = self.state.look_ahead(codes, vertices, count)
        else:
            self.predict = self.state.predict[:, None]

    def _draft_state(self) -> tuple[Tensor, Any]:
        around = self.draft.state.around
        return self.draft.state.before, None if around is None else around.clone()

    def _pick(self, what: tuple[int, str | int], probabilities: Tensor, uniform: Tensor) -> Tensor:
        if not self.following or what not in self.guess.picks:
            return super()._pick(what, probabilities, uniform)
        q, guessed = self.guess.picks[what]
        if q.shape != probabilities.shape:  # a draft of another kind draws another number of vertices
            return super()._pick(what, probabilities, uniform)
        level = what[1]
        if not isinstance(level, int) or level == 0:
            self.same = torch.ones_like(guessed, dtype=torch.bool)  # whether the codes before are those guessed
        choice = couple(probabilities, q, guessed, self.same, self._uniform_like(uniform), uniform)
        self.same = self.same & (choice == guessed)
        return choice

    def _uniform_like(self, like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=self.random).to(like.device)

    def _read(self, codes: Tensor, vertex: Tensor, slot: int, place: Tensor) -> None:
        if self.following and self._as_guessed(codes, vertex, slot):
            self.state.note(codes, place)
            self.state.predict = self.predict[:, 3 * self.number + slot + 1]
            self.slots_followed.append((codes, vertex, slot, place))
            return
        if self.following:  # here the ways part
            self.following = False
            self.state.begin_face(self.face_counts[0])
            for earlier in self.slots_followed:
                self.state.read(*earlier)
        super()._read(codes, vertex, slot, place)

    def _as_guessed(self, codes: Tensor, vertex: Tensor, slot: int) -> bool:
        # The id too: the draft may have named anew, against the rules, what the model copies.
        guess = self.guess
        return bool(guess.codes) and torch.equal(codes, guess.codes[slot]) and torch.equal(vertex, guess.vertices[slot])

    def _end_face(self, kept: Tensor, face: list[Tensor]) -> None:
        if not self.following:
            super()._end_face(kept, face)
        elif bool(kept):
            self.number += 1
            self.followed += 1
            self.state.take_face(self.states_before[:, self.number], face, self.face_counts[0] + 1)
        else:
            self.state.begin_face(self.face_counts[0])


def _stream(seed: int, number: int) -> torch.Generator:
    """Random numbers of a mesh that have nothing to do with those of its sampler or of another number."""
    state = np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)


def _same_codes(a: Tokenizer, b: Tokenizer) -> bool:
    """Whether codes of one tokenizer mean the same to the other."""
    if a.config() != b.config():
        return False
    if a is b or not isinstance(a, nn.Module):
        return True
    own, other = a.state_dict(), b.state_dict()
    return all(torch.equal(value, other[name].to(value.device)) for name, value in own.items())


def couple(p: Tensor, q: Tensor, guessed: Tensor, same: Tensor, accept: Tensor, uniform: Tensor) -> Tensor:
    """Choices [...] distributed as p [..., C] that are mostly the guessed ones [...], which are distributed as q.

    same [...]: where it is false the guess says nothing, and the choice is drawn from p. accept, uniform [...]: two
    independent uniform numbers.
    """
    at = guessed[..., None]
    stays = same & (accept * q.gather(-1, at)[..., 0] < p.gather(-1, at)[..., 0])
    rest = (p - q).clamp(min=0)
    rest = torch.where((same & (rest.sum(dim=-1) > 0))[..., None], rest, p)
    return torch.where(stays, guessed, draw(rest, uniform))
