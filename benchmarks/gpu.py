# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m benchmarks.gpu --out FILE`: what a GPU makes of it, in less than 200 seconds.

Generation by the kernel that writes whole faces, face by face, and by CUDA graphs; training steps, compiled as well,
beside what the GPU's matrix units do at best. Each section runs in a process of its own with a limit of time, and what
it has measured by then counts.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from core import LatticeTokenizer, MeshTransformer, load_checkpoint
from core.cuda.engine import THREADS, Engine
from core.cuda.sampler import KernelSampler
from core.errors import Cancelled
from core.events import FaceEvent
from core.generation import Sampler
from core.graphs import GraphSampler
from core.sampling_config import SamplingConfig
from core.transformer_config import TransformerConfig

from .measure import Row
from .meshes import torus

MODEL = "meshgpt-lowpoly"
WHOLE = 196.0  # seconds of all sections
LIMITS = {"kernel": 50.0, "generation": 55.0, "training": 90.0}
ROOT = Path(__file__).parents[1]


class Setting:
    """Where and how large to measure; `quick` is for trying it out."""

    def __init__(self, device: str, quick: bool) -> None:
        self.device, self.quick = torch.device(device), quick
        self.gpu = self.device.type == "cuda"
        self.faces = 12 if quick else 200
        self.batches = (1, 4) if quick else (1, 4, 16, 64)
        self.seconds = 1.0 if quick else 1.5  # of one measurement of generation

    def wait(self) -> None:
        if self.gpu:
            torch.cuda.synchronize()


# -- generation --------------------------------------------------------------------------------------------------------


def generation(setting: Setting) -> Iterator[Row]:
    """Batches with both samplers; the plain one is slow, so that a few seconds of it have to do."""
    model = _model(setting)
    for _ in range(2):  # the first in a process loads kernels
        _written(setting, _sampler(setting, Sampler, model, 1, 1.0), 0.3)
    for guidance in (1.0, 2.5):
        for rows in setting.batches:
            yield from _attempted(lambda r=rows, g=guidance: _both(setting, model, r, g), f"{rows} meshes")


def _both(setting: Setting, model: MeshTransformer, rows: int, guidance: float) -> Iterator[Row]:
    name = f"{rows} meshes, guidance {guidance}"
    plain = _written(setting, _sampler(setting, Sampler, model, rows, guidance), setting.seconds)
    yield Row(f"{name}: plain", plain["faces_per_s"], "faces/s")
    yield Row("... an attempt", plain["attempt_ms"], "ms")
    yield Row("... first face", plain["first_s"], "s")
    sampler = _sampler(setting, _graphs(setting), model, rows, guidance)
    graphs = _written(setting, sampler, 2 * setting.seconds)
    ratio = graphs["faces_per_s"] / plain["faces_per_s"]
    yield Row(f"{name}: graphs, capture included", graphs["faces_per_s"], "faces/s", ratio, "plain")
    yield Row("... an attempt", graphs["attempt_ms"], "ms", plain["attempt_ms"] / graphs["attempt_ms"], "plain")
    yield Row("... first face", graphs["first_s"], "s", plain["first_s"] / graphs["first_s"], "plain")
    yield Row("... still static", float(sampler.static), "")
    if rows == 1 or setting.quick:
        yield from _kernels(setting, _sampler(setting, _graphs(setting), model, rows, guidance))


def kernel(setting: Setting) -> Iterator[Row]:
    """Whole jobs by the kernel, and one mesh with fewer and more threads."""
    model = _model(setting)
    for threads in (THREADS, 256, 1024):
        engine = Engine(model, threads=threads)
        for guidance in (1.0, 2.5) if threads == THREADS else (1.0,):
            for rows in setting.batches if threads == THREADS else (1,):
                yield from _attempted(
                    lambda e=engine, r=rows, g=guidance: _by_kernel(setting, e, model, r, g), f"{rows} meshes by kernel"
                )


def _by_kernel(setting: Setting, engine: Engine, model: MeshTransformer, rows: int, guidance: float) -> Iterator[Row]:
    start = time.perf_counter()
    engine.kernel(1 if guidance == 1 else 2)
    compiled_in = time.perf_counter() - start
    kind = lambda *arguments: KernelSampler(*arguments, engine=engine)  # noqa: E731
    runs = [_written(setting, _sampler(setting, kind, model, rows, guidance), 10 * setting.seconds) for _ in range(4)]
    speeds = sorted(run["faces_per_s"] for run in runs[1:])
    yield Row(f"{rows} meshes, guidance {guidance}, {engine.threads} threads: kernel", speeds[1], "faces/s")
    yield Row("... first faces", runs[-1]["first_s"], "s")
    if compiled_in > 0.1:
        yield Row("... compiling it", compiled_in, "s")


def _model(setting: Setting) -> MeshTransformer:
    return load_checkpoint(MODEL, device=str(setting.device)).transformer


def _graphs(setting: Setting) -> Callable[..., Sampler]:
    return lambda *arguments: GraphSampler(*arguments, captured=setting.gpu)


def _sampler(
    setting: Setting, kind: Callable[..., Sampler], model: MeshTransformer, rows: int, guidance: float
) -> Sampler:
    conditions = model.conditions(["house"] * rows, faces=setting.faces)
    config = SamplingConfig(temperature=0.7, guidance=guidance)
    return kind(model, conditions, list(range(rows)), config, setting.faces)


def _written(setting: Setting, sampler: Sampler, seconds: float) -> dict[str, float]:
    """What it writes within some seconds, or until all meshes are finished: faces a second, the median step while all
    rows are there (an attempt, or a launch of several), and when the first face came.
    """
    attempts: list[float] = []
    faces, rows, start, first = 0, len(sampler.rows), time.perf_counter(), 0.0

    def late() -> bool:
        now = time.perf_counter()
        if len(sampler.rows) == rows:
            attempts.append(now)
        return now - start > seconds and first > 0

    try:
        for event in sampler.stream(late):
            faces += isinstance(event, FaceEvent)
            first = first or time.perf_counter() - start
    except Cancelled:
        pass
    setting.wait()
    took = time.perf_counter() - start
    steps = sorted(b - a for a, b in zip(attempts, attempts[1:], strict=False)) or [took]
    return {"faces_per_s": faces / took, "attempt_ms": 1e3 * steps[len(steps) // 2], "first_s": first}


def _kernels(setting: Setting, sampler: Sampler) -> Iterator[Row]:
    """How many kernels an attempt launches: of the fourth one, which is replayed."""
    from torch.profiler import ProfilerActivity, profile

    activity = ProfilerActivity.CUDA if setting.gpu else ProfilerActivity.CPU
    with torch.inference_mode():
        for _ in range(3):
            list(sampler._attempt_face())
        setting.wait()
        with profile(activities=[activity]) as found:
            list(sampler._attempt_face())
            setting.wait()
    own = [event for event in found.events() if event.device_type.name == activity.name]
    count = sum(not event.name.lower().startswith(("memcpy", "memset")) for event in own)
    yield Row("... kernels an attempt" if setting.gpu else "... operations an attempt", count, "")


# -- training ----------------------------------------------------------------------------------------------------------


def training(setting: Setting) -> Iterator[Row]:
    """Steps of two models, as they are and compiled, as shares of what a large product of matrices reaches."""
    side = 512 if setting.quick else 8192
    matrix = torch.randn(side, side, device=setting.device, dtype=torch.bfloat16)
    best = 2 * side**3 / _seconds(setting, lambda: matrix @ matrix, 10)
    yield Row(f"bfloat16 product, {side} x {side}", best / 1e12, "Tflop/s")
    config = load_checkpoint(MODEL, device="cpu").transformer.config
    large = TransformerConfig(dim=1024, depth=24, heads=16, step="face", max_faces=400)
    models = {"bundled": (config, 200, 64), "large": (large, 400, 64)}
    if setting.quick:
        small = replace(large, dim=64, depth=2, heads=2)
        models = {"bundled": (config, 20, 2), "large": (small, 40, 2)}
    # The large one compiled comes before the small one: time may run out.
    for name, compile_it in (("bundled", False), ("large", False), ("large", True), ("bundled", True)):
        sizes, faces, meshes = models[name]
        label = f"{name}{', compiled' if compile_it else ''}"
        yield from _attempted(
            lambda s=sizes, f=faces, m=meshes, n=label, c=compile_it: _steps(setting, s, f, m, n, c, best), label
        )


def _steps(
    setting: Setting, config: TransformerConfig, faces: int, meshes: int, name: str, compile_it: bool, best: float
) -> Iterator[Row]:
    torch.manual_seed(0)
    tokenizer = LatticeTokenizer()
    model = MeshTransformer(tokenizer, None, config).to(setting.device).train()
    mesh = torus(faces // 10, 5)
    codes = torch.from_numpy(tokenizer.encode(mesh)).expand(meshes, -1, -1, -1).to(setting.device)
    lengths = torch.full((meshes,), codes.shape[1], device=setting.device)
    conditions = model.conditions(["house"] * meshes, faces=codes.shape[1]).to(setting.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=setting.gpu)
    half = torch.autocast(setting.device.type, torch.bfloat16) if setting.gpu else nullcontext()

    def gradient() -> None:
        with half:
            loss = model.nll(codes, lengths, conditions).sum() / lengths.sum()
        loss.backward()

    def step() -> None:
        gradient()
        optimiser.step()
        optimiser.zero_grad()

    with FlopCounterMode(display=False) as counter:
        gradient()
    flops = counter.get_total_flops()
    optimiser.zero_grad()
    if compile_it:
        model.compile_parts()
    start = time.perf_counter()
    step()
    setting.wait()
    yield Row(f"{name}: first step", time.perf_counter() - start, "s")
    took = _seconds(setting, step, 2 if setting.quick else 8)
    many = f"{model.parameter_count() / 1e6:.0f} M, {meshes} x {codes.shape[1]} faces"
    yield Row(f"{name} ({many}): a step", 1e3 * took, "ms")
    yield Row("... faces", meshes * codes.shape[1] / took, "faces/s")
    yield Row("... the model's arithmetic", flops / took / 1e12, "Tflop/s")
    yield Row("... of the product's", 100 * flops / took / best, "%")
    if setting.gpu:
        yield Row("... memory", torch.cuda.max_memory_allocated() / 2**30, "GiB")
        torch.cuda.reset_peak_memory_stats()


def _seconds(setting: Setting, job: Callable[[], Any], times: int) -> float:
    """Median seconds of a job, after two times that do not count."""
    found = []
    for number in range(times + 2):
        start = time.perf_counter()
        job()
        setting.wait()
        if number > 1:
            found.append(time.perf_counter() - start)
    return sorted(found)[len(found) // 2]


# -- running it --------------------------------------------------------------------------------------------------------


def _attempted(rows: Callable[[], Iterator[Row]], name: str) -> Iterator[Row]:
    """The rows; where one fails, why, and the end of them."""
    try:
        yield from rows()
    except Exception as error:  # whatever it is, the others are still worth measuring
        traceback.print_exc()
        words = str(error).strip().splitlines() or [""]
        yield Row(f"{name} failed: {type(error).__name__}: {words[0][:120]}", float("nan"), "")


SECTIONS = {"kernel": kernel, "generation": generation, "training": training}


def _section(name: str, setting: Setting) -> None:
    """One section, in this process: a line of JSON a row."""
    for row in _attempted(lambda: SECTIONS[name](setting), name):
        print(json.dumps(asdict(row)), flush=True)


def _rows(name: str, options: argparse.Namespace, limit: float) -> Iterator[Row]:
    """The rows of a section from a process of its own, which ends after `limit` seconds."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.gpu", "--section", name, "--device", options.device]
    command += ["--quick"] * options.quick
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        late = threading.Timer(limit, lambda: os.killpg(process.pid, signal.SIGKILL))
        late.start()
        for line in process.stdout:
            if line.startswith("{"):
                yield Row(**json.loads(line))
        process.wait()
        late.cancel()
    if process.returncode:
        yield Row(f"{name} ended early ({process.returncode}) of {limit:.0f} s", float("nan"), "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/gpu.json"), help="where the JSON goes")
    parser.add_argument("--device", default="cuda", help="where to measure")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try it out")
    parser.add_argument("--section", choices=SECTIONS, help="only this one, as lines of JSON, and without a limit")
    options = parser.parse_args()
    if options.section:
        _section(options.section, Setting(options.device, options.quick))
        return
    start, rows = time.monotonic(), []
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    machine = {"gpu": name, "torch": torch.__version__, "python": sys.version.split()[0]}
    print(json.dumps(machine), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for section, limit in LIMITS.items():
        for row in _rows(section, options, min(limit, WHOLE - (time.monotonic() - start))):
            print(f"{time.monotonic() - start:6.1f} s  {row.text()}", flush=True)
            rows.append(row)
            options.out.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
