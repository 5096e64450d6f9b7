# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an object's own space lies to the axes in which the model sees it.

A model learned meshes that stand upright, along the axes. So it does not see a mesh in its own space, which importers
leave lying on its side, nor in the world's, where a chair may be turned by thirty degrees: it sees it with its own
scale, turned by whole quarters to stand as upright as it does in the world.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from mathutils import Matrix, Vector

from ..core.errors import MeshGPTError


@dataclass(frozen=True)
class Placement:
    """to_model: matrix 3x3 from the object's own space to the model's axes; to_world: 3x3, a rotation, from there to
    the world's; origin [3] of the object in the world. All float64.
    """

    to_model: np.ndarray
    to_world: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, obj: bpy.types.Object) -> "Placement":
        """Raises MeshGPTError for an object that is scaled to nothing."""
        matrix = np.array(obj.matrix_world, np.float64)
        own = matrix[:3, :3]
        left, stretch, right = np.linalg.svd(own)
        if not np.isfinite(matrix).all() or stretch[2] <= 1e-6 * stretch[0]:
            raise MeshGPTError(
                rpt_('"{name}" is scaled to nothing along an axis.').format(name=obj.name),
                "Give it a scale that is not zero.",
            )
        turn = left @ right  # the rotation in the matrix, and a mirror if there is one
        quarters = max(_quarter_turns(np.sign(np.linalg.det(turn))), key=lambda turned: (turned * turn).sum())
        return cls(quarters @ turn.T @ own, turn @ quarters.T, matrix[:3, 3])

    @property
    def mirrored(self) -> bool:
        return bool(np.linalg.det(self.to_model) < 0)

    def seen(self, vertices: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] of the object -> float32 along the model's axes, in the world's units."""
        return (vertices.astype(np.float64) @ self.to_model.T).astype(np.float32)

    def own(self, vertices: np.ndarray) -> np.ndarray:
        """The way back: float64 [V, 3]."""
        return np.linalg.solve(self.to_model, vertices.astype(np.float64).T).T

    def faces(self, faces: np.ndarray) -> np.ndarray:
        """Faces [F, 3] of one side for the other: in a mirror they turn over."""
        return faces[:, ::-1] if self.mirrored else faces

    def in_world(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] along the model's axes -> float32 in the world."""
        return (points @ self.to_world.T + self.origin).astype(np.float32)

    def of_world(self, points: np.ndarray) -> np.ndarray:
        """The way back: float64 [..., 3]."""
        return (points - self.origin) @ self.to_world


def _quarter_turns(sign: float) -> list[np.ndarray]:
    """The 24 rotations by quarters, or with `sign` -1 the 24 with a mirror."""
    found = []
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            turned = np.zeros((3, 3))
            turned[range(3), axes] = signs
            if np.linalg.det(turned) * sign > 0:
                found.append(turned)
    return found


_TRANSFORM = (
    *("rotation_mode", "location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale"),
    *("delta_location", "delta_rotation_euler", "delta_rotation_quaternion", "delta_scale"),
)
_PARENT = ("parent", "parent_type", "parent_bone", "parent_vertices")


def put_in_place(
    context: bpy.types.Context, obj: bpy.types.Object, source: bpy.types.Object | None, matrix: Matrix
) -> None:
    """Give `obj`, whose mesh is in the source's own space, the place `matrix` of its source in the world.

    It gets the source's parent and transform, so that it goes where the source goes. What that leaves out (constraints
    are not taken over, a source may be gone) the mesh makes up for.
    """
    if source is None:
        obj.matrix_world = matrix
    else:
        for name in (*_PARENT, *_TRANSFORM):
            setattr(obj, name, getattr(source, name))
        obj.matrix_parent_inverse = source.matrix_parent_inverse
    context.view_layer.update()
    if context.view_layer.objects.get(obj.name) != obj:  # in a collection that is excluded: Blender does not place it
        obj.matrix_world = matrix
        return
    rest = obj.matrix_world.inverted_safe() @ matrix
    if max(abs(rest[i][j] - (i == j)) for i in range(4) for j in range(4)) < 1e-5:
        return
    if obj.data.users > 1:
        obj.data = obj.data.copy()
    obj.data.transform(rest)
    if rest.determinant() < 0:
        obj.data.flip_normals()


def move_in_world(context: bpy.types.Context, obj: bpy.types.Object, offset: Sequence[float]) -> None:
    """Move an object, whatever its parent does to it."""
    context.view_layer.update()
    above = obj.matrix_world @ obj.matrix_basis.inverted_safe()
    obj.location += above.to_3x3().inverted_safe() @ Vector(offset)
