# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device is what has computed, not what says that it is there; falling back to the CPU is told.

There is no GPU here, so torch's own "meta" device, which holds no numbers, stands for one that cannot compute.
"""

import pytest
import torch

from core import devices, environment
from core.errors import MeshGPTError
from core.setup import machine


def test_the_cpu_computes_in_all_kinds_of_numbers():
    assert devices.failure("cpu") == ""
    assert devices.usable_dtypes("cpu") == ["float32", "bfloat16", "float16"]


def test_a_device_that_cannot_compute_is_refused_with_its_reason():
    assert devices.failure("meta") != "" and devices.usable_dtypes("meta") == []
    assert devices.failure("no such thing") != ""
    for name in ("meta", "cuda:99", "no such thing"):
        with pytest.raises(MeshGPTError, match=name) as caught:
            devices.choose_device(name)
        assert caught.value.hint and "\n" not in caught.value.message


def test_wrong_numbers_are_a_failure(monkeypatch):
    exact = torch.linspace
    monkeypatch.setattr(torch, "linspace", lambda *args: Wrong(exact(*args)))
    monkeypatch.setattr(devices, "_proven", set())
    assert "wrong numbers in float32" in devices.failure("cpu")


class Wrong:
    """Values that change on their way to the device."""

    def __init__(self, values):
        self.values = values

    def reshape(self, *shape):
        return Wrong(self.values.reshape(*shape))

    def to(self, *where):
        return self.values.to(*where) * 1.5

    def __matmul__(self, other):
        return self.values @ other

    @property
    def T(self):  # noqa: N802
        return self.values.T


def test_automatic_takes_the_first_that_computes_and_says_what_did_not(monkeypatch):
    monkeypatch.setattr(devices, "_gpu_kinds", lambda: ["meta"])
    monkeypatch.setitem(devices.GPU_KINDS, "meta", "The GPU")
    assert devices.choose_device("auto").type == devices.choose_device(None).type == "cpu"
    note = devices.cpu_note()
    assert note.startswith("The GPU cannot be used (") and note.endswith("the model runs on the CPU.")
    monkeypatch.setattr(devices, "_gpu_kinds", lambda: ["cpu"])  # one that can
    assert devices.choose_device("auto").type == "cpu" and devices.cpu_note() == ""


def test_a_build_for_the_cpu_beside_a_gpu_is_told(monkeypatch):
    if torch.version.cuda or torch.version.hip:
        pytest.skip("this torch is no build for the CPU")
    assert machine.look().gpus or devices.cpu_note() == ""
    gpu = machine.Gpu("nvidia", "NVIDIA GeForce RTX 4090", "580.65", "8.9")
    monkeypatch.setattr(machine, "look", lambda: machine.Machine("linux", "x86_64", (3, 11), (gpu,)))
    assert "made for the CPU" in devices.cpu_note() and "RTX 4090" in devices.cpu_note()
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "made for CUDA 13.0" in devices.cpu_note()


@pytest.mark.parametrize(("asked", "told"), [("auto", True), ("cpu", False)])
def test_the_note_goes_with_the_device_where_nobody_asked_for_the_cpu(monkeypatch, asked, told):
    monkeypatch.setenv("MESHGPT_DEVICE", asked)
    monkeypatch.setattr(devices, "cpu_note", lambda: "Something is to be said.")
    environment._cpu_note.cache_clear()
    assert environment.describe_device("cpu")["note"] == ("Something is to be said." if told else "")
    environment._cpu_note.cache_clear()


def test_training_takes_bfloat16_only_where_it_computes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert devices.trains_in_bf16(torch.device("cuda", 99)) is False
    assert devices.trains_in_bf16(torch.device("mps")) is False


def test_an_old_torch_is_named(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.5.1+cu124")
    versions, problems = environment.import_check()
    assert versions["torch"] == "2.5.1+cu124" and "2.6 or newer" in problems["torch"]
    error = environment.MissingPackageError(problems)
    assert "2.5.1" in error.message and "--upgrade torch" in error.hint
