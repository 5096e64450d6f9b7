# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up PyTorch as a user does: refused offline, from a folder of wheels, generating, cancelling, removing."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import bpy
from _blender import MODEL, done, enable, part, refused

sys.path.append(str(Path(__file__).parents[3]))
from tests.fake_wheels import make_wheels  # noqa: E402

worker_python = os.environ.pop("MESHGPT_PYTHON")
data, wheels = Path(os.environ["MESHGPT_DATA_DIR"]), Path(os.environ["TMPDIR"]) / "wheels"
ask = "import sys; print(*sys.version_info[:2]); print(next(p for p in sys.path if p.endswith('site-packages')))"
version, packages = subprocess.run([worker_python, "-c", ask], text=True, capture_output=True).stdout.splitlines()
enable()
runtime, torch_setup, jobs = part("runtime"), part("torch_setup"), part("jobs")
setup = bpy.ops.meshgpt.set_up_torch
# Blender's own Python may have torch here: then there is nothing to miss, but the environment still comes first.
bare = runtime.find_python()

# Nothing is loaded unless Blender may use the network.
bpy.context.preferences.system.use_online_access = False
for source in ("PYTORCH", "PIP"):
    with refused("online access is off", "folder of wheels"):
        setup(source=source)
assert torch_setup.current() is None and not (data / "env").exists()
with refused("no PyTorch wheel", "pip download"):
    setup(source="FOLDER", wheels=str(data))
assert "no PyTorch wheel" in jobs.problem().message

with refused("MeshGPT has set up no PyTorch"):
    bpy.ops.meshgpt.remove_torch()
with refused(""):
    bpy.ops.meshgpt.cancel_set_up()

if version.split() != [str(number) for number in sys.version_info[:2]]:
    print("The packages of the worker's Python are not for Blender's: the rest needs both of one version")
    done()
    sys.exit()

# What does not work leaves nothing, and says what pip said.
make_wheels(wheels, packages, torch="raise ImportError('libtorch.so is missing')")
with refused("torch does not work", "libtorch.so is missing", "Copy Log"):
    setup(source="FOLDER", wheels=str(wheels))
assert runtime.find_python() == bare
assert "Successfully installed" in part("operators.setup").report_text()

# From a folder, without a network; then it generates.
make_wheels(wheels, packages)
assert setup(source="FOLDER", wheels=str(wheels)) == {"FINISHED"}
python, flags = runtime.find_python()
assert Path(python).is_relative_to(data / "env" / "1") and flags == ("-I",), python
assert jobs.problem() is None
assert bpy.ops.meshgpt.check_python() == {"FINISHED"} and jobs.hello()["executable"] == python
assert bpy.ops.meshgpt.generate(model=MODEL) == {"FINISHED"}
assert part("worker_client").current().launch.python == python

# Repair: made anew beside it; the worker of the old one ends, and its files go.
pid = part("worker_client").current()._process.pid
assert setup(source="FOLDER", wheels=str(wheels)) == {"FINISHED"}
assert not Path(f"/proc/{pid}").exists() or sys.platform != "linux"
assert Path(runtime.find_python()[0]).is_relative_to(data / "env" / "2") and not (data / "env" / "1").exists()
assert bpy.ops.meshgpt.generate(model=MODEL) == {"FINISHED"}

# Cancelled half-way: the one in use stays in use.
running = torch_setup.start(torch_setup.plan("auto", "folder", str(wheels)))
assert not setup.poll()
while not running.lines:
    running.update(0.2)
process = running._process
assert bpy.ops.meshgpt.cancel_set_up() == {"FINISHED"}
torch_setup.wait()
assert running.cancelled and running.error is None and torch_setup.current() is None and process.poll() is not None
assert Path(runtime.find_python()[0]).is_relative_to(data / "env" / "2") and not (data / "env" / "3").exists()

# A process that dies is an error, not a wait.
running = torch_setup.start(torch_setup.plan("auto", "folder", str(wheels)))
threading.Timer(1.0, running._process.kill).start()
torch_setup.wait()
assert "unexpectedly" in running.error.message and "unexpectedly" in jobs.problem().message

# Switching the extension off ends it.
running = torch_setup.start(torch_setup.plan("auto", "folder", str(wheels)))
while not running.lines:
    running.update(0.2)
start = time.monotonic()
torch_setup.unregister()
assert running._process.poll() is not None and torch_setup.current() is None and time.monotonic() - start < 60
torch_setup.register()

assert bpy.ops.meshgpt.remove_torch() == {"FINISHED"}
assert runtime.find_python() == bare and sorted(path.name for path in (data / "env").iterdir()) == ["lock"]
assert (data / "logs").stat().st_mode & 0o777 == data.stat().st_mode & 0o777 == 0o700 or sys.platform == "win32"
done()
