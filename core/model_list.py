# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checkpoints there are, and what each can do: from their config.json alone, without torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import MeshGPTError, one_line
from .model_files import read_config
from .sampling_config import shipped_sampling

BUNDLED = Path(__file__).parent / "weights"
DEFAULT_MODEL = "meshgpt-lowpoly"


@dataclass(frozen=True)
class CheckpointInfo:
    """What a list of models shows of a checkpoint."""

    name: str
    path: Path
    kind: str  # "transformer" or "tokenizer"
    parameters: int
    max_faces: int
    summary: str
    created: str
    sampling: dict[str, float]  # what it ships for generating; the rest is as in SamplingConfig
    sampling_without_prompt: dict[str, float]
    jobs: tuple[str, ...]  # what it can do, in words

    @classmethod
    def read(cls, path: Path) -> CheckpointInfo:
        """Of the checkpoint in a folder; raises MeshGPTError when it has no good config.json."""
        config = read_config(path)
        return cls(
            path.name,
            path,
            config["kind"],
            config.get("parameters", 0),
            config.get("max_faces", 0),
            one_line(config.get("summary", ""), 300),
            one_line(config.get("created", ""), 40),
            shipped_sampling(config, prompted=True),
            shipped_sampling(config, prompted=False),
            jobs_of(config),
        )


def jobs_of(config: dict[str, Any]) -> tuple[str, ...]:
    """What a checkpoint with this config.json can do, in words."""
    model = config.get("transformer", {})
    able = {
        "generate": config["kind"] == "transformer",
        "complete": model.get("completion", False),
        "complete upwards": config["kind"] == "transformer" and not model.get("completion", False),
        "retopologize": model.get("point_latents", 0) > 0,
        "reconstruct": True,
    }
    return tuple(job for job, can in able.items() if can)


def model_folders() -> list[Path]:
    """Folders that hold checkpoints: the bundled ones, then `models` in the user's data folder."""
    folders = [BUNDLED]
    if os.environ.get("MESHGPT_DATA_DIR"):
        folders.append(Path(os.environ["MESHGPT_DATA_DIR"]) / "models")
    return folders


def list_checkpoints(folders: Sequence[str | Path] = ()) -> list[CheckpointInfo]:
    """All readable checkpoints in the given and the usual folders, bundled ones first; what is broken is left out."""
    found = []
    for folder in [*model_folders(), *map(Path, folders)]:
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if not os.path.isfile(path / "config.json"):
                continue
            with contextlib.suppress(MeshGPTError):
                found.append(CheckpointInfo.read(path))
    return found


def find_checkpoint(path_or_name: str | Path | None = None, folders: Sequence[str | Path] = ()) -> Path:
    """Folder of a checkpoint given by path or by name; the default model for None and ""."""
    name = str(path_or_name or DEFAULT_MODEL)
    for candidate in [Path(name), *(Path(folder) / name for folder in [*model_folders(), *folders])]:
        if os.path.isfile(candidate / "config.json"):  # which is quiet about names that no file can have
            return candidate
    names = ", ".join(info.name for info in list_checkpoints(folders))
    places = " and ".join(f'"{folder}"' for folder in [*model_folders()[1:], *folders]) or "MESHGPT_DATA_DIR/models"
    hint = f"Choose one of: {names}." if names else f"Install MeshGPT again, or put a model folder into {places}."
    raise MeshGPTError(f'There is no model "{name}".', hint)


def able_checkpoint(ability: str) -> Path | None:
    """The default model, if its transformer has this option ("completion", "point_latents"), else the first that has;
    None when there is none.
    """
    found = [info.path for info in list_checkpoints() if read_config(info.path).get("transformer", {}).get(ability)]
    return min(found, key=lambda path: path.name != DEFAULT_MODEL, default=None)
