# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel that writes whole faces gives the events of the plain sampler: its source on a processor, and on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from core import Cancelled, MeshGPTError, MeshTransformer, load_checkpoint
from core.cuda import engine as engines
from core.cuda.compiler import compiled
from core.cuda.engine import Engine, sampler_for
from core.cuda.job import Packed, writes
from core.cuda.sampler import KernelSampler
from core.events import MeshEvent
from core.generation import Sampler
from core.graphs import GraphSampler
from core.sampling_config import SamplingConfig

from .host_kernel import COMPILER, HostKernel, sanitizer
from .test_graphs import MOST, SEEDS, ending_model, lengths, needs_gpu, some_faces, told

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
PARTS = {
    "plain": {},
    "neighbours": {"neighbours": True},
    "edges": {"edges": True},
    "closing": {"edges": True, "closing": True},
    "all": {"neighbours": True, "edges": True, "closing": True, "completion": True, "face_depth": 2, "head_depth": 2},
}
EVERY_PART = PARTS["all"]
WARPS = ["-DHOST_WARP=4", "-DHOST_GROUP=2"]  # which a processor does not have: threads that hand each other numbers


class HostEngine(Engine):
    """As on a GPU, with threads of the processor."""

    def __init__(
        self, model: MeshTransformer, half: bool = False, threads: int = 1, options: Sequence[str] = ()
    ) -> None:
        super().__init__(model, half, threads, group=2 if WARPS[1] in options else 1)
        self.options = options

    def _compiled(self, source: str) -> HostKernel:
        return HostKernel(source, *self.options)


def sampler(
    kind: Any, model: MeshTransformer, kept: int = 0, device: str = "cpu", faces: int = 20, **settings: Any
) -> Sampler:
    conditions = model.to(device).conditions(["box"] * len(SEEDS), faces=faces)
    made = kind(model, conditions, SEEDS, SamplingConfig(**settings), MOST)
    if kept:
        made.keep(some_faces(model, kept), above=not model.config.completion)
    return made


def by_kernel(*arguments: Any, **engine: Any) -> KernelSampler:
    return KernelSampler(*arguments, engine=HostEngine(arguments[0], **engine))


def model_of(**options: Any) -> MeshTransformer:
    return ending_model(step="face", **{"head_width": 32, **options})


def in_order(events: list[tuple]) -> list[tuple]:
    """Faces of each mesh in order and meshes, whatever the order of the meshes among each other."""
    return sorted(events, key=lambda event: (event[0], len(event) == 4))


@needs_compiler
@pytest.mark.parametrize("options", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_events_are_those_of_the_plain_sampler(options: dict, guidance: float) -> None:
    model = model_of(**options)
    expected = told(sampler(Sampler, model, guidance=guidance).stream())
    assert told(sampler(by_kernel, model, guidance=guidance).stream()) == expected
    assert len(lengths(expected)) > 1  # meshes end at different times


@needs_compiler
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.7, "top_p": 1.0},
        {"temperature": 0.3, "top_p": 0.5, "min_p": 0.05},
        {"attempts": 8, "close": False, "manifold": False, "draws": 1},
        {"guidance": 3.0, "faces_guidance": 2.0},
    ],
    ids=str,
)
def test_whatever_the_settings(settings: dict) -> None:
    model = model_of(**EVERY_PART)
    expected = told(sampler(Sampler, model, **settings).stream())
    assert told(sampler(by_kernel, model, **settings).stream()) == expected


@needs_compiler
@pytest.mark.parametrize("completion", [True, False])
def test_completions_go_on_in_the_same_way(completion: bool) -> None:
    model = model_of(**{**EVERY_PART, "completion": completion})
    expected = told(sampler(Sampler, model, kept=10).stream())
    assert told(sampler(by_kernel, model, kept=10).stream()) == expected


@needs_compiler
def test_how_many_attempts_a_launch_has_changes_nothing() -> None:
    model = model_of(**EVERY_PART)
    found = []
    for attempts in (1, 7, 64):
        made = sampler(by_kernel, model)
        made._attempts = attempts
        found.append(in_order(told(made.stream())))
    assert found[0] == found[1] == found[2]


@needs_compiler
@pytest.mark.parametrize(("threads", "options"), [(3, []), (8, WARPS)], ids=["threads", "warps"])
def test_threads_share_the_work(threads: int, options: list[str]) -> None:
    model = model_of(**EVERY_PART)
    expected = told(sampler(Sampler, model, guidance=2.0).stream())
    kind = lambda *arguments: by_kernel(*arguments, threads=threads, options=options)  # noqa: E731
    assert told(sampler(kind, model, guidance=2.0).stream()) == expected


@needs_compiler
@pytest.mark.parametrize("half", [False, True])
def test_the_bundled_model(half: bool) -> None:
    model = load_checkpoint(device="cpu").transformer
    settings = SamplingConfig(temperature=0.85, guidance=2.5)

    def meshes(kind: Any) -> dict[int, bytes]:
        conditions = model.conditions(["barrel", "table"], faces=30)
        events = kind(model, conditions, [3, 4], settings, 40).stream()
        return {event.row: event.mesh.codes.tobytes() for event in events if isinstance(event, MeshEvent)}

    found = meshes(lambda *arguments: by_kernel(*arguments, half=half))
    assert found == meshes(Sampler) and len(found) == 2


@needs_compiler
def test_cancel_stops_after_a_launch() -> None:
    found, seen = sampler(by_kernel, model_of()), []
    with pytest.raises(Cancelled):
        for event in found.stream(cancelled=lambda: len(seen) > 0):
            seen.append(event)
    assert 0 < len(seen) <= 4 * 2 * len(SEEDS)


@needs_compiler
def test_no_face_at_all_is_an_error() -> None:
    model = model_of()
    with torch.no_grad():
        model.head.gate.bias[1] = -1e10  # it can only copy, and there is nothing to copy
    with pytest.raises(MeshGPTError, match="single face"):
        list(sampler(by_kernel, model, attempts=2).stream())


@needs_compiler
@pytest.mark.parametrize("what", ["thread", "address"])
def test_no_race_and_nothing_out_of_bounds(what: str) -> None:
    library = sanitizer(what)
    if library is None:
        pytest.skip(f"the compiler has no {what} sanitizer")
    options = {"ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": "ignore_noninstrumented_modules=1"}
    environment = {**os.environ, **options, "LD_PRELOAD": library, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.core.sanitized_kernel", what]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True)
    assert (done.returncode, done.stdout.strip()) == (0, "the same meshes"), done.stderr[-5000:]


def test_the_kernel_is_for_what_it_can() -> None:
    settings = SamplingConfig()
    sizes = {"dim": 64, "head_width": 64}
    assert writes(model_of(**sizes), settings)
    assert not writes(model_of(), settings)  # too narrow for a warp
    assert not writes(ending_model(**sizes), settings) and not writes(model_of(head="mlp", **sizes), settings)
    assert not writes(model_of(splits=((8, 8, 8), (4, 4, 4), (4, 4, 4)), **sizes), settings)
    for other in ({"temperature": 0.0}, {"top_k": 5}):
        assert not writes(model_of(**sizes), SamplingConfig(**other))


def test_it_is_used_where_it_is_wanted_and_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(point_latents=3, dim=64, head_width=64)
    wishes = model.conditions(["box"], faces=20)
    rest = [0], SamplingConfig(), MOST
    assert isinstance(sampler_for(model, wishes, *rest), GraphSampler)
    monkeypatch.setattr(engines, "_wanted", lambda model: True)
    failing = lambda model: Engine(model)  # noqa: E731 # there is no GPU, or none that this PyTorch knows
    if not torch.cuda.is_available():
        assert isinstance(sampler_for(model, wishes, *rest, engine=failing), GraphSampler)
    engines._engines.clear()
    if COMPILER:
        assert isinstance(sampler_for(model, wishes, *rest, engine=HostEngine), KernelSampler)
        with_points = model.conditions(["box"], points=torch.ones(4, 6).numpy())
        assert isinstance(sampler_for(model, with_points, *rest, engine=HostEngine), GraphSampler)


@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
@pytest.mark.parametrize("lanes", [1, 5])
def test_nvrtc_compiles_it(architecture: str, lanes: int) -> None:
    source = Packed(load_checkpoint(device="cpu").transformer, half=True).source(lanes, engines.THREADS)
    try:
        program = compiled(source, architecture)
    except OSError as error:
        pytest.skip(f"no NVRTC: {error}")
    assert program[:4] == b"\x7fELF" and b"write_meshes" in program


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("options", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_the_same_meshes_on_a_gpu(options: dict, guidance: float) -> None:
    model = model_of(dim=64, head_width=64, **options)
    expected = told(sampler(Sampler, model, guidance=guidance).stream())
    kind = lambda *arguments: KernelSampler(*arguments, engine=Engine(model, half=False, threads=128))  # noqa: E731
    found = sampler(kind, model, device="cuda", guidance=guidance)
    assert told(found.stream()) == expected


@pytest.mark.gpu
@needs_gpu
def test_the_bundled_model_on_a_gpu() -> None:
    model = load_checkpoint(device="cpu").transformer
    settings = SamplingConfig(temperature=0.85, guidance=2.5)
    found = []
    for device, kind in (("cpu", Sampler), ("cuda", lambda *a: KernelSampler(*a, engine=Engine(model)))):
        wishes = model.to(device).conditions(["barrel", "table", "chair"], faces=100)
        events = kind(model, wishes, [3, 4, 5], settings, 200).stream()
        found.append({e.row: e.mesh.codes.tobytes() for e in events if isinstance(e, MeshEvent)})
    same = sum(found[0][row] == found[1][row] for row in found[0])
    assert same >= 2  # rounding may turn one choice in a thousand
