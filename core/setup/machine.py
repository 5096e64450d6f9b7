# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this computer is, without importing torch: system, processor, Python and the GPUs that PyTorch could use."""

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SYSTEMS = {"linux": "linux", "win32": "windows", "darwin": "macos"}
PROBE_SECONDS = 5  # a broken driver can hang its own tool
# Intel's GPUs that PyTorch's XPU build knows, by the first digits of their PCI ids: Arc A (56), B (e2), Core Ultra.
INTEL_IDS = ("0x56", "0xe2", "0x7d", "0x64", "0xb0")
INTEL_NAMES = re.compile(r"\bArc\b", re.I)
WSL_TOOLS = "/usr/lib/wsl/lib"
DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"


@dataclass(frozen=True)
class Gpu:
    """A GPU: vendor "nvidia", "amd", "intel" or "apple"; `arch` is the compute capability or AMD's gfx name."""

    vendor: str
    name: str
    driver: str = ""
    arch: str = ""


@dataclass(frozen=True)
class Machine:
    """All that the choice of a build depends on."""

    system: str
    arch: str  # "x86_64" or "arm64"
    python: tuple[int, int]
    gpus: tuple[Gpu, ...] = ()

    @property
    def text(self) -> str:
        """For people: "Linux x86_64, NVIDIA GeForce RTX 4090"."""
        system = {"linux": "Linux", "windows": "Windows", "macos": "macOS"}.get(self.system, self.system)
        return ", ".join([f"{system} {self.arch}", *(gpu.name for gpu in self.gpus)])


def look(root: Path = Path("/")) -> Machine:
    """This computer. Runs the NVIDIA driver's own tool where there is one; takes well under a second as a rule."""
    system = SYSTEMS.get(sys.platform, sys.platform)
    arch = {"amd64": "x86_64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine().lower())
    gpus: list[Gpu] = []
    if system == "macos":
        if arch == "arm64":
            gpus.append(Gpu("apple", "Apple GPU"))
    else:
        gpus += nvidia()
        gpus += linux_gpus(root) if system == "linux" else windows_gpus()
    return Machine(system, arch, sys.version_info[:2], tuple(gpus))


def nvidia() -> list[Gpu]:
    """What nvidia-smi lists; nothing when there is none, or when it cannot reach its driver."""
    tool = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path=WSL_TOOLS)
    if tool is None:
        return []
    for fields in ("name,driver_version,compute_cap", "name,driver_version"):  # drivers before 2021 lack the third
        command = [tool, f"--query-gpu={fields}", "--format=csv,noheader"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PROBE_SECONDS,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
        if done.returncode == 0:
            return read_nvidia(done.stdout)
    return []


def read_nvidia(text: str) -> list[Gpu]:
    """The GPUs in nvidia-smi's comma-separated lines."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    return [Gpu("nvidia", row[0], row[1], row[2] if len(row) > 2 else "") for row in rows if len(row) > 1]


def linux_gpus(root: Path) -> list[Gpu]:
    """AMD's and Intel's GPUs by what the kernel says below /sys."""
    found = []
    for path in sorted((root / "sys/class/kfd/kfd/topology/nodes").glob("*/properties")):
        version = _number(path, r"^gfx_target_version (\d+)$")
        if version:  # the processor's own node has 0
            # 90010 is gfx90a: one digit each for minor and step, the step in hexadecimal
            arch = f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"
            found.append(Gpu("amd", f"AMD GPU ({arch})", arch=arch))
    for card in sorted((root / "sys/class/drm").glob("card*/device/vendor")):
        vendor, device = _text(card), _text(card.with_name("device"))
        if vendor == "0x1002" and not any(gpu.vendor == "amd" for gpu in found):
            found.append(Gpu("amd", "AMD GPU"))  # without the compute driver of the kernel
        elif vendor == "0x8086" and device.startswith(INTEL_IDS):
            found.append(Gpu("intel", "Intel Arc GPU"))
    return found


def windows_gpus() -> list[Gpu]:
    """AMD's and Intel's GPUs by the names of the display drivers."""
    import winreg

    names = []
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, DISPLAY_CLASS) as key:
        for index in range(winreg.QueryInfoKey(key)[0]):
            try:
                with winreg.OpenKey(key, winreg.EnumKey(key, index)) as driver:
                    names.append(str(winreg.QueryValueEx(driver, "DriverDesc")[0]))
            except OSError:  # the keys of no driver, and one that only the system may read
                continue
    return read_windows(names)


def read_windows(names: list[str]) -> list[Gpu]:
    """The GPUs among the names of display drivers, NVIDIA's left out."""
    found = []
    for name in names:
        if "AMD" in name or "Radeon" in name:
            found.append(Gpu("amd", name))
        elif "Intel" in name and INTEL_NAMES.search(name):
            found.append(Gpu("intel", name))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        return ""


def _number(path: Path, pattern: str) -> int:
    match = re.search(pattern, _text(path), re.M)
    return int(match[1]) if match else 0


def free_disk(path: Path) -> int:
    """Bytes free where `path` is or would be made."""
    while not os.path.exists(path) and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free
