# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel is given: its source for the sizes of a model, the weights in one block, and where all tensors are.

Shapes: B rows, G branches of guidance, D = 3 codes of a vertex, d trunk width, w width of the code head.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..nn.code_heads import MLPCodes
from ..nn.steps import FaceSteps
from ..sampling_config import SamplingConfig
from ..tokenizers.lattice import LatticeTokenizer
from ..transformer import MeshTransformer

GROUP, WARP = 8, 32  # threads that share a row of a product, and that work in step; source/block.cuh
MOST_LANES = 5  # branches of guidance: one without any condition, and one for each of the four at most
_PARTS = ("block", "layers", "trunk", "JOB", "draw", "job", "rules", "head", "write")
_SMALL = 12  # rows of gate, closing and edges

_ADDRESSES = {
    "weights": "const Weight*",
    **dict.fromkeys(("floats", "uniform"), "const float*"),
    "result": "float*",
    **dict.fromkeys(("cosines", "sines", "inner_cosines", "inner_sines", "angles"), "const float*"),
    **dict.fromkeys(("trunk_keys", "trunk_values", "inner_keys", "inner_values", "before"), "float*"),
    **dict.fromkeys(("pointer_keys", "sums", "points"), "float*"),
    **dict.fromkeys(
        (
            *("around", "faces", "vertex_keys", "vertex_count", "last", "open", "upward", "codes", "slot_vertex"),
            *("dead_ends", "face_counts", "failures", "alive"),
        ),
        "long long*",
    ),
    "flags": "unsigned*",
    "masses": "unsigned long long*",
    **dict.fromkeys(("scores", "p"), "float*"),
}
_NUMBERS = (
    *("rows", "max_faces", "capacity", "head_capacity", "prefix", "attempts"),
    *("tries", "patience", "kept_faces", "draws", "manifold", "close"),
)
_SETTINGS = ("temperature", "top_p", "min_p")


class Job(ctypes.Structure):
    """Addresses of tensors, and numbers; declared in the source by `declaration`."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in _ADDRESSES),
        *((name, ctypes.c_int64) for name in _NUMBERS),
        *((name, ctypes.c_double) for name in _SETTINGS),
        ("guidance", ctypes.c_double * MOST_LANES),
    ]


def declaration() -> str:
    """`Job` as the source has it."""
    fields = [f"{kind} {name};" for name, kind in _ADDRESSES.items()]
    fields += [f"long long {name};" for name in _NUMBERS] + [f"double {name};" for name in _SETTINGS]
    return "\n".join(["struct Job {", *fields, f"double guidance[{MOST_LANES}];", "};\n"])


def writes(model: MeshTransformer, config: SamplingConfig) -> bool:
    """Whether the kernel can write with this model and these settings: a copy head over the lattice, a trunk that steps
    by faces, sizes that its threads can share. Points that are attended to are for others, and so are top-k and
    temperature 0.
    """
    sizes, tokenizer = model.config, model.tokenizer
    return (
        isinstance(tokenizer, LatticeTokenizer)
        and tokenizer.codes_in_order
        and len(tokenizer.splits) == 3
        and isinstance(model.steps, FaceSteps)
        and model.head.copies
        and isinstance(model.head.codes, MLPCodes)
        and sizes.dim // sizes.heads % WARP == sizes.dim % (8 * GROUP) == sizes.head_width % (8 * GROUP) == 0
        and tokenizer.levels % 2 == 0
        and config.temperature > 0
        and not config.top_k
    )


class Packed:
    """A model's weights as the kernel reads them, on the model's device, and where each part begins. group: how many
    threads share a row of a product.
    """

    def __init__(self, model: MeshTransformer, half: bool, group: int = GROUP) -> None:
        self.config, self.codes, self.half = model.config, model.tokenizer.levels, half
        self.offsets: dict[str, int] = {}
        matrices = ((name, _shared_by(group, weight)) for name, weight in _matrices(model))
        self.weights = self._joined(matrices).to(torch.float16 if half else torch.float32)
        self.floats = self._joined(_vectors(model)).float()

    def _joined(self, parts: Iterator[tuple[str, Tensor]]) -> Tensor:
        values, end = [], 0
        for name, value in parts:
            if name:
                self.offsets[name] = end
            values.append(value.detach().float().flatten())
            end += value.numel()
        return torch.cat(values)

    def source(self, lanes: int, threads: int) -> str:
        """The kernel's source for so many branches of guidance and threads a mesh."""
        config = self.config
        numbers = {
            "THREADS": threads,
            "LANES": lanes,
            "HALF": int(self.half),
            "DIM": config.dim,
            "HEADS": config.heads,
            "DEPTH": config.depth,
            "FACE_DEPTH": config.face_depth,
            "CODE_WIDTH": config.head_width,
            "CODE_DEPTH": config.head_depth,
            "CODES": self.codes,
            "NEIGHBOURS_KNOWN": int(config.neighbours),
            "EDGES_KNOWN": int(config.edges),
            "CLOSING_KNOWN": int(config.closing),
            **{name: self.offsets.get(name, 0) for name in _OFFSETS},
        }
        folder = Path(__file__).with_name("source")
        texts = [f"#define {name} {value}" for name, value in numbers.items()]
        texts += [declaration() if part == "JOB" else (folder / f"{part}.cuh").read_text("utf-8") for part in _PARTS]
        return "\n".join(texts)


_OFFSETS = (
    *("TRUNK", "INNER", "MERGE", "AROUND", "MIX", "ASKED", "KEY", "PROJECT", "CODE_BLOCKS", "CODE_OUT"),
    *("TRUNK_NORM", "INNER_NORM", "SLOT_TABLE", "VERTEX_TABLES", "AROUND_BIAS", "ASKED_BIAS", "PROJECT_BIAS"),
    *("LEVEL_TABLE", "CODE_TABLES", "CODE_OUT_BIAS"),
)


def _shared_by(group: int, weight: Tensor) -> Tensor:
    """Weight [rows, columns] with the columns in the order of who reads them: of each 8 x group of them, a thread has
    a quad of the first half and one of the second, side by side.
    """
    return weight.unflatten(1, (-1, 2, group, 4)).transpose(2, 3)


def _matrices(model: MeshTransformer) -> Iterator[tuple[str, Tensor]]:
    """Products' weights [out, in], those that follow a norm with its weight in them; a name where a part begins."""
    head, codes = model.head, model.head.codes
    for name, trunk in (("TRUNK", model.trunk), ("INNER", model.steps.inner)):
        for number, block in enumerate(trunk.blocks):
            yield "" if number else name, block.attention.qkv.weight * block.norm_attention.weight
            yield "", block.attention.out.weight
            yield "", block.up.weight * block.norm_mlp.weight
            yield "", block.down.weight
    yield "MERGE", model.steps.merge.weight
    if model.neighbours is not None:
        yield "AROUND", torch.cat([model.neighbours.neighbour.weight, model.neighbours.root.weight], dim=1)
        yield "MIX", model.neighbours.mix.weight
    yield "ASKED", head.query.weight
    yield "", _small(model, "weight")
    yield "KEY", head.key.weight
    yield "PROJECT", codes.project.weight
    for number, block in enumerate(codes.blocks):
        yield "" if number else "CODE_BLOCKS", block[1].weight * block[0].weight
        yield "", block[3].weight
    for number, out in enumerate(codes.out):
        yield "" if number else "CODE_OUT", out.weight * codes.norm.weight


def _vectors(model: MeshTransformer) -> Iterator[tuple[str, Tensor]]:
    codes = model.head.codes
    yield "TRUNK_NORM", model.trunk.norm.weight
    yield "INNER_NORM", model.steps.inner.norm.weight
    yield "SLOT_TABLE", model.slot.weight
    yield "VERTEX_TABLES", _vertex_tables(model)
    if model.neighbours is not None:
        yield "AROUND_BIAS", model.neighbours.neighbour.bias
    yield "ASKED_BIAS", _small(model, "bias")
    yield "PROJECT_BIAS", codes.project.bias
    yield "LEVEL_TABLE", codes.level
    for level, table in enumerate(codes.codes):
        yield "" if level else "CODE_TABLES", table.weight
    for level, out in enumerate(codes.out):
        yield "" if level else "CODE_OUT_BIAS", out.bias


def _small(model: MeshTransformer, what: str) -> Tensor:
    """Weight [12, d] or bias [12] of gate, closing and edges, one after the other; 0 where the model has none."""
    head = model.head
    like = getattr(head.gate, what)
    parts = [
        like.new_zeros(rows, *like.shape[1:]) if layer is None else getattr(layer, what)
        for layer, rows in ((head.gate, 3), (head.closing, 4), (head.edges, 5))
    ]
    return torch.cat(parts)


def _vertex_tables(model: MeshTransformer) -> Tensor:
    """What each code adds to the embedding of its vertex, [3, codes, d]: as a code, and as a coordinate."""
    size = model.tokenizer.levels
    tables = []
    with torch.no_grad():
        centres = model.tokenizer.positions(torch.arange(size, device=model.slot.weight.device)[:, None].expand(-1, 3))
        columns = torch.arange(model.coordinates.in_features).unflatten(0, (2, 3, -1))
        angles = centres[:, :1].float() * model.octaves
        features = torch.cat([angles.sin(), angles.cos()], dim=-1)
        for level, table in enumerate(model.code_embeddings):
            own = model.coordinates.weight[:, columns[:, 2 - level].flatten()]  # the codes of a vertex are z, y, x
            tables.append(table.weight + features @ own.T)
    return torch.stack(tables)
