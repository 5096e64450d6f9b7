# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as Blender sees it: a real process, JSON lines in, JSON lines and .npz files out."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from core import protocol, worker
from core.errors import MeshGPTError
from core.model_files import read_config
from core.operations import Operations
from tests.tiny_model import save_tiny_model

ROOT = Path(__file__).resolve().parents[2]
CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]],
    np.int64,
)


class Process:
    """A worker process with its lines already parsed."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "core.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"MESHGPT_DEVICE": "cpu", "OMP_NUM_THREADS": "1"} | environment,
        )
        self.lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] != protocol.ALIVE:
                self.lines.put(event)
        self.lines.put(None)

    def write(self, line: bytes) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def ask(self, number: int, op: str, **args: object) -> None:
        self.write(protocol.encode_line({"id": number, "op": op, "args": args}))

    def next(self, timeout: float = 60.0) -> dict | None:
        return self.lines.get(timeout=timeout)

    def answer(self, number: int) -> tuple[list[dict], dict]:
        """All events of a request, and the one that ends it."""
        events = []
        while True:
            event = self.next()
            assert event is not None, self.process.stderr.read().decode()
            if event["id"] == number:
                events.append(event)
                if event["event"] in (protocol.RESULT, protocol.ERROR):
                    return events, event

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def process(model: Path):
    found = Process()
    assert found.next()["event"] == protocol.READY
    yield found
    found.close()


def test_ready_says_who_it_is_before_torch_is_imported() -> None:
    found = Process()
    start = time.monotonic()
    ready = found.next()
    assert ready["event"] == protocol.READY and ready["protocol"] == protocol.PROTOCOL_VERSION
    assert ready["python"] == sys.version.split()[0] and ready["pid"] == found.process.pid
    assert time.monotonic() - start < 10
    found.close()


def test_hello_reports_versions_and_devices(process: Process) -> None:
    process.ask(1, protocol.HELLO)
    _, answer = process.answer(1)
    import torch

    assert answer["packages"]["torch"] == torch.__version__ and answer["problem"] is None
    cpu = next(device for device in answer["devices"] if device["id"] == "cpu")
    assert 0 < cpu["free"] <= cpu["total"]


def test_a_quick_hello_and_a_few_meshes_need_no_torch(tmp_path: Path) -> None:
    process = Process()
    process.ask(1, protocol.HELLO, quick=True)
    _, answer = process.answer(1)
    import torch

    assert answer["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert [device["id"] for device in answer["devices"]] == ["numpy"]
    process.ask(2, protocol.GENERATE, folder=str(tmp_path), count=1, max_faces=4)
    _, answer = process.answer(2)
    assert answer["device"]["id"] == "numpy"
    loaded = Path(f"/proc/{process.process.pid}/maps")
    if loaded.exists():  # Linux
        assert "libtorch" not in loaded.read_text()
    process.close()


def test_a_bad_line_is_answered_and_the_worker_goes_on(process: Process) -> None:
    process.write(b"{not json\n")
    answer = process.next()
    assert answer["event"] == protocol.ERROR and answer["id"] is None and "not JSON" in answer["message"]
    process.write(b"[1, 2]\n")
    assert "not a JSON object" in process.next()["message"]
    process.ask(2, "models")
    assert process.answer(2)[1]["event"] == protocol.RESULT


@pytest.mark.parametrize("op", ["paint", None, 5, ["generate"]])
def test_an_unknown_operation_is_refused(process: Process, op: object) -> None:
    process.ask(3, op)
    answer = process.answer(3)[1]
    assert answer["event"] == protocol.ERROR and "does not know" in answer["message"] and "generate" in answer["hint"]


def test_generate_streams_faces_and_whole_meshes(process: Process, model: Path, tmp_path: Path) -> None:
    args = {"model": str(model), "folder": str(tmp_path), "prompt": "table", "count": 3, "seed": 5, "max_faces": 12}
    process.ask(4, protocol.GENERATE, **args)
    events, answer = process.answer(4)
    assert answer["event"] == protocol.RESULT, answer
    assert answer["meshes"] == 3 and answer["device"]["id"] == "numpy"
    meshes = {event["row"]: event for event in events if event["event"] == protocol.MESH}
    streamed = [protocol.read_arrays(event["path"]) for event in events if event["event"] == protocol.FACE]
    rows = np.concatenate([batch["rows"] for batch in streamed])
    triangles = np.concatenate([batch["triangles"] for batch in streamed])
    for row in range(3):
        arrays = protocol.read_arrays(meshes[row]["path"])
        assert arrays["vertices"].dtype == np.float32 and arrays["faces"].dtype == np.int64
        expected = arrays["vertices"][arrays["faces"]]
        np.testing.assert_allclose(triangles[rows == row], expected, atol=1e-6)
        provenance = meshes[row]["provenance"]
        assert provenance["seed"] == 5 + row and provenance["prompt"] == "table" and provenance["model"] == str(model)
    assert not list(tmp_path.glob("*.part"))


def test_the_same_seed_gives_the_same_mesh_alone(process: Process, model: Path, tmp_path: Path) -> None:
    found = []
    for number, seed, count in ((5, 8, 2), (6, 9, 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        args = {"model": str(model), "folder": str(folder), "seed": seed, "count": count, "max_faces": 12}
        process.ask(number, protocol.GENERATE, **args)
        assert process.answer(number)[1]["event"] == protocol.RESULT
        found.append(protocol.read_arrays(folder / f"mesh-{count - 1}.npz"))
    np.testing.assert_array_equal(found[0]["faces"], found[1]["faces"])
    np.testing.assert_array_equal(found[0]["vertices"], found[1]["vertices"])


def test_a_job_of_hundreds_sends_its_first_meshes_early_and_in_order(
    process: Process, model: Path, tmp_path: Path
) -> None:
    """It needs no batch to fill, and is cancelled like a small one."""
    args = {"model": str(model), "folder": str(tmp_path), "prompt": "table", "seed": 3, "max_faces": 12}
    process.ask(60, protocol.GENERATE, **args, count=200, best_of=4)
    events = []
    while sum(event["event"] == protocol.MESH for event in events) < 3:
        events.append(process.next())
        assert events[-1]["event"] in (protocol.PROGRESS, protocol.FACE, protocol.MESH), events[-1]
    start = time.monotonic()
    process.ask(61, protocol.CANCEL, job=60)
    later, answer = process.answer(60)
    assert answer["kind"] == protocol.CANCELLED and time.monotonic() - start < 0.5
    sent = [event for event in events + later if event["event"] == protocol.MESH]
    assert [event["row"] // 4 for event in sent] == list(range(len(sent))) and len(sent) < 100
    streamed = [protocol.read_arrays(event["path"]) for event in events if event["event"] == protocol.FACE]
    rows = np.concatenate([batch["rows"] for batch in streamed])
    assert (np.diff(rows) >= 0).all() and rows.max() < 16, "rows far behind were begun before the first had ended"


def test_cancel_stops_between_two_faces(process: Process, model: Path, tmp_path: Path) -> None:
    process.ask(7, protocol.GENERATE, model=str(model), folder=str(tmp_path), count=64, manifold=False)
    event = process.next()
    while event["event"] != protocol.FACE:
        assert event["event"] == protocol.PROGRESS, event
        event = process.next()
    start = time.monotonic()
    process.ask(8, protocol.CANCEL, job=7)
    _, answer = process.answer(7)
    assert answer["event"] == protocol.ERROR and answer["kind"] == protocol.CANCELLED
    assert time.monotonic() - start < 2


def test_a_request_that_is_cancelled_before_its_turn_never_starts(
    process: Process, model: Path, tmp_path: Path
) -> None:
    process.ask(9, protocol.CANCEL, job=10)
    process.ask(10, protocol.GENERATE, model=str(model), folder=str(tmp_path))
    events, answer = process.answer(10)
    assert answer["kind"] == protocol.CANCELLED and len(events) == 1 and not list(tmp_path.iterdir())


def test_reconstruct_returns_the_mesh_in_its_own_units(process: Process, model: Path, tmp_path: Path) -> None:
    path = protocol.write_arrays(tmp_path / "input.npz", vertices=CUBE * 3 + 10, faces=CUBE_FACES)
    process.ask(11, protocol.RECONSTRUCT, model=str(model), folder=str(tmp_path), path=str(path))
    events, answer = process.answer(11)
    assert answer["event"] == protocol.RESULT, answer
    event = next(event for event in events if event["event"] == protocol.MESH)
    arrays = protocol.read_arrays(event["path"])
    assert arrays["faces"].shape == (12, 3) and event["provenance"]["faces_out"] == 12
    np.testing.assert_allclose(arrays["vertices"].min(axis=0), 10, atol=0.05)
    np.testing.assert_allclose(arrays["vertices"].max(axis=0), 13, atol=0.05)


@pytest.mark.parametrize(
    ("op", "args", "words"),
    [
        (protocol.GENERATE, {"model": "no such model"}, "no such model"),
        (protocol.GENERATE, {"folder": "/nowhere/at/all"}, "/nowhere/at/all"),
        (protocol.GENERATE, {"temperature": -1.0}, "temperature"),
        (protocol.GENERATE, {"count": 0}, "asked for"),
        (protocol.RECONSTRUCT, {"path": "missing.npz"}, "missing.npz"),
    ],
)
def test_errors_are_sentences(process: Process, model: Path, tmp_path: Path, op: str, args: dict, words: str) -> None:
    process.ask(12, op, **({"model": str(model), "folder": str(tmp_path)} | args))
    answer = process.answer(12)[1]
    assert answer["event"] == protocol.ERROR and answer["kind"] == protocol.USER, answer
    assert words in answer["message"] and "Traceback" not in answer["message"] and answer["message"].endswith(".")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        type("OutOfMemoryError", (RuntimeError,), {})("x"),
    ],
)
def test_out_of_memory_becomes_a_sentence(error: BaseException) -> None:
    kind, message, hint = worker.explain(error)
    assert kind == protocol.MEMORY and message == "The device ran out of memory." and "small number of faces" in hint


def test_an_unexpected_error_keeps_its_first_line_only() -> None:
    kind, message, _ = worker.explain(KeyError("a\nb"))
    assert kind == protocol.INTERNAL and "KeyError" in message and "\n" not in message


def test_the_worker_ends_when_its_input_ends() -> None:
    found = Process()
    assert found.next()["event"] == protocol.READY
    found.process.stdin.close()
    assert found.next() is None
    assert found.process.wait(timeout=10) == 0


def test_the_worker_ends_in_the_middle_of_a_job_when_blender_is_gone(model: Path, tmp_path: Path) -> None:
    found = Process()
    found.ask(1, protocol.GENERATE, model=str(model), folder=str(tmp_path), count=64, manifold=False)
    while found.next()["event"] != protocol.FACE:
        pass
    found.process.stdin.close()
    assert found.process.wait(timeout=worker.EXIT_GRACE + 5) == 0


def test_shutdown_and_idle_time_end_the_worker() -> None:
    found = Process()
    found.ask(1, protocol.SHUTDOWN)
    assert found.answer(1)[1]["event"] == protocol.RESULT
    assert found.process.wait(timeout=10) == 0
    idle = Process("--idle", "0.2")
    assert idle.process.wait(timeout=20) == 0


def test_what_libraries_print_stays_out_of_the_protocol(tmp_path: Path) -> None:
    """Also what they print below Python, through file descriptor 1."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from core import worker\n"
        "def models(job, args): print('hello from print'); os.write(1, b'hello from C\\n'); return {}\n"
        "class Chatty(worker.Operations):\n"
        "    def models(self, job, args): return models(job, args)\n"
        "worker.Operations = Chatty\n"
        "worker.main([])\n"
    )
    command = [sys.executable, "-I", "-u", "-c", code, str(ROOT)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as chatty:
        for number, op in enumerate((protocol.MODELS, protocol.SHUTDOWN)):
            chatty.stdin.write(protocol.encode_line({"id": number, "op": op}))
        chatty.stdin.flush()
        events = [json.loads(line)["event"] for line in chatty.stdout]
        printed = chatty.stderr.read()
    assert events == [protocol.READY, protocol.RESULT, protocol.RESULT]
    assert b"hello from print" in printed and b"hello from C" in printed


def test_arrays_are_written_whole_and_read_without_pickle(tmp_path: Path) -> None:
    path = protocol.write_arrays(tmp_path / "a.npz", points=CUBE)
    np.testing.assert_array_equal(protocol.read_arrays(path)["points"], CUBE)
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
    np.savez(tmp_path / "object.npz", points=np.array([{}], dtype=object))
    for broken in ("object.npz", "none.npz"):
        with pytest.raises(MeshGPTError, match="could not be read"):
            protocol.read_arrays(tmp_path / broken)


def test_importing_the_protocol_imports_no_torch() -> None:
    code = "import sys, core.protocol, core.worker, core.checkpoint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_without_the_autoencoders_packages_the_models_own_tokenizer_reconstructs(monkeypatch) -> None:
    found = Operations._autoencoder()
    assert found is not None and read_config(found)["kind"] == "tokenizer"
    monkeypatch.setattr("core.operations.find_spec", lambda name: None)
    assert Operations._autoencoder() is None
