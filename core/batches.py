# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The batches of a run in their order, prepared ahead by processes beside the training, which then waits for none."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

_AHEAD = 2  # batches that each loader prepares ahead


class Batched(Protocol):
    """What a task says of its batches; see `training.Task`."""

    def batch_sizes(self, epoch: int | None) -> list[int]: ...

    def batch(self, epoch: int | None, index: int, rows: Sequence[int] | None = None) -> Any: ...

    def size(self, batch: Any) -> tuple[float, ...]: ...


class Share(NamedTuple):
    """One process's rows of a batch. The weight is 0 for a row that does not count."""

    epoch: int | None
    index: int
    weight: float
    size: tuple[float, ...]  # what the task says of these rows, times the weight
    batch: Any


class Shares(Dataset):
    """What one process takes of the batches of a task: (epoch, index) -> Share."""

    def __init__(self, task: Batched, rank: int = 0, world: int = 1) -> None:
        self.task, self.rank, self.world = task, rank, world
        self._validation: list[Share] | None = None

    def __getitem__(self, place: tuple[int | None, int]) -> Share:
        """A batch with fewer rows than there are processes gives some of them a row that does not count."""
        epoch, index = place
        rows = range(self.rank, self.task.batch_sizes(epoch)[index], self.world)
        batch, weight = self.task.batch(epoch, index, rows or [0]), float(bool(rows))
        return Share(epoch, index, weight, tuple(weight * value for value in self.task.size(batch)), batch)

    def validation(self) -> list[Share]:
        """Those of the validation set, built once: they never change."""
        if self._validation is None:
            self._validation = [self[None, index] for index in range(len(self.task.batch_sizes(None)))]
        return self._validation

    def places(self, epoch: int, index: int) -> Iterator[tuple[int, int]]:
        """Epoch and index of one training batch after another, without end."""
        while True:
            for number in range(index, len(self.task.batch_sizes(epoch))):
                yield epoch, number
            epoch, index = epoch + 1, 0

    @contextmanager
    def ahead(self, epoch: int, index: int, count: int, loaders: int, pinned: bool) -> Iterator[Iterator[Share]]:
        """So many shares from a place on, by so many processes, which end with the context; by this one for 0.

        A batch is a function of its place, so who prepares it changes nothing. `pinned`: in memory that a GPU copies
        from by itself.
        """
        places = islice(self.places(epoch, index), count)
        if not loaders:
            yield map(self.__getitem__, places)
            return
        loader = DataLoader(
            self,
            sampler=places,
            batch_size=None,  # a share is a whole batch already
            collate_fn=_as_it_is,
            num_workers=loaders,
            prefetch_factor=_AHEAD,
            pin_memory=pinned,
            worker_init_fn=_left_to_the_trainer,
            multiprocessing_context="fork",
            generator=torch.Generator(),  # its own, so that the run's random numbers stay as they are without loaders
        )
        shares = iter(loader)
        try:
            yield shares
        finally:
            # What is freed is shut down too, but after an exception the traceback would keep it.
            shares._shutdown_workers()


def can_load_ahead() -> bool:
    """Whether loaders can take over the task as it is, by forking: Windows cannot, macOS's libraries may crash."""
    return sys.platform == "linux"


def _as_it_is(share: Share) -> Share:
    return share


def _left_to_the_trainer(_: int) -> None:
    """Ctrl-C and SIGTERM may reach all processes of a group; the step that is to be finished needs its batches."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    gc.freeze()  # what was inherited stays: its memory is shared, and what lies on a GPU is not this process's to free
