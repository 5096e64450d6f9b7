# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of a model: what it is, what it learned from, and how good it is, for people."""

from __future__ import annotations

import json
from typing import Any

from .tables import markdown

_LICENCE = (
    "The weights carry whatever the licences of the meshes they were trained on ask for. "
    "Say here what those are before you hand the model on."
)


_MEANING = (
    "Held-out meshes are of families (label and creator) that training never saw. Distances are Chamfer distances of "
    "shapes of size 1.9, squared, times 1,000; errors are mean distances in shares of the longest side. `training "
    "subset` and `moved training meshes` are controls: other training meshes of the same nouns in the place of "
    "generated ones, and copies whose vertices were moved by 1%. `synonyms`: how often a mesh's nearest neighbour "
    "tells which of two words it is of; 50%: they give the same, 100%: different things, as `other nouns` should."
)


def model_card(name: str, details: dict[str, Any]) -> str:
    """Markdown from the details of a training run.

    `details`: `summary`, `data`, `training_meshes`, `validation_meshes`, `started_from` (the name of a model),
    `metrics` (flat), `evaluation` (what `evaluation.evaluate` gives), `notes` (Markdown), `licence`, and `task` (the
    settings, kept as JSON at the end); all are optional.
    """
    lines = [f"# {name}", "", details.get("summary") or "A MeshGPT model."]
    lines += ["", "## Data", "", f"Source: {details.get('data') or 'not recorded'}."]
    if "training_meshes" in details:
        lines.append(
            f"Trained on {details['training_meshes']} meshes; {details.get('validation_meshes', 0)} of other families "
            "(label and creator) were held out."
        )
    if details.get("started_from"):
        lines.append(
            f"Training started from the weights of {details['started_from']}; its card says what they learned."
        )
    lines += ["", "## Licence", "", details.get("licence") or _LICENCE]
    metrics = details.get("metrics") or {}
    if metrics:
        lines += ["", "## Measured", "", "| | |", "|---|---|"]
        lines += [f"| {key.replace('_', ' ')} | {_plain(value)} |" for key, value in metrics.items()]
    if details.get("evaluation"):
        lines += ["", "## Evaluation", "", markdown(details["evaluation"]), "", _MEANING]
    if details.get("notes"):
        lines += ["", details["notes"].strip()]
    if details.get("codebooks"):
        lines += ["", "Use of the codebooks on the held-out meshes:", ""]
        lines += [f"- level {number}: {_plain(level)}" for number, level in enumerate(details["codebooks"], start=1)]
    if details.get("task"):
        lines += ["", "## Settings", "", "```json", json.dumps(details["task"], indent=1, default=str), "```"]
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_plain(part)}" for key, part in value.items())
    return str(value)
