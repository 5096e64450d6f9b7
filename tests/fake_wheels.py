# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels of a few hundred bytes that stand for PyTorch and its company, so that a whole set-up takes seconds.

pip, the environment and the proof are real: each stand-in brings in the package of the same name that this Python has.
Broken ones, and ones of any size, can be made too. Knows no bpy and no torch.
"""

import base64
import hashlib
import os
import sys
import zipfile
from pathlib import Path

NEEDED = {"torch": "2.13.0", "numpy": "2.2.0", "safetensors": "0.5.0", "einops": "0.8.0"}
EXTRAS = {"torch_geometric": "2.6.0", "vector_quantize_pytorch": "1.22.0", "accelerate": "1.15.0", "tqdm": "4.66.0"}
REAL = """
import importlib, sys
folders = {packages!r}
sys.path[:0] = folders
del sys.modules[__name__]
sys.modules[__name__] = importlib.import_module(__name__)
del sys.path[: len(folders)]  # the other stand-ins come first again, and what the real ones need last
sys.path += [path for path in folders if path not in sys.path]
"""


def make_wheel(
    folder: Path, name: str, version: str, code: str = "", payload: int = 0, requires: tuple[str, ...] = ()
) -> Path:
    """A wheel with one package whose `__init__.py` is `code`, and `payload` bytes that cannot be compressed."""
    info = f"{name}-{version}.dist-info"
    metadata = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {other}" for other in requires)]
    files = {
        f"{name}/__init__.py": code.encode(),
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *metadata, ""]).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if payload:
        files[f"{name}/payload.bin"] = os.urandom(payload)
    record = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(data)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    return path


def make_wheels(folder: Path, *packages: str, extras: bool = True, **broken: str) -> Path:
    """A folder with all wheels that a set-up asks for; `broken` gives the code of some in place of the real package.

    `packages` are the folders that have the real ones.
    """
    real = REAL.format(packages=list(packages))
    for name, version in NEEDED.items():
        make_wheel(folder, name, version, broken.get(name, real))
    for name, version in EXTRAS.items() if extras else ():
        make_wheel(folder, name, version, broken.get(name, ""))  # empty: the real ones take seconds to import
    return folder


def real_packages() -> str:
    """The folder of packages of the Python that runs this."""
    return next(path for path in sys.path if path.endswith("site-packages"))
