# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`generation.Sampler` with a kernel that writes several faces of all meshes at a launch.

The kernel works on the tensors of that sampler, which begins: conditions, kept faces, caches are its own. Between two
launches the host hands out what has been written, and looks whether anybody wants to stop.

Shapes: B rows, A attempts of a launch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from ..conditioning import Conditions
from ..events import FaceEvent, MeshEvent
from ..generation import Sampler
from ..sampling_config import SamplingConfig
from ..transformer import MeshTransformer
from .job import Job

if TYPE_CHECKING:
    from .engine import Engine

_KEPT, _ENDED, _NOT_TRIED, _RESULT = 1, 2, -1, 10  # source/write.cuh
_LONGEST = 0.03  # seconds of a launch at most: someone may want to stop, and a display to be drawn
_MOST_ATTEMPTS = 64


class Kernel(Protocol):
    """What has been compiled for a model."""

    def launch(self, job: Job) -> None:
        """Write faces of all meshes of the job."""


class KernelSampler(Sampler):
    """The same events and meshes as Sampler's, up to rounding."""

    def __init__(
        self,
        model: MeshTransformer,
        conditions: Conditions,
        seeds: Sequence[int],
        config: SamplingConfig,
        max_faces: int,
        prompts: Sequence[str] = (),
        *,
        engine: Engine,
    ) -> None:
        super().__init__(model, conditions, seeds, config, max_faces, prompts)
        self.alive = [True] * len(seeds)
        self._kernel = engine.kernel(len(self.guidance))
        self._packed, self._attempts, self._job = engine.packed, 4, None

    def _begin(self) -> None:
        """Settle down once conditions and kept faces have been read."""
        rows, slots = len(self.rows), 3 * self.max_faces
        counts = torch.tensor([self.face_counts, self.failures, [1] * rows], device=self.device)
        self._flags = torch.zeros(rows, slots, dtype=torch.int32, device=self.device)
        self._masses = torch.zeros(rows, slots, dtype=torch.int64, device=self.device)
        self._scores, self._p = torch.zeros(2, rows, slots, device=self.device).unbind()
        self._nothing = torch.zeros(1, dtype=torch.int64, device=self.device)
        model, state, rules, config = self.model, self.state, self.rules, self.config
        state.before = state.before.contiguous()
        trunk, inner, around = model.trunk, model.steps.inner, state.around
        held: dict[str, Tensor] = {
            "weights": self._packed.weights,
            "floats": self._packed.floats,
            "cosines": trunk.cos,
            "sines": trunk.sin,
            "inner_cosines": inner.cos,
            "inner_sines": inner.sin,
            "angles": model.head.angles,
            "trunk_keys": state.cache.keys,
            "trunk_values": state.cache.values,
            "inner_keys": state.inner_cache.keys,
            "inner_values": state.inner_cache.values,
            "before": state.before,
            "pointer_keys": state.pointer_keys,
            "sums": self._nothing if around is None else around.sums,
            "around": self._nothing if around is None else around.faces,
            "points": rules.points,
            "faces": rules.faces,
            "vertex_keys": rules.keys,
            "vertex_count": rules.vertex_count,
            "last": rules.last,
            "open": self._nothing if rules.edges is None else rules.edges.open,
            "upward": self._nothing if rules.edges is None else rules.edges.upward,
            "codes": self.codes,
            "slot_vertex": self.slot_vertex,
            "dead_ends": self.dead_ends,
            "flags": self._flags,
            "masses": self._masses,
            "scores": self._scores,
            "p": self._p,
        }
        held |= dict(zip(("face_counts", "failures", "alive"), counts.unbind(), strict=True))
        if scattered := [name for name, tensor in held.items() if not tensor.is_contiguous()]:
            raise RuntimeError(f"The kernel reads tensors as they lie in memory: {', '.join(scattered)}.")
        self._held = held  # as long as their addresses are in use
        self._job = Job(
            **{name: tensor.data_ptr() for name, tensor in held.items()},
            rows=rows,
            max_faces=self.max_faces,
            capacity=state.cache.keys.shape[3],
            head_capacity=model.head.angles.shape[1],
            prefix=state.prefix_length,
            tries=config.attempts,
            patience=config.attempts // 8,
            kept_faces=self.kept_faces,
            draws=self.draws,
            manifold=config.manifold,
            close=rules.close,
            temperature=config.temperature,
            top_p=config.top_p,
            min_p=config.min_p,
            guidance=tuple(self.guidance.weights),
        )

    def _attempt_face(self) -> Iterator[FaceEvent | MeshEvent]:
        """Several attempts in every row that is not finished."""
        if self._job is None:
            self._begin()
        start = time.perf_counter()
        result = self._launch()
        took = time.perf_counter() - start
        for became, triangles in zip(result[..., 0].T, result[..., 1:].swapaxes(0, 1), strict=True):
            tried = [i for i, what in enumerate(became) if what != _NOT_TRIED]
            if ended := [i for i in tried if became[i] == _ENDED]:
                yield from self._finish(ended, ended=True)
            going_on = [i for i in tried if became[i] != _ENDED]
            yield from self._count(going_on, became == _KEPT, triangles.reshape(-1, 3, 3))
        if took < _LONGEST / 2:
            self._attempts = min(2 * self._attempts, _MOST_ATTEMPTS)
        elif took > _LONGEST:
            self._attempts = max(self._attempts // 2, 1)

    def _launch(self) -> Any:
        """What became of the attempts, and their corners, [B, A, 1 + 9]."""
        rows, attempts = len(self.alive), self._attempts
        numbers = 3 * (2 + self.draws * self.codes.shape[-1])
        uniform = torch.zeros(rows, attempts, numbers)
        for i, alive in enumerate(self.alive):
            if alive:
                uniform[i] = torch.rand(attempts, numbers, generator=self.generators[i])
        uniform = uniform.to(self.device)
        result = torch.empty(rows, attempts, _RESULT, device=self.device)
        self._job.attempts, self._job.uniform, self._job.result = attempts, uniform.data_ptr(), result.data_ptr()
        self._kernel.launch(self._job)
        return result.cpu().numpy()

    def _keep(self, left: list[int]) -> None:
        for i in set(range(len(self.alive))) - set(left):
            self.alive[i] = False
        if not any(self.alive):
            self.rows = []
