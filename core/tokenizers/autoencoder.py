# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshGPT's learned tokenizer: graph encoder over triangles, residual quantisation of the vertices, ResNet decoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import with_options
from ..environment import MissingPackageError
from ..errors import MeshGPTError
from ..mesh import LatticeMesh, TriangleMesh
from .autoencoder_config import AutoencoderConfig

try:  # only learned tokenizers need these two, so an installation may do without
    import torch_geometric  # noqa: F401
    import vector_quantize_pytorch  # noqa: F401
except ImportError as error:
    raise MissingPackageError({str(error.name): str(error)}) from error

from ..nn.codebooks import count_codes, use_and_perplexity
from ..nn.decoder import MeshDecoder, VertexHead
from ..nn.encoder import MeshEncoder
from ..nn.mesh_batch import MeshBatch, cell_centres
from ..nn.quantizers import RFSQ, RLFQ, RVQ, Quantizer

_MOST_FACES = 100_000  # which take about 3 GB


class MeshAutoencoder(nn.Module):
    """The tokenizer of MeshGPT (Siddiqui et al., arXiv 2311.15475).

    `MeshAutoencoder(dim=192, encoder_depth=4, decoder_depth=4, num_discrete_coors=128)`, or with a config whose fields
    the keywords override. Call it with padded arrays for the training loss, or `loss` with meshes for all terms.
    """

    kind = "autoencoder"

    def __init__(self, config: AutoencoderConfig | None = None, **changes: Any) -> None:
        super().__init__()
        self.options = options = with_options(config or AutoencoderConfig(), changes, "autoencoder")
        self.levels = options.num_discrete_coors
        self.half_side = self.levels / 2  # of the lattice, in cells
        self.quantizer = _quantizer(options)
        self.codebook_sizes = tuple(self.quantizer.codebook_sizes)
        width = self.quantizer.width
        attention = {"heads": options.attention_heads, "window": options.attention_window}
        self.encoder = MeshEncoder(
            options.dim,
            options.encoder_depth,
            width,
            self.levels,
            options.dim_coordinate,
            options.coordinate_embedding,
            vertex_depth=options.vertex_depth,
            attention_depth=options.encoder_attention,
            **attention,
        )
        self.decoder = MeshDecoder(
            options.dim,
            options.decoder_depth,
            width,
            self.levels,
            attention_depth=options.decoder_attention,
            **attention,
        )
        self.vertex_head = VertexHead(options.dim, width, self.levels)
        self.vertex_head.invert(self.encoder.from_position)
        self.register_buffer("blurred", blurred_targets(self.levels, options.blur), persistent=False)

    # -- training ------------------------------------------------------------------------------------------------------

    def compile_parts(self) -> None:
        """Compile what training spends its time in, once for batches of all shapes; needs a C++ compiler."""
        for block in self.decoder.blocks:
            block.compile(dynamic=True)
        for layers in (self.encoder, self.encoder.vertices):
            if layers is not None:
                layers.gather = torch.compile(layers.gather, dynamic=True)
        self._reconstruction = torch.compile(self._reconstruction, dynamic=True)

    def forward(self, vertices: Tensor, faces: Tensor, face_edges: Tensor | None = None) -> Tensor:
        """Training loss (scalar) of a padded batch.

        vertices: float [B, V, 3] in [-1, 1]; faces: int64 [B, F, 3], in canonical order, padded with -1; face_edges:
        int64 [B, 2, E] or [B, E, 2] padded with -1, derived when absent.
        """
        return self._losses(MeshBatch.from_padded(vertices, faces, face_edges, self.levels))["loss"]

    def loss(
        self, meshes: Sequence[LatticeMesh] | MeshBatch, totals: tuple[float, float] | None = None
    ) -> dict[str, Tensor]:
        """The weighted sum "loss", its terms, and metrics without gradient.

        "distance_to_codes": mean distance of a vertex's vector from that of its codes, in cells; "codebook_use" and
        "perplexity" of the codes in these meshes, mean over the levels; "triangle_accuracy": share of faces with all
        nine coordinates right; "vertex_accuracy": of their corners. With `totals`, the faces and vertices of the whole
        of which these meshes are a share, the values of all shares add up to the whole's (those of codes: their mean).
        """
        return self._losses(self._batch(meshes), totals)

    @property
    def initialised(self) -> bool:
        """Whether the codebooks have been set; a mesh can be encoded only then."""
        return self.quantizer.initialised

    @torch.no_grad()
    def initialise_codebooks(self, meshes: Sequence[LatticeMesh]) -> None:
        """Set the codebooks by k-means over these meshes; without this, the first training batch does it.

        Best with several times as many vertices as codes, which is more than a training batch has.
        """
        self._initialise_codebooks(self.encoder(self._batch(meshes)))

    def _initialise_codebooks(self, features: Tensor) -> None:
        """Half of the vectors are those of vertices [V, C], half those of places drawn evenly over the lattice: meshes
        are dense in few places, and codes that went there only would leave large residuals everywhere else.
        """
        with torch.autocast(features.device.type, enabled=False):  # a cell is finer than bfloat16 resolves
            places = torch.rand(len(features), 3, device=features.device) * 2 - 1
            vectors = torch.cat([features.float(), self.encoder.from_position(places)])
            self.quantizer.initialise(vectors * self.half_side)

    def _losses(self, batch: MeshBatch, totals: tuple[float, float] | None = None) -> dict[str, Tensor]:
        noise = self.options.noise if self.training else 0.0
        features = self.encoder(batch.with_noise(noise) if noise else batch)
        vectors, codes, quantisation = self._quantise(features)
        context_free = self.vertex_head(vectors)
        context = self.decoder(vectors[batch.faces], batch.mesh_of_face)
        near, corners = context_free[batch.faces].flatten(0, 2), batch.corners
        reconstruction, right = self._reconstruction(near, context.flatten(0, 2), corners.flatten())
        vertex = self._cross_entropy(context_free, batch.positions)
        with torch.no_grad():
            right = right.view_as(corners).all(dim=-1)  # [F, 3]
            distance = (features - vectors).norm(dim=-1).mean() * self.half_side
            usage = [use_and_perplexity(count) for count in count_codes(codes, self.codebook_sizes)]
            use, perplexity = (torch.stack(values).mean() for values in zip(*usage, strict=True))
        faces, vertices = len(batch.faces), len(batch.positions)
        of_faces, of_vertices = (faces / totals[0], vertices / totals[1]) if totals else (1.0, 1.0)
        return {
            "loss": of_faces * reconstruction + of_vertices * (self.options.vertex_head_weight * vertex + quantisation),
            "reconstruction": of_faces * reconstruction,
            "vertex": of_vertices * vertex,
            "quantisation": of_vertices * quantisation,
            "distance_to_codes": of_vertices * distance,
            "codebook_use": of_vertices * use,
            "perplexity": of_vertices * perplexity,
            "triangle_accuracy": of_faces * right.all(dim=-1).float().mean(),
            "vertex_accuracy": of_faces * right.float().mean(),
        }

    def _quantise(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [V, C] -> quantised vectors [V, C], codes int64 [V, D], weighted loss; always in float32."""
        if not self.initialised:
            if not self.training:
                raise MeshGPTError("The autoencoder has no codebook yet.", "Train it, or load a trained checkpoint.")
            self._initialise_codebooks(features.detach())
        with torch.autocast(features.device.type, enabled=False):
            # The quantiser sees lengths in lattice cells, which gives the temperature its meaning: codes a few tenths
            # of a cell apart are drawn almost alike, codes a cell apart are not confused.
            in_cells = features.float() * self.half_side
            if self.training:
                vectors, codes, loss = self.quantizer(in_cells)
            else:
                codes = self.quantizer.encode(in_cells)
                vectors = self.quantizer.vectors(codes)
                loss = self.options.commitment_weight * F.mse_loss(in_cells, vectors)
            return vectors / self.half_side, codes, loss

    def _reconstruction(self, context_free: Tensor, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [N, levels] in two parts, targets int64 [N] -> cross entropy; where no cell is likelier, bool [N]."""
        logits = context_free + context
        with torch.no_grad():  # not by argmax: compiled, that takes longer than all else here
            right = logits.gather(-1, targets[:, None])[:, 0] == logits.amax(dim=-1)
        return self._cross_entropy(logits, targets), right

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross entropy of logits [..., levels] against the blurred targets int64 [...]."""
        return F.cross_entropy(logits.float().flatten(0, -2), self.blurred[targets.flatten()])

    # -- Tokenizer -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, mesh: TriangleMesh | LatticeMesh) -> np.ndarray:
        """Codes int64 [F, 3, D] of the mesh in canonical order."""
        if isinstance(mesh, TriangleMesh):
            mesh = mesh.quantised(self.levels)
        if len(mesh.faces) > _MOST_FACES:
            raise MeshGPTError(
                f"The mesh has {len(mesh.faces):,} faces, and the autoencoder takes {_MOST_FACES:,} at most.",
                "Decimate or retopologize it first.",
            )
        batch = self._batch([mesh])
        with self._evaluating():
            _, codes, _ = self._quantise(self.encoder(batch))
        return codes[batch.faces].cpu().numpy()

    @torch.no_grad()
    def decode(self, codes: np.ndarray | Tensor) -> TriangleMesh:
        """The mesh in [-1, 1] of codes [F, 3, D]: corners with the same codes are one vertex, faces keep their order.

        A vertex stands where the predictions of all its faces together are likeliest. Faces of which two corners come
        to stand on one point are left out; raises MeshGPTError when no other is left.
        """
        codes = self._checked(codes)
        positions, faces = self._decoded(codes, torch.zeros_like(codes[:, 0, 0]))
        corners = positions[faces]
        apart = (corners != corners.roll(1, dims=1)).any(dim=-1).all(dim=-1)
        if not apart.any():
            raise MeshGPTError(
                "The codes give no face with three different corners.", "Generate again with another seed."
            )
        used, faces = torch.unique(faces[apart], return_inverse=True)
        return TriangleMesh(cell_centres(positions[used], self.levels).cpu().numpy(), faces.cpu().numpy())

    @torch.no_grad()
    def decode_from_codes_to_faces(self, codes: Tensor) -> Tensor:
        """Codes int64 [B, F, 3, D], -1 where there is no face -> coordinates float32 [B, F, 3, 3] (corner, xyz), NaN
        there.

        Corners of a mesh with the same codes stand at the same place; no face is left out (see `decode`).
        """
        real = (codes >= 0).flatten(2).all(dim=-1)
        corners = torch.full((*codes.shape[:3], 3), math.nan, device=codes.device)
        if real.any():
            positions, faces = self._decoded(self._checked(codes[real]), real.nonzero()[:, 0].to(self.blurred.device))
            corners[real] = cell_centres(positions[faces], self.levels).to(codes.device)
        return corners

    def _decoded(self, codes: Tensor, mesh_of_face: Tensor) -> tuple[Tensor, Tensor]:
        """Codes [F, 3, D] of meshes -> where their vertices stand, cells int64 [V, 3], and faces int64 [F, 3]."""
        of_corner = mesh_of_face[:, None, None].expand(-1, 3, 1)
        vertices, faces = torch.unique(torch.cat([of_corner, codes], -1).flatten(0, 1), dim=0, return_inverse=True)
        faces = faces.reshape(-1, 3)
        with self._evaluating():
            vectors = self._vectors(vertices[:, 1:])
            logits = self.decoder(vectors[faces], mesh_of_face) + self.vertex_head(vectors)[faces]
        votes = logits.float().log_softmax(dim=-1).flatten(0, 1).flatten(1)
        votes = votes.new_zeros(len(vertices), votes.shape[1]).index_add(0, faces.reshape(-1), votes)
        return votes.unflatten(1, (3, self.levels)).argmax(dim=-1), faces

    @torch.no_grad()
    def positions(self, codes: np.ndarray | Tensor) -> np.ndarray | Tensor:
        """Codes [..., D] -> coordinates float32 [..., 3] in [-1, 1] (x, y, z), read vertex by vertex without context.

        NumPy in, NumPy out; tensor in, tensor out on the same device.
        """
        # Tensors come from the loops of training and generation, where looking at their values would stall a device.
        known = codes if isinstance(codes, Tensor) else self._checked(codes)
        cells = self.vertex_head(self._vectors(known.to(self.blurred.device).long())).argmax(dim=-1)
        centres = cell_centres(cells, self.levels)
        return centres.to(codes.device) if isinstance(codes, Tensor) else centres.cpu().numpy()

    @torch.no_grad()
    def tokenize(self, vertices: Tensor, faces: Tensor, face_edges: Tensor | None = None) -> Tensor:
        """Codes int64 [B, F, 3, D] of a padded batch (see `forward`); -1 where a face is padding."""
        batch = MeshBatch.from_padded(vertices, faces, face_edges, self.levels)
        with self._evaluating():
            _, codes, _ = self._quantise(self.encoder(batch))
        padded = codes.new_full((*faces.shape, codes.shape[-1]), -1)
        padded[(faces >= 0).all(dim=-1)] = codes[batch.faces]
        return padded

    def config(self) -> dict[str, Any]:
        """What `from_config` needs to build the autoencoder again (its weights are the state dict)."""
        return {"kind": self.kind, **asdict(self.options)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MeshAutoencoder:
        """Raises MeshGPTError for options that this version does not know."""
        return cls(**{name: value for name, value in config.items() if name != "kind"})

    # -- inspection ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def codebook_usage(self, meshes: Sequence[LatticeMesh]) -> list[dict[str, float]]:
        """For each residual level: "use", the share of its codes that these meshes use, and their "perplexity".

        Each vertex of each mesh counts once.
        """
        totals = [torch.zeros(size) for size in self.codebook_sizes]
        with self._evaluating():
            for start in range(0, len(meshes), 32):
                _, codes, _ = self._quantise(self.encoder(self._batch(meshes[start : start + 32])))
                for total, count in zip(totals, count_codes(codes.cpu(), self.codebook_sizes), strict=True):
                    total += count
        names = ("use", "perplexity")
        return [dict(zip(names, map(float, use_and_perplexity(total)), strict=True)) for total in totals]

    def _batch(self, meshes: Sequence[LatticeMesh] | MeshBatch) -> MeshBatch:
        if isinstance(meshes, MeshBatch):
            return meshes
        for mesh in meshes:
            if mesh.levels != self.levels:
                raise MeshGPTError(
                    f"The mesh lies on a lattice of {mesh.levels} levels, the autoencoder's has {self.levels}.",
                    "Quantise the mesh with the autoencoder's levels.",
                )
        return MeshBatch.from_lattice(meshes, self.blurred.device)

    def _checked(self, codes: np.ndarray | Tensor) -> Tensor:
        """Codes as int64 tensor on the model's device; MeshGPTError unless they are codes of this autoencoder."""
        codes = torch.as_tensor(codes, device=self.blurred.device).long()
        depth, size = len(self.codebook_sizes), self.codebook_sizes[0]
        if codes.shape[-1:] != (depth,) or (codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < size):
            raise MeshGPTError(
                f"These are not codes of this autoencoder: shape {tuple(codes.shape)}.",
                f"Give {depth} codes a vertex, each from 0 to {size - 1}.",
            )
        return codes

    def _vectors(self, codes: Tensor) -> Tensor:
        """Codes [..., D] -> quantised vectors [..., C]."""
        return self.quantizer.vectors(codes) / self.half_side

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Evaluation mode inside, the caller's mode after."""
        training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(training)


def _quantizer(options: AutoencoderConfig) -> Quantizer:
    size, depth, weight = options.codebook_size, options.num_quantizers, options.commitment_weight
    half_side = options.num_discrete_coors / 2
    if options.quantizer == "rlfq":
        return RLFQ(size, depth, half_side, entropy_weight=options.entropy_weight, commitment_weight=weight)
    if options.quantizer == "rfsq":
        return RFSQ(size, depth, half_side, commitment_weight=weight)
    return RVQ(
        options.dim_codebook,
        size,
        depth,
        shared=options.shared_codebook,
        decay=options.codebook_decay,
        temperature=options.sample_temperature,
        dead_code_share=options.dead_code_share,
        search_width=options.search_width,
        commitment_weight=weight,
    )


def blurred_targets(levels: int, deviation: float) -> Tensor:
    """Weights of the cells for each target, float32 [levels, levels]; rows sum to 1, also at the edges."""
    reach = max(1, math.ceil(2 * deviation)) if deviation > 0 else 0
    cells = torch.arange(levels)
    offsets = cells - cells[:, None]
    weights = torch.exp(-0.5 * (offsets / max(deviation, 1e-6)) ** 2) * (offsets.abs() <= reach)
    return weights / weights.sum(dim=1, keepdim=True)
