# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Submenus in Blender's own menus; the menu search (F3) finds only what is in one."""

import bpy


class MESHGPT_MT_add(bpy.types.Menu):
    bl_idname = "MESHGPT_MT_add"
    bl_label = "MeshGPT"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("meshgpt.generate_dialog", icon="MESH_ICOSPHERE")


class MESHGPT_MT_object(bpy.types.Menu):
    bl_idname = "MESHGPT_MT_object"
    bl_label = "MeshGPT"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("meshgpt.complete", icon="MOD_BUILD")
        layout.operator("meshgpt.retopologize", icon="MOD_REMESH")
        layout.operator("meshgpt.reconstruct", icon="MOD_TRIANGULATE")
        layout.separator()
        layout.operator("meshgpt.regenerate", icon="FILE_REFRESH")
        layout.operator("meshgpt.more_like_this", icon="DUPLICATE")
        layout.operator("meshgpt.mark_asset", icon="ASSET_MANAGER")


def _draw_add(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.mode == "OBJECT":
        self.layout.separator()
        self.layout.menu(MESHGPT_MT_add.bl_idname, icon="MESH_ICOSPHERE")


def _draw_object(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu(MESHGPT_MT_object.bl_idname)


def _draw_edit_mesh(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("meshgpt.complete", text="Complete with MeshGPT", icon="MOD_BUILD")


def _draw_context(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.active_object is not None and context.active_object.type == "MESH":
        _draw_object(self, context)


_ENTRIES = (
    ("VIEW3D_MT_mesh_add", _draw_add),
    ("VIEW3D_MT_object", _draw_object),
    ("VIEW3D_MT_object_context_menu", _draw_context),
    ("VIEW3D_MT_edit_mesh", _draw_edit_mesh),
)


def register() -> None:
    for menu, draw in _ENTRIES:
        getattr(bpy.types, menu).append(draw)


def unregister() -> None:
    for menu, draw in _ENTRIES:
        getattr(bpy.types, menu).remove(draw)


CLASSES = [MESHGPT_MT_add, MESHGPT_MT_object]
