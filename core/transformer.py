# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder-only transformer over face codes (MeshGPT, arXiv 2311.15475, section 3.2).

Blind to the tokenizer: it sees codes [F, 3, D], coordinates through `tokenizer.positions`, and a vertex's identity =
its codes. `steps` says how vertex slots become steps of the trunk, `head` what is read from its states. Shapes: B
batch, F faces, N = 3 F slots, D residual levels, P prefix tokens, T trunk steps, d width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import with_options
from .conditioning import Conditions, PrefixConditions
from .errors import MeshGPTError
from .nn.code_heads import AttentionCodes, LinearCodes, MLPCodes
from .nn.heads import CopyHead, PlainHead
from .nn.neighbours import CausalNeighbours
from .nn.points import NearestPoints, PointAttention
from .nn.steps import CodeSteps, FaceSteps, SlotStates, VertexSteps
from .nn.trunk import Trunk
from .surface import as_cloud
from .tokenizers import Tokenizer
from .transformer_config import TransformerConfig
from .vocabulary import Vocabulary

_COORDINATE_OCTAVES = 7  # periods 2 .. 2 / 2^6 cells of [-1, 1]: the finest is two cells of a 128-lattice


class MeshTransformer(nn.Module):
    """p(codes | conditions).

    `MeshTransformer(tokenizer, dim=512)`, or with a vocabulary and a config whose fields the keywords override. Call it
    with codes for the training loss, or `nll` for each mesh's.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        vocabulary: Vocabulary | None = None,
        config: TransformerConfig | None = None,
        **changes: Any,
    ) -> None:
        super().__init__()
        self.config = config = with_options(config or TransformerConfig(), changes, "transformer")
        self.tokenizer_ref = [tokenizer]  # in a list: a learned tokenizer is not a part of these parameters
        self.vocabulary = vocabulary = vocabulary or Vocabulary()
        sizes = tokenizer.codebook_sizes
        if math.prod(sizes) >= 2**62:
            raise MeshGPTError(
                f"Codebooks of {', '.join(map(str, sizes))} codes name more places than a number can tell apart.",
                "Use a tokenizer with fewer levels or smaller codebooks.",
            )
        if config.closing and not hasattr(tokenizer, "order_keys"):
            raise MeshGPTError(
                "What is due to close follows from the order of the vertices, which these codes do not tell.",
                "Use the lattice, or leave that part out (--no-closing).",
            )
        dim, heads = config.dim, config.heads
        self.prefix = PrefixConditions(dim, vocabulary, point_latents=config.point_latents, heads=heads)
        self.code_embeddings = nn.ModuleList(nn.Embedding(size, dim) for size in sizes)
        self.slot = nn.Embedding(3, dim)
        self.coordinates = nn.Linear(6 * _COORDINATE_OCTAVES, dim, bias=False)
        self.kept = nn.Parameter(torch.zeros(dim)) if config.completion else None
        self.neighbours = CausalNeighbours(dim) if config.neighbours else None
        self.point_attention = PointAttention(dim, heads) if config.point_attention else None
        self.point_neighbours = NearestPoints(dim, config.point_neighbours) if config.point_neighbours else None
        self.steps: VertexSteps | FaceSteps | CodeSteps = {
            "vertex": VertexSteps,
            "face": lambda: FaceSteps(dim, heads, config.face_depth),
            "code": lambda: CodeSteps(dim, len(sizes)),
        }[config.step]()
        capacity = self.prefix.length + self.steps.per_face * config.max_faces
        self.trunk = Trunk(dim, config.depth, heads, capacity, config.dropout, config.recompute)
        self.head = self._build_head(sizes)
        for table in [*self.code_embeddings, self.slot]:
            nn.init.normal_(table.weight, std=0.5 / len(sizes) ** 0.5)
        octaves = torch.pi * 2.0 ** torch.arange(_COORDINATE_OCTAVES)
        self.register_buffer("octaves", octaves, persistent=False)

    def compile_parts(self) -> None:
        """Compile what training spends its time in; needs a C++ compiler.

        Part by part: fused into one, the parts of the head compute each other's results again and again. Two stay as
        they are: what edges add to the pointer takes several times as long compiled (docs/PERFORMANCE.md), and what
        gathers from points has a gradient then that is not a number in bfloat16.
        """
        # All blocks share one cache of compiled variants: training and validating, at lengths that differ and do not.
        allow_variants()
        trunks = [self.trunk, self.steps.inner] if isinstance(self.steps, FaceSteps) else [self.trunk]
        for part in (part for trunk in trunks for part in [*trunk.blocks, trunk.norm]):
            part.compile()
        if self.neighbours is not None:
            self.neighbours.compile()
        head = self.head
        if isinstance(head, CopyHead):
            head.copied = torch.compile(head.copied)
        if isinstance(head.codes, MLPCodes):
            head.codes.nll = torch.compile(head.codes.nll)

    def _build_head(self, sizes: Sequence[int]) -> CopyHead | PlainHead:
        config = self.config
        if config.step == "code":
            return PlainHead(config.dim, LinearCodes(config.dim, sizes))
        kind = AttentionCodes if config.head == "attention" else MLPCodes
        codes = kind(config.dim, sizes, config.head_width, config.head_depth)
        if config.head == "copy":
            return CopyHead(config.dim, codes, 3 * config.max_faces + 1, config.edges, config.closing)
        return PlainHead(config.dim, codes)

    @property
    def tokenizer(self) -> Tokenizer:
        return self.tokenizer_ref[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> MeshTransformer:
        if isinstance(self.tokenizer, nn.Module):  # it goes to the same device
            self.tokenizer._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def conditions(self, prompts: Sequence[str], faces: int = 0, category: str = "", points: Any = None) -> Conditions:
        """The same conditions for each of the prompts, on the CPU; points float [M, 6] or None. Raises MeshGPTError
        for what this model was not trained with.
        """
        batch = len(prompts)
        if points is not None:
            if not self.config.point_latents:
                raise MeshGPTError("This model was trained without point clouds.", "Choose a model that was.")
            points = torch.from_numpy(as_cloud(points)).expand(batch, -1, -1)
        return Conditions(
            torch.from_numpy(self.vocabulary.encode(prompts)),
            torch.full((batch,), float(faces)),
            torch.from_numpy(self.vocabulary.category_ids([category] * batch)),
            points,
        )

    def embed_vertices(self, codes: Tensor, slots: Tensor, kept: Tensor | None = None) -> Tensor:
        """Embeddings of vertices with codes [..., D] that stand in the given slots [...]: [..., d], or [..., D, d] one
        a code where the trunk steps by codes. kept: which belong to faces that were given, bool [...].
        """
        angles = (self.tokenizer.positions(codes)[..., None] * self.octaves).flatten(-2)
        place = self.coordinates(torch.cat([angles.sin(), angles.cos()], dim=-1))
        if self.kept is not None and kept is not None:
            place = place + self.kept * kept[..., None]
        slot = self.slot(slots % 3)
        if self.config.step == "code":  # where the vertex is, its last code alone can say
            levels = [slot + table(codes[..., i]) for i, table in enumerate(self.code_embeddings)]
            return torch.stack([*levels[:-1], levels[-1] + place], dim=-2)
        for level, table in enumerate(self.code_embeddings):
            slot = slot + table(codes[..., level])
        return slot + place

    def gather_neighbours(self, x: Tensor, identity: Tensor) -> Tensor:
        """Embeddings [B, N, d] or [B, N, D, d] after the causal SAGEConv, if there is one; identity [B, N]."""
        if self.neighbours is None:
            return x
        if self.config.step != "code":
            return self.neighbours(x, identity)
        return torch.cat([x[:, :, :-1], self.neighbours(x[:, :, -1], identity)[:, :, None]], dim=2)

    def gather_points(self, x: Tensor, codes: Tensor, points: Tensor | None) -> Tensor:
        """Embeddings [B, N, d] or [B, N, D, d] of vertices with codes [B, N, D], after what the nearest of the points
        [B, M, 6] add.
        """
        if self.point_neighbours is None or points is None:
            return x
        places = self.tokenizer.positions(codes)
        if self.config.step != "code":
            return self.point_neighbours(x, places, points)
        return torch.cat([x[:, :, :-1], self.point_neighbours(x[:, :, -1], places, points)[:, :, None]], dim=2)

    def identity(self, codes: Tensor) -> Tensor:
        """One integer [...] a vertex, equal exactly when all its codes [..., D] are equal; they sort in canonical order
        where the tokenizer knows it.
        """
        if hasattr(self.tokenizer, "order_keys"):
            return self.tokenizer.order_keys(codes)
        key = torch.zeros_like(codes[..., 0])
        for level, size in enumerate(self.tokenizer.codebook_sizes):
            key = key * size + codes[..., level]
        return key

    def states(self, codes: Tensor, conditions: Conditions, kept: Tensor | None = None) -> SlotStates:
        """States of all slots of codes [B, N, D]; kept: how many faces at the beginning were given, [B]."""
        slots = torch.arange(codes.shape[1], device=codes.device)
        given = None if kept is None else slots < 3 * kept[:, None]
        x = self.embed_vertices(codes, slots.expand(codes.shape[:2]), given)
        x = self.gather_neighbours(x, self.identity(codes))
        x = self.gather_points(x, codes, conditions.points)
        tokens, memory = self.steps.tokens(x), None
        if self.point_attention is not None and conditions.points is not None:
            memory = self.point_attention.memory(conditions.points)
            tokens = self.point_attention.add_to_faces(tokens, memory)
        hidden = self.trunk(torch.cat([self.prefix(conditions), tokens], dim=1))
        states = self.steps.slots(hidden[:, self.prefix.length - 1 :], x)
        if memory is None:
            return states
        return states._replace(predict=self.point_attention.add_to_slots(states.predict, memory))

    def nll(self, codes: Tensor, lengths: Tensor, conditions: Conditions, kept: Tensor | None = None) -> Tensor:
        """Negative log-likelihood in nats of each mesh [B], its end included.

        codes [B, F, 3, D]; lengths [B] in faces. With kept [B], that many faces at the beginning were given, and only
        the others count.
        """
        codes = codes.flatten(1, 2)
        span = (torch.zeros_like(lengths) if kept is None else kept, lengths)
        return self.head.nll(self.states(codes, conditions, kept), codes, self.identity(codes), span)

    def forward(
        self,
        codes: Tensor | None = None,
        *,
        texts: Sequence[str] | None = None,
        conditions: Conditions | None = None,
        **mesh: Tensor,
    ) -> Tensor:
        """Training loss: mean over the batch in nats a face.

        codes: int64 [B, F, 3, D], padded with -1 where a mesh has fewer faces; or `vertices`, `faces` and, if at hand,
        `face_edges` as the autoencoder takes them. texts: a prompt a mesh, or conditions of every kind.
        """
        if codes is None:
            if not isinstance(self.tokenizer, nn.Module) or not {"vertices", "faces"} <= set(mesh):
                raise MeshGPTError("The transformer was given no codes.", "Give codes, or vertices and faces.")
            codes = self.tokenizer.tokenize(**mesh)
        device = self.slot.weight.device
        codes, lengths = self._checked(codes.to(device))
        if conditions is None:
            conditions = self.conditions(_as_list(texts) if texts is not None else [""] * len(codes))
        if len(conditions.faces) != len(codes):
            raise MeshGPTError(f"{len(codes)} meshes came with {len(conditions.faces)} texts.", "Give a text a mesh.")
        return self.nll(codes, lengths, conditions.to(device)).sum() / lengths.sum()

    def _checked(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Codes padded with -1 -> codes without superfluous padding, 0 where there is none, and lengths [B]."""
        sizes = self.tokenizer.codebook_sizes
        if codes.ndim != 4 or codes.shape[2:] != (3, len(sizes)):
            raise MeshGPTError(
                f"The codes have shape {tuple(codes.shape)}.", f"Give [meshes, faces, 3, {len(sizes)}], padded with -1."
            )
        lengths = (codes >= 0).flatten(2).all(dim=-1).sum(dim=-1)
        longest = int(lengths.max()) if len(codes) else 0
        if not 0 < longest <= self.config.max_faces:
            raise MeshGPTError(
                f"The longest mesh has {longest} faces, this transformer takes 1 to {self.config.max_faces}.",
                "Leave larger meshes out, or build it with a larger max_faces.",
            )
        codes = codes[:, :longest].clamp(min=0)
        if bool((codes.flatten(0, 2).amax(dim=0) >= torch.tensor(sizes, device=codes.device)).any()):
            raise MeshGPTError("There are codes that this tokenizer does not have.", "Encode with the same tokenizer.")
        return codes, lengths

    def generate(
        self,
        batch_size: int = 1,
        *,
        texts: Sequence[str] | None = None,
        cond_scale: float = 1.0,
        seed: int = 0,
        max_faces: int | None = None,
        return_codes: bool = False,
        **sampling: Any,
    ) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]:
        """New meshes as tensors: coordinates float32 [B, F, 3, 3] (face, vertex, xyz) in [-1, 1] and which faces are
        real, bool [B, F]; with `return_codes` their codes [B, F, 3, D], -1 where there is no face, as well.

        texts: one mesh each. cond_scale: guidance. sampling: fields of SamplingConfig. `Checkpoint.generate` gives
        welded meshes and streams.
        """
        from .checkpoint import dataclass_from
        from .events import MeshEvent
        from .generation import Sampler
        from .sampling_config import SamplingConfig

        prompts = [""] * batch_size if texts is None else _as_list(texts)
        if not prompts or max_faces is not None and max_faces < 1:
            raise MeshGPTError("Nothing was asked for.", "Give a batch size and a cap of at least 1.")
        config = dataclass_from(SamplingConfig, {"guidance": cond_scale, **sampling}, "transformer")
        seeds = [seed + row for row in range(len(prompts))]
        cap = min(max_faces or self.config.max_faces, self.config.max_faces)
        training = self.training
        self.eval()
        try:
            sampler = Sampler(self, self.conditions(prompts), seeds, config, cap, prompts)
            meshes = {event.row: event.mesh for event in sampler.stream() if isinstance(event, MeshEvent)}
        finally:
            self.train(training)
        nothing = torch.zeros(0, 3, len(self.tokenizer.codebook_sizes), dtype=torch.long)
        found = [torch.from_numpy(meshes[row].codes) if row in meshes else nothing for row in range(len(prompts))]
        codes, lengths = pad_codes(found, max(map(len, found)), -1)
        mask = torch.arange(codes.shape[1]) < lengths[:, None]
        corners = self.tokenizer.decode_from_codes_to_faces(codes)
        return (corners, mask, codes) if return_codes else (corners, mask)

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def allow_variants() -> None:
    """Let torch.compile make more variants of a function than the few that it makes by itself."""
    settings = torch._dynamo.config
    limit = "recompile_limit" if hasattr(settings, "recompile_limit") else "cache_size_limit"  # before PyTorch 2.7
    setattr(settings, limit, max(64, getattr(settings, limit)))


def _as_list(texts: str | Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def pad_codes(codes: list[Tensor], length: int, value: int = 0) -> tuple[Tensor, Tensor]:
    """Codes [F_i, 3, D] of several meshes -> one batch [B, length, 3, D], padded with a value, and lengths [B]."""
    lengths = torch.tensor([len(c) for c in codes])
    return torch.stack([F.pad(c, (0, 0, 0, 0, 0, length - len(c)), value=value) for c in codes]), lengths
