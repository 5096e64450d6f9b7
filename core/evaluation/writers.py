# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes the meshes of an evaluation: this process, or several, each with the model in memory.

The NumPy engine writes one mesh at a time on one core. Meshes have seeds of their own, so it makes no difference to
them who writes them. Nothing here needs PyTorch, which would take each process seconds to import.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import MeshGPTError

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..light.checkpoint import LightCheckpoint

# Of the libraries that NumPy may have its products from; they read them when they are loaded.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_loaded: LightCheckpoint  # of a process that writes


class Writers:
    """A context in which tasks are done with a checkpoint: by `processes` processes if the NumPy engine writes, else in
    this one. They start with the first task and end with the context, also by an error or Ctrl+C.
    """

    def __init__(self, checkpoint: Checkpoint, processes: int = 1) -> None:
        if processes < 1:
            raise MeshGPTError("No process was to write.", "Give at least 1.")
        self.checkpoint = checkpoint
        self._pool: ProcessPoolExecutor | None = None
        if processes > 1 and checkpoint.device == "numpy":
            context = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
            theirs, self._end = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(processes, context, _start, (checkpoint.path, theirs))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:
            self._end.close()  # nobody waits for what is being written
        self._pool.shutdown(cancel_futures=True)
        self._end.close()

    def map(
        self,
        task: Callable[..., Any],
        wishes: Sequence[tuple[Any, ...]],
        sizes: Sequence[float],
        advance: Callable[[], None] = lambda: None,
    ) -> list[Any]:
        """task(checkpoint, *wish) of each wish, in their order; `advance` is called as they are done.

        task: a function that other processes can import. sizes: about how long each takes, in any unit; the longest
        begin first, so that at the end no process waits long for another.
        """
        results: list[Any] = [None] * len(wishes)
        if self._pool is None:
            for i, wish in enumerate(wishes):
                results[i] = task(self.checkpoint, *wish)
                advance()
            return results
        order = sorted(range(len(wishes)), key=lambda i: -sizes[i])
        try:
            with _one_thread_each():
                places = {self._pool.submit(_do, task, wishes[i]): i for i in order}
            for future in as_completed(places):
                results[places[future]] = future.result()
                advance()
        except BrokenProcessPool:
            hint = (
                "Free some memory, or let one process write (--processes 1). A script that asks for more has to do so "
                'under `if __name__ == "__main__":`.'
            )
            raise MeshGPTError("A process that wrote meshes has died.", hint) from None
        return results


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """What starts meanwhile multiplies with one thread: the processes share the cores already."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start(path: Path, end: Connection) -> None:
    """The first thing that a new process does. `end` closes when it is to stop, or whoever started it has died."""
    global _loaded
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal reaches all processes: the first one ends these
    threading.Thread(target=_wait_for, args=(end,), daemon=True).start()
    from ..light.checkpoint import load_light

    _loaded = load_light(path)


def _wait_for(end: Connection) -> None:
    end.poll(None)
    os._exit(1)


def _do(task: Callable[..., Any], wish: tuple[Any, ...]) -> Any:
    return task(_loaded, *wish)
