# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and how a training runs: device, precision, several processes, trackers; all through Hugging Face accelerate.

One process is the usual case. Several come from `accelerate launch` (GPUs, machines) or `torchrun` (CPUs); each builds
the same task and takes its share of every batch.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, FullyShardedDataParallelPlugin, PartialState
from accelerate.state import AcceleratorState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
from accelerate.utils import DistributedType, GradientAccumulationPlugin, LoggerType
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from .devices import choose_device, trains_in_bf16
from .errors import MeshGPTError

Precision = Literal["auto", "none", "bf16", "fp16"]
_LAYERS = ["Block"]  # classes of the layers that are sharded one by one


def launched_processes() -> int:
    """How many processes the launcher started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE") or 1)


@contextmanager
def joined_processes(device: str = "auto") -> Iterator[None]:
    """Inside, launched processes know each other. Tasks have to be built inside, because the codebooks of an
    autoencoder ask then whether there are others to share with. Does nothing for one process.
    """
    if launched_processes() == 1:
        yield
        return
    state = PartialState(cpu=choose_device(device).type == "cpu")
    yield  # after an exception the process ends; waiting for others that may not know of it could take for ever
    state.destroy_process_group()


def is_first_process() -> bool:
    """Whether this process is the one that writes and reports."""
    return int(os.environ.get("RANK") or 0) == 0


def build_accelerator(
    folder: str, device: str, precision: Precision, accumulate: int, shard: bool, trackers: Sequence[str]
) -> Accelerator:
    """An Accelerator for one run. Raises MeshGPTError for what this machine or installation cannot do.

    `shard` divides weights, gradients and optimiser state over the processes (FSDP 2), as does `accelerate launch
    --use_fsdp`, instead of keeping a copy in each (DDP).
    """
    several = launched_processes() > 1
    if several and not torch.distributed.is_initialized():
        raise MeshGPTError(
            "Several processes were launched, but the task was built before they had joined.",
            "Build it inside core.distribution.joined_processes().",
        )
    place = choose_device(device)
    if place.index is not None:
        if several:
            raise MeshGPTError(f'Several processes cannot share the device "{device}".', "Leave --device out.")
        torch.get_device_module(place).set_device(place)
    AcceleratorState._reset_state(reset_partial_state=True)  # an earlier run of this process may have differed
    accelerator = Accelerator(
        cpu=place.type == "cpu",
        mixed_precision=_choose_precision(precision, place),
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=accumulate, sync_with_dataloader=False),
        fsdp_plugin=_sharding(shard, several),
        log_with=_check_trackers(trackers) or None,
        project_dir=folder,
        # Buffers are alike in all processes: those that learn, the codebooks, are synchronised where they do.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True)],
    )
    if accelerator.device.type != place.type:
        raise MeshGPTError(f"Training cannot use {place.type} here: accelerate chose {accelerator.device.type}.")
    return accelerator


def _choose_precision(precision: Precision, place: torch.device) -> str:
    """Accelerate's name of the precision; "auto": as the launcher was told, else bf16 where it is faster."""
    if precision == "auto":
        launched = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
        return launched if launched != "no" else "bf16" if trains_in_bf16(place) else "no"
    if precision == "fp16" and place.type == "cpu":
        raise MeshGPTError("A CPU cannot train in fp16.", "Choose bf16 or none.")
    if precision == "bf16" and place.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise MeshGPTError("This GPU cannot train in bf16.", "Choose fp16 or none.")
    return "no" if precision == "none" else precision


def _sharding(shard: bool, several: bool) -> FullyShardedDataParallelPlugin | None:
    wanted = shard or os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    if not wanted:
        return None
    if not several:
        raise MeshGPTError("One process has nothing to shard with.", "Start several with accelerate launch.")
    # The first version of FSDP hides the parameters in flat ones, which our own files could not name.
    return FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=_LAYERS,
        cpu_ram_efficient_loading=False,
    )


def _check_trackers(names: Sequence[str]) -> list[str]:
    missing = set(map(str, LoggerType.list())) - set(map(str, get_available_trackers()))
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            raise MeshGPTError(
                f'There is no tracker "{name}".', f"Choose among {', '.join(sorted(LOGGER_TYPE_TO_CLASS))}."
            )
        if name in missing:
            raise MeshGPTError(
                f"The package of the tracker {name} is not installed.", f"Install it: pip install {name}"
            )
    return list(names)


def is_sharded(accelerator: Accelerator) -> bool:
    return accelerator.distributed_type == DistributedType.FSDP


def summed(accelerator: Accelerator, values: Sequence[float] | Tensor) -> list[float]:
    """Values added up over all processes."""
    if accelerator.num_processes == 1:
        return values.tolist() if isinstance(values, Tensor) else list(values)
    tensor = torch.as_tensor(values, dtype=torch.float32, device=accelerator.device)
    torch.distributed.all_reduce(tensor)
    return tensor.tolist()


def summed_later(accelerator: Accelerator, values: Tensor) -> Callable[[], list[float]]:
    """Like `summed`, which it may change; the numbers are read when they are asked for. A GPU is waited for then until
    it has computed them, not until it has done what it was given afterwards.
    """
    if accelerator.num_processes > 1:
        torch.distributed.all_reduce(values)
    if values.device.type != "cuda":
        return values.tolist
    copy, there = values.to("cpu", non_blocking=True), torch.cuda.Event()
    there.record()

    def read() -> list[float]:
        there.synchronize()
        return copy.tolist()

    return read


def whole(tensor: Tensor) -> Tensor:
    """A tensor as one piece, gathered where it is sharded; all processes have to ask for it together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds, in the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def placed_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor on the device of another, with its type, and sharded as it is."""
    tensor = tensor.to(like.device, like.dtype)
    return distribute_tensor(tensor, like.device_mesh, like.placements) if isinstance(like, DTensor) else tensor


@contextmanager
def noticing_interrupts() -> Iterator[threading.Event]:
    """The event that the first Ctrl-C or SIGTERM inside sets, so that a step can be finished; the next one acts as
    always. Outside the main thread signals cannot be caught, and nothing is set.
    """
    noticed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noticed
        return
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for name, handler in before.items():
            signal.signal(name, handler)

    def notice(*_: object) -> None:
        noticed.set()
        restore()

    for name in before:
        signal.signal(name, notice)
    try:
        yield noticed
    finally:
        restore()
