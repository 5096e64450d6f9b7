# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all operators that run the model share: blocking from scripts, modal in the window, tidy in every way out."""

import time

import bpy
import numpy as np
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.errors import MeshGPTError
from . import jobs, preview, runtime

TICK = 0.05  # seconds between two looks at the worker's events
BUDGET = 0.004  # seconds a look may take
REDRAW = 0.1  # seconds between two redraws of the viewports, more where the scene takes long to draw
SLOWEST_REDRAW = 0.5


class JobOperator:
    """Mixin for bpy.types.Operator. Subclasses say how a job begins and what becomes of its results.

    `execute` blocks until the job is done: scripts, background mode and the redo panel call it. `invoke` starts the
    same job and lets the user go on working; a timer looks for events.
    """

    modes = ("OBJECT",)  # in which it starts and builds its results
    wrong_mode = n_("Switch to Object Mode")

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Start the job; raises MeshGPTError when that is impossible."""
        raise NotImplementedError

    def conclude(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        """Build what the finished job found; returns the operator's result."""
        raise NotImplementedError

    def show_preview(self, context: bpy.types.Context) -> None:
        """Called once when the job runs in a window: start a preview, where there is one."""

    def show_faces(self, rows: np.ndarray, triangles: np.ndarray) -> None:
        """Add faces to the preview: rows int [N] and triangles [N, 3, 3] as the worker sent them."""
        preview.add(rows, triangles)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if jobs.current() is not None:
            cls.poll_message_set("Another MeshGPT job is running")
            return False
        if context.mode not in cls.modes:
            cls.poll_message_set(cls.wrong_mode)
            return False
        if runtime.find_python() is None:
            cls.poll_message_set("Name the existing Python in the preferences of MeshGPT, or choose Automatic there")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            job = self.begin(context)
        except MeshGPTError as error:
            return self.refuse(error)
        try:
            job.wait()
        finally:
            if not job.finished:
                jobs.abandon()
            job.close()
        return self._end(context, job)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            self._job = self.begin(context)
        except MeshGPTError as error:
            return self.refuse(error)
        self._drawn = self._late = 0.0
        self._ticked = time.monotonic()
        self._workspaces = set()
        self._timer = context.window_manager.event_timer_add(TICK, window=context.window)
        try:
            self.show_preview(context)
            redraw(context, viewports=True)
        except BaseException:
            self.cancel(context)
            raise
        context.window_manager.modal_handler_add(self)  # last: Blender frees an operator that failed, not its handler
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self._job
        if event.type == "ESC" and event.value == "PRESS" and _over_viewport(context, event):
            job.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not job.finished:
                job.update(BUDGET)
            self._show(context)
        except BaseException:  # a mistake of ours must not leave a job that no other can follow
            self.cancel(context)
            raise
        if not job.finished:
            return {"PASS_THROUGH"}
        if job.state is jobs.State.DONE and context.mode not in self.modes:
            job.text = "Ready: go to Object Mode"
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._end(context, job)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        jobs.abandon()
        self._leave(context)

    def _end(self, context: bpy.types.Context, job: jobs.Job) -> set[str]:
        if job.state is jobs.State.CANCELLED:
            self.report({"INFO"}, "MeshGPT: cancelled")
            return {"CANCELLED"}
        if job.state is jobs.State.FAILED:
            return self.refuse(job.error)
        return self.conclude(context, job)

    def refuse(self, error: MeshGPTError) -> set[str]:
        jobs.set_problem(error)
        parts = (rpt_(error.message), rpt_(error.hint) if error.hint else "")
        self.report({"ERROR"}, " ".join(filter(None, parts)))
        return {"CANCELLED"}

    def _show(self, context: bpy.types.Context) -> None:
        """Bring panel, status bar and preview up to date, a few times a second."""
        job, now = self._job, time.monotonic()
        # A tick that comes late waited for a redraw: they may take a third of the time, the rest is the user's.
        self._late = max(self._late, now - self._ticked - TICK)
        self._ticked = now
        if now - self._drawn < max(REDRAW, min(3 * self._late, SLOWEST_REDRAW)):
            return
        self._drawn, self._late = now, 0.0
        for rows, triangles in job.new_faces:
            self.show_faces(rows, triangles)
        redraw(context, viewports=bool(job.new_faces))
        job.new_faces.clear()
        if context.workspace is not None:
            text = "MeshGPT: " + iface_(job.text) + "    " + iface_("[Esc] over the viewport cancels")
            context.workspace.status_text_set(text)
            self._workspaces.add(context.workspace.name)

    def _leave(self, context: bpy.types.Context) -> None:
        self._job.close()
        context.window_manager.event_timer_remove(self._timer)
        preview.stop()
        for name in self._workspaces:  # each keeps a text of its own, and the user may have changed between them
            workspace = bpy.data.workspaces.get(name)
            if workspace is not None:
                with context.temp_override(workspace=workspace):
                    workspace.status_text_set(None)
        redraw(context, viewports=True)


def redraw(context: bpy.types.Context, viewports: bool = False) -> None:
    """Redraw the sidebars of all 3D viewports, with `viewports` the views too."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI" or viewports and region.type == "WINDOW":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()


def _over_viewport(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    """Whether the pointer is over the view of a 3D viewport, not over its panels or another editor."""
    x, y = event.mouse_x, event.mouse_y

    def inside(region: bpy.types.Region) -> bool:
        return region.x <= x < region.x + region.width and region.y <= y < region.y + region.height

    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            regions = [region for region in area.regions if region.width > 1 and inside(region)]
            if regions:
                return all(region.type == "WINDOW" for region in regions)
    return False
