# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `python -m core`: one a file, each with an `add(commands)` that declares it."""
