# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios share: the enabled add-on, its modules, and errors as text."""

import contextlib
import importlib
import os
import sys

import addon_utils
import bpy

MODULE = "bl_ext.user_default.meshgpt"
MODEL = os.environ["TEST_MODEL"]
ABLE_MODEL = os.environ["TEST_ABLE_MODEL"]  # one that also completes and retopologizes


def enable():
    """Enable the add-on as a user does; returns the extension's module."""
    found = addon_utils.enable(MODULE, default_set=True)
    assert found is not None, "the add-on could not be enabled"
    return found


def part(name):
    """A module of the add-on."""
    return importlib.import_module(f"{MODULE}.meshgpt_blender.{name}")


@contextlib.contextmanager
def refused(*words):
    """The operator inside must end in an error that says `words`."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        assert all(word in text for word in words), text
        assert "Traceback" not in text, text
    else:
        raise AssertionError(f"no error with {words}")


def skip_unless_linux():
    """The faults are made with what only Linux has: /proc, and limits of another process."""
    if sys.platform != "linux":
        done()
        sys.exit()


def names():
    """Everything in the file that a job could leave behind."""
    return set(bpy.data.objects.keys()), set(bpy.data.meshes.keys())


def done():
    """Last line of a scenario."""
    assert "torch" not in sys.modules, "Blender's process imported torch"
    addon_utils.disable(MODULE)
    print("DONE", flush=True)
