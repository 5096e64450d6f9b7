# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model is worth: likelihood, generated meshes, the jobs it does, all beside control rows."""

from .likelihood import likelihood, tokenizer_accuracy
from .protocol import PARTS, evaluate

__all__ = ["PARTS", "evaluate", "likelihood", "tokenizer_accuracy"]
