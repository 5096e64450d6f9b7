# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training run keeps: the averaged weights, and the files from which it goes on as if it had never stopped.

Not accelerate's own `save_state`: it pickles optimisers and random generators, and loading a pickle can run anything.
Here everything is one safetensors file, under the names of the parameters, whole even where the run is sharded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .distribution import local, placed_like, whole
from .errors import MeshGPTError

_FILE, _FORMAT = "state.safetensors", "2"


class AveragedWeights:
    """Exponential moving average of all that a model's state dict holds; where it is sharded, of this process's part.

    What is not floating point is not averaged but taken over.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.tensors = {name: _averageable(value).clone() for name, value in self._current().items()}

    def _current(self) -> dict[str, Tensor]:
        return {name: local(value.detach()) for name, value in self.model.state_dict().items()}

    @torch.no_grad()
    def update(self, decay: float) -> None:
        current = self._current()
        floats = [name for name, value in current.items() if value.is_floating_point()]
        averages = [self.tensors[name] for name in floats]
        torch._foreach_lerp_(averages, [current[name].float() for name in floats], 1 - decay)
        for name in current.keys() - floats:
            self.tensors[name].copy_(current[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model has the averaged weights."""
        current = self._current()
        before = {name: value.clone() for name, value in current.items()}
        _copy(current, self.tensors)
        try:
            yield
        finally:
            _copy(self._current(), before)

    def whole(self) -> dict[str, Tensor]:
        """The average as a state dict; all processes have to ask together."""
        with self.in_place():
            return whole_state(self.model)


def _averageable(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


@torch.no_grad()
def _copy(into: dict[str, Tensor], source: dict[str, Tensor]) -> None:
    for name, value in into.items():
        value.copy_(source[name])


def whole_state(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the state dict in main memory, unsharded."""
    return {name: whole(value.detach()).cpu().clone() for name, value in model.state_dict().items()}


@torch.no_grad()
def set_state(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put a whole state dict into a model, sharded or not. Raises MeshGPTError when it is another model's."""
    current = {name: value.detach() for name, value in model.state_dict().items()}
    shapes = {name: value.shape for name, value in tensors.items()}
    if shapes != {name: value.shape for name, value in current.items()}:
        raise MeshGPTError("The run trains another model than the one asked for.", "Choose another folder.")
    for name, value in current.items():
        local(value).copy_(local(placed_like(tensors[name], value)))


def optimiser_state(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimiser by parameter name and key, unsharded."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{names[parameter]}.{key}": whole(torch.as_tensor(value)).cpu().clone()
        for part in parts(optimiser)
        for parameter, values in part.state.items()
        for key, value in values.items()
    }


def set_optimiser_state(model: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Undo `optimiser_state`. Raises MeshGPTError when the run had another optimiser."""
    parameters = dict(model.named_parameters())
    owner = {p: part for part in parts(optimiser) for group in part.param_groups for p in group["params"]}
    for name, value in tensors.items():
        name, _, key = name.rpartition(".")
        parameter = parameters[name]
        part = owner[parameter]
        if (key == "momentum_buffer") != isinstance(part, getattr(torch.optim, "Muon", ())):
            raise MeshGPTError("The run has another optimiser than the one asked for.", "Change --muon back.")
        same = value.shape == parameter.shape
        part.state[parameter][key] = placed_like(value, parameter) if same else value.to(parameter.device)


def parts(optimiser: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    return getattr(optimiser, "parts", [optimiser])


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file under a temporary name, then rename it."""
    temporary = path.with_suffix(".tmp")
    save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, metadata)
    os.replace(temporary, path)


def write_run(folder: Path, groups: dict[str, dict[str, Tensor]], values: dict[str, Any]) -> None:
    """Write `state.safetensors`: groups of tensors, and plain values in its header. One file, so always of one step."""
    tensors = {f"{group}.{name}": value for group, named in groups.items() for name, value in named.items()}
    write_tensors(folder / _FILE, tensors, {"format": _FORMAT, "run": json.dumps(values)})


def has_run(folder: Path) -> bool:
    """Whether there is a run to resume."""
    return (folder / _FILE).is_file()


def read_run(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """What `write_run` wrote, or None where there is nothing. Raises MeshGPTError for damaged files, and for those of
    another version.
    """
    if not has_run(folder):
        return None
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(folder / _FILE, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise MeshGPTError(f'The run in "{folder}" is of another version.', "Choose another folder.")
            for name in file.keys():
                group, _, rest = name.partition(".")
                groups.setdefault(group, {})[rest] = file.get_tensor(name)
        return groups, json.loads(metadata["run"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise MeshGPTError(f'The run in "{folder}" cannot be read: {error}.', "Choose another folder.") from error
