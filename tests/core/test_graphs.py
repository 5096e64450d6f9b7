# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CUDA graphs are made of gives the events of the plain sampler, and looks at no value on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core import Cancelled, MeshTransformer
from core.data.procedural import procedural_meshes
from core.events import FaceEvent, MeshEvent
from core.generation import Sampler
from core.graphs import GraphSampler, Homes
from core.sampling_config import SamplingConfig

from .test_transformer import EVERYTHING, each_variant, small_model

MOST = 20
SEEDS = [5, 6, 7, 8, 9]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def ending_model(end: float = -2.0, **options: Any) -> MeshTransformer:
    """Random weights that end meshes at different times."""
    model = small_model(max_faces=MOST, **options)
    with torch.no_grad():
        (model.head.gate if model.head.copies else model.head.end).bias[-1] = end
    return model


def sampler(
    kind: Callable[..., Sampler], model: MeshTransformer, device: str = "cpu", kept: int = 0, **settings: Any
) -> Sampler:
    points = np.random.default_rng(0).normal(size=(12, 6)) if model.config.point_latents else None
    conditions = model.to(device).conditions(["box"] * len(SEEDS), faces=20, points=points)
    made = kind(model, conditions, SEEDS, SamplingConfig(**settings), MOST)
    if kept:
        made.keep(some_faces(model, kept), above=not model.config.completion)
    return made


def some_faces(model: MeshTransformer, count: int) -> np.ndarray:
    mesh = next(mesh for mesh, _ in procedural_meshes(30, seed=7) if len(mesh.faces) > count)
    return model.tokenizer.encode(mesh)[:count]


def told(events: Iterator[FaceEvent | MeshEvent]) -> list[tuple]:
    """All that events say, to compare."""
    return [
        (e.row, e.index, e.triangle.tobytes())
        if isinstance(e, FaceEvent)
        else (e.row, e.mesh.codes.tobytes(), e.mesh.ended, e.mesh.attempts)
        for e in events
    ]


def lengths(events: list[tuple]) -> set[int]:
    return {len(event[1]) for event in events if len(event) == 4}


def uncaptured(*arguments: Any, **options: Any) -> GraphSampler:
    return GraphSampler(*arguments, captured=False, first_bucket=8, **options)


@each_variant
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_static_shapes_give_the_same_events(options: dict, guidance: float) -> None:
    model = ending_model(**EVERYTHING, **options)
    expected = told(sampler(Sampler, model, guidance=guidance).stream())
    assert told(sampler(uncaptured, model, guidance=guidance).stream()) == expected
    assert len(lengths(expected)) > 1  # rows leave the batch at different times


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": 0.7, "top_p": 1.0},
        {"top_k": 3, "min_p": 0.05},
        {"attempts": 8, "close": False, "manifold": False},
        {"guidance": 3.0, "faces_guidance": 2.0, "points_guidance": 1.0},
    ],
    ids=str,
)
def test_whatever_the_settings(settings: dict) -> None:
    model = ending_model(step="face", edges=True, closing=True, **EVERYTHING)
    expected = told(sampler(Sampler, model, **settings).stream())
    assert told(sampler(uncaptured, model, **settings).stream()) == expected


def test_points_that_are_attended_to() -> None:
    model = ending_model(step="face", edges=True, closing=True, point_attention=True, **EVERYTHING)
    expected = told(sampler(Sampler, model, guidance=2.0).stream())
    assert told(sampler(uncaptured, model, guidance=2.0).stream()) == expected
    assert len(lengths(expected)) > 1  # rows leave, and what they attend to with them


@pytest.mark.parametrize("completion", [True, False])
def test_completions_go_on_in_the_same_way(completion: bool) -> None:
    model = ending_model(step="face", edges=True, closing=True, neighbours=True, completion=completion)
    expected = told(sampler(Sampler, model, kept=10).stream())
    assert told(sampler(uncaptured, model, kept=10).stream()) == expected


def test_learned_codes_too() -> None:
    from .tiny_autoencoder import as_after_training, eight_meshes  # needs packages that nothing else here does

    torch.manual_seed(1)
    model = MeshTransformer(as_after_training(eight_meshes()), dim=16, depth=1, heads=2, max_faces=MOST)
    with torch.no_grad():
        model.head.gate.bias[-1] = -2.0
    expected = told(sampler(Sampler, model.eval()).stream())
    assert told(sampler(uncaptured, model).stream()) == expected


def test_finished_rows_leave_when_they_are_half_of_the_batch() -> None:
    found = sampler(uncaptured, ending_model(step="face", edges=True, closing=True))
    sizes = [(len(found.rows), sum(found.alive)) for _ in found.stream()]
    assert {rows for rows, _ in sizes} <= {5, 2, 1} and len({rows for rows, _ in sizes}) > 1
    assert any(alive < rows for rows, alive in sizes)


class _NoLook(TorchDispatchMode):
    """Refuses what would make a GPU wait for the host, or the host for it."""

    forbidden = ("_local_scalar_dense", "nonzero", "lift_fresh", "is_nonzero", "masked_select", "unique")

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        assert not any(word in str(func) for word in self.forbidden), func
        return func(*args, **(kwargs or {}))


@each_variant
def test_the_device_part_looks_at_no_value(options: dict) -> None:
    found = sampler(uncaptured, ending_model(**EVERYTHING, **options), guidance=2.0)
    part = found._write_face

    def watched() -> torch.Tensor:
        with _NoLook():
            return part()

    found._write_face = watched
    next(found.stream())


def test_without_a_gpu_it_is_the_plain_sampler() -> None:
    model = ending_model()
    found = sampler(GraphSampler, model)
    assert not found.static
    assert told(found.stream()) == told(sampler(Sampler, model).stream())


def test_a_capture_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ending_model(step="face", edges=True, closing=True, neighbours=True)
    found = sampler(uncaptured, model)
    found.captured = True
    read, calls = found._read, []

    def fails(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 5:  # the first attempt warms up
            raise RuntimeError("operation not permitted when stream is capturing")
        read(*arguments)

    class NoGraph:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_: Any) -> None: ...

    monkeypatch.setattr(torch.cuda, "CUDAGraph", NoGraph)
    monkeypatch.setattr(torch.cuda, "graph", NoGraph)
    monkeypatch.setattr(found, "_read", fails)
    # What was chosen before the capture failed is in the state's scratch only, as after a face that broke a rule.
    assert told(found.stream()) == told(sampler(Sampler, model).stream())
    assert not found.static and len(calls) > 5


def test_cancel_stops_at_the_next_face() -> None:
    found, seen = sampler(uncaptured, ending_model()), []
    with pytest.raises(Cancelled):
        for event in found.stream(cancelled=lambda: len(seen) >= 2):
            seen.append(event)
    assert len(seen) < 2 + len(SEEDS)


def test_homes_keep_their_memory() -> None:
    class State:
        pass

    State.__module__ = GraphSampler.__module__
    state, inner = State(), State()
    state.inner, state.parts, state._scratch = inner, [torch.zeros(2)], torch.zeros(1)
    inner.x = state.y = torch.zeros(3)  # one tensor by two names gets two homes
    homes = Homes(state)
    x, y, part = inner.x, state.y, state.parts[0]
    assert x is not y and len(homes.homes) == 3
    state.y, inner.x, state.parts = inner.x, torch.ones(3), [torch.ones(2)]  # y is what x was before
    homes.put_back()
    assert inner.x is x and state.y is y and state.parts[0] is part
    assert x.tolist() == [1] * 3 and y.tolist() == [0] * 3 and part.tolist() == [1] * 2
    inner.x = torch.ones(4)
    with pytest.raises(RuntimeError, match="shape"):
        homes.put_back()
    homes.return_all()
    assert inner.x is x


@pytest.mark.gpu
@needs_gpu
@each_variant
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_graphs_give_the_same_meshes_on_a_gpu(options: dict, guidance: float) -> None:
    model = ending_model(**EVERYTHING, **options)
    expected = told(sampler(Sampler, model, guidance=guidance).stream())
    kind = lambda *arguments: GraphSampler(*arguments, first_bucket=8)  # noqa: E731
    found = sampler(kind, model, "cuda", guidance=guidance)
    assert told(found.stream()) == expected
    assert found.static  # nothing has failed


@pytest.mark.gpu
@needs_gpu
def test_graphs_can_be_cancelled_and_complete_meshes() -> None:
    model = ending_model(step="face", edges=True, closing=True, neighbours=True, completion=True)
    expected = told(sampler(Sampler, model, "cuda", kept=10).stream())
    assert told(sampler(GraphSampler, model, "cuda", kept=10).stream()) == expected
    found, seen = sampler(GraphSampler, model, "cuda"), []
    with pytest.raises(Cancelled):
        for event in found.stream(cancelled=lambda: len(seen) >= 12):
            seen.append(event)
    assert found.static and len(seen) < 12 + len(SEEDS)
