# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes, prompts, numbers and words that nobody vouches for: a result, or one sentence and what to do. Rows of a table
in docs/RELIABILITY.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core import Checkpoint, MeshGPTError, TriangleMesh, load_checkpoint
from core.cli import main
from core.completion import complete
from core.reconstruction import reconstruct
from core.retopology import retopologize
from core.words import TABLE, WordTable
from tests.core.hostile import grid, sentence
from tests.tiny_model import save_tiny_model

ROOT = Path(__file__).parents[2]
SECRET = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


# -- meshes ------------------------------------------------------------------------------------------------------------

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [
        (TRIANGLE * np.nan, [[0, 1, 2]]),
        (TRIANGLE * 1e39, [[0, 1, 2]]),
        (TRIANGLE + 1j, [[0, 1, 2]]),
        (TRIANGLE.astype(str), [[0, 1, 2]]),
        (TRIANGLE.astype(object), [[0, 1, None]]),
        (None, None),
        ("abc", "abc"),
        ([[0, 0, 0], [1, 0]], [[0, 1, 2]]),
        (TRIANGLE[:, :2], [[0, 1, 2]]),
        (TRIANGLE[None], [[0, 1, 2]]),
        (np.empty((0, 3)), [[0, 1, 2]]),
        (TRIANGLE, []),
        (TRIANGLE, [[0, 1]]),
        (TRIANGLE, [[0, 1, 2], [0, 1]]),
        (TRIANGLE, [[0, 1, 2, 0]]),
        (TRIANGLE, [[0, 1, 3]]),
        (TRIANGLE, [[0, 1, -1]]),
        (TRIANGLE, [[0, 1, 2.5]]),
        (TRIANGLE, [[0, 1, np.nan]]),
        (TRIANGLE, [[0, 1, 1e300]]),
        (TRIANGLE, [[0, 1, 2**63]]),
        (TRIANGLE, np.array([[0, 1, 2**64 - 1]], np.uint64)),
        (TRIANGLE, [[0, 1, 2**70]]),
        (TRIANGLE, [["a", "b", "c"]]),
        (TRIANGLE, [[True, False, True]]),
    ],
)
def test_arrays_that_are_no_mesh(vertices: Any, faces: Any) -> None:
    with pytest.raises(MeshGPTError) as caught:
        TriangleMesh(vertices, faces)
    assert sentence(caught.value).hint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return load_checkpoint(save_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny", max_faces=16), device="cpu")


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A model with random weights that was made for point clouds and completion."""
    from core.checkpoint import save_transformer

    from .test_transformer import small_model

    model = small_model(point_latents=2, completion=True)
    return load_checkpoint(save_transformer(tmp_path_factory.mktemp("follower") / "f", model, {}), device="cpu")


def odd_meshes() -> dict[str, TriangleMesh]:
    one = [[0, 1, 2]]
    box = trimesh.creation.box()
    return {
        "no size": TriangleMesh(np.zeros((3, 3)), one),
        "nearly no size": TriangleMesh(np.float32([[1, 1, 1], [1, 1, 1], [1, 1, np.nextafter(np.float32(1), 2)]]), one),
        "on a line": TriangleMesh([[0, 0, 0], [1, 1, 1], [2, 2, 2]], one),
        "flat": TriangleMesh(TRIANGLE, one),
        "a corner twice": TriangleMesh(TRIANGLE, [[0, 1, 1]]),
        "the same face a thousand times": TriangleMesh(TRIANGLE, one * 1000),
        "both windings": TriangleMesh(TRIANGLE, [[0, 1, 2], [2, 1, 0]]),
        "loose vertices far away": TriangleMesh(np.concatenate([TRIANGLE, np.full((9, 3), 1e38)]), one),
        "tiny": TriangleMesh(TRIANGLE * 1e-38, one),
        "huge": TriangleMesh(TRIANGLE * 3e38, one),
        "both": TriangleMesh([[-3e38, 0, 0], [3e38, 1e-38, 0], [0, 3e38, 3e38]], one),
        "far away": TriangleMesh(TRIANGLE + 1e7, one),
        "a needle": TriangleMesh([[0, 0, 0], [1e6, 1e-6, 0], [1e6, 0, 0]], one),
        "many faces on an edge": TriangleMesh(
            [[0, 0, 0], [0, 0, 1], *([np.cos(i), np.sin(i), 0] for i in range(50))], [[0, 1, i + 2] for i in range(50)]
        ),
        "more faces than the model takes": grid(20),
        "sound": TriangleMesh(box.vertices, box.faces),
    }


@pytest.mark.parametrize("name", odd_meshes())
def test_every_job_takes_or_refuses_odd_meshes(name: str, checkpoint: Checkpoint, follower: Checkpoint) -> None:
    mesh = odd_meshes()[name]
    before = mesh.vertices.copy(), mesh.faces.copy()
    short = {"max_faces": 14, "attempts": 4}
    jobs = {
        "report": lambda: mesh.report().as_dict(),
        "tokenize": lambda: checkpoint.tokenizer.encode(mesh),
        "reconstruct": lambda: reconstruct(checkpoint, mesh).mesh,
        "complete above": lambda: complete(checkpoint, mesh, "table", **short)[0].mesh,
        "complete": lambda: complete(follower, mesh, "table", **short)[0].mesh,
        "retopologize": lambda: retopologize(follower, mesh, 10, best_of=1, **short)[0].mesh,
    }
    for job in jobs.values():
        try:
            result = job()
        except MeshGPTError as error:
            assert sentence(error).hint and name != "sound"
        else:
            assert not isinstance(result, TriangleMesh) or np.isfinite(result.vertices).all()
        assert np.array_equal(before[0], mesh.vertices) and np.array_equal(before[1], mesh.faces)


@pytest.mark.parametrize(
    "points", ["abc", [[1, 2]], [], [[np.nan] * 6], np.zeros((4, 3)), [[None] * 6], np.zeros((0, 6)), 5, [["x"] * 6]]
)
def test_points_that_are_no_cloud(follower: Checkpoint, points: Any) -> None:
    with pytest.raises(MeshGPTError) as caught:
        follower.generate(points=points)
    sentence(caught.value)


# -- prompts and numbers -----------------------------------------------------------------------------------------------

PROMPTS = (
    "",
    "\0",
    "\0table\x1b[2J\x07",
    "\u202eelbat",
    "🪑👨‍👩‍👧‍👦",
    "t\u0301\u0323" * 3000,
    "\ud800 table \udfff",
    "ﷺ" * 1000,
    "table " * 17_000,
    "x" * 100_000,
    "日本語の机",
    "%s %n {0} ${HOME} ../../etc/passwd; rm -rf /",
    "\n\r\t\u2028",
)


@settings(max_examples=60)
@given(prompt=st.text(st.characters(codec=None), max_size=300))
@example(prompt=PROMPTS[6])
def test_any_text_is_a_prompt(checkpoint: Checkpoint, prompt: str) -> None:
    (mesh,) = checkpoint.generate(prompt, max_faces=2)
    assert mesh.prompt == prompt and json.loads(json.dumps(mesh.provenance()))["prompt"] == prompt


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: ascii(prompt)[:20])
def test_odd_prompts_make_meshes_in_bounded_time(checkpoint: Checkpoint, prompt: str) -> None:
    start = time.process_time()
    (mesh,) = checkpoint.generate(prompt, max_faces=2)
    assert mesh.prompt == prompt and time.process_time() - start < 10


@pytest.mark.parametrize("prompt", [None, 5, b"table", {"a": 1}, [5], ["a", None], [], "x" * 2_000_000, object()])
def test_what_is_no_prompt_is_refused(checkpoint: Checkpoint, prompt: Any) -> None:
    with pytest.raises(MeshGPTError) as caught:
        checkpoint.generate(prompt, max_faces=2)
    assert sentence(caught.value).hint


NUMBERS = (
    np.nan,
    np.inf,
    -np.inf,
    -1,
    1e9,
    10**9,
    2**70,
    -(2**70),
    10**400,
    1e-300,
    0.5,
    "1",
    None,
    [],
    True,
    {},
    b"1",
)


@pytest.mark.parametrize(
    "name",
    ["count", "seed", "faces", "max_faces", "best_of", "temperature", "top_p", "top_k", "min_p", "guidance", "manifold",
     "attempts", "draws", "prompt_guidance", "category", "wings"],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_or_work(checkpoint: Checkpoint, name: str) -> None:
    for value in NUMBERS:
        try:
            meshes = checkpoint.generate("table", **{"max_faces": 2, name: value})
        except MeshGPTError as error:
            assert sentence(error).hint, (name, value)
        else:
            assert len(meshes) == 1 and np.isfinite(meshes[0].vertices).all(), (name, value)
            json.dumps(meshes[0].provenance())
    refused = {"count": (0, -1, 10**9), "top_p": (0, 2, np.nan), "temperature": (np.nan, -1), "guidance": (1e9,),
               "faces": (-5, 1e12), "max_faces": (0, -5), "seed": (0.5, "1")}.get(name, ())  # fmt: skip
    for value in refused:
        with pytest.raises(MeshGPTError):
            checkpoint.generate("table", **{"max_faces": 2, name: value})


def test_any_whole_number_is_a_seed(checkpoint: Checkpoint) -> None:
    for seed in (-1, 2**63, 2**70, -(2**70), np.int64(3), np.uint64(2**63)):
        assert len(checkpoint.generate(seed=seed, max_faces=2)) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("cli") / "tiny", max_faces=12)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--temperature", "nan"),
        ("--top-p", "0"),
        ("--top-p", "2"),
        ("--guidance", "1e9"),
        ("--count", "0"),
        ("--count", "-1"),
        ("--count", "1000000000"),
        ("--faces", "-5"),
        ("--faces", "1e12"),
        ("--seed", "half"),
        ("--out", "/proc/nowhere/at/all"),
        ("--points", "/etc/passwd"),
    ],
    ids=" ".join,
)
def test_the_command_line_refuses_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    out = () if "--out" in arguments else ("--out", str(tmp_path))
    assert main(["generate", "table", *arguments, *out, "--model", str(folder), "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and said.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("prompt", [b"\xff\xfe\x1b[2J ../../table", b"x" * 100_000], ids=["bytes", "long"])
def test_the_command_line_takes_any_prompt(folder: Path, tmp_path: Path, prompt: bytes) -> None:
    """In a process of its own, as a user runs it: only there may an argument be bytes that are no text."""
    options = ["--model", str(folder), "--device", "cpu", "--max-faces", "3", "--out", str(tmp_path), "--json"]
    command = [sys.executable, "-m", "core", "generate", prompt, "--seed", str(2**70), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=300)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-500:]
    (mesh,) = json.loads(done.stdout)["meshes"]
    assert Path(mesh["path"]).parent == tmp_path and [p.name for p in tmp_path.iterdir()] == [Path(mesh["path"]).name]


# -- the table of words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_broken_table_of_words_says_so(tmp_path: Path, share: float) -> None:
    content = TABLE.read_bytes()
    (tmp_path / "words.npz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(MeshGPTError, match="words.npz") as caught:
        WordTable.read(tmp_path / "words.npz")
    assert caught.value.hint


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"words": np.zeros(3, np.uint8)},
        {"words": np.full(9, 255, np.uint8), "codes": np.zeros((1, 2), np.uint8), "step": np.ones(4, np.float32)},
        {"words": np.zeros(9), "codes": np.zeros((1, 2), np.uint8), "step": np.ones(4, np.float32)},
        {"words": np.full(9, 97, np.uint8), "codes": np.zeros((5, 2), np.uint8), "step": np.ones(4, np.float32)},
        {"words": np.full(9, 97, np.uint8), "codes": np.zeros((1, 2), np.uint8), "step": np.ones(7, np.float32)},
        {"words": np.full(9, 97, np.uint8), "codes": np.zeros((1, 2)), "step": np.ones(4, np.float32)},
    ],
)
def test_a_table_of_words_with_other_arrays_says_so(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "words.npz", **arrays)
    with pytest.raises(MeshGPTError, match="words.npz"):
        WordTable.read(tmp_path / "words.npz")
