# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The devices a model can run on, with the memory that is free on each, for people to read."""

import ctypes
import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Device:
    """One device: `id` as torch names it, memory in bytes (None where the system does not say)."""

    id: str
    name: str
    free: int | None
    total: int | None

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
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        for index in range(torch.xpu.device_count()):
            total = torch.xpu.get_device_properties(index).total_memory
            found.append(Device(f"xpu:{index}", torch.xpu.get_device_name(index), None, total))
    free, total = _main_memory()
    found.append(Device("cpu", f"{torch.get_num_threads()} threads", free, total))
    return found


def describe_device(identifier: str) -> dict[str, Any]:
    """The listed device that `identifier` ("cuda", "cuda:1", "cpu") means, as a dict."""
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
