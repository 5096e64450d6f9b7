# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator in the window, tick by tick: it ends with its job, and a mistake of ours leaves nothing behind."""

import time
from types import SimpleNamespace

import bpy
from _blender import MODEL, done, enable, part
from mathutils import Vector

enable()
jobs, preview, runtime, client = (part(name) for name in ("jobs", "preview", "runtime", "worker_client"))
base = part("job_operator").JobOperator


class Mistake(Exception):
    """Raised where a test puts it."""


class Windows:
    """The window manager as far as the operator asks for it: timers and modal handlers."""

    def __init__(self):
        self.timers, self.handlers, self.windows = [], [], ()

    def event_timer_add(self, seconds, window):
        self.timers.append(seconds)
        return seconds

    def event_timer_remove(self, timer):
        self.timers.remove(timer)

    def modal_handler_add(self, operator):
        self.handlers.append(operator)


class Generate(base):
    """The operator without Blender's registration, which no window is there for; `wrong` is where it fails."""

    def __init__(self, wrong=""):
        self.wrong, self.said, self.concluded = wrong, [], 0

    def begin(self, context):
        return jobs.start("generate", {"count": 2, "max_faces": 60, "model": MODEL}, runtime.launch())

    def show_preview(self, context):
        preview.start([Vector((0, 0, 0)), Vector((3, 0, 0))], 2.0)
        self.fail("preview")

    def show_faces(self, rows, triangles):
        super().show_faces(rows, triangles)
        self.fail("faces")

    def conclude(self, context, job):
        self.concluded += 1
        self.fail("conclude")
        return {"FINISHED"}

    def report(self, kinds, text):
        self.said.append(text)

    def fail(self, place):
        if self.wrong == place:
            raise Mistake(place)


def run(operator):
    """Invoke an operator and send it events until it is done; returns its result and the window manager."""
    windows = Windows()
    context = SimpleNamespace(window_manager=windows, window=None, workspace=None, mode="OBJECT")
    try:
        result = operator.invoke(context, None)
        assert result == {"RUNNING_MODAL"} and windows.handlers == [operator] and len(windows.timers) == 1
        for _ in range(2000):
            result = operator.modal(context, SimpleNamespace(type="TIMER", value="NOTHING"))
            if result != {"PASS_THROUGH"}:
                return result, windows
            time.sleep(0.02)
    except Mistake as mistake:
        return mistake, windows
    raise AssertionError("the operator did not end")


operator = Generate()
result, windows = run(operator)
assert result == {"FINISHED"} and operator.concluded == 1 and not windows.timers, (result, operator.said)
assert jobs.current() is None and preview._shown is None and client.current().alive

for wrong in ("preview", "faces", "conclude"):
    operator = Generate(wrong)
    result, windows = run(operator)
    assert isinstance(result, Mistake) and str(result) == wrong, result
    assert not windows.timers, "the timer ticks on"
    assert bool(windows.handlers) == (wrong != "preview"), "Blender would call an operator that it has freed"
    assert jobs.current() is None and preview._shown is None and not operator._job.folder.exists()
    assert bpy.ops.meshgpt.generate.poll(), "no other job can be started"
    assert bpy.ops.meshgpt.generate(model=MODEL, faces=8) == {"FINISHED"}
done()
