# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Coverage-guided fuzzing of all that reads what others wrote: mesh files, model folders, the worker's protocol.

    python tools/fuzz.py TARGET [RUNS]

needs atheris (libFuzzer for Python), which is no requirement. An input is a finding when reading it ends in anything
but a value or a MeshGPTError, takes longer than a minute or more than 4 GB; atheris then stops, and leaves it in
the current folder. `tests/core/test_fuzz.py` runs the same targets on a hundred inputs each without atheris.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

FOLDER = Path(tempfile.mkdtemp(prefix="meshgpt-fuzz-"))
LONGEST = 4096  # bytes of an input


def read_mesh(suffix: str, content: bytes) -> None:
    from core.meshio import load_mesh

    path = FOLDER / f"a{suffix}"
    path.write_bytes(content)
    load_mesh(path).report()


def read_line(content: bytes) -> None:
    from core import MeshGPTError, protocol

    for line in protocol.read_lines(BytesIO(content)):
        try:
            message = protocol.decode_line(line)
        except MeshGPTError:
            continue
        hash(message.get("id"))
        assert protocol.decode_line(protocol.encode_line(message)).keys() == message.keys()


def read_arrays(content: bytes) -> None:
    from core import protocol

    path = FOLDER / "a.npz"
    path.write_bytes(content)
    protocol.read_arrays(path)


def read_words(content: bytes) -> None:
    from core.words import WordTable

    path = FOLDER / "words.npz"
    path.write_bytes(content)
    WordTable.read(path).nearest("couch", ("sofa", "table"))


def read_config(content: bytes) -> None:
    """config.json and labels.json, parted by a line of zeros, and all that can be built without weights."""
    from core.checkpoint import dataclass_from, sampling_of
    from core.model_files import of_model, read_config, read_labels
    from core.shards import building_at_most
    from core.tokenizers import tokenizer_from_config
    from core.transformer import TransformerConfig

    config, _, labels = content.partition(b"\n\0\n")
    (FOLDER / "config.json").write_bytes(config)
    (FOLDER / "labels.json").write_bytes(labels)
    values = read_config(FOLDER)
    read_labels(FOLDER, values["kind"])
    with of_model("fuzz"), building_at_most(10**6):
        for prompted in (True, False):
            sampling_of(values, "fuzz", prompted)
        dataclass_from(TransformerConfig, values.get("transformer", {}), "fuzz")
        tokenizer_from_config(values.get("tokenizer", {}))


def read_weights(content: bytes) -> None:
    from core.shards import Weights

    (FOLDER / "model.safetensors").write_bytes(content)
    Weights(FOLDER).read()


TARGETS: dict[str, Callable[[bytes], None]] = {
    **{
        suffix: lambda content, suffix=suffix: read_mesh(f".{suffix}", content)
        for suffix in ("obj", "off", "ply", "stl", "glb", "gltf")
    },
    "line": read_line,
    "arrays": read_arrays,
    "words": read_words,
    "config": read_config,
    "weights": read_weights,
}


def seeds(target: str) -> list[bytes]:
    """Sound inputs to begin with."""
    import numpy as np
    import trimesh

    box = trimesh.creation.box()
    if target in ("obj", "off", "ply", "stl", "glb"):
        found = [box.export(file_type=target)]
        found += [box.export(file_type="ply", encoding="ascii")] if target == "ply" else []
        found += [box.export(file_type="stl_ascii")] if target == "stl" else []
        if target == "obj":
            found.append(
                "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 1\nvt 0 0\nvn 0 0 1\no a\nusemtl m\nf 1/1/1 2//1 3\nf -1 -2 -3 -4\n"
            )
        return [one.encode() if isinstance(one, str) else one for one in found]
    if target == "gltf":
        scene = trimesh.Scene({"a": box, "b": box})
        data = trimesh.exchange.gltf.export_gltf(scene, embed_buffers=True)
        return [data["model.gltf"]]
    if target == "line":
        return [
            b'{"id":1,"op":"generate","args":{"prompt":"a","count":1}}\n{"id":"x","event":"face"}\n',
            b"\n\n[1]\nnull",
        ]
    if target in ("arrays", "words"):
        file = BytesIO()
        np.savez(
            file, words=np.frombuffer(b"sofa\ntable", np.uint8), codes=np.zeros((2, 2), np.uint8), step=np.ones(4, "f4")
        )
        return [file.getvalue()]
    if target == "config":
        labels = {"words": ["table"], "buckets": 8, "max_words": 6, "max_pieces": 12, "categories": []}
        lattice = {"kind": "lattice", "splits": [[128, 1, 1], [1, 128, 1], [1, 1, 128]]}
        configs = [
            {"format": 1, "kind": "transformer", "tokenizer": lattice, "transformer": {"dim": 16, "heads": 2}},
            {"format": 1, "kind": "tokenizer", "tokenizer": {"kind": "autoencoder", "dim": 16, "quantizer": "rfsq"}},
        ]
        return [b"\n\0\n".join(json.dumps(part).encode() for part in (config, labels)) for config in configs]
    from safetensors.numpy import save

    return [save({"transformer.a": np.ones((2, 3), np.float16), "tokenizer.b": np.zeros(4, np.float32)})]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with a few bytes changed, left out, said twice, or replaced by numbers that readers do not expect."""
    odd = (
        b"-1",
        b"0",
        b"NaN",
        b"1e999",
        b"99999999999999999999",
        b"\xff\xff\xff\xff",
        b"\0",
        b"null",
        b"[",
        b'{"',
        b"\n",
    )
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        size = rng.choice((1, 1, 4, 20))
        piece = rng.choice((rng.randbytes(size), b"", bytes(data[place : place + size]) * 2, rng.choice(odd)))
        data[place : place + rng.choice((0, size))] = piece
    return bytes(data)


def main() -> None:
    import atheris

    target, runs = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "100000"
    with atheris.instrument_imports(include=["core", "trimesh.exchange", "trimesh.scene", "zipfile"]):
        import trimesh.exchange.load  # noqa: F401

        import core.meshio
        import core.words

        if target in ("config", "weights"):
            import core.checkpoint
            import core.sampling
            import core.shards
            import core.tokenizers.autoencoder
            import core.transformer  # noqa: F401
    from core import MeshGPTError

    corpus = Path(tempfile.mkdtemp(prefix=f"meshgpt-corpus-{target}-"))
    for number, content in enumerate(seeds(target)):
        (corpus / str(number)).write_bytes(content)

    def once(content: bytes) -> None:
        try:
            TARGETS[target](content)
        except MeshGPTError as error:
            assert str(error).isprintable() and error.message

    options = [
        f"-runs={runs}",
        f"-max_len={LONGEST}",
        "-timeout=60",
        "-rss_limit_mb=4096",
        "-seed=1",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
