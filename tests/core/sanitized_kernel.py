# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel on a processor under a sanitizer, which has to be loaded before Python: see test_kernel.py."""

from __future__ import annotations

import sys

from core.generation import Sampler

from .test_graphs import told
from .test_kernel import EVERY_PART, WARPS, by_kernel, model_of, sampler

# Threads of a warp would wait for each other so often that hardly a race were left to be seen.
OPTIONS = {
    "thread": ["-fsanitize=thread"],
    "address": [*WARPS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


def main(what: str) -> None:
    model = model_of(**EVERY_PART)
    expected = told(sampler(Sampler, model, guidance=2.0).stream())
    engine = {"threads": 4, "options": ["-g", "-O1", *OPTIONS[what]]}
    found = told(sampler(lambda *arguments: by_kernel(*arguments, **engine), model, guidance=2.0).stream())
    print("the same meshes" if found == expected else "other meshes")


if __name__ == "__main__":
    main(sys.argv[1])
