# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No network without a button: enabling, generating, reconstructing and disabling connect to nothing, in no process.

An audit hook sees each call in Python that connects, listens, or asks for the address of a name. In Blender's process
it is here; a small program that stands for the worker's Python brings it there.
"""

import os
from pathlib import Path

HOOK = """
import os, sys
def hook(event, arguments):
    watched = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
               "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request", "http.client.connect")
    if event in watched:
        with open({seen!r}, "a") as file:
            file.write(f"{{os.getpid()}} {{event}} {{arguments}}\\n")
sys.addaudithook(hook)
"""
seen = Path(os.environ["TMPDIR"]) / "connections"
exec(HOOK.format(seen=str(seen)))

import bpy  # noqa: E402
from _blender import MODEL, done, enable, part  # noqa: E402

# A Python that does what it is asked to, `-c CODE ARGUMENTS`, under the hook.
stand_in = Path(os.environ["TMPDIR"]) / "python"
stand_in.write_text(
    f"#!{os.environ['MESHGPT_PYTHON']}\n{HOOK.format(seen=str(seen))}\n"
    "at = sys.argv.index('-c')\ncode, sys.argv = sys.argv[at + 1], ['-c', *sys.argv[at + 2 :]]\n"
    "exec(compile(code, '<worker>', 'exec'))\n"
)
stand_in.chmod(0o755)
os.environ["MESHGPT_PYTHON"] = str(stand_in)

bpy.context.preferences.system.use_online_access = True  # that it may is no reason to
enable()
assert bpy.ops.meshgpt.check_python() == {"FINISHED"}
assert bpy.ops.meshgpt.generate(prompt="table", model=MODEL) == {"FINISHED"}
assert bpy.ops.meshgpt.reconstruct(model=MODEL) == {"FINISHED"}
part("torch_setup").plan("auto", "pytorch", "")  # the dialog shows the plan; nothing is asked of the index for it
part("operators.setup").report_text()
assert bpy.ops.meshgpt.free_memory() == {"FINISHED"}
done()
assert not seen.exists(), seen.read_text()

# The hook does see, here and there.
import socket  # noqa: E402
import subprocess  # noqa: E402

with socket.socket() as probe:
    probe.connect_ex(("127.0.0.1", 9))
subprocess.run([stand_in, "-c", "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"], check=True)
assert len({line.split()[0] for line in seen.read_text().splitlines()}) == 2
print("DONE", flush=True)
