# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the model, on which device and where its files live: preferences, overruled by the environment."""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..core.errors import MeshGPTError
from ..core.setup import store
from .preferences import DEFAULT_IDLE_MINUTES, get_preferences
from .worker_client import Launch


def data_dir() -> Path:
    """Folder of models, logs and the managed Python, shared by all versions of Blender."""
    preferences = get_preferences()
    chosen = os.environ.get("MESHGPT_DATA_DIR") or (bpy.path.abspath(preferences.data_dir) if preferences else "")
    return Path(chosen).expanduser().absolute() if chosen else default_data_dir()


def default_data_dir() -> Path:
    """The system's place for the data of a user's programs; short, because Windows limits the length of paths."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "meshgpt"


def model_folder() -> Path:
    """Folder of the user's own models."""
    return data_dir() / "models"


def device() -> str:
    """The device asked for: "auto", "cpu", "cuda", ..."""
    preferences = get_preferences()
    return os.environ.get("MESHGPT_DEVICE") or (preferences.device.lower() if preferences else "auto")


def find_python() -> tuple[str, tuple[str, ...]] | None:
    """The interpreter for the worker and its flags, or None where the user has to name one. Runs nothing."""
    preferences = get_preferences()
    named = os.environ.get("MESHGPT_PYTHON") or ""
    if not named and preferences and preferences.python_mode == "EXISTING":
        named = bpy.path.abspath(preferences.python)
    if named:
        return _interpreter(Path(named).expanduser()), ("-E",)
    if preferences and preferences.python_mode == "EXISTING":
        return None
    found = managed()
    if found is not None:
        return found.python, ("-I",)
    return sys.executable, tuple(bpy.app.python_args)


def lacks_torch() -> bool:
    """Whether the model runs in Blender's own Python, and that has no PyTorch: on the processor, with NumPy."""
    found = find_python()
    return found is not None and found[0] == sys.executable and not _own_python_has_torch()


def managed() -> store.Environment | None:
    """What Set Up PyTorch has made, where nobody chose another Python."""
    preferences = get_preferences()
    if os.environ.get("MESHGPT_PYTHON") or preferences and preferences.python_mode == "EXISTING":
        return None
    return store.current(data_dir())


def launch() -> Launch:
    """How to start the worker now; raises MeshGPTError where an existing Python is to run it, and none is named."""
    found = find_python()
    if found is None:
        raise MeshGPTError(
            "Existing Python is chosen in the preferences, but none is named.",
            "Name one there, or choose Automatic, which needs none.",
        )
    environment, packages = managed(), ""
    if environment is not None:
        store.check_private(data_dir())
        packages = environment.packages
    preferences = get_preferences()
    minutes = preferences.idle_minutes if preferences else DEFAULT_IDLE_MINUTES
    return Launch(*found, device(), data_dir(), 60.0 * minutes, packages)


def describe_device(info: dict[str, Any]) -> str:
    """One line for the panel: "CUDA - NVIDIA GeForce RTX 4090 - 19.8 GB free"."""
    kind = {"cuda": "CUDA", "mps": "Metal", "xpu": "XPU", "cpu": "CPU", "numpy": "CPU"}.get(
        info["id"].split(":")[0], info["id"]
    )
    parts = [kind, info["name"].removeprefix("NVIDIA GeForce ")]
    if info.get("free"):
        parts.append(iface_("{gigabytes} GB free").format(gigabytes=f"{info['free'] / 1e9:.1f}"))
    return " - ".join(parts)


def describe_note(info: dict[str, Any]) -> str:
    """A sentence under that line, where the model does not run on the device that the user may expect; mostly ""."""
    return info.get("note") or ""


def _interpreter(path: Path) -> str:
    """The interpreter at `path`, which may also be the folder of an environment."""
    if path.is_dir():
        inside = ("python.exe", "Scripts/python.exe", "bin/python3", "bin/python")
        path = next((path / name for name in inside if (path / name).is_file()), path)
    return str(path)


def look_again() -> None:
    """Forget what was found out about Blender's own Python: something may have been installed."""
    _own_python_has_torch.cache_clear()


@functools.cache
def _own_python_has_torch() -> bool:
    """Whether Blender's own Python could import torch, without importing it."""
    return importlib.util.find_spec("torch") is not None
