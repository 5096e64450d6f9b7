# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside meshgpt-pytorch 1.8.1 with as many parameters and threads: run in the environment of `make test-peer`.

The peer's transformer has as many parameters as the bundled one it is compared with, and writes the same number of
faces; its weights are random, which changes nothing in how long it takes. Its models are as its README builds them, but
smaller.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from .measure import Row, side_by_side

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-peer" / "bin" / "python"
MODEL = "meshgpt-lowpoly"
FACES, BATCH, ROUNDS = 100, 8, 5
WARM_UP = 6  # steps until all variants are compiled
# The peer imports this for text prompts, and nothing here reads one: its seconds do not count.
_STUB = "import sys, types; sys.modules.setdefault('open_clip', types.ModuleType('open_clip'))"


def rows() -> Iterator[Row]:
    """The rows, from a process in the peer's environment; none where that is not set up."""
    if not PYTHON.is_file():
        return
    command = [str(PYTHON), "-W", "ignore", "-m", "benchmarks.peer"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("{"):
                yield Row(**json.loads(line))
    if process.returncode:
        raise SystemExit("the comparison with the peer failed")


def _measured() -> Iterator[Row]:
    sys.modules.setdefault("open_clip", ModuleType("open_clip"))
    yield from _imports()
    yield from _adjacency()
    yield from _autoencoders()
    yield from _transformers()


def _median(*jobs: Callable[[], Any]) -> list[float]:
    """Median seconds of each job, which take turns after a round that does not count."""
    found: list[list[float]] = [[] for _ in jobs]
    for round_ in range(ROUNDS + 1):
        for job, times in zip(jobs, found, strict=True):
            start = time.perf_counter()
            job()
            if round_:
                times.append(time.perf_counter() - start)
    return [sorted(times)[len(times) // 2] for times in found]


def _imports() -> Iterator[Row]:
    def run(code: str) -> None:
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True, capture_output=True)

    generate = "import core.light.checkpoint"
    train = "import core.transformer, core.tasks.transformer"
    numpy, torch, peer = _median(
        lambda: run(generate), lambda: run(train), lambda: run(f"{_STUB}; from meshgpt_pytorch import MeshTransformer")
    )
    yield Row("import what generates (NumPy)", numpy, "s", peer / numpy, "import meshgpt_pytorch")
    yield Row("import what trains (PyTorch)", torch, "s", peer / torch, "import meshgpt_pytorch")


def _adjacency() -> Iterator[Row]:
    import torch
    from meshgpt_pytorch.data import derive_face_edges_from_faces

    from core.mesh import face_adjacency

    from .meshes import torus

    for around, tube in ((10, 5), (40, 10), (80, 20), (200, 50)):
        faces = torus(around, tube).faces
        many = f"{len(faces):,} faces"
        if len(faces) > 5000:  # the peer's memory goes with the square
            yield Row(f"face adjacency, {many}", 1e3 * side_by_side(lambda f=faces: face_adjacency(f))[0], "ms")
            continue
        other = torch.from_numpy(faces)[None]
        ours, theirs = side_by_side(
            lambda f=faces: face_adjacency(f), lambda o=other: derive_face_edges_from_faces(o, include_self=False)
        )
        yield Row(f"face adjacency, {many}", 1e3 * ours, "ms", theirs / ours, "meshgpt-pytorch")
        if len(faces) > 3000:
            ours = _peak_memory("face_adjacency(faces)", around, tube)
            theirs = _peak_memory("derive_face_edges_from_faces(torch.from_numpy(faces)[None])", around, tube)
            yield Row("... memory that takes", ours, "MiB", theirs / ours, "meshgpt-pytorch")


def _peak_memory(job: str, around: int, tube: int) -> float:
    """MiB by which a job on the faces of a torus raises the memory of a process of its own, which has done it for a
    small one; Linux.
    """
    code = f"""
{_STUB}
import torch
from meshgpt_pytorch.data import derive_face_edges_from_faces
from benchmarks.meshes import torus
from core.mesh import face_adjacency

def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))

faces = torus(10, 5).faces
{job}
faces = torus({around}, {tube}).faces
open("/proc/self/clear_refs", "w").write("5")  # the peak from now on
before = kilobytes("VmRSS")
{job}
print((kilobytes("VmHWM") - before) / 1024)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, check=True)
    return max(float(done.stdout), 0.1)


def _autoencoders() -> Iterator[Row]:
    """A training step each, with edges given, of eight meshes of 128 faces."""
    import torch
    from meshgpt_pytorch import MeshAutoencoder as PeerAutoencoder
    from meshgpt_pytorch.data import derive_face_edges_from_faces

    from core import MeshAutoencoder

    from .meshes import torus

    torch.manual_seed(0)
    peer = PeerAutoencoder(codebook_size=4096)
    ours = MeshAutoencoder(dim=432, codebook_size=1024)
    mesh = torus(16, 4)
    vertices = torch.from_numpy(mesh.vertices / 2).float().expand(BATCH, -1, -1)
    faces = torch.from_numpy(mesh.faces).expand(BATCH, -1, -1)
    edges = derive_face_edges_from_faces(faces, include_self=False)
    ours.initialise_codebooks([mesh.quantised()] * 4)

    def step(model: Any, half: bool = False) -> None:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model(vertices=vertices, faces=faces, face_edges=edges)
        loss.backward()

    fused = MeshAutoencoder(dim=432, codebook_size=1024)
    fused.load_state_dict(ours.state_dict())
    fused.compile_parts()
    for _ in range(WARM_UP):
        step(fused, half=True)
    *took, theirs = _median(
        lambda: step(ours), lambda: step(ours, half=True), lambda: step(fused, half=True), lambda: step(peer)
    )
    many = [sum(p.numel() for p in model.parameters()) / 1e6 for model in (ours, peer)]
    names = [
        f"autoencoder, a step of {BATCH} x {len(mesh.faces)} faces ({many[0]:.1f} M)",
        "... in bfloat16, in which the peer's fails",
        "... the same compiled",
    ]
    for name, seconds in zip(names, took, strict=True):
        yield Row(name, seconds, "s", theirs / seconds, f"meshgpt-pytorch ({many[1]:.1f} M)")


def _transformers() -> Iterator[Row]:
    import torch
    from meshgpt_pytorch import MeshAutoencoder as PeerAutoencoder
    from meshgpt_pytorch import MeshTransformer as PeerTransformer
    from torch.utils.flop_counter import FlopCounterMode

    from core import MeshTransformer, load_checkpoint
    from core.data.procedural import procedural_meshes

    numpy, ours = (load_checkpoint(MODEL, device=device) for device in ("numpy", "cpu"))
    torch.manual_seed(0)
    sizes = {"dim": 256, "attn_depth": 4, "attn_dim_head": 32, "attn_heads": 8, "fine_attn_depth": 2}
    peer = PeerTransformer(PeerAutoencoder(codebook_size=4096), max_seq_len=1536, **sizes)
    own = {id(parameter) for parameter in peer.autoencoder.parameters()}
    many = sum(parameter.numel() for parameter in peer.parameters() if id(parameter) not in own) / 1e6
    against = f"meshgpt-pytorch ({many:.1f} M)"

    length = 6 * FACES
    start = torch.randint(4096, (1, 6), generator=torch.Generator().manual_seed(0))

    def peers() -> None:
        # Without an end of sequence the peer goes on to the length that is asked for.
        peer.generate(start, max_seq_len=length, return_codes=True, filter_logits_fn=_never_ends)

    peer.eval()
    theirs = _median(peers)[0]
    for model, engine in ((numpy, "NumPy"), (ours, "PyTorch")):
        took = _median(lambda m=model: _write(m))[0]
        name = f"write {FACES} faces with {engine} ({ours.config['parameters'] / 1e6:.1f} M)"
        yield Row(name, FACES / took, "faces/s", theirs / took, against)

    meshes = [mesh for mesh, _ in procedural_meshes(400, seed=0) if 90 <= len(mesh.faces) <= FACES][:BATCH]
    tokenizer = ours.tokenizer
    codes = torch.full((BATCH, FACES, 3, 3), -1)
    for row, mesh in zip(codes, meshes, strict=True):
        found = torch.from_numpy(tokenizer.encode(mesh))
        row[: len(found)] = found
    faces = sum(len(mesh.faces) for mesh in meshes)
    trained = MeshTransformer(tokenizer, config=ours.transformer.config)
    others = torch.randint(4096, (BATCH, length), generator=torch.Generator().manual_seed(1))
    peer.train()

    def train(model: Any, loss: Callable[[], Any]) -> None:
        model.zero_grad()
        loss().backward()

    took = _median(
        lambda: train(trained, lambda: trained(codes)), lambda: train(peer, lambda: peer.forward_on_codes(others))
    )
    name = f"transformer, a step of {BATCH} meshes, {faces} faces; the peer's {BATCH * FACES}"
    yield Row(name, faces / took[0], "faces/s", faces / took[0] / (BATCH * FACES / took[1]), against)

    def in_half(model: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return model(codes)

    def row(name: str, model: Any) -> Row:
        speed = faces / _median(lambda: train(model, lambda: in_half(model)))[0]
        return Row(name, speed, "faces/s", speed / (BATCH * FACES / took[1]), against)

    yield row("... in bfloat16, which the peer does not do here", trained)
    # What the paper's transformer has, with as many parameters; the bundled one reads more of the mesh.
    paper = {"neighbours": False, "edges": False, "closing": False, "completion": False, "depth": 9}
    paper |= {"point_latents": 0, "point_attention": False}
    plain = MeshTransformer(tokenizer, config=replace(ours.transformer.config, **paper))
    plain.compile_parts()
    for _ in range(WARM_UP):
        train(plain, lambda: in_half(plain))
    millions = sum(p.numel() for p in plain.parameters()) / 1e6
    yield row(f"... the same without what reads the mesh, compiled ({millions:.1f} M)", plain)
    trained.compile_parts()
    for _ in range(WARM_UP):
        train(trained, lambda: in_half(trained))
    found = row("... the bundled one compiled", trained)
    yield found
    fresh = MeshTransformer(tokenizer, config=ours.transformer.config)  # compiled kernels are not counted
    with FlopCounterMode(display=False) as counter:
        train(fresh, lambda: fresh(codes))
    done = counter.get_total_flops() * found.value / faces
    yield Row("... of what matrices can do in bfloat16", 100 * done / _matrix_flops(torch.bfloat16), "%")


def _matrix_flops(dtype: Any) -> float:
    """Floating-point operations a second in a product of large matrices."""
    import torch

    a, b = torch.randn(2, 2048, 2048).to(dtype)
    return 2 * 2048**3 / side_by_side(lambda: a @ b)[0]


def _never_ends(logits: Any, **options: Any) -> Any:
    logits = logits.clone()
    logits[..., -1] = -1e9
    return logits


def _write(checkpoint: Any) -> int:
    """As many faces as the peer writes, however many meshes they take."""
    faces, seed = 0, 0
    while faces < FACES:
        for event in checkpoint.stream("house", 1, 2 * FACES, seed=seed, max_faces=FACES, guidance=1.0):
            faces += hasattr(event, "triangle")
        seed += 1
    return faces


if __name__ == "__main__":
    for row in _measured():
        print(json.dumps(asdict(row)), flush=True)
