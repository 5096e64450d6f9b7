# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of an evaluation as a table for people: the command prints it, the model's card keeps it."""

from __future__ import annotations

from typing import Any

_SHARES = (
    "triangle_accuracy ended watertight copies copies_of_held_out_meshes alignment alignment_of_held_out_meshes "
    "coverage one_nna one_nna_of_pairs one_nna_of_other_nouns kept_exactly sound face_count_error "
    "nonmanifold_edge_share nonmanifold_edge_share_of_training_meshes open_edge_share "
    "open_edge_share_of_training_meshes watertight_training_meshes mean_error_of_longest_side mean_error_share "
    "max_error_share error error_of_the_half"
).split()


def markdown(result: dict[str, Any]) -> str:
    """A Markdown table with a section for each part."""
    lines = ["| | |", "|---|---|"]
    for part, values in result.items():
        if not isinstance(values, dict):
            lines.append(f"| {_name(part)} | {values} |")
            continue
        lines.append(f"| **{_name(part)}** | |")
        for name, value in values.items():
            if isinstance(value, dict):
                same = name in _SHARES  # a share for each of several things
                shown = ", ".join(f"{_name(key)} {_value(name if same else key, v)}" for key, v in value.items())
                lines.append(f"| {_name(name)} | {shown} |")
            else:
                lines.append(f"| {_name(name)} | {_value(name, value)} |")
    return "\n".join(lines)


def _name(key: str) -> str:
    return key.replace("_", " ").replace("one nna", "1-NNA").replace("mmd", "MMD x 1000")


def _value(name: str, value: Any) -> str:
    if name in _SHARES:
        return f"{value:.2%}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
