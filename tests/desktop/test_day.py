# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A day from a fresh profile, by mouse and keyboard alone: install the zip with Install from Disk, generate and watch,
cancel, undo, regenerate, complete a selection, retopologize a dense mesh with two materials, mark as asset.

Nothing is set or called from Python, it only looks. Places of menus and titles are those of Blender 5.2 in a window of
1600 x 900. The pictures are the handbook's. Run by tests/desktop/run.sh, which does not install the extension for it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.meshgpt"
PANELS = ("Generate", "Complete", "Reconstruct", "Retopologize")
HEADER = 27  # pixels from one closed panel to the next
DENSE = Path("/opt/meshgpt-dense/fish.obj")  # where run.sh puts it, if it has it


def part(name):
    """A module of the running add-on."""
    return sys.modules[f"{MODULE}.meshgpt_blender.{name}"]


def test(rig):
    yield 1.0
    # Blender knows where its windows are, also beside the title bars of a window manager.
    rig.to_root = lambda x, y: (rig.window.x + x, 899 - rig.window.y - y)
    yield from _install(rig)
    area, region = yield from _tab(rig)
    yield from _generate(rig, area, region)
    yield from _cancel(rig, area)
    yield from _again(rig, area, region)
    yield from _complete(rig, area, region)
    yield from _retopologize(rig, area, region)


def _install(rig):
    """Edit > Preferences > Add-ons > Install from Disk."""
    downloads = _folder()
    shutil.copy(max(Path("/project/out/desktop").glob("meshgpt-*.zip")), downloads)
    yield from rig.press(70, 863)
    yield 0.5
    yield from rig.key("p")
    yield from rig.wait(lambda: len(_windows()) == 2, 10, "the preferences")
    yield 0.5
    rig.win = 1
    yield from rig.press(45, 330)
    yield 0.5
    region = rig.region(rig.area("PREFERENCES"), "WINDOW")
    yield from rig.press(region.x + region.width - 18, region.y + region.height - 17)
    yield 0.5
    yield from rig.shot("01_install")
    yield from rig.key("i")
    yield from rig.wait(lambda: len(_windows()) == 3, 10, "the file browser")
    yield 0.5
    rig.win = 2
    yield from _choose_file(rig, downloads, "02_chosen")
    yield from rig.wait(lambda: MODULE in sys.modules, 120, "the extension")
    yield 1.0
    rig.win = 1
    yield from rig.shot("03_installed")
    yield from rig.key("alt+F4")
    yield from rig.wait(lambda: len(_windows()) == 1, 10, "the preferences to close")
    rig.win = 0


def _folder():
    """An empty one, which the first file in it stands at the top of."""
    folder = Path(tempfile.mkdtemp()) / "downloads"
    folder.mkdir()
    return folder


def _choose_file(rig, folder, picture=""):
    """In the file browser: type the folder, click the first file, click the button."""
    area = rig.area("FILE_BROWSER")
    top, files, bottom = (rig.region(area, kind) for kind in ("UI", "WINDOW", "EXECUTE"))
    yield from rig.press(top.x + 250, top.y + 20)
    yield from rig.key("ctrl+a")
    yield from rig.type(f"{folder}/")
    yield from rig.key("Return")
    yield 1.0
    yield from rig.press(files.x + 60, files.y + 60)  # beside the files, which ends typing
    yield 0.5
    yield from rig.press(files.x + 60, files.y + files.height - 30)
    if picture:
        yield from rig.shot(picture)
    yield from rig.press(bottom.x + bottom.width - 70, bottom.y + 20)


def _windows():
    return bpy.context.window_manager.windows


def _tab(rig):
    """N over the viewport, and the last tab."""
    area = rig.area()
    view = rig.region(area, "WINDOW")
    yield from rig.move(view.x + view.width // 2, view.y + 60)
    yield from rig.key("n")
    yield 1.0
    region = rig.region(area, "UI")
    yield from rig.press(region.x + region.width - 8, region.y + region.height - 215)
    yield 0.5
    return area, region


def _turn(rig, region, name):
    """A click on the title of a panel opens or closes it; all above it have to be closed."""
    yield from rig.press(region.x + 60, region.y + region.height - 15 - HEADER * PANELS.index(name))
    yield 0.8


def _over_view(rig, area):
    view = rig.region(area, "WINDOW")
    yield from rig.move(view.x + view.width // 3, view.y + view.height // 3)


def _names():
    return set(bpy.data.objects.keys())


def _idle():
    return part("jobs").current() is None


def _generate(rig, area, region):
    """The cube goes; then a prompt and the button. It grows, and stands at the cursor."""
    yield from _over_view(rig, area)
    yield from rig.key("Delete")
    yield 0.5
    assert "Cube" not in _names()
    before = _names()
    yield from rig.fill("meshgpt.prompt", "table", area, region)
    yield from rig.click("meshgpt.generate(", area, region)
    yield from rig.wait(lambda: _idle() or sum(part("jobs").current().face_counts.values()) > 40, 60, "faces")
    yield from rig.shot("04_growing", 0.1)
    yield from rig.wait(lambda: _idle() and _names() != before, 120, "the mesh")
    yield 0.5
    assert part("jobs").problem() is None and len(_names() - before) == 1, _names() - before
    yield from rig.shot("05_generated")


def _cancel(rig, area):
    """Many are asked for, Escape stops them; then one undo takes the first mesh back, and redo returns it."""
    before = _names()
    yield from rig.fill("meshgpt.count", "50")
    yield from rig.click("meshgpt.generate(")
    yield from rig.wait(lambda: not _idle() and sum(part("jobs").current().face_counts.values()) > 100, 60, "faces")
    yield from rig.shot("06_many")
    yield from _over_view(rig, area)
    yield from rig.key("Escape")
    yield from rig.wait(_idle, 5, "the job to stop")
    assert _names() == before
    yield from rig.fill("meshgpt.count", "1")
    yield from _over_view(rig, area)
    for _ in range(4):  # the numbers that were typed are steps of their own
        yield from rig.key("ctrl+z")
        yield 0.5
        if _names() != before:
            break
    assert len(before - _names()) == 1, (before, _names())
    yield from rig.key("ctrl+shift+z")
    yield 0.5
    assert _names() == before


def _again(rig, area, region):
    """Regenerate, from the object's own panel: the same mesh as a new object, beside the first."""
    name, before = bpy.context.active_object.name, _names()
    yield from rig.click("meshgpt.regenerate(")
    yield from rig.wait(lambda: _idle() and _names() != before, 120, "the mesh")
    yield 0.5
    first, second = bpy.data.objects[name], bpy.context.active_object
    assert json.loads(first["meshgpt"])["seed"] == json.loads(second["meshgpt"])["seed"]
    assert len(first.data.polygons) == len(second.data.polygons) and first != second
    assert second.location.x - first.location.x > 2 and second.location.yz == first.location.yz
    yield from rig.shot("07_regenerated")


def _complete(rig, area, region):
    """In Edit Mode, seen from the front: a box selects what lies below, which is kept. Flip the variants, keep one."""
    view = rig.region(area, "WINDOW")
    yield from _over_view(rig, area)
    yield from rig.key("KP_1", "KP_Decimal", "Tab", "3", "alt+z", "alt+a")
    yield 1.0
    middle = view.y + view.height // 2
    yield from _drag(rig, (view.x + 90, middle), (region.x - 20, view.y + 20))
    yield 0.5
    for name in ("Generate", "Complete"):
        yield from _turn(rig, region, name)
    yield from rig.shot("08_selected")
    before = _names()
    yield from rig.fill("meshgpt_complete.prompt", "table")
    yield from rig.click("meshgpt.complete(")
    yield from rig.wait(lambda: _idle() and _names() != before, 200, "the completion")
    yield 0.5
    made = bpy.context.active_object
    first = made.data
    assert len(made.meshgpt_variants) > 1, "there is nothing to flip through"
    yield from _sweep(rig, area, region, "flip_variant(step=1)", 138)
    assert made.data != first
    yield from rig.shot("09_completed")
    yield from _sweep(rig, area, region, "keep_variant(", 210)
    assert not made.meshgpt_variants


def _sweep(rig, area, region, wanted, x):
    """Click a button beside the middle, where the rig does not look."""
    for y in range(region.y + region.height - 40, region.y, -8):
        yield from rig.move(region.x + x, y)
        if wanted in rig.hovered(area, region):
            yield from rig.press(region.x + x, y - 2)
            yield 0.5
            return
    raise AssertionError(f"no {wanted}")


def _drag(rig, start, end, button="1"):
    yield from rig.move(*start)
    _input("mousedown", button)
    yield 0.1
    for step in range(1, 6):
        yield from rig.move(*(int(a + (b - a) * step / 5) for a, b in zip(start, end, strict=True)))
    _input("mouseup", button)
    yield 0.3


def _turn_view(rig, area):
    """With the middle button, from the front to the side and above."""
    view = rig.region(area, "WINDOW")
    x, y = view.x + view.width // 3, view.y + view.height // 2
    yield from _drag(rig, (x, y), (x + 110, y - 70), "2")
    yield 0.5


def _retopologize(rig, area, region):
    """File > Import, an .obj of a dense scan with two materials; the panel, the button, the asset."""
    if not DENSE.is_file():
        rig.note(f"skipped: no dense scan at {DENSE}")
        return
    folder = _folder()
    _write_scan(folder)
    before = _names()
    for x, y in ((42, 863), (75, 578), (315, 557)):  # File, Import, Wavefront
        yield from rig.press(x, y)
        yield 0.5
    yield from rig.wait(lambda: len(_windows()) == 2, 10, "the file browser")
    yield 0.5
    rig.win = 1
    yield from _choose_file(rig, folder)
    yield from rig.wait(lambda: _names() != before, 60, "the scan")
    rig.win = 0
    source = bpy.context.active_object
    rig.note(f"{source.name}: {len(source.data.polygons)} faces, {[m.name for m in source.data.materials]}")
    yield from _over_view(rig, area)
    yield from rig.key("alt+z", "KP_Decimal")
    yield from _turn_view(rig, area)
    for name in ("Complete", "Retopologize"):
        yield from _turn(rig, region, name)
    yield from rig.fill("meshgpt_retopologize.faces", "500")
    yield from rig.shot("10_dense")
    before = _names()
    yield from rig.click("meshgpt.retopologize(")
    yield from rig.wait(lambda: _idle() or sum(part("jobs").current().face_counts.values()) > 300, 200, "faces")
    yield from rig.shot("11_running", 0.1)
    yield from rig.wait(lambda: _idle() and _names() != before, 400, "the low-poly mesh")
    yield 1.0
    made = bpy.context.active_object
    found = json.loads(made["meshgpt"])
    rig.note(f"{found}")
    assert {material.name for material in made.data.materials} == {"Scales", "Fins"} and found["faces_out"] <= 600
    assert len({polygon.material_index for polygon in made.data.polygons}) == 2
    assert found["mean_error_share"] < 0.02, "whatever the model makes, what stands there follows the scan"
    yield from rig.shot("12_retopologized")
    yield from _turn(rig, region, "Retopologize")
    yield from rig.click("meshgpt.mark_asset(")
    yield from rig.wait(lambda: made.asset_data is not None, 30, "the asset")
    yield from rig.shot("13_asset")


def _write_scan(folder):
    """The dense mesh with a material for its front and one for its back."""
    lines = DENSE.read_text().splitlines()
    places = [float(line.split()[1]) for line in lines if line.startswith("v ")]
    middle, front, back = (min(places) + max(places)) / 2, [], []
    for line in lines:
        if line.startswith("f "):
            first = places[int(line.split()[1].split("/")[0]) - 1]
            (front if first < middle else back).append(line)
    points = [line for line in lines if not line.startswith(("f ", "usemtl", "mtllib", "o ", "g "))]
    text = ["mtllib paint.mtl", "o Scan", *points, "usemtl Scales", *front, "usemtl Fins", *back]
    (folder / "dense.obj").write_text("\n".join(text))
    (folder / "paint.mtl").write_text("newmtl Scales\nKd 0.2 0.5 0.7\nnewmtl Fins\nKd 0.8 0.4 0.1\n")


def _input(*words):
    subprocess.run(["xdotool", *words], check=True, timeout=30)
