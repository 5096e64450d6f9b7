# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion: the faces of a partial mesh, kept exactly, and those that the model adds.

Two ways. The paper's (section 4): the given faces are the beginning of the canonical sequence, bottom up, and the model
goes on above them. Or any set of faces, which models trained with `completion` have learned to fill up: the given faces
come first, marked as such, then the missing ones in canonical order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checkpoint import Checkpoint
from .errors import MeshGPTError
from .events import GeneratedMesh
from .mesh import HALF_EXTENT, Frame, LatticeMesh, TriangleMesh
from .tokenizers import Tokenizer
from .tokenizers.lattice import LatticeTokenizer

Box = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Kept:
    """Faces that a mesh begins with: codes int64 [F, 3, D] in canonical order; `above`: the model goes on above."""

    codes: np.ndarray
    above: bool


@dataclass(frozen=True)
class CompletedMesh:
    """The given mesh's vertices and faces, bit for bit and in their order, then those that the model added.

    `made`: the whole as the model wrote it, in [-1, 1].
    """

    mesh: TriangleMesh
    added: int
    made: GeneratedMesh


@dataclass(frozen=True)
class PartialMesh:
    """A mesh to be completed, as it is and as the model sees it.

    source: its faces on the lattice, canonical, with the frame that leads back; codes int64 [F, 3, D] of them.
    """

    tokenizer: Tokenizer
    mesh: TriangleMesh
    source: LatticeMesh
    codes: np.ndarray
    kept: Kept

    @classmethod
    def read(
        cls, checkpoint: Checkpoint, mesh: TriangleMesh, above: bool | None = None, box: Box | None = None
    ) -> PartialMesh:
        """See `complete`, which also says when it raises MeshGPTError."""
        model = checkpoint._generator()
        if above is None:
            above = not model.config.completion
        if not above and not model.config.completion:
            raise MeshGPTError(
                f'The model "{checkpoint.name}" can only go on above a mesh.',
                "Complete it upwards, or choose a model that was trained with completion.",
            )
        tokenizer = checkpoint.tokenizer
        source = mesh.quantised(tokenizer.levels, _frame(mesh, box, above))
        codes = tokenizer.encode(source)
        if len(codes) >= (limit := model.config.max_faces):
            raise MeshGPTError(
                f"{len(codes)} faces are to be kept, and with this model a mesh may have {limit}.",
                "Keep fewer of them, or simplify the mesh first.",
            )
        return cls(tokenizer, mesh, source, codes, Kept(codes, above))

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] as the model gives them -> in the mesh's own units."""
        return self.source.frame.apply(points)

    def joined(self, made: GeneratedMesh) -> CompletedMesh:
        """The mesh and what the model added to it."""
        return _joined(self.tokenizer, self.mesh, self.source, self.codes, made)


def complete(
    checkpoint: Checkpoint,
    mesh: TriangleMesh,
    prompt: str = "",
    count: int = 1,
    *,
    above: bool | None = None,
    box: Box | None = None,
    **settings: Any,
) -> list[CompletedMesh]:
    """`count` completions of a partial mesh, in its own units.

    above: whether the mesh is the lower part and only what lies above is missing; None: when the model knows no other
    way. box: low and high corner of the room that the whole is to fill, which says how large and where in it the mesh
    is; None: the mesh's own, and with `above` twice as high. The model may leave it a little.
    settings: as for `Checkpoint.generate`. Raises MeshGPTError when the model cannot do what was asked.
    """
    part = PartialMesh.read(checkpoint, mesh, above, box)
    return [part.joined(made) for made in checkpoint.generate(prompt, count, kept=part.kept, **settings)]


def _frame(mesh: TriangleMesh, box: Box | None, above: bool) -> Frame:
    low, high = mesh.bounds()
    side = mesh.frame.scale * 2 * HALF_EXTENT  # raises for a mesh without an extent
    if box is None:
        return Frame.around(low, high + np.array([0, 0, high[2] - low[2]]) * above)
    try:
        outer = np.asarray(box, np.float64)
    except ValueError:
        outer = np.empty(0)
    if outer.shape != (2, 3) or not np.isfinite(outer).all() or (outer[0] > outer[1]).any():
        raise MeshGPTError("The box is no box.", "Give a low and a high corner, three numbers each.")
    if (outer[0] > low + 1e-5 * side).any() or (outer[1] < high - 1e-5 * side).any():
        raise MeshGPTError("The box does not hold the mesh.", "Give corners around all of its vertices.")
    if float((outer[1] - outer[0]).max()) > 32 * side:
        raise MeshGPTError("The mesh is too small in its box.", "Give a box of at most 32 times its size.")
    return Frame.around(*outer)


def _joined(
    tokenizer: Tokenizer, mesh: TriangleMesh, source: LatticeMesh, codes: np.ndarray, made: GeneratedMesh
) -> CompletedMesh:
    """The source followed by the added faces; where those use its vertices, it is one of its own that they use."""
    # Vertices of the source that share a lattice cell are one to the model: the first that a face uses stands for them.
    own: dict[tuple[int, ...], int] = {}
    corners = source.corners().reshape(-1, 3)
    named = dict(zip(map(tuple, corners), map(tuple, codes.reshape(len(corners), -1)), strict=True))
    cells = source.cells_of(mesh.vertices)
    for vertex in np.unique(mesh.faces):
        code = named.get(tuple(cells[vertex]))
        if code is not None:
            own.setdefault(code, int(vertex))
    places = _places(tokenizer, made.codes)
    new: dict[tuple[int, ...], int] = {}
    points: list[np.ndarray] = []
    faces = []
    # The model has not seen the faces that are too small for the lattice: what is one too many beside them is left out.
    seen = {frozenset(face) for face in mesh.faces.tolist()}
    used = Counter(edge for face in mesh.faces.tolist() for edge in _edges(face))
    for face, corners in zip(made.codes[len(codes) :], places[len(codes) :], strict=True):
        if len(np.unique(corners, axis=0)) < 3:  # a learned decoder let it collapse
            continue
        ids: list[int] = []
        fresh: dict[tuple[int, ...], np.ndarray] = {}
        for code, place in zip(map(tuple, face), corners, strict=True):
            vertex = own.get(code, new.get(code))
            if vertex is None:
                fresh[code] = place
                vertex = len(mesh.vertices) + len(points) + len(fresh) - 1
            ids.append(vertex)
        if frozenset(ids) in seen or any(used[edge] > 1 and max(edge) < len(mesh.vertices) for edge in _edges(ids)):
            continue
        new |= {code: len(mesh.vertices) + len(points) + i for i, code in enumerate(fresh)}
        points += fresh.values()
        seen.add(frozenset(ids))
        used.update(_edges(ids))
        faces.append(ids)
    vertices = mesh.vertices
    if points:
        vertices = np.concatenate([vertices, source.frame.apply(np.array(points)).astype(np.float32)])
    added = np.array(faces, np.int64).reshape(-1, 3)
    return CompletedMesh(TriangleMesh(vertices, np.concatenate([mesh.faces, added])), len(added), made)


def _edges(face: list[int]) -> list[frozenset[int]]:
    return [frozenset((face[i - 1], face[i])) for i in range(3)]


def _places(tokenizer: Tokenizer, codes: np.ndarray) -> np.ndarray:
    """Corners [F, 3, 3] of codes [F, 3, D]: of a lattice those of each code, else as the decoder sees them together."""
    if tokenizer.kind == LatticeTokenizer.kind:
        return tokenizer.positions(codes)
    import torch

    return tokenizer.decode_from_codes_to_faces(torch.from_numpy(codes)[None])[0].numpy()
