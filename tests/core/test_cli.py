# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as a user meets it: in a process of its own, by its output, its errors and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.data.procedural import procedural_meshes
from core.meshio import load_mesh, save_mesh

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MESHGPT_TEST_DATA") or ROOT.parent / "shared" / "data")


def run(*arguments, code=0):
    """Run `python -m core ...` outside the repository; returns the process, its exit code checked."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MESHGPT_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "core", *map(str, arguments)], text=True, capture_output=True, env=environment
    )
    assert done.returncode == code, done.stderr
    return done


def run_json(*arguments, code=0):
    """The one JSON object that a command prints with --json."""
    return json.loads(run(*arguments, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def chair(tmp_path_factory):
    mesh = next(mesh for mesh, label in procedural_meshes(8, seed=3) if label.endswith("chair"))
    return save_mesh(mesh, tmp_path_factory.mktemp("meshes") / "chair.obj")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny model trained through the command line, and what training said."""
    out = tmp_path_factory.mktemp("training") / "run"
    size = ("--dim", 32, "--depth", 1, "--heads", 2, "--max-faces", 80, "--faces-per-batch", 320)
    said = run_json(
        "train", "transformer", "--data", "procedural:38", "--out", out, "--steps", 12, "--validate-every", 6, *size
    )
    return out, said


@pytest.mark.parametrize(
    "command",
    [
        "",
        "generate",
        "complete",
        "reconstruct",
        "retopologize",
        "train",
        "train transformer",
        "train tokenizer",
        "evaluate",
        "info",
    ],
)
def test_help(command):
    assert "usage: python -m core" in run(*command.split(), "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fly"], "generate"),  # an unknown command names those there are
        (["generate", "--count", "0"], "less than 1"),
        (["generate", "--model", "nowhere"], "nowhere"),
        (["generate", "--count", "2", "--out", "a.glb"], "folder"),
        (["generate", "--category", "spaceships"], "categor"),
        (["complete", "nothing.obj"], "no file"),
        (["complete"], "file"),
        (["reconstruct"], "file"),
        (["retopologize", "nothing.obj"], "no file"),
        (["reconstruct", "nothing.obj"], "no file"),
        (["info", "thing.fbx"], "Blender"),
        (["train", "transformer", "--data", "nowhere", "--out", "run"], "nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments, says, tmp_path):
    done = run(*arguments, code=2)
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_complete_keeps_the_faces_of_the_file(trained, chair, tmp_path):
    model = trained[0] / "model"
    said = run_json("complete", chair, "chair", "--model", model, "--count", 2, "--out", tmp_path, "--max-faces", 80)
    source = load_mesh(chair)
    assert len(said["meshes"]) == 2
    for row in said["meshes"]:
        mesh = load_mesh(row["path"])
        assert row["faces"] == len(mesh.faces) > len(source.faces)
        corners = {tuple(map(tuple, c.round(5))) for c in mesh.vertices[mesh.faces]}
        assert {tuple(map(tuple, c.round(5))) for c in source.vertices[source.faces]} <= corners


def test_a_draft_and_the_best_of_several(trained, tmp_path):
    model = ("--model", trained[0] / "model", "--max-faces", 6)
    plain, best = (
        run_json("generate", "chair", *model, "--out", tmp_path / name, *more)["meshes"][0]
        for name, more in (("plain", ()), ("best", ("--best-of", 3)))
    )
    assert plain["seed"] == 0 and best["seed"] in (0, 1, 2)
    drafted = run_json("generate", *model, "--draft", model[1], "--temperature", 0, "--out", tmp_path)["meshes"][0]
    assert drafted["draft"] == "model" and drafted["acceptance"] > 0.5


def test_a_processor_writes_with_numpy_unless_there_is_a_draft(trained, tmp_path):
    options = ("generate", "--model", trained[0] / "model", "--max-faces", 4, "--device", "cpu", "--out", tmp_path)
    assert run_json(*options, "--count", 5)["device"] == "numpy"
    assert run_json(*options, "--draft", trained[0] / "model")["device"] == "cpu"


def test_an_error_with_json_is_an_object_too():
    said = run_json("info", "nothing.ply", code=2)
    assert "nothing.ply" in said["error"] and said["hint"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited, and a full disk made, as Linux has them")
def test_memory_or_a_disk_that_ran_out_is_one_sentence(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MESHGPT_DEVICE": "numpy"}
    program = (
        "import resource, sys, numpy, core.cli, core.light.checkpoint, core.commands.generate as command\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "command.write_meshes = lambda *_: numpy.ones(2**40)\n"
        "sys.exit(core.cli.main(['generate', '--out', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], text=True, capture_output=True, env=environment
    )
    assert done.returncode == 2 and done.stderr.startswith("Error: The memory ran out. "), done.stderr
    assert "Traceback" not in done.stderr
    program = program.replace("numpy.ones(2**40)", "open('/dev/full', 'w', buffering=1).write('mesh\\n')")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], text=True, capture_output=True, env=environment
    )
    assert done.returncode == 2 and done.stderr.startswith("Error: The disk is full. "), done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "core", "info", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as done:
        done.stdout.close()
        assert done.stderr.read() == "" and done.wait() == 0


def test_complete_takes_a_model_that_can(chair, tmp_path):
    """Without --model that of the list which completes any set of faces, as in Blender, not the default one."""
    from core.model_list import able_checkpoint

    said = run_json("complete", chair, "chair", "--max-faces", 200, "--device", "numpy", "--out", tmp_path)
    assert said["model"] == able_checkpoint("completion").name


def test_info_of_a_mesh(chair):
    said = run_json("info", chair)
    assert said["faces"] == 72 and said["watertight"] is True
    assert "faces: 72" in run("info", chair).stdout


def test_info_of_the_installation():
    said = run_json("info")
    assert said["packages"]["torch"] and said["problems"] == {}
    assert isinstance(said["models"], list)


def test_training_writes_a_model_that_generates(trained, tmp_path):
    out, said = trained
    assert said["steps"] == 12 and said["bits_per_face"] > 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) >= 2
    made = run_json("generate", "table", "--model", said["model"], "--count", 2, "--max-faces", 12, "--out", tmp_path)
    assert [mesh["seed"] for mesh in made["meshes"]] == [0, 1]
    for mesh in made["meshes"]:
        assert len(load_mesh(mesh["path"]).faces) == mesh["faces"] <= 12
    again = run_json("generate", "table", "--model", said["model"], "--max-faces", 12, "--out", tmp_path / "one.ply")
    assert again["meshes"][0]["faces"] == made["meshes"][0]["faces"]
    assert (tmp_path / "one.ply").is_file()


def test_a_tokenizer_is_trained_and_a_transformer_over_it(tmp_path, chair):
    size = ("--dim", 32, "--encoder-depth", 1, "--decoder-depth", 1, "--codebook-size", 32, "--faces-per-batch", 400)
    common = ("--data", "procedural:19", "--max-faces", 80, "--steps", 2, "--validate-every", 2)
    tokenizer = run_json("train", "tokenizer", "--out", tmp_path / "tokenizer", *common, *size)
    assert 0 <= tokenizer["triangle_accuracy"] <= 1
    assert run_json("reconstruct", chair, "--model", tokenizer["model"])["faces_in"] == 72
    assert "tokenizer" in run("generate", "--model", tokenizer["model"], code=2).stderr
    size = ("--dim", 32, "--depth", 1, "--heads", 2, "--tokenizer", tokenizer["model"])
    transformer = run_json("train", "transformer", "--out", tmp_path / "transformer", *common, *size)
    assert transformer["bits_per_face"] > 0


def test_the_same_training_command_resumes(trained):
    out, said = trained
    more = run_json(
        *("train", "transformer", "--data", "procedural:38", "--out", out, "--steps", 14, "--validate-every", 7),
        *("--dim", 32, "--depth", 1, "--heads", 2, "--max-faces", 80, "--faces-per-batch", 320),
    )
    assert more["steps"] == 14 and more["faces_seen"] > said["faces_seen"]


def test_evaluate(trained):
    _, said = trained
    parts = "tokenizer,likelihood,nouns"
    found = run_json("evaluate", "--model", said["model"], "--data", "procedural:60", "--meshes", 2, "--only", parts)
    assert found["tokenizer"]["triangle_accuracy"] == pytest.approx(1)  # the lattice is exact
    assert found["likelihood"]["bits_per_face"] > 0 and found["nouns"]["generated"] == 2
    assert found["nouns"]["with_duplicate_faces"] == found["nouns"]["with_degenerate_faces"] == 0
    wish = "evaluate --data procedural:60 --only variety --without-prompt top_p=0.5 --model"
    free = run_json(*wish.split(), said["model"])
    assert free["sampling_without_prompt"]["top_p"] == 0.5
    assert "Choose of" in run(*"evaluate --data procedural:60 --only speed".split(), code=2).stderr


def test_reconstruct(trained, chair, tmp_path):
    _, said = trained
    back = tmp_path / "back.obj"
    found = run_json("reconstruct", chair, "--model", said["model"], "--out", back)
    assert found["triangle_accuracy"] == pytest.approx(1) and found["faces_out"] == 72
    low, high = load_mesh(chair).bounds()
    for before, after in zip((low, high), load_mesh(back).bounds(), strict=True):
        assert after == pytest.approx(before, abs=(high - low).max() / 128)


@pytest.mark.skipif(not (DATA / "samples").is_dir(), reason="no sample assets (MESHGPT_TEST_DATA)")
def test_reconstruct_real_assets(trained):
    _, said = trained
    sedan = run_json("reconstruct", DATA / "samples" / "kenney_sedan.glb", "--model", said["model"])
    assert sedan["faces_in"] == 2032
    assert "Draco" in run("reconstruct", DATA / "samples" / "kenney_ship-pirate-small.glb", code=2).stderr
