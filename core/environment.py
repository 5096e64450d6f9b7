# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker finds where it runs: packages, threads, and devices with the memory that is free on each."""

import ctypes
import functools
import importlib
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from .errors import MeshGPTError
from .versions import TORCH_OLDEST, release

NEEDED = ("torch", "numpy", "safetensors", "einops")
TRAINING = ("accelerate", "tqdm")  # what training needs besides
AUTOENCODER = ("torch_geometric", "vector_quantize_pytorch")  # what encoding with an autoencoder needs besides


def has_torch() -> bool:
    """Whether PyTorch is there with all that it needs to write: a Python of the system may have it alone."""
    return all(find_spec(package) for package in NEEDED)


def default_threads() -> int:
    """Threads for the model: all cores but one, which stays with Blender; small models gain nothing beyond eight."""
    return int(os.environ.get("OMP_NUM_THREADS") or min(8, max(1, (os.cpu_count() or 2) - 1)))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads() -> None:
    import torch

    if torch.get_num_threads() != default_threads():
        torch.set_num_threads(default_threads())


def import_check(*more: str) -> tuple[dict[str, str], dict[str, str]]:
    """Import what the model needs, and more; returns the versions found, and what went wrong by package name.

    Of the packages that only autoencoders and training need it finds the versions without importing them.
    """
    versions, problems = {}, {}
    for name in NEEDED + more:
        _import(name, versions, problems)
    if "torch" in versions and release(versions["torch"]) < TORCH_OLDEST:
        oldest = ".".join(map(str, TORCH_OLDEST))
        problems["torch"] = f"it is PyTorch {versions['torch']}, and {oldest} or newer is needed"
    extras = (name for name in AUTOENCODER + TRAINING if name not in versions and find_spec(name))
    versions |= {name: _installed_version(name) for name in extras}
    return versions, problems


def installed() -> dict[str, str]:
    """The versions of all packages that are there; nothing is imported."""
    return {name: _installed_version(name) for name in NEEDED + AUTOENCODER + TRAINING if find_spec(name)}


def broken_extras() -> list[str]:
    """The packages that only autoencoders and training need and that cannot be imported; it takes seconds."""
    versions, problems = {}, {}
    for name in AUTOENCODER + TRAINING:
        _import(name, versions, problems)
    return list(problems)


def _installed_version(name: str) -> str:
    """The version of a package that need not be imported for it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _import(name: str, versions: dict[str, str], problems: dict[str, str]) -> None:
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a broken install raises OSError, AttributeError and more
        problems[name] = f"{type(error).__name__}: {error}"
    else:
        versions[name] = str(getattr(module, "__version__", "?"))


def need_packages(*more: str) -> None:
    """Raise MeshGPTError when a package the model needs, or one of those named, is missing or broken."""
    _, problems = import_check(*more)
    if not problems:
        return
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    raise MissingPackageError(problems)


class MissingPackageError(MeshGPTError):
    """This Python lacks something the model needs."""

    def __init__(self, problems: dict[str, str]) -> None:
        names = ["PyTorch" if name == "torch" else name for name in problems]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
        old = problems.get("torch", "").startswith("it is PyTorch")
        message = f"The Python at {sys.executable} cannot import {listed}."
        if old:
            message = f"The Python at {sys.executable} cannot run the model: {problems['torch']}."
        command = f"{sys.executable} -m pip install{' --upgrade' if old else ''} {' '.join(problems)}"
        super().__init__(
            message, f"Install what is missing there ({command}), or choose another Python in the preferences."
        )


@dataclass(frozen=True)
class Device:
    """One device: `id` as torch names it, memory in bytes (None where the system does not say).

    `note` is a sentence for the user, where the model runs there though they may expect another device.
    """

    id: str
    name: str
    free: int | None
    total: int | None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_devices() -> list[Device]:
    """Every usable device, the fastest kind first, the CPU last. Imports torch."""
    import torch

    found = []
    if torch.cuda.is_available():  # ROCm builds answer here too
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            found.append(Device(f"cuda:{index}", torch.cuda.get_device_name(index), free, total))
    if torch.backends.mps.is_available():
        total = int(torch.mps.recommended_max_memory())
        found.append(Device("mps", "Apple GPU", total - int(torch.mps.driver_allocated_memory()), total))
    if torch.xpu.is_available():
        for index in range(torch.xpu.device_count()):
            total = torch.xpu.get_device_properties(index).total_memory
            found.append(Device(f"xpu:{index}", torch.xpu.get_device_name(index), None, total))
    free, total = _main_memory()
    threads = torch.get_num_threads()
    note = _cpu_note() if os.environ.get("MESHGPT_DEVICE", "auto") in ("", "auto") else ""
    found.append(Device("cpu", f"{threads} thread{'s' if threads > 1 else ''}", free, total, note))
    return found


@functools.cache
def _cpu_note() -> str:
    from .devices import cpu_note

    return cpu_note()


def numpy_device() -> Device:
    """The processor as the engine of `core.light` uses it; imports nothing."""
    return Device("numpy", "NumPy", *_main_memory())


def describe_device(identifier: str) -> dict[str, Any]:
    """The listed device that `identifier` ("cuda", "cuda:1", "cpu", "numpy") means, as a dict."""
    if identifier == "numpy":
        return numpy_device().as_dict()
    devices = list_devices()
    wanted = "cuda:0" if identifier == "cuda" else "xpu:0" if identifier == "xpu" else identifier
    return next((device for device in devices if device.id == wanted), devices[-1]).as_dict()


def _main_memory() -> tuple[int | None, int | None]:
    """Free and total main memory in bytes."""
    if sys.platform == "linux":
        with open("/proc/meminfo", encoding="ascii") as file:
            kib = {line.split(":")[0]: int(line.split()[1]) for line in file if line.split()[-1] == "kB"}
        return kib.get("MemAvailable", 0) * 1024, kib.get("MemTotal", 0) * 1024
    if platform.system() == "Windows":
        return _windows_memory()
    try:
        return None, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None, None


def _windows_memory() -> tuple[int | None, int | None]:
    names = ("total", "free", "page_total", "page_free", "virtual_total", "virtual_free", "extended_free")
    fields = [("size", ctypes.c_ulong), ("load", ctypes.c_ulong), *((name, ctypes.c_ulonglong) for name in names)]
    status_type = type("MemoryStatus", (ctypes.Structure,), {"_fields_": fields})
    status = status_type(size=ctypes.sizeof(status_type))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None, None
    return status.free, status.total
