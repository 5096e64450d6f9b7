# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception type that users see: a sentence that says what is wrong, and a hint that says what to do."""


class MeshGPTError(Exception):
    """An error meant for the user's eyes.

    `message` is one clear sentence; `hint` (may be empty) says what to do about it. Both often quote names and values
    that came from outside, so they are made fit for one line of a panel or a terminal.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = one_line(message, 400), one_line(hint)
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


def one_line(text: str, longest: int = 1000) -> str:
    """Text for one line: no control characters, directions of writing or halves of surrogate pairs; without its
    middle where it is long.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
    half = longest // 2
    return text if len(text) <= longest else f"{text[: half - 1]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


class Cancelled(MeshGPTError):
    """The caller asked for the work to stop; nothing was written."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")
