# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model folders that nobody vouches for: whatever lies in them is a model, or one sentence; never a traceback, a file
opened outside, code that runs, or memory without bound. Rows of the table in docs/RELIABILITY.md.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from core import MeshGPTError, list_checkpoints, load_checkpoint
from core.checkpoint import save_transformer
from tests.tiny_model import save_tiny_model

from .test_transformer import small_model

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("sound") / "tiny", max_faces=12)


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "tiny"))


def refused(folder: Path) -> MeshGPTError:
    """The one error that loading the folder ends in, fit for a user."""
    with pytest.raises(MeshGPTError) as caught:
        load_checkpoint(folder, device="cpu")
    error = caught.value
    assert error.hint and error.message.endswith(".") and "\n" not in str(error) and len(error.message) < 300
    assert "Traceback" not in str(error) and "object at 0x" not in str(error)
    return error


def edit(folder: Path, name: str = "config.json", **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def transformer(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    edit(folder, transformer={**config["transformer"], **changes})


def header(folder: Path, change: Callable[[dict[str, Any]], Any], size: int | None = None) -> None:
    """Rewrite the header of the weights; `size`: the length of the header that the file claims."""
    path = folder / WEIGHTS
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    values = json.loads(content[8 : 8 + length])
    text = json.dumps(change(values) or values).encode()
    path.write_bytes(struct.pack("<Q", len(text) if size is None else size) + text + content[8 + length :])


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_weights_that_were_cut_off(folder: Path, share: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: int(share * len(content))])
    assert "damaged" in refused(folder).message


def first(values: dict[str, Any]) -> dict[str, Any]:
    return next(value for name, value in values.items() if name != "__metadata__")


@pytest.mark.parametrize(
    "change",
    [
        lambda h: first(h).update(shape=[2**60]),
        lambda h: first(h).update(shape=[2**62, 2**62]),
        lambda h: first(h).update(shape=[-1, 4]),
        lambda h: first(h).update(data_offsets=[0, 2**60]),
        lambda h: first(h).update(data_offsets=[2**63, 2**64 - 1]),
        lambda h: first(h).update(dtype="PICKLE"),
        lambda h: first(h).update(dtype="F64"),
        lambda h: {"__metadata__": {}},
        lambda h: [1, 2],
        lambda h: {"__metadata__": {"x": "y" * 10**6}},
    ],
)
def test_headers_of_weights_that_lie(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    header(folder, change)
    refused(folder)


@pytest.mark.parametrize("size", [0, 2**20, 2**32, 2**60, 2**64 - 1])
def test_weights_that_claim_a_header_of_any_size(folder: Path, size: int) -> None:
    header(folder, lambda h: h, size)
    assert "damaged" in refused(folder).message


def test_weights_of_wrong_shapes_or_names_or_types(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = next(iter(tensors))
    for wrong in (
        {**tensors, name: tensors[name].flatten()},
        {**tensors, name: tensors[name][:1]},
        {**tensors, "transformer.more": torch.zeros(3)},
        {**tensors, "else": torch.zeros(3)},
        {key: value for key, value in tensors.items() if key != name},
    ):
        save_file(wrong, folder / WEIGHTS)
        assert "do not fit" in refused(folder).message
    for value in (np.nan, np.inf, -np.inf):
        save_file({**tensors, name: torch.full_like(tensors[name], value)}, folder / WEIGHTS)
        assert "finite" in refused(folder).message


@pytest.mark.parametrize("kind", [torch.bool, torch.int8, torch.int64, torch.float64, torch.float8_e5m2])
def test_weights_stored_in_another_type_give_a_model_or_a_sentence(folder: Path, kind: torch.dtype) -> None:
    tensors = {name: value.to(kind) for name, value in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)
    meshes_or_sentence(folder)


@pytest.mark.parametrize("value", [0.0, 6e4, -6e4, 1e-7])
def test_weights_that_mean_nothing_give_ugly_meshes_at_worst(folder: Path, value: float) -> None:
    tensors = {name: torch.full_like(tensor, value) for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)
    meshes_or_sentence(folder)


def meshes_or_sentence(folder: Path) -> None:
    try:
        checkpoint = load_checkpoint(folder, device="cpu")
        for options in ({}, {"temperature": 0}, {"guidance": 20, "manifold": False}):
            for mesh in checkpoint.generate("table", count=2, max_faces=6, attempts=4, **options):
                assert len(mesh.faces) <= 6 and np.isfinite(mesh.vertices).all() and np.abs(mesh.vertices).max() <= 1
    except MeshGPTError as error:
        assert "\n" not in str(error)


# -- shards ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sharded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("core.shards.SHARD_BYTES", 20_000)
    folder = save_transformer(tmp_path / "sharded", small_model(), {})
    assert len(list(folder.glob("model-*"))) > 2
    load_checkpoint(folder, device="cpu")
    return folder


def test_shards_that_are_missing_or_too_many(sharded: Path) -> None:
    files = sorted(sharded.glob("model-*"))
    spare = sharded.parent / "spare"
    for file in (files[0], files[1], files[-1]):
        file.rename(spare)
        assert "not complete" in refused(sharded).message
        spare.rename(file)
    for name in (WEIGHTS, "model-00001-of-00002.safetensors", "model-1-of-1.safetensors", "model-0-of-0.safetensors"):
        (sharded / name).write_bytes(files[0].read_bytes())
        assert "not complete" in refused(sharded).message
        (sharded / name).unlink()
    files[1].write_bytes(files[0].read_bytes())  # the same tensors twice
    assert "damaged" in refused(sharded).message


def test_names_that_look_like_shards_are_never_opened(folder: Path, tmp_path: Path) -> None:
    for name in ("model.safetensors.bak", "model-x.safetensors", "C:model.safetensors", "..\\model.safetensors"):
        os.mkfifo(folder / name)  # opening one would wait for ever
    os.mkfifo(folder / "card.md.fifo")
    load_checkpoint(folder, device="cpu")


@pytest.mark.parametrize("name", ["config.json", "labels.json", WEIGHTS])
@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../beside", "nowhere", "."])
def test_links_out_of_the_folder_and_to_devices_are_not_followed(folder: Path, name: str, target: str) -> None:
    beside = folder.parent / "beside"
    (folder / name).rename(beside)
    (folder / name).symlink_to(target)
    refused(folder)
    (folder / name).unlink()
    os.link(beside, folder / name)
    load_checkpoint(folder, device="cpu")


def test_a_pipe_in_place_of_a_file_is_refused_at_once(folder: Path) -> None:
    for name in (WEIGHTS, "labels.json"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        assert "no plain file" in refused(folder).message


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


def test_pickles_are_never_opened(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = []
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    names = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl", "words.npy", "labels.pickle")
    for name in names:
        (folder / name).write_bytes(bomb)
    (folder / "__init__.py").write_text(f"import os; os.mkdir({str(tmp_path / 'exploded')!r})")
    watching = True
    sys.addaudithook(lambda event, args: traces.append(args[0]) if watching and event == "open" else None)
    load_checkpoint(folder, device="cpu").generate(max_faces=2)
    (folder / WEIGHTS).write_bytes(bomb)
    refused(folder)
    (folder / WEIGHTS).unlink()
    assert "no weights" in refused(folder).message
    watching = False
    opened = {Path(os.fsdecode(name)).name for name in traces if isinstance(name, str | bytes | Path)}
    assert "config.json" in opened and not opened & {*names, "__init__.py", "card.md"}
    assert not (tmp_path / "exploded").exists()


# -- config.json and labels.json ---------------------------------------------------------------------------------------

BROKEN_JSON = {
    "empty": b"",
    "half": b'{"format": 1, "kind": "transf',
    "no object": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a name twice": b'{"format": 1, "kind": "tokenizer", "kind": "transformer"}',
    "NaN": b'{"format": NaN, "kind": "transformer"}',
    "infinite": b'{"format": 1, "kind": "transformer", "parameters": 1e999}',
    "a long number": b'{"format": ' + b"1" * 10_000 + b"}",
    "no UTF-8": b'{"format": 1, "kind": "transformer", "summary": "\xff\xfe"}',
    "UTF-16": '{"format": 1, "kind": "transformer"}'.encode("utf-16"),
    "half a surrogate pair": b'{"format": 1, "kind": "transformer", "summary": "\\ud800"}',
    "huge": b'{"format": 1, "kind": "transformer", "summary": "' + b"x" * 2**25 + b'"}',
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("name", ["config.json", "labels.json"])
@pytest.mark.parametrize("content", BROKEN_JSON.values(), ids=BROKEN_JSON)
def test_json_that_is_broken(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    refused(folder)
    listed = [info.name for info in list_checkpoints([folder.parent])]
    assert ("tiny" in listed) == (name == "labels.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": ["transformer"]},
        {"format": True + 1},
        {"format": "1"},
        {"parameters": "many"},
        {"parameters": 1.5},
        {"max_faces": None},
        {"summary": {"a": 1}},
        {"created": 2026},
        {"tokenizer": "lattice"},
        {"tokenizer": {}},
        {"tokenizer": {"kind": "lattice"}},
        {"tokenizer": {"kind": {"a": 1}}},
        {"tokenizer": {"kind": "autoencoder", "dim": 10**9}},
        {"tokenizer": {"kind": "autoencoder", "dim": 2.5}},
        {"tokenizer": {"kind": "autoencoder", "codebook_size": 2**16, "dim_codebook": 2**16}},
        {"tokenizer": {"kind": "autoencoder", "quantizer": "rfsq", "num_quantizers": 10**9}},
        {"tokenizer": {"kind": "autoencoder", "wings": 2}},
        *({"tokenizer": {"kind": "lattice", "splits": splits}} for splits in (
            None, 5, "abc", {"a": 1}, [], [[]], [[1, 2]], [["a", "b", "c"]], [[0, 0, 0]], [[-1, -1, -1]],
            [[2.5, 2.5, 2.5]], [[10**9] * 3], [[10**400] * 3], [[1, 1, 1]] * 100_000, [[2, 2, 2]] * 60, [[128] * 3],
        )),
        {"transformer": []},
        *({name: value} for name in ("sampling", "sampling_without_prompt") for value in (
            {"temperature": "hot"}, {"temperature": -1}, {"exec": "import os"}, [1],
        )),
        {"split": 3},
    ],
    ids=lambda changes: str(changes)[:60],
)  # fmt: skip
def test_settings_of_a_wrong_type_or_size(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, **changes)
    refused(folder)
    list_checkpoints([folder.parent])


@pytest.mark.parametrize("name", ["dim", "depth", "heads", "head_width", "head_depth", "face_depth", "max_faces"])
@pytest.mark.parametrize("value", [-1, 0, 2.5, "7", True, None, [], 10**5 * 8, 10**9, 2**70, 10**400])
def test_sizes_of_a_transformer_that_cannot_be(folder: Path, name: str, value: Any) -> None:
    transformer(folder, **{name: value})
    refused(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 2**16, "depth": 1000},
        {"dim": 2**14, "heads": 1, "depth": 1},
        {"depth": 1000},
        {"head_width": 2**16, "head_depth": 1000},
        {"head_width": 2**16, "head": "attention"},
        {"point_latents": 2**16},
        {"step": "face", "face_depth": 1000},
        {"neighbours": 1},
        {"head": None},
        {"step": ["face"]},
        {"dropout": 2},
        {"dropout": -0.0001},
    ],
    ids=str,
)
def test_settings_that_the_weights_are_too_small_for_take_no_memory(folder: Path, changes: dict[str, Any]) -> None:
    before = peak()
    transformer(folder, **changes)
    refused(folder)
    assert peak() - before < 200


def peak() -> float:
    """Most memory that this process has used, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@pytest.mark.parametrize(
    "changes",
    [
        {"words": None},
        {"words": "table"},
        {"words": ["table", 5]},
        {"words": [""]},
        {"words": ["x" * 10_000]},
        {"words": [f"w{i}" for i in range(200_000)]},
        {"categories": {"a": 1}},
        {"categories": ["a"] * 5},
        {"buckets": 0},
        {"buckets": -8},
        {"buckets": 8.5},
        {"buckets": 10**12},
        {"max_words": 10**9},
        {"max_pieces": 0},
        {"max_pieces": "6"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_labels_that_are_no_vocabulary(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, "labels.json", **changes)
    refused(folder)


def test_what_a_model_says_of_itself_cannot_write_on_the_terminal(folder: Path) -> None:
    edit(folder, summary="good\x1b[2J\r\nbad \u202ereversed" + "x" * 10_000)
    (info,) = (info for info in list_checkpoints([folder.parent]) if info.name == "tiny")
    assert info.summary.isprintable() and len(info.summary) <= 300
    evil = folder.rename(folder.with_name("evil\x1b[2J\nname"))
    (evil / WEIGHTS).unlink()
    assert str(refused(evil)).isprintable()


@pytest.mark.parametrize("name", ["\0", "x" * 100_000, "a\nb", "../" * 2000, "\ud800", "~", "nul", "C:\\x"])
def test_names_of_models_that_no_file_can_have(name: str) -> None:
    with pytest.raises(MeshGPTError, match="no model") as caught:
        load_checkpoint(name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 2000


@given(st.data())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_flipped_bits_give_a_model_or_a_sentence(sound: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = Path(shutil.copytree(sound, tmp_path_factory.mktemp("flipped") / "tiny"))
    path = folder / data.draw(st.sampled_from(["config.json", "labels.json", WEIGHTS]))
    content = bytearray(path.read_bytes())
    # The header of the weights is where most can go wrong.
    places = st.integers(0, min(len(content), data.draw(st.sampled_from([8, 2000, 10**9]))) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    meshes_or_sentence(folder)
    shutil.rmtree(folder)
