# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a set-up: which build for which computer, from where, and what is refused before anything begins."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import MeshGPTError
from core.setup import machine, plan, store
from core.setup.machine import Gpu, Machine
from core.versions import TORCH, release
from tests.fake_wheels import make_wheels

LINUX = Machine("linux", "x86_64", (3, 11))
WINDOWS = Machine("windows", "x86_64", (3, 13))
ROOT = Path(__file__).parents[2]


def with_gpus(base, *gpus):
    return dataclasses.replace(base, gpus=gpus)


def nvidia(arch, driver):
    return Gpu("nvidia", "NVIDIA Test", driver, arch)


@pytest.mark.parametrize(
    ("computer", "build", "note"),
    [
        (LINUX, "cpu", ""),
        (WINDOWS, "cpu", ""),
        (Machine("linux", "arm64", (3, 11)), "cpu", ""),
        (Machine("macos", "arm64", (3, 13), (Gpu("apple", "Apple GPU"),)), "mps", ""),
        (with_gpus(LINUX, nvidia("8.9", "580.65.06")), "cu130", ""),
        (with_gpus(WINDOWS, nvidia("12.0", "591.44")), "cu130", ""),
        (with_gpus(LINUX, nvidia("8.6", "535.183.01")), "cu126", ""),  # its driver knows CUDA 12 only
        (with_gpus(LINUX, nvidia("6.1", "580.65.06")), "cu126", ""),  # CUDA 13 has left Pascal out
        (with_gpus(LINUX, nvidia("", "550.54")), "cu126", ""),  # a driver that does not say
        (with_gpus(LINUX, nvidia("12.0", "570.86")), "cpu", "580 or newer"),
        (with_gpus(LINUX, nvidia("8.6", "470.199")), "cpu", "525 or newer"),
        (with_gpus(WINDOWS, nvidia("8.6", "512.15")), "cpu", "528 or newer"),
        (with_gpus(LINUX, nvidia("3.5", "470.199")), "cpu", "too old"),
        (with_gpus(LINUX, Gpu("amd", "AMD GPU (gfx1100)", arch="gfx1100")), "rocm7.2", ""),
        (with_gpus(LINUX, Gpu("amd", "AMD GPU (gfx803)", arch="gfx803")), "cpu", "no build for the AMD GPU (gfx803)"),
        (with_gpus(LINUX, Gpu("amd", "AMD GPU")), "cpu", "compute driver"),
        (with_gpus(WINDOWS, Gpu("amd", "AMD Radeon RX 7900")), "cpu", "on Windows"),
        (with_gpus(WINDOWS, Gpu("intel", "Intel(R) Arc(TM) A770")), "xpu", ""),
        (with_gpus(LINUX, Gpu("amd", "AMD GPU"), nvidia("8.9", "580.1")), "cu130", ""),  # the second one can
    ],
)
def test_the_build_fits_the_computer(computer, build, note):
    found, why = plan.choose_build(computer)
    assert found.key == build and note in why and bool(note) == bool(why)


def test_a_build_can_be_asked_for(tmp_path):
    computer = with_gpus(LINUX, nvidia("8.9", "580.65"))
    assert plan.choose_build(computer, "cpu")[0].key == "cpu"
    assert plan.choose_build(LINUX, "cuda")[0].key == "cu126"
    assert plan.choose_build(LINUX, "rocm")[0].key == "rocm7.2"
    with pytest.raises(MeshGPTError, match="no ROCM build"):
        plan.choose_build(WINDOWS, "rocm")
    with pytest.raises(MeshGPTError):
        plan.make_plan(LINUX, tmp_path, "abacus")


def test_the_suffix_of_the_version_names_the_build_and_one_index_has_it(tmp_path):
    made = plan.make_plan(with_gpus(LINUX, nvidia("8.9", "580.65")), tmp_path)
    assert made.requirements[0] == f"torch=={TORCH}+cu130"
    assert made.pip_options == ("--extra-index-url", plan.TORCH_INDEX + "cu130")
    mirror = plan.make_plan(LINUX, tmp_path, source="pip")
    assert mirror.requirements[0] == f"torch=={TORCH}" and mirror.pip_options == ()
    mac = plan.make_plan(Machine("macos", "arm64", (3, 11)), tmp_path)
    assert mac.requirements[0] == f"torch=={TORCH}" and mac.pip_options == ()


def test_the_index_of_pytorch_is_named_once():
    modules = [path for folder in ("core", "meshgpt_blender") for path in (ROOT / folder).rglob("*.py")]
    found = [path.name for path in modules if "download." + "pytorch" in path.read_text(encoding="utf-8")]
    assert found == ["plan.py"]


def test_what_cannot_be_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(MeshGPTError, match="Intel") as caught:
        plan.make_plan(Machine("macos", "x86_64", (3, 11)), tmp_path)
    assert "Existing Python" in caught.value.hint
    for python in ((3, 9), (3, 15)):
        with pytest.raises(MeshGPTError, match=rf"3\.{python[1]}"):
            plan.make_plan(dataclasses.replace(LINUX, python=python), tmp_path)
    made = plan.make_plan(LINUX, tmp_path)
    made.check()
    with pytest.raises(MeshGPTError, match="are free"):
        dataclasses.replace(made, free=made.needed - 1).check()


def test_windows_paths_stay_below_its_limit():
    short = Path("C:/Users/somebody/AppData/Local/meshgpt")
    assert plan.make_plan(WINDOWS, short).build == "cpu"
    long = Path("C:/Users/somebody/Documents/Projects/2026/Client/Blender/data/meshgpt")
    with pytest.raises(MeshGPTError, match="too long") as caught:
        plan.make_plan(WINDOWS, long)
    assert "shorter path" in caught.value.hint
    assert plan.make_plan(LINUX, long).build == "cpu"


def test_the_longest_name_in_the_torch_that_is_here_is_not_longer_than_assumed():
    import torch

    package = Path(torch.__file__).parents[1]
    record = next(package.glob("torch-*.dist-info")) / "RECORD"
    assert max(len(line.split(",")[0]) for line in record.read_text().splitlines()) <= plan.LONGEST_MEMBER


def test_a_folder_of_wheels_needs_no_network_and_has_to_have_torch(tmp_path):
    wheels = make_wheels(tmp_path / "wheels", "")
    made = plan.make_plan(LINUX, tmp_path, source="folder", wheels=wheels)
    assert made.pip_options[0] == "--no-index" and made.download == 0 and "2.13.0" in made.label
    for empty in ("", tmp_path / "nowhere", tmp_path):
        with pytest.raises(MeshGPTError, match="no PyTorch wheel") as caught:
            plan.make_plan(LINUX, tmp_path, source="folder", wheels=empty)
        assert "pip download" in caught.value.hint


def test_the_plan_says_what_where_and_how_much(tmp_path):
    made = plan.make_plan(with_gpus(LINUX, nvidia("8.9", "580.65")), tmp_path)
    text = "\n".join(f"{name}: {value}" for name, value in made.lines)
    for words in ("NVIDIA Test", "CUDA 13.0", "2.5 GB", str(store.root(tmp_path)), "free"):
        assert words in text
    assert plan.Plan(**made.as_dict()) == made


def test_reading_nvidia_smi():
    text = "NVIDIA GeForce RTX 4090, 580.65.06, 8.9\nTesla V100-SXM2-16GB, 580.65.06, 7.0\n\n"
    found = machine.read_nvidia(text)
    assert found == [
        Gpu("nvidia", "NVIDIA GeForce RTX 4090", "580.65.06", "8.9"),
        Gpu("nvidia", "Tesla V100-SXM2-16GB", "580.65.06", "7.0"),
    ]
    assert machine.read_nvidia("NVIDIA GeForce GTX 960, 470.199\n") == [
        Gpu("nvidia", "NVIDIA GeForce GTX 960", "470.199")
    ]


def tool(folder, text):
    folder.mkdir(exist_ok=True)
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts stand for the tool")
def test_asking_nvidia_smi(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    old = 'case "$1" in *compute_cap*) echo "Field is not a valid field"; exit 2;; esac; echo "GTX 960, 470.199"'
    tool(tmp_path / "bin", old)
    assert machine.nvidia() == [Gpu("nvidia", "GTX 960", "470.199")]
    tool(tmp_path / "bin", "echo NVIDIA-SMI has failed because it could not reach the driver; exit 9")
    assert machine.nvidia() == []
    monkeypatch.setattr(machine, "PROBE_SECONDS", 1)
    tool(tmp_path / "bin", "exec sleep 60")
    assert machine.nvidia() == []


def test_reading_the_kernel_for_amd_and_intel(tmp_path):
    nodes = tmp_path / "sys/class/kfd/kfd/topology/nodes"
    for number, version in enumerate((0, 110000, 90010, 100300, 120001, 110501)):
        (nodes / str(number)).mkdir(parents=True)
        (nodes / str(number) / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {version}\nsimd 1\n")
    cards = {"card0": ("0x8086", "0x56a0"), "card1": ("0x8086", "0x3e92"), "card2": ("0x1002", "0x744c")}
    for name, (vendor, device) in cards.items():
        folder = tmp_path / "sys/class/drm" / name / "device"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(vendor + "\n")
        (folder / "device").write_text(device + "\n")
    found = machine.linux_gpus(tmp_path)
    archs = [gpu.arch for gpu in found if gpu.vendor == "amd"]
    assert archs == ["gfx1100", "gfx90a", "gfx1030", "gfx1201", "gfx1151"]
    assert [gpu.name for gpu in found if gpu.vendor == "intel"] == ["Intel Arc GPU"]
    for path in nodes.glob("*/properties"):
        path.unlink()
    assert Gpu("amd", "AMD GPU") in machine.linux_gpus(tmp_path)
    assert machine.linux_gpus(tmp_path / "nothing") == []


def test_reading_the_names_of_windows_drivers():
    names = ["NVIDIA GeForce RTX 4090", "Intel(R) UHD Graphics 770", "Intel(R) Arc(TM) B580", "AMD Radeon RX 7900 XTX"]
    assert [gpu.vendor for gpu in machine.read_windows(names)] == ["intel", "amd"]


def test_looking_at_this_computer_imports_no_torch():
    code = "import sys; from core.setup.machine import look; print(look().text); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    text, torch = done.stdout.splitlines()
    assert torch == "False" and re.match(r"(Linux|Windows|macOS) (x86_64|arm64)", text), done.stderr


def test_release_numbers():
    assert release("2.13.0+cpu") == (2, 13, 0) and release("2.10.0a1+git") == (2, 10, 0) and release("") == ()
    assert release("580.65.06") == (580, 65, 6) and release("2.7.0rc3") < release("2.13")
