# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`train transformer --start`: which model a run starts from.

A run keeps a copy of it. To resume, the same vocabulary and tokenizer have to be there, and by then the model itself
may be gone, or have learned more.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..errors import MeshGPTError

_PLACE = "started-from"


def start_of(run: Path, wish: str | None) -> Path | None:
    """Folder of the model that a run starts from, or has started from; None: it starts from nothing. Raises
    MeshGPTError when the run in this folder started otherwise.
    """
    from ..finetuning import title
    from ..model_list import find_checkpoint
    from ..run_state import has_run

    if not has_run(run):
        return find_checkpoint(wish) if wish else None
    kept = _kept(run)
    if wish and (kept is None or title(kept) != title(Path(wish))):
        began = f'"{title(kept)}"' if kept else "no model"
        raise MeshGPTError(
            f'The run in "{run}" started from {began}.', "Choose another folder, or leave --start out to resume it."
        )
    return kept


def keep_start(run: Path, model: Path | None) -> None:
    """Copy the model that a run starts from to it, in place of that of a run which never got as far as a step."""
    from ..finetuning import title

    kept = _kept(run)
    if kept == model:
        return
    place, temporary = run / _PLACE, run / f".{_PLACE}"
    if kept:
        shutil.rmtree(place)
    if model:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(model, temporary / title(model), ignore=_folders)
        os.replace(temporary, place)


def _kept(run: Path) -> Path | None:
    return next((path.parent for path in sorted((run / _PLACE).rglob("config.json"))), None)


def _folders(folder: str, names: list[str]) -> list[str]:
    """What lies in a folder of its own is no part of a checkpoint."""
    return [name for name in names if (Path(folder) / name).is_dir()]
