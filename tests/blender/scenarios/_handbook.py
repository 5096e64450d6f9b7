# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code blocks of the handbook by section, and a way to run them."""

import contextlib
import functools
import re
from unittest import mock

import bpy
from _blender import MODEL, part

TEXT = part("manual").HANDBOOK.read_text(encoding="utf-8")
api = part("api")

_found = re.findall(r"^##+ ([^\n]+)\n(.*?)(?=^##+ |\Z)", TEXT, re.M | re.S)
EXAMPLES = {title: codes for title, body in _found if (codes := re.findall(r"```python\n(.*?)```", body, re.S))}


@contextlib.contextmanager
def small_model():
    """The functions for scripts use the test's own small model where none is named, for speed."""
    with mock.patch.object(api, "generate", functools.partial(api.generate, model=MODEL, guidance=1.0)):
        yield


def run(code, **replaced):
    """The new objects of a piece of code, run as the Text Editor runs it, with other values for its constants."""
    before = set(bpy.data.objects)
    for name, value in replaced.items():
        code, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", code, flags=re.M)
        assert count == 1, name
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})
    return [obj for obj in bpy.data.objects if obj not in before]
