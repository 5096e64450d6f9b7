# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generation: the bundled model, and what cache, batch and guidance cost or gain."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from core import Checkpoint, load_checkpoint
from core.conditioning import Conditions

from .measure import Row, side_by_side

FACES = 48


def rows(name: str | None = None) -> Iterator[Row]:
    """`name`: the model to measure; None: the bundled one."""
    start = time.perf_counter()
    checkpoint = load_checkpoint(name)
    yield Row(f"load {checkpoint.name} onto {checkpoint.device}", time.perf_counter() - start, "s")
    _faces_per_second(checkpoint, 1, 1.0)
    one, guided, eight = (_faces_per_second(checkpoint, *way) for way in ((1, 1.0), (1, 2.0), (8, 1.0)))
    yield Row("generate one mesh", one, "faces/s")
    yield Row("... with guidance", guided, "faces/s", guided / one, "without guidance")
    yield Row("... eight meshes at once", eight, "faces/s", eight / one, "one mesh")
    cached, full = side_by_side(lambda: _cached(checkpoint), lambda: _recomputed(checkpoint), at_least=0.1)
    yield Row(
        f"trunk with KV cache, {FACES} faces", FACES / cached, "faces/s", full / cached, "reading all again each step"
    )
    yield from _first_face(checkpoint)


def _faces_per_second(checkpoint: Checkpoint, count: int, guidance: float) -> float:
    """Over at least two rounds and 200 faces, so that a mesh that ends early does not decide."""
    faces, round_, start = 0, 0, time.perf_counter()
    while faces < 200 or round_ < 2:
        meshes = checkpoint.generate("table", count, FACES, seed=100 * round_, max_faces=FACES, guidance=guidance)
        faces += sum(len(mesh.faces) for mesh in meshes)
        round_ += 1
    return faces / (time.perf_counter() - start)


def _inputs(checkpoint: Checkpoint) -> tuple[torch.Tensor, Conditions]:
    model = checkpoint.transformer
    generator = torch.Generator().manual_seed(0)
    codes = [torch.randint(size, (1, 3 * FACES), generator=generator) for size in checkpoint.tokenizer.codebook_sizes]
    conditions = Conditions(model.vocabulary.encode(["table"]), torch.tensor([float(FACES)]))
    return torch.stack(codes, dim=-1).to(checkpoint.device), conditions.to(checkpoint.device)


@torch.inference_mode()
def _cached(checkpoint: Checkpoint) -> None:
    """The trunk over FACES faces, one step a vertex."""
    model = checkpoint.transformer
    codes, conditions = _inputs(checkpoint)
    prefix = model.prefix(conditions)
    length = prefix.shape[1]
    cache = model.trunk.new_cache(1, prefix, length + codes.shape[1])
    model.trunk.prefill(prefix, cache)
    for slot in range(codes.shape[1]):
        place = torch.tensor([slot], device=codes.device)
        model.trunk.step(model.embed_vertices(codes[:, slot], place), place + length, length + slot + 1, cache)


@torch.inference_mode()
def _recomputed(checkpoint: Checkpoint) -> None:
    """The same without a cache: every step reads the whole mesh so far."""
    codes, conditions = _inputs(checkpoint)
    for slot in range(codes.shape[1]):
        checkpoint.transformer.hidden(codes[:, : slot + 1], conditions)


_WORKER = """
import sys, time
start = time.perf_counter()
from core import load_checkpoint
checkpoint = load_checkpoint(sys.argv[1])
for _ in range(2):
    events = checkpoint.stream("table", 1)
    next(events)
    print(time.perf_counter() - start)
    events.close()
    start = time.perf_counter()
"""


def _first_face(checkpoint: Checkpoint) -> Iterator[Row]:
    """From a fresh Python to the first face, and once more when all is loaded."""
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, str(checkpoint.path.absolute())],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    cold, warm = map(float, done.stdout.split())
    yield Row("first face, from a fresh Python", cold, "s")
    yield Row("first face, model loaded", warm, "s", cold / warm, "a fresh Python")
