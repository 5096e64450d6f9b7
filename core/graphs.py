# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling on a GPU as CUDA graphs: thousands of small kernels a face, launched at once.

What the device does for a face has shapes that do not depend on any value: spans go up in buckets, and rows whose mesh
is finished stay in the batch until half of them are. A graph reads and writes the same memory each time, so all state
that the sampler assigns anew is copied back to where it was. One copy to the device, the random numbers, and one back,
what the host has to know, is all that goes between the two.

Shapes: B rows, K draws for a new vertex, D residual levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .conditioning import Conditions
from .events import FaceEvent, MeshEvent
from .generation import Sampler
from .sampling_config import SamplingConfig
from .transformer import MeshTransformer

FIRST_BUCKET = 128  # faces; each next one is twice as large
_FLAGS = 3  # numbers of a row that go to the device beside the random ones: faces so far, in trouble, alive


class Homes:
    """The tensors that an object holds, and the objects and lists in it, each with the memory where it stays.

    What is assigned anew is copied there by `put_back`, so that a graph that reads there finds it. Modules are left
    out, and so are names with an underscore in front, which do not outlast an attempt.
    """

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.homes: dict[tuple[str | int, ...], Tensor] = {}
        self.adopt()

    def adopt(self) -> None:
        """Give a home to what has none that fits: where it is, unless something else lives there."""
        taken = {_memory(home) for home in self.homes.values()}
        for path, holder, key in _places(self.owner):
            value = holder[key]
            if path in self.homes and self.homes[path].shape == value.shape:
                continue
            holder[key] = self.homes[path] = value.clone() if _memory(value) in taken else value
            taken.add(_memory(holder[key]))

    def put_back(self) -> None:
        """Copy what was assigned anew to where it lives; RuntimeError where something has no such place."""
        taken, moved = {_memory(home) for home in self.homes.values()}, []
        for path, holder, key in _places(self.owner):
            value, home = holder[key], self.homes.get(path)
            if home is None or home.shape != value.shape:
                raise RuntimeError(f"The state has changed its shape at {path}.")
            if value is not home:
                moved.append((home, value.clone() if _memory(value) in taken else value))
                holder[key] = home
        for home, value in moved:
            home.copy_(value)

    def return_all(self) -> None:
        """Forget what was assigned anew."""
        for path, holder, key in _places(self.owner):
            holder[key] = self.homes.get(path, holder[key])


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _places(owner: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    """Where tensors are held: path, dictionary or list, and key or index there."""
    holder = owner if isinstance(owner, list) else vars(owner)
    for key, value in list(enumerate(holder) if isinstance(holder, list) else holder.items()):
        if isinstance(key, str) and key.startswith("_"):
            continue
        if isinstance(value, Tensor):
            yield (*path, key), holder, key
        elif isinstance(value, list) or _is_state(value):
            yield from _places(value, (*path, key))


def _is_state(value: Any) -> bool:
    ours = type(value).__module__.partition(".")[0] == __name__.partition(".")[0]
    return ours and hasattr(value, "__dict__") and not isinstance(value, nn.Module | type)


class GraphSampler(Sampler):
    """The same events and meshes as Sampler, from CUDA graphs; where there can be none it is that sampler.

    captured: False runs what would be captured as it is, on any device.
    """

    def __init__(
        self,
        model: MeshTransformer,
        conditions: Conditions,
        seeds: Sequence[int],
        config: SamplingConfig,
        max_faces: int,
        prompts: Sequence[str] = (),
        *,
        captured: bool = True,
        first_bucket: int = FIRST_BUCKET,
    ) -> None:
        super().__init__(model, conditions, seeds, config, max_faces, prompts)
        self.captured, self.first_bucket = captured, first_bucket
        self.static = self.device.type == "cuda" or not captured
        self.alive = [True] * len(seeds)  # rows whose mesh is not finished
        self._bucket = 0
        self._homes: Homes | None = None

    def _start(self) -> None:
        """Settle down after the batch or its state has changed from outside."""
        rows, numbers = len(self.rows), 3 * (2 + self.draws * self.codes.shape[-1])
        self._host = torch.zeros(rows, numbers + _FLAGS, pin_memory=self.device.type == "cuda")
        self._inputs = self._host.to(self.device)
        self._result = torch.zeros(rows, 2 + 9, device=self.device)
        self._rows = torch.arange(rows, device=self.device)
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}  # of each bucket
        self._pool = None  # memory that they share
        self._warm: set[int] = set()  # buckets that have run once
        self._bucket = 0
        self._homes = Homes(self)

    # -- the host ------------------------------------------------------------------------------------------------------

    def _attempt_face(self) -> Iterator[FaceEvent | MeshEvent]:
        if self.static:
            self._compact()
            self._capture()
        if not self.static:  # or not any more
            yield from super()._attempt_face()
            return
        tried = [i for i, alive in enumerate(self.alive) if alive]
        self._fill(tried)
        graph = self._graphs.get(self._bucket)
        if graph is None:
            self._warm_up()
        else:
            graph.replay()
        result = self._result.cpu().numpy()
        kept, ended, triangles = result[:, 0] > 0, result[:, 1] > 0, result[:, 2:].reshape(-1, 3, 3)
        if any(ended[tried]):
            yield from self._finish([i for i in tried if ended[i]], ended=True)
            tried = [i for i in tried if not ended[i]]
        yield from self._count(tried, kept, triangles)

    def _compact(self) -> None:
        """Take finished rows out of the batch when half of it is, so that sizes are powers of two and few."""
        living = [i for i, alive in enumerate(self.alive) if alive]
        size = 1 << (len(living) - 1).bit_length()
        if 2 * size <= len(self.rows):
            dead = [i for i, alive in enumerate(self.alive) if not alive]
            left = sorted(living + dead[: size - len(living)])
            super()._keep(left)
            self.alive = [self.alive[i] for i in left]
            self._homes = None
        if self._homes is None:
            self._start()
        longest = max(count for count, alive in zip(self.face_counts, self.alive, strict=True) if alive)
        bucket = self._bucket or self.first_bucket
        while bucket < longest + 1:
            bucket *= 2
        if self._bucket != (bucket := min(bucket, self.max_faces)):
            self._bucket = bucket
            self.state.begin_face(bucket)
            self._homes.adopt()
            self._homes.put_back()

    def _fill(self, tried: list[int]) -> None:
        """Send what an attempt needs: random numbers, each row's from its own generator, and how the rows stand."""
        patience = self.config.attempts // 8 if self.config.temperature else 0
        self._host[:, -_FLAGS:] = 0.0  # a finished row writes where its mesh began
        for i in tried:
            own = self._host[i, :-_FLAGS]
            torch.rand(len(own), generator=self.generators[self.rows[i]], out=own)
        flags = [[self.face_counts[i], self.failures[i] > patience, 1] for i in tried]
        self._host[tried, -_FLAGS:] = torch.tensor(flags, dtype=torch.float32)
        self._inputs.copy_(self._host, non_blocking=True)

    def _warm_up(self) -> None:
        """Do the device's part by itself, as has to be done once before it is captured."""
        self._warm.add(self._bucket)
        if self.device.type != "cuda":
            self._run()
            return
        side, here = torch.cuda.Stream(self.device), torch.cuda.current_stream(self.device)
        side.wait_stream(here)
        with torch.cuda.stream(side):
            self._run()
        here.wait_stream(side)

    def _run(self) -> None:
        self._result.copy_(self._write_face())
        self._homes.adopt()
        self._homes.put_back()

    def _capture(self) -> None:
        """Record the graph of this bucket where it is time; where there cannot be one, from then on all goes as in
        Sampler.
        """
        if not self.captured or self._bucket in self._graphs or self._bucket not in self._warm:
            return
        here = torch.cuda.current_stream(self.device) if self.device.type == "cuda" else None
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                self._result.copy_(self._write_face())
                self._homes.put_back()
        except RuntimeError:
            if here is not None:
                torch.cuda.set_stream(here)  # a capture that breaks off may leave its own
            self._give_up()
            return
        self._graphs[self._bucket], self._pool = graph, graph.pool()

    def _give_up(self) -> None:
        """Go on without graphs from where the last attempt ended; nothing that was recorded has run."""
        self._homes.return_all()
        self._graphs, self.static = {}, False
        super()._keep([i for i, alive in enumerate(self.alive) if alive])
        self.state.begin_face(self._span())

    def _keep(self, left: list[int]) -> None:
        if not self.static:
            super()._keep(left)
            return
        for i in set(range(len(self.rows))) - set(left):
            self.alive[i] = False
            self.rules.vertex_count[i] = 0  # an empty mesh, whose ids stay within any span
        if not any(self.alive):
            self.rows = []

    # -- the device ----------------------------------------------------------------------------------------------------

    def _write_face(self) -> Tensor:
        """One face in every row, as `_attempt_face` of Sampler: whether it was kept, whether the mesh ended instead,
        and its corners, float [B, 2 + 9]. Rows that have ended go on with it and keep nothing.
        """
        uniform = self._inputs[:, :-_FLAGS].unflatten(1, (3, -1))
        counts, self._failed, alive = (self._inputs[:, column] for column in range(-_FLAGS, 0))
        counts, self._failed, alive = counts.long(), self._failed > 0, alive > 0
        self._filters = self._of_rows(1), self._of_rows(self.draws)
        rules, rows = self.rules, self._rows
        before, face, kept = rules.vertex_count, [], alive
        ended = begun = alive
        for slot in range(3):
            place = 3 * counts + slot
            vertex, ok, ends = self._choose(slot, face, place, uniform[:, slot])
            if slot == 0:
                ended, kept = alive & ends, alive & ~ends
            kept = kept & ok
            begun = kept if slot == 0 else begun
            face.append(vertex)
            self.slot_vertex[rows, place] = vertex
            self._read(self.codes[rows, vertex], vertex, slot, place)
        rules.add_face(kept, face, counts, self._span())
        rules.vertex_count = torch.where(kept, rules.vertex_count, before)
        self.dead_ends[rows, face[0]] += begun
        self.dead_ends.masked_fill_(kept[:, None], 0)
        self._end_face(kept, face)
        flags = torch.stack([kept, ended], dim=1)
        return torch.cat([flags.float(), self._triangles(face).flatten(1)], dim=1)

    def _of_rows(self, draws: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Temperature, top-p and min-p [B K, 1] of the rows, None where there is none; those in trouble draw freely."""
        failed, config = self._failed.repeat_interleave(draws)[:, None], self.config
        return (
            torch.where(failed, 1.0, config.temperature),
            torch.where(failed, 2.0, config.top_p) if config.top_p < 1 else None,
            torch.where(failed, 0.0, config.min_p) if config.min_p else None,
        )

    def _probabilities(self, logits: Tensor) -> Tensor:
        """As in Sampler, up to a factor, which says nothing to a draw."""
        config = self.config
        if not self.static or config.temperature == 0 or config.top_k:
            return super()._probabilities(logits)
        temperature, top_p, min_p = self._filters[len(logits) > len(self._rows)]
        p = (logits / temperature).softmax(dim=-1)
        if min_p is not None:
            p = p * (p >= min_p * p.amax(dim=-1, keepdim=True))
        if top_p is not None:
            ordered, order = p.sort(dim=-1, descending=True)
            sums = ordered.cumsum(dim=-1)
            p = p.scatter_(-1, order, ordered * (sums - ordered < top_p * sums[..., -1:]))
        return p

    def _span(self) -> int:
        return self._bucket if self.static else super()._span()

    def _in_trouble(self) -> Tensor | None:
        return self._failed if self.static else super()._in_trouble()

    def _may_name(self, is_new: Tensor) -> bool:
        return self.static or super()._may_name(is_new)
