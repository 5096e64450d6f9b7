# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every panel and menu draws in every state, without looking at a file, and offers the one next step."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
from _blender import MODEL, done, enable, part

enable()
jobs, models, panels, menus = part("jobs"), part("models"), part("ui.panels"), part("ui.menus")
status, tools, properties = part("ui.status"), part("ui.tools_panels"), part("properties")
settings = bpy.context.scene.meshgpt
ICONS = set(bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys())


class Layout:
    """A layout without a window: it holds each call to what Blender has, and remembers what is to be seen."""

    def __init__(self, seen):
        self.__dict__["seen"] = seen

    def __setattr__(self, name, value):
        assert name in bpy.types.UILayout.bl_rna.properties, name
        self.__dict__[name] = value

    def _part(self, *args, icon="NONE", **options):
        return Layout(self.seen)

    row = column = split = box = _part

    def prop(self, owner, name, text=None, icon="NONE", **options):
        assert name in owner.bl_rna.properties and icon in ICONS, name
        self._call("prop", owner=owner, name=name, text=text, icon=icon, **options)
        self.seen.append(name)

    def prop_search(self, owner, name, data, collection, **options):
        assert name in owner.bl_rna.properties and hasattr(data, collection), name
        self.seen.append(name)

    def operator(self, name, text=None, icon="NONE", **options):
        assert text is None or text or icon != "NONE", "nothing to see"
        module, verb = name.split(".")
        kind = getattr(getattr(bpy.ops, module), verb).get_rna_type()
        assert icon in ICONS, name
        self.seen.append(text or name)
        return SimpleNamespace(**dict.fromkeys(kind.properties.keys()))

    def label(self, text="", icon="NONE", **options):
        assert icon in ICONS, icon
        self.seen.append(text)

    def progress(self, factor, text):
        assert 0 <= factor <= 1
        self.seen.append(text)

    def menu(self, name, **options):
        assert hasattr(bpy.types, name)

    def separator(self, **options):
        pass

    popover = separator

    def _call(self, function, **options):
        known = bpy.types.UILayout.bl_rna.functions[function].parameters
        assert not set(options) - set(known.keys()) - {"owner", "name"}, options


def draw(*classes, **changes):
    """What is to be seen of these panels or menus."""
    names = ("scene", "mode", "active_object")
    context = SimpleNamespace(**{name: getattr(bpy.context, name) for name in names} | changes)
    context.region = SimpleNamespace(width=300)
    context.preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
    seen = []
    for cls in classes:
        for method in ("draw_header_preset", "draw"):
            if method in cls.__dict__:
                cls.__dict__[method](SimpleNamespace(layout=Layout(seen)), context)
    return seen


ALL = [cls for cls in (*panels.CLASSES, *tools.CLASSES, *status.CLASSES, *menus.CLASSES) if hasattr(cls, "draw")]
draw(*ALL)  # the first time, the models are looked up

opened, watching = [], True
sys.addaudithook(lambda event, args: opened.append(args[0]) if event in ("open", "os.listdir") and watching else None)
Path(__file__).read_text()
assert opened, "the hook sees nothing"
opened.clear()
seen = draw(*ALL)
watching = False
assert not opened, f"drawing read {opened}"
assert {"prompt", "count", "temperature", "top_p", "guidance", "size", "quads", "shading", "material"} <= set(seen)
assert "meshgpt.generate" in seen and any("parameters" in text for text in seen)
assert any("400 faces" in text for text in seen) and "Not running, uses no memory" in seen

# What cannot run says why and offers one next step in the place of the button.
settings.model = "no such model"
seen = draw(panels.MESHGPT_PT_generate)
assert any("no such" in text for text in seen) and "Use the Bundled Model" in seen and "meshgpt.generate" not in seen
settings.model = "meshgpt-autoencoder"
assert any("reconstructs" in text for text in draw(panels.MESHGPT_PT_generate))
assert bpy.ops.meshgpt.choose_model(model="") == {"FINISHED"} and settings.model == ""
seen = draw(panels.MESHGPT_PT_generate, mode="EDIT_MESH")
assert "Go to Object Mode" in seen and "meshgpt.generate" not in seen
assert "meshgpt.complete" in draw(tools.MESHGPT_PT_complete, mode="EDIT_MESH")
orders = [cls.bl_order for cls in (*panels.CLASSES, *tools.CLASSES, *status.CLASSES) if hasattr(cls, "bl_order")]
assert sorted(orders) == [0, 10, 20, 30, 50, 60, 70], orders
python = os.environ.pop("MESHGPT_PYTHON")
part("runtime")._own_python_has_torch.cache_clear()
find_python, part("runtime").find_python = part("runtime").find_python, lambda: None
seen = draw(*ALL)
assert "Open Preferences..." in seen and "meshgpt.generate" not in seen
assert "meshgpt.complete" not in draw(tools.MESHGPT_PT_complete)
part("runtime").find_python = find_python
os.environ["MESHGPT_PYTHON"] = python

# Sampling: the chosen model's own values until the user sets one.
own = Path(os.environ["MESHGPT_DATA_DIR"]) / "models" / "mine"
own.mkdir(parents=True)
for name in ("config.json", "labels.json"):
    text = (Path(MODEL) / name).read_text()
    if name == "config.json":
        shipped = {"sampling": {"temperature": 1.25, "top_p": 0.5}, "sampling_without_prompt": {"top_p": 0.75}}
        text = json.dumps(json.loads(text) | shipped)
    (own / name).write_text(text)
assert "mine" not in draw(status.MESHGPT_PT_models)
assert bpy.ops.meshgpt.refresh_models() == {"FINISHED"} and "mine" in draw(status.MESHGPT_PT_models)
settings.model, settings.prompt = "mine", " "
assert (settings.temperature, settings.top_p, settings.guidance) == (1.25, 0.75, 1.5)
settings.prompt = "chair"
assert (settings.temperature, settings.top_p, settings.guidance) == (1.25, 0.5, 1.5)
assert not {"temperature", "top_p", "guidance"} & set(settings.request())
settings.temperature = 0.25
assert settings.temperature == 0.25 and settings.request()["temperature"] == 0.25
assert "meshgpt.reset_sampling" not in draw(status.MESHGPT_PT_models)
assert settings.is_own("temperature") and not settings.is_own("top_p")
assert bpy.ops.meshgpt.reset_sampling() == {"FINISHED"} and settings.temperature == 1.25
settings.use_faces = False
assert settings.request()["faces"] == 0

# The prompt field suggests the words of the chosen model.
suggest = models.search_words
assert suggest(settings, bpy.context, "a t") == ["a table"] and suggest(settings, bpy.context, "zz") == []
settings.model = ""
assert "round chair" in suggest(settings, bpy.context, "round ch") and len(suggest(settings, bpy.context, "")) > 20
settings.model = "no such model"
assert suggest(settings, bpy.context, "") == []
settings.model = ""

settings.random_seed, settings.seed = False, 0
assert bpy.ops.meshgpt.new_seed() == {"FINISHED"} and settings.seed > 0
other = bpy.context.scene.meshgpt_complete
before = settings.seed, other.seed
assert bpy.ops.meshgpt.new_seed(owner=other.path_from_id()) == {"FINISHED"}
assert settings.seed == before[0] and other.seed != before[1]

# While a job runs, and after it: progress, time left, the device, the object's settings.
settings.model = MODEL
job = jobs.start("generate", {"count": 64, "faces": 300, "model": MODEL}, part("runtime").launch())
assert job.text in draw(panels.MESHGPT_PT_generate) and "meshgpt.cancel" not in draw(status.MESHGPT_PT_status)
assert "meshgpt.complete" in draw(tools.MESHGPT_PT_complete), "the job of another panel in its place"
while job.first_face is None:
    job.update(0.2, block=True)
assert job.seconds_left() is None, "too early to tell"
job.started -= 10.0
assert job.seconds_left() > 0
while not job.finished and "left" not in job.text:
    job.update(0.2, block=True)
assert job.finished or "of about 19200 faces" in job.text, job.text
assert job.text in draw(status.MESHGPT_PT_status)
job.cancel()
job.wait()
job.close()
assert bpy.ops.meshgpt.generate(prompt="table", seed=4, model=MODEL) == {"FINISHED"}
seen = draw(*ALL)
assert {"4", "tiny", "meshgpt.regenerate", "meshgpt.more_like_this", "meshgpt.mark_asset"} <= set(seen), seen
assert "Ready for the next job" in seen and any(text.startswith("CPU") for text in seen)
assert bpy.ops.meshgpt.mark_asset() == {"FINISHED"} and "meshgpt.mark_asset" not in draw(panels.MESHGPT_PT_object)
jobs.set_problem(part("job_operator").MeshGPTError("It broke.", "Mend it."))
seen = draw(panels.MESHGPT_PT_generate)
assert {"It broke.", "Mend it.", "meshgpt.dismiss", "meshgpt.copy_log"} <= set(seen)

# A preset keeps how the panel is set, without what and which seed.
settings.prompt, settings.seed, settings.count, settings.temperature, settings.quads = "table", 9, 5, 0.5, True
assert bpy.ops.meshgpt.preset_add(name="Mine") == {"FINISHED"}
path = next(path for folder in bpy.utils.preset_paths("meshgpt") if (path := Path(folder) / "Mine.py").exists())
settings.prompt, settings.seed, settings.count, settings.quads = "tree", 8, 1, False
settings.reset_sampling()
bpy.utils.execfile(str(path))
assert (settings.prompt, settings.seed, settings.count, settings.quads) == ("tree", 8, 5, True)
assert settings.is_own("temperature") and settings.temperature == 0.5
done()
