# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's jobs that begin with a mesh, completion and retopology, in a real process."""

from pathlib import Path

import numpy as np
import pytest

from core import protocol
from core.model_list import DEFAULT_MODEL, able_checkpoint
from tests.tiny_model import save_tiny_model

from .test_worker import CUBE, CUBE_FACES, Process

PLAIN = "cube.npz"  # written where a test names it


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that can only generate."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that completes and follows surfaces."""
    folder = tmp_path_factory.mktemp("models") / "able"
    return save_tiny_model(folder, 40, completion=True, point_latents=2)


@pytest.fixture(scope="module")
def process():
    found = Process()
    assert found.next()["event"] == protocol.READY
    yield found
    found.close()


def meshes_of(events: list[dict]) -> dict[int, dict]:
    """Arrays and provenance of the meshes that an operation sent, by row."""
    found = [event for event in events if event["event"] == protocol.MESH]
    return {event["row"]: event["provenance"] | protocol.read_arrays(event["path"]) for event in found}


def test_complete_sends_the_given_faces_first_bit_for_bit(process: Process, able: Path, tmp_path: Path) -> None:
    vertices, faces = CUBE * np.float32(3.3) + np.float32(10.1), CUBE_FACES[:8]
    path = protocol.write_arrays(tmp_path / "input.npz", vertices=vertices, faces=faces)
    args = {"model": str(able), "folder": str(tmp_path), "path": str(path), "count": 3, "seed": 2, "prompt": "table"}
    process.ask(20, protocol.COMPLETE, **args)
    events, answer = process.answer(20)
    assert answer["event"] == protocol.RESULT, answer
    found = meshes_of(events)
    assert answer["meshes"] == len(found) == 3
    streamed = [protocol.read_arrays(event["path"]) for event in events if event["event"] == protocol.FACE]
    rows = np.concatenate([batch["rows"] for batch in streamed])
    triangles = np.concatenate([batch["triangles"] for batch in streamed])
    for row, mesh in found.items():
        assert mesh["vertices"][:8].tobytes() == vertices.tobytes()
        assert mesh["faces"][:8].tobytes() == faces.tobytes()
        assert mesh["faces_in"] == 8 and mesh["faces_added"] == len(mesh["faces"]) - 8 > 0
        assert mesh["job"] == "complete" and mesh["seed"] == 2 + row and mesh["model"] == str(able)
        assert mesh["faces_out"] == len(mesh["faces"]) and mesh["faces_unseen"] == 0 and mesh["prompt"] == "table"
        edges = np.sort(np.concatenate([mesh["faces"][:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
        assert mesh["open_edges"] == (np.unique(edges, axis=0, return_counts=True)[1] == 1).sum()
        # What was streamed lies in the mesh's own units: at most a cell from the given vertices that it uses.
        added = mesh["vertices"][mesh["faces"][8:]]
        np.testing.assert_allclose(triangles[rows == row], added, atol=2 * 3.3 / 1.9 / 128)


def test_complete_fills_the_box(process: Process, able: Path, tmp_path: Path) -> None:
    path = protocol.write_arrays(tmp_path / "input.npz", vertices=CUBE, faces=CUBE_FACES[:8])
    args = {"model": str(able), "folder": str(tmp_path), "path": str(path), "seed": 1, "temperature": 1.5}
    heights = []
    for number, box in ((21, None), (22, [[0, 0, 0], [1, 1, 8]])):
        process.ask(number, protocol.COMPLETE, **args, box=box)
        events, answer = process.answer(number)
        assert answer["event"] == protocol.RESULT, answer
        heights.append(meshes_of(events)[0]["vertices"][:, 2].max())
    assert heights[0] < 1.1 and heights[1] > 1.5


def test_retopologize_sends_the_nearest_of_each_in_its_own_units(process: Process, able: Path, tmp_path: Path) -> None:
    places = [np.float32([10, 0, 0]), np.float32([0, -40, 0])]
    arrays = {}
    for number, place in enumerate(places):
        arrays |= {f"vertices_{number}": CUBE * (number + 1) + place, f"faces_{number}": CUBE_FACES}
    path = protocol.write_arrays(tmp_path / "input.npz", **arrays)
    args = {"model": str(able), "folder": str(tmp_path), "path": str(path), "names": ["Crate", "Box"]}
    process.ask(23, protocol.RETOPOLOGIZE, **args, faces=20, count=2, best_of=3, seed=5)
    events, answer = process.answer(23)
    assert answer["event"] == protocol.RESULT, answer
    found = meshes_of(events)
    assert [row // 3 for row in sorted(found)] == [0, 1, 2, 3] and answer["meshes"] == 4
    streamed = [protocol.read_arrays(event["path"]) for event in events if event["event"] == protocol.FACE]
    rows = np.concatenate([batch["rows"] for batch in streamed])
    assert set(rows.tolist()) == set(range(12))
    for row, mesh in found.items():
        source = row // 6
        middle = places[source] + (source + 1) / 2
        assert np.abs(mesh["vertices"] - middle).max() <= 0.56 * (source + 1)
        assert mesh["seed"] == 5 + row % 6 and mesh["best_of"] == 3 and mesh["job"] == "retopologize"
        assert mesh["faces_in"] == 12 and mesh["faces_out"] == len(mesh["faces"]) and mesh["faces"].shape[1] == 3
        assert 0 < mesh["mean_error_share"] < mesh["max_error_share"] < 1 and mesh["model"] == str(able)
    stages = [event.get("stage") for event in events if event["event"] == protocol.PROGRESS]
    assert '"Crate" (1 of 2): ' in stages and '"Box" (2 of 2): ' in stages


def test_generate_sends_the_best_of_each(process: Process, able: Path, tmp_path: Path) -> None:
    """One of the candidates, the same that a job of its own would make of its seed; all of them are shown."""
    args = {"model": str(able), "folder": str(tmp_path), "prompt": "table", "temperature": 1.5, "guidance": 2.0}
    process.ask(31, protocol.GENERATE, **args, count=2, best_of=3, seed=5)
    events, answer = process.answer(31)
    assert answer["event"] == protocol.RESULT, answer
    found = meshes_of(events)
    assert [row // 3 for row in sorted(found)] == [0, 1] and answer["meshes"] == 2
    streamed = [protocol.read_arrays(event["path"]) for event in events if event["event"] == protocol.FACE]
    assert set(np.concatenate([batch["rows"] for batch in streamed]).tolist()) <= set(range(6))
    for row, mesh in found.items():
        assert mesh["seed"] == 5 + row and mesh["best_of"] == 3
        process.ask(32 + row, protocol.GENERATE, **args, seed=mesh["seed"])
        alone = meshes_of(process.answer(32 + row)[0])[0]
        assert alone["vertices"].tobytes() == mesh["vertices"].tobytes() and "best_of" not in alone
    for number, wrong in ((40, -1), (41, "two")):
        process.ask(number, protocol.GENERATE, **args, best_of=wrong)
        assert process.answer(number)[1]["kind"] == protocol.USER


@pytest.mark.parametrize(("op", "job"), [(protocol.COMPLETE, 24), (protocol.RETOPOLOGIZE, 26)])
def test_the_jobs_with_a_source_are_cancelled_between_two_faces(
    process: Process, able: Path, tmp_path: Path, op: str, job: int
) -> None:
    suffix = "_0" if op == protocol.RETOPOLOGIZE else ""
    arrays = {f"vertices{suffix}": CUBE, f"faces{suffix}": CUBE_FACES[:8]}
    path = protocol.write_arrays(tmp_path / "input.npz", **arrays)
    process.ask(job, op, model=str(able), folder=str(tmp_path), path=str(path), count=64)
    event = process.next()
    while event["event"] != protocol.FACE:
        assert event["event"] == protocol.PROGRESS, event
        event = process.next()
    process.ask(job + 1, protocol.CANCEL, job=job)
    events, answer = process.answer(job)
    assert answer["kind"] == protocol.CANCELLED and len(meshes_of(events)) < 64


def test_a_model_that_can_is_found_by_itself(model: Path, able: Path, tmp_path: Path, monkeypatch) -> None:
    """The default model where it can, else the first that can; where none can, the default one says so."""
    bundled, own = tmp_path / "bundled", tmp_path / "data" / "models"
    bundled.mkdir()
    own.mkdir(parents=True)
    monkeypatch.setattr("core.model_list.BUNDLED", bundled)
    monkeypatch.setenv("MESHGPT_DATA_DIR", str(tmp_path / "data"))
    assert able_checkpoint("completion") is None
    (bundled / "a-plain").symlink_to(model)
    assert able_checkpoint("completion") is None
    (own / "b-able").symlink_to(able)
    assert able_checkpoint("completion") == able_checkpoint("point_latents") == own / "b-able"
    (own / DEFAULT_MODEL).symlink_to(able)
    assert able_checkpoint("completion") == own / DEFAULT_MODEL


@pytest.mark.parametrize(
    ("op", "args", "words"),
    [
        (protocol.COMPLETE, {"path": "missing.npz"}, "missing.npz"),
        (protocol.RETOPOLOGIZE, {"path": "missing.npz"}, "missing.npz"),
        (protocol.RETOPOLOGIZE, {"path": PLAIN}, "vertices_0"),
        (protocol.COMPLETE, {"path": PLAIN, "model": "meshgpt-autoencoder"}, "tokenizer"),
        (protocol.COMPLETE, {"path": PLAIN, "above": False}, "can only go on above"),
        (protocol.COMPLETE, {"path": PLAIN, "box": [[0, 0, 0], [1, 1, 0.5]]}, "does not hold"),
        (protocol.COMPLETE, {"path": PLAIN, "max_faces": 12}, "12 faces are kept"),
    ],
)
def test_errors_are_sentences(process: Process, model: Path, tmp_path: Path, op: str, args: dict, words: str) -> None:
    if args["path"] == PLAIN:
        args = args | {"path": str(protocol.write_arrays(tmp_path / PLAIN, vertices=CUBE, faces=CUBE_FACES))}
    process.ask(28, op, **({"model": str(model), "folder": str(tmp_path)} | args))
    answer = process.answer(28)[1]
    assert answer["event"] == protocol.ERROR and answer["kind"] == protocol.USER, answer
    assert words in answer["message"] and answer["message"].endswith("."), answer
