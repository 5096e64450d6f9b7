# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A panel of your own: buttons that generate while you work on, and an operator that fills empties with meshes."""

import bpy


class OBJECT_OT_fill_empties(bpy.types.Operator):
    """Generate a mesh at each selected empty, called what the empty is called and as long as it is wide"""

    bl_idname = "object.fill_empties"
    bl_label = "Fill Empties"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return any(obj.type == "EMPTY" for obj in context.selected_objects)

    def execute(self, context):
        api = context.scene.meshgpt.api
        empties = [obj for obj in context.selected_objects if obj.type == "EMPTY"]
        for number, empty in enumerate(empties):
            prompt = empty.name.partition(".")[0]  # without .001
            try:
                (mesh,) = api.generate(prompt, seed=number, size=2 * empty.empty_display_size)
            except api.MeshGPTError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
            mesh.matrix_world = empty.matrix_world
        return {"FINISHED"}


class VIEW3D_PT_props(bpy.types.Panel):
    bl_label = "Props"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "My Tools"

    def draw(self, context):
        # A button runs the operator's invoke: faces appear while the user goes on, Esc cancels.
        for prompt in ("crate", "barrel", "rock"):
            button = self.layout.operator("meshgpt.generate", text=prompt.title())
            button.prompt = prompt
            button.random_seed = True
        self.layout.operator("object.fill_empties")


def register():
    bpy.utils.register_class(OBJECT_OT_fill_empties)
    bpy.utils.register_class(VIEW3D_PT_props)


def unregister():
    bpy.utils.unregister_class(VIEW3D_PT_props)
    bpy.utils.unregister_class(OBJECT_OT_fill_empties)


if __name__ == "__main__":
    register()
