# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Furnish a room: several kinds of furniture in a ring, each piece a mesh of its own, all in one collection."""

import math

import bpy

RADIUS = 3.0  # metres
SEED = 1
FURNITURE = {  # prompt: how many, and their longest side in metres
    "table": (1, 1.6),
    "chair": (4, 1.0),
    "shelf": (2, 2.0),
    "plant": (1, 0.8),
}

api = bpy.context.scene.meshgpt.api
room = bpy.data.collections.new("Room")
bpy.context.scene.collection.children.link(room)

pieces = []
for prompt, (count, size) in FURNITURE.items():
    pieces += api.generate(prompt, count=count, seed=SEED, size=size)

for number, piece in enumerate(pieces):
    for collection in piece.users_collection:
        collection.objects.unlink(piece)
    room.objects.link(piece)
    angle = 2 * math.pi * number / len(pieces)
    piece.location = (RADIUS * math.cos(angle), RADIUS * math.sin(angle), 0)
    piece.rotation_euler.z = angle + math.pi / 2  # its back to the wall
    print(f"{piece.name}: {len(piece.data.polygons)} faces, seed {api.provenance(piece)['seed']}")
