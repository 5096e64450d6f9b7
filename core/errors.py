# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception type that users see: a sentence that says what is wrong, and a hint that says what to do."""


class MeshGPTError(Exception):
    """An error meant for the user's eyes.

    `message` is one clear sentence; `hint` (may be empty) says what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class Cancelled(MeshGPTError):
    """The caller asked for the work to stop; nothing was written."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")
