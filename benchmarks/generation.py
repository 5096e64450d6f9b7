# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generation with the bundled models: NumPy's engine beside PyTorch's on the processor, and both beside what the
machine's memory allows.

A face reads every weight of the model once, so its bytes over the measured bandwidth are the least time a face can
take.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from core import Checkpoint, load_checkpoint
from core.light.model import writes
from core.model_files import read_config
from core.model_list import CheckpointInfo, list_checkpoints

from .measure import Row, side_by_side

ROUNDS = 5
LENGTHS = (200, 400)
ENGINES = ("numpy", "cpu")


def rows(name: str | None = None) -> Iterator[Row]:
    """`name`: the model to measure; None: all that both engines can write with."""
    for info in list_checkpoints():
        if info.kind == "transformer" and name in (None, info.name) and writes(read_config(info.path)):
            yield from _rows(info)


def _rows(info: CheckpointInfo) -> Iterator[Row]:
    numpy, torch = (load_checkpoint(info.path, device=engine) for engine in ENGINES)
    floor = bandwidth() / (4 * info.parameters)
    for length in LENGTHS:
        ours, theirs = (len_ / took for len_, took in _alternating((numpy, torch), length, 1.0))
        yield Row(f"{info.name}: one mesh of {length} faces", ours, "faces/s", ours / theirs, "PyTorch, side by side")
        if length == LENGTHS[0]:
            yield Row("... of what memory allows", 100 * ours / floor, "%")
    guided, plain = (len_ / took for len_, took in _alternating((numpy, torch), LENGTHS[0], 2.5))
    yield Row("... with guidance", guided, "faces/s", guided / plain, "PyTorch, side by side")
    yield from _batches(numpy, torch)
    yield from _first_face(info)


def bandwidth() -> float:
    """Bytes a second of a matrix that one thread reads for a product with a vector."""
    values, vector = np.ones((2**15, 2**10), np.float32), np.ones(2**10, np.float32)
    best = side_by_side(lambda: values @ vector)[0]
    return values.nbytes / best


def _alternating(models: tuple[Checkpoint, ...], length: int, guidance: float) -> list[tuple[int, float]]:
    """Faces and seconds of each model in the round of median speed, of rounds in which they take turns."""
    found: list[list[tuple[int, float]]] = [[] for _ in models]
    for round_ in range(ROUNDS + 1):
        for model, times in zip(models, found, strict=True):
            start = time.perf_counter()
            stream = model.stream("house", 1, length, seed=round_, max_faces=length, guidance=guidance)
            faces = sum(1 for event in stream if hasattr(event, "triangle"))
            if round_:  # the first warms up
                times.append((faces, time.perf_counter() - start))
    return [sorted(times, key=lambda one: one[0] / one[1])[len(times) // 2] for times in found]


def _batches(numpy: Checkpoint, torch: Checkpoint) -> Iterator[Row]:
    """Several meshes: one after the other with NumPy, side by side with PyTorch."""
    for count in (4, 8, 16):

        def job(model: Checkpoint, count: int = count) -> None:
            model.generate("house", count, 100, max_faces=100, guidance=1.0)

        ours, theirs = side_by_side(lambda job=job: job(numpy), lambda job=job: job(torch))
        faces = sum(len(mesh.faces) for mesh in numpy.generate("house", count, 100, max_faces=100, guidance=1.0))
        yield Row(f"... {count} meshes", faces / ours, "faces/s", theirs / ours, "PyTorch, side by side")


_FRESH = """
import sys, time
start = time.perf_counter()
from core import load_checkpoint
checkpoint = load_checkpoint(sys.argv[1], device=sys.argv[2])
for _ in range(2):
    events = checkpoint.stream("table", 1)
    next(events)
    print(time.perf_counter() - start)
    events.close()
    start = time.perf_counter()
"""


def _first_face(info: CheckpointInfo) -> Iterator[Row]:
    """From a fresh Python to the first face, and once more when all is loaded."""
    root = Path(__file__).parents[1]
    times = {engine: [] for engine in ENGINES}
    for _ in range(3):
        for engine in ENGINES:
            command = [sys.executable, "-c", _FRESH, str(info.path.absolute()), engine]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
            times[engine].append([float(line) for line in islice(done.stdout.split(), 2)])
    ours, theirs = (np.median(times[engine], axis=0) for engine in ENGINES)
    yield Row("... first face, from a fresh Python", ours[0], "s", theirs[0] / ours[0], "PyTorch, side by side")
    yield Row("... first face, model loaded", ours[1], "s", theirs[1] / ours[1], "PyTorch, side by side")
