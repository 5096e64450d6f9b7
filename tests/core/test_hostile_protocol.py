# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's protocol under garbage, on both sides. Rows of the table in docs/RELIABILITY.md."""

from __future__ import annotations

import io
import json
import os
import queue
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import MeshGPTError, protocol
from tests.tiny_model import save_tiny_model

ROOT = Path(__file__).parents[2]

GARBAGE = {
    "nothing": b"\n \t\n",
    "text": b"Segmentation fault (core dumped)\n",
    "bytes": bytes(range(256)).replace(b"\n", b"") + b"\n",
    "half": b'{"id":1,"op":\n',
    "no object": b"[1,2]\nnull\n5\n\"hello\"\ntrue\n",
    "deep": b"[" * 200_000 + b"\n",
    "deep objects": b'{"a":' * 200_000 + b"\n",
    "a long number": b'{"id":' + b"9" * 10_000 + b"}\n",
    "surrogates": b'{"op":"\\ud800","id":"\\udfff"}\n',
    "ids": b'{"id":[1],"op":"hello"}\n{"id":{"a":1}}\n{"id":1.5}\n{"id":NaN,"op":"cancel"}\n',
    "cancel": b'{"op":"cancel","args":{"job":[1]}}\n{"op":"cancel","args":[1]}\n{"op":"cancel"}\n',
    "ops": b'{"id":90,"op":["generate"]}\n{"id":91}\n{"id":92,"op":"exec"}\n{"id":93,"op":"hello","args":"x"}\n',
    "huge": b'{"id":7,"op":"' + b"x" * (protocol.LONGEST_LINE + 5) + b'"}\n',
    "huge without an end of line": b"x" * (3 * protocol.LONGEST_LINE) + b"\n",
}  # fmt: skip


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_line_is_a_message_or_a_sentence(line: bytes) -> None:
    for part in protocol.read_lines(io.BytesIO(line)):
        try:
            message = protocol.decode_line(part)
        except MeshGPTError as error:
            assert str(error).isprintable()
        else:
            assert isinstance(message, dict) and protocol.encode_line(message).endswith(b"\n")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec=None)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_what_is_sent_arrives(value: Any) -> None:
    line = protocol.encode_line({"id": 1, "args": {"value": value}})
    assert line.count(b"\n") == 1 and list(protocol.read_lines(io.BytesIO(line))) == [line]
    assert protocol.decode_line(line) == {"id": 1, "args": {"value": value}}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_lines_after_garbage_are_read_and_none_is_too_long(garbage: bytes) -> None:
    sound = protocol.encode_line({"id": 8, "event": "result"})
    lines = list(protocol.read_lines(io.BytesIO(garbage + sound)))
    assert lines[-1] == sound and max(map(len, lines)) <= protocol.LONGEST_LINE
    for line in lines[:-1]:
        try:
            hash(protocol.decode_line(line).get("id"))
        except MeshGPTError as error:
            assert str(error).isprintable() and len(error.message) <= 400


def test_a_line_of_exactly_the_longest_length_is_read() -> None:
    for more in (-1, 0):
        empty = len(protocol.encode_line({"id": 1, "op": ""}))
        line = protocol.encode_line({"id": 1, "op": "x" * (protocol.LONGEST_LINE + more - empty)})
        assert len(line) == protocol.LONGEST_LINE + more
        assert list(protocol.read_lines(io.BytesIO(line + b"{}\n"))) == [line, b"{}\n"]
    assert list(protocol.read_lines(io.BytesIO(b"{}\n{half"))) == [b"{}\n", b"{half"]


class RunningWorker:
    """A worker process, and the events it has sent."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "core.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"MESHGPT_DATA_DIR": str(data_dir), "MESHGPT_DEVICE": "cpu"},
        )
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def write(self, content: bytes) -> None:
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def ask(self, number: int, op: str, **args: Any) -> dict[str, Any]:
        """The result or the error that ends the request."""
        self.write(protocol.encode_line({"id": number, "op": op, "args": args}))
        while True:
            event = self.events.get(timeout=120)
            if event.get("id") == number and event["event"] in ("result", "error"):
                return event


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny", max_faces=12)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorker]:
    running = RunningWorker(tmp_path_factory.mktemp("data"))
    yield running
    running.process.kill()
    running.process.wait()


@pytest.mark.parametrize("name", GARBAGE)
def test_the_worker_answers_after_garbage(worker: RunningWorker, name: str) -> None:
    worker.write(GARBAGE[name])
    assert worker.ask(1000 + list(GARBAGE).index(name), "models")["event"] == "result"
    assert worker.process.poll() is None


BAD_ARGUMENTS = [
    {"count": 0},
    {"count": -1},
    {"count": 10**9},
    {"count": "2"},
    {"count": 1.5},
    {"seed": "x"},
    {"seed": 0.5},
    {"faces": -5},
    {"faces": [3]},
    {"temperature": float("nan")},
    {"temperature": "hot"},
    {"top_p": 0},
    {"top_p": 2},
    {"guidance": 1e9},
    {"manifold": "yes"},
    {"max_faces": -1},
    {"prompt": 5},
    {"prompt": {"a": 1}},
    {"prompt": ["a", None]},
    {"model": "nonesuch"},
    {"model": ["a"]},
    {"model": "\0"},
    {"model": "x" * 100_000},
    {"model": "/etc"},
    {"folder": "/nowhere"},
    {"folder": ""},
]


@pytest.mark.parametrize("bad", BAD_ARGUMENTS, ids=lambda bad: str(bad)[:40])
def test_the_worker_refuses_bad_arguments_in_one_sentence(
    worker: RunningWorker, model: Path, tmp_path: Path, bad: dict[str, Any]
) -> None:
    request = {"model": str(model), "folder": str(tmp_path), "prompt": "table", "max_faces": 2, **bad}
    event = worker.ask(2000 + BAD_ARGUMENTS.index(bad), "generate", **request)
    assert event["event"] == "error" and event["kind"] == "user", event
    assert event["message"].endswith(".") and event["message"].isprintable() and len(event["message"]) <= 400
    assert not list(tmp_path.iterdir())


def test_the_worker_takes_odd_but_possible_arguments(worker: RunningWorker, model: Path, tmp_path: Path) -> None:
    request = {"model": str(model), "folder": str(tmp_path), "max_faces": 2}
    for number, odd in enumerate(
        ({"seed": 2**70}, {"seed": -(2**70)}, {"faces": 10**12}, {"prompt": "\ud800\0\u202e" + "x" * 100_000}), 3000
    ):
        event = worker.ask(number, "generate", **{**request, **odd})
        assert event["event"] == "result" and event["meshes"] == 1, event


SOUND = {"vertices": np.eye(3), "faces": np.array([[0, 1, 2]])}


@pytest.mark.parametrize(
    "arrays",
    [
        {"vertices": np.eye(3)},
        {**SOUND, "vertices": np.full((3, 3), np.nan)},
        {**SOUND, "vertices": np.zeros((3, 3))},
        {**SOUND, "vertices": np.eye(2)},
        {**SOUND, "faces": np.array([[0, 1, 5]])},
        {**SOUND, "faces": np.array([["a", "b", "c"]])},
        {**SOUND, "faces": np.empty((0, 3), int)},
        {**SOUND, "vertices": np.array([[object()]], object)},
    ],
    ids=range(8),
)
def test_the_worker_refuses_arrays_that_are_no_mesh(
    worker: RunningWorker, model: Path, tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    np.savez(tmp_path / "in.npz", **arrays)
    request = {"model": str(model), "folder": str(tmp_path), "path": str(tmp_path / "in.npz")}
    event = worker.ask(int.from_bytes(os.urandom(4)) + 10**6, "reconstruct", **request)
    assert event["event"] == "error" and event["kind"] == "user", event
    assert event["message"].endswith(".") and [item.name for item in tmp_path.iterdir()] == ["in.npz"]


def bombs() -> dict[str, bytes]:
    """Array files that would take more memory than they have bytes."""
    found = {}
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }"
    for name, shape, method in (
        ("a shape that lies", 10**15, zipfile.ZIP_STORED),
        ("a shape that lies, packed", 10**9, zipfile.ZIP_DEFLATED),
        ("a negative shape", -5, zipfile.ZIP_STORED),
    ):
        text = header % shape
        text += b" " * (117 - len(text)) + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(80)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("vertices.npy", content)
        found[name] = file.getvalue()
    file = io.BytesIO()
    np.savez_compressed(file, vertices=np.zeros(10**6))
    found["many zeros"] = file.getvalue()
    lone = io.BytesIO()
    np.save(lone, np.zeros(3))
    found["one array, no archive"] = lone.getvalue()
    return found


@pytest.mark.parametrize("name", bombs())
def test_array_files_take_no_more_memory_than_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(protocol, "MOST_BYTES", 10**6)
    (tmp_path / "a.npz").write_bytes(bombs()[name])
    with pytest.raises(MeshGPTError, match="could not be read"):
        protocol.read_arrays(tmp_path / "a.npz")


def test_a_pipe_is_no_array_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(MeshGPTError, match="could not be read"):
        protocol.read_arrays(tmp_path / "a.npz")
