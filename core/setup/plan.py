# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be installed, from where, how large and into which folder: known, and shown, before it begins."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import MeshGPTError
from ..versions import PYTHON_OF_TORCH, TORCH, TORCH_OLDEST, release
from . import store
from .machine import Gpu, Machine, free_disk

# The index of PyTorch's own builds, one folder a build. All other packages come from where pip is set to look.
TORCH_INDEX = "https://download.pytorch.org/whl/"
NEEDED = ("numpy>=1.26,<3", "safetensors>=0.5,<1", "einops>=0.8,<1")
# For autoencoders and for training; generating does without, so a failure here does not fail the rest.
EXTRAS = ("torch-geometric>=2.6,<3", "vector-quantize-pytorch>=1.22,<2", "accelerate>=1.15,<2", "tqdm>=4.66,<5")
SOURCES = ("pytorch", "pip", "folder")
WISHES = ("auto", "cpu", "cuda", "rocm", "xpu")
MB = 1_000_000
MAX_PATH = 259  # of Windows, without the closing zero
# The longest name in torch's wheel, below the folder of all packages.
LONGEST_MEMBER = 171
AMD_ARCHS = "gfx900 gfx906 gfx908 gfx90a gfx942 gfx950 gfx1030 gfx1100 gfx1101 gfx1102 gfx1150 gfx1151 gfx1200 gfx1201"
ANOTHER = 'Choose "Existing Python" in the preferences of MeshGPT, and name a Python that has PyTorch.'


@dataclass(frozen=True)
class Build:
    """One of PyTorch's builds: `key` is its folder in the index and the suffix of its version."""

    key: str
    label: str
    kind: str  # of torch's devices: "cuda" for ROCm too
    download: int  # bytes, all packages together; measured for "cpu" on Linux, else from the sizes of earlier releases
    installed: int


BUILDS = {
    build.key: build
    for build in (
        Build("cpu", "CPU", "cpu", 250 * MB, 1000 * MB),
        Build("cu126", "CUDA 12.6", "cuda", 3000 * MB, 7000 * MB),
        Build("cu130", "CUDA 13.0", "cuda", 2500 * MB, 6000 * MB),
        Build("rocm7.2", "ROCm 7.2", "cuda", 5000 * MB, 18000 * MB),
        Build("xpu", "Intel XPU", "xpu", 2500 * MB, 7000 * MB),
        Build("mps", "Apple Metal", "mps", 150 * MB, 700 * MB),
    )
}


@dataclass(frozen=True)
class Plan:
    """Everything that a set-up needs to know."""

    machine: str
    build: str
    label: str
    note: str  # why it is not the GPU's build, where one might expect that
    requirements: tuple[str, ...]
    extras: tuple[str, ...]
    pip_options: tuple[str, ...]
    source: str
    wheels: str
    data_dir: str
    download: int
    needed: int
    free: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The plan for people: what, and how much of it."""
        where = {"pytorch": "PyTorch's and Python's package indexes", "pip": "where pip is set to look"}
        size = f"about {_gigabytes(self.download)}" if self.download else "nothing"
        return [
            ("Computer", self.machine),
            ("PyTorch", self.label),
            ("Source", where.get(self.source, self.wheels)),
            ("Download", size),
            ("Into", str(store.root(Path(self.data_dir)))),
            ("Disk", f"about {_gigabytes(self.needed)} needed, {_gigabytes(self.free)} free"),
        ]

    def check(self) -> None:
        """Raise MeshGPTError when it cannot end well."""
        if self.free < self.needed:
            raise MeshGPTError(
                f"The set-up needs about {_gigabytes(self.needed)} of disk, and {_gigabytes(self.free)} are free.",
                "Free some space, or choose another data folder in the preferences of MeshGPT.",
            )


def make_plan(
    machine: Machine, data_dir: Path, wish: str = "auto", source: str = "pytorch", wheels: str | Path = ""
) -> Plan:
    """The plan for this machine; raises MeshGPTError where there is nothing to install.

    `wish` is "auto" or a kind of build, `source` where packages come from: "pytorch", its index and pip's; "pip", pip's
    own settings alone (a mirror); "folder", the wheels in `wheels`, for which no network is used.
    """
    if source not in SOURCES or wish not in WISHES:
        raise MeshGPTError(f'There is no build "{wish}" or source "{source}".')
    _check_python(machine)
    _check_path(machine, data_dir)
    build, note = choose_build(machine, wish)
    label, download, disk = f"{TORCH}, {build.label}", build.download, build.installed + 2 * build.download
    torch, options = f"torch=={TORCH}", ()
    if source == "folder":
        folder = Path(wheels)
        size, version = _check_wheels(folder)
        label, download, disk, note = f"{version}, from the folder", 0, 4 * size, ""
        torch = f"torch>={'.'.join(map(str, TORCH_OLDEST))}"
        options = ("--no-index", "--find-links", str(folder))
    elif source == "pytorch" and machine.system != "macos":
        # The suffix names the build, so that no other index can offer another one.
        torch, options = f"torch=={TORCH}+{build.key}", ("--extra-index-url", TORCH_INDEX + build.key)
    return Plan(
        machine=machine.text,
        build=build.key,
        label=label,
        note=note,
        requirements=(torch, *NEEDED),
        extras=EXTRAS,
        pip_options=options,
        source=source,
        wheels=str(wheels) if source == "folder" else "",
        data_dir=str(data_dir),
        download=download,
        needed=disk,
        free=free_disk(data_dir),
    )


def choose_build(machine: Machine, wish: str = "auto") -> tuple[Build, str]:
    """The build that fits, and why it is not another one."""
    if machine.system == "macos":
        if machine.arch != "arm64":
            raise MeshGPTError("PyTorch is no longer made for Macs with Intel processors.", ANOTHER)
        return BUILDS["mps"], ""
    if wish == "cpu":
        return BUILDS["cpu"], ""
    if wish in ("rocm", "xpu") and (machine.arch != "x86_64" or (wish, machine.system) == ("rocm", "windows")):
        raise MeshGPTError(f"PyTorch has no {wish.upper()} build for this system.", ANOTHER)
    notes = []
    for gpu in machine.gpus:
        key, note = _build_for(gpu, machine)
        notes += [note] if note else []
        if key and wish in ("auto", _wish_of(key)):
            return BUILDS[key], ""
    if wish == "auto":
        return BUILDS["cpu"], notes[0] if notes else ""
    # Asked for in spite of what was found: the newest that is not too new for most drivers.
    return BUILDS[{"cuda": "cu126", "rocm": "rocm7.2", "xpu": "xpu"}[wish]], notes[0] if notes else ""


def _build_for(gpu: Gpu, machine: Machine) -> tuple[str, str]:
    """The build for a GPU, or why there is none."""
    if gpu.vendor == "nvidia":
        return _cuda_for(gpu, machine)
    if machine.arch != "x86_64":
        return "", f"PyTorch has no build for the {gpu.name} on this processor."
    if gpu.vendor == "intel":
        return "xpu", ""
    if machine.system == "windows":
        return "", f"PyTorch's index has no build for the {gpu.name} on Windows."
    if not gpu.arch:
        return "", "The AMD GPU's compute driver (amdgpu with KFD) is not there."
    if gpu.arch not in AMD_ARCHS.split():
        return "", f"PyTorch has no build for the {gpu.name}."
    return "rocm7.2", ""


def _cuda_for(gpu: Gpu, machine: Machine) -> tuple[str, str]:
    """CUDA 13 needs driver 580 and a GPU since Turing (7.5); CUDA 12.6 has those from Maxwell (5.0) to Hopper (9.0)."""
    driver = release(gpu.driver)[:1]
    arch = release(gpu.arch)
    oldest = 528 if machine.system == "windows" else 525
    if (not arch or arch >= (7, 5)) and driver >= (580,):
        return "cu130", ""
    if arch and arch < (5, 0):
        return "", f"The {gpu.name} is too old for PyTorch {TORCH}."
    if driver >= (oldest,) and (not arch or arch < (10, 0)) and machine.arch == "x86_64":
        return "cu126", ""
    wanted = oldest if arch and arch < (10, 0) and machine.arch == "x86_64" else 580
    return "", f"The driver of the {gpu.name} ({gpu.driver}) is too old: {wanted} or newer is needed."


def _wish_of(key: str) -> str:
    return "cuda" if key.startswith("cu") else "rocm" if key.startswith("rocm") else key


def _check_python(machine: Machine) -> None:
    oldest, newest = PYTHON_OF_TORCH
    if not oldest <= machine.python <= newest or sys.maxsize < 2**32:
        version = ".".join(map(str, machine.python))
        raise MeshGPTError(f"PyTorch {TORCH} has no build for Blender's Python {version}.", ANOTHER)


def _check_path(machine: Machine, data_dir: Path) -> None:
    """Windows refuses files with long paths in the middle of installing."""
    longest = len(str(store.root(data_dir))) + len("\\99\\Lib\\site-packages\\") + LONGEST_MEMBER
    if machine.system == "windows" and longest > MAX_PATH:
        raise MeshGPTError(
            f'The data folder "{data_dir}" is {longest - MAX_PATH} characters too long for PyTorch on Windows.',
            "Choose one with a shorter path in the preferences of MeshGPT, like C:\\meshgpt.",
        )


def _check_wheels(folder: Path) -> tuple[int, str]:
    """Size of the largest PyTorch wheel in a folder of wheels, and the version of the newest."""
    wheels = list(folder.glob("torch-*.whl")) if folder.is_dir() and str(folder) != "." else []
    if not wheels:
        raise MeshGPTError(
            f'The folder "{folder}" has no PyTorch wheel (torch-*.whl).',
            "Fill it on a computer with a network: pip download --only-binary :all: -d FOLDER torch numpy safetensors "
            "einops.",
        )
    versions = sorted((path.name.split("-")[1] for path in wheels), key=release)
    return max(path.stat().st_size for path in wheels), versions[-1]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
