# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the files of a model folder that may come from anyone: config.json, labels.json, and where files really are.

A model folder is data. Of all that lies in it only these are ever opened: config.json, labels.json and the weights
(`shards.py`), each a plain file inside the folder and of a bounded size. docs/RELIABILITY.md says what is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from .checks import check_type
from .errors import MeshGPTError

FORMAT = 1
HINT = "Choose another model, or update the extension."
COPY_AGAIN = "Copy the whole folder of the model again."
_JSON_BYTES = {"config.json": 2**20, "labels.json": 16 * 2**20}  # the bundled ones have 1 and 12 kB
_CONFIG = {
    "transformer": dict,
    "tokenizer": dict,
    "sampling": dict,
    "sampling_without_prompt": dict,
    "split": dict,
    "parameters": int,
    "max_faces": int,
    "summary": str,
    "created": str,
}
_MOST = {"buckets": 2**20, "max_words": 256, "max_pieces": 256}
VOCABULARY = ("words", "categories", *_MOST)
_LONGEST_WORD = 200


def own_file(folder: Path, name: str) -> Path:
    """The path of a file of the model folder, which must be a plain file in it: not a link out of it, nor a device."""
    path = folder / name
    inside = path.resolve().is_relative_to(folder.resolve())
    if not inside or not path.is_file():
        fault = "leads out of the folder" if not inside else "is no plain file" if path.exists() else "is missing"
        raise MeshGPTError(f'"{name}" of the model "{folder.name}" {fault}.', COPY_AGAIN)
    return path


def read_config(path: Path) -> dict[str, Any]:
    """config.json of a checkpoint, checked for what every checkpoint has."""
    config = _read_json(path, "config.json")
    if config.get("kind") not in ("transformer", "tokenizer"):
        raise MeshGPTError(f'The model "{path.name}" is of a kind that this version does not know.', HINT)
    if config.get("format") != FORMAT:
        raise MeshGPTError(
            f'The model "{path.name}" has format {config.get("format")}, this version reads format {FORMAT}.', HINT
        )
    with of_model(path.name):
        for name, kind in _CONFIG.items():
            if name in config:
                check_type(name, config[name], kind)
    return config


def read_labels(path: Path, kind: str) -> dict[str, Any]:
    """labels.json of a checkpoint; for a transformer checked to be a vocabulary that can be built."""
    labels = _read_json(path, "labels.json")
    if kind != "transformer":
        return labels
    labels.setdefault("categories", [])
    missing = sorted(set(VOCABULARY) - set(labels))
    if missing:
        raise MeshGPTError(f'The model "{path.name}" is incomplete: labels.json lacks {", ".join(missing)}.', HINT)
    for name in ("words", "categories"):
        words = labels[name]
        if not isinstance(words, list) or not all(isinstance(w, str) and 0 < len(w) <= _LONGEST_WORD for w in words):
            raise MeshGPTError(f'The {name} in labels.json of the model "{path.name}" are no words.', COPY_AGAIN)
    with of_model(path.name):
        for name, most in _MOST.items():
            check_type(name, labels[name], int)
            if not 1 <= labels[name] <= most:
                raise MeshGPTError(f"{name} is {labels[name]}, and may be 1 to {most}.")
    return labels


@contextmanager
def of_model(name: str) -> Iterator[None]:
    """Inside, what is wrong with a value becomes what is wrong with the model that has it."""
    try:
        yield
    except (MeshGPTError, RuntimeError, MemoryError) as error:
        if isinstance(error, MeshGPTError) and type(error) is not MeshGPTError:  # a package is missing
            raise
        # What torch says of tensors that no memory can hold fills a page.
        fault = error.message if isinstance(error, MeshGPTError) else "its settings ask for more than can be built."
        raise MeshGPTError(f'The model "{name}" cannot be used: {fault}', HINT) from error


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in a file: strict UTF-8, no name twice, no NaN or infinity, of a bounded size and depth."""
    try:
        with own_file(folder, name).open("rb") as file:
            content = file.read(_JSON_BYTES[name] + 1)
        if len(content) > _JSON_BYTES[name]:
            raise ValueError("too large")
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair could not be shown anywhere
    except (OSError, ValueError, RecursionError) as error:
        raise MeshGPTError(f'The model "{folder.name}" has no readable {name}.', COPY_AGAIN) from error
    if not isinstance(value, dict):
        raise MeshGPTError(f'{name} of the model "{folder.name}" is no JSON object.', COPY_AGAIN)
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value
