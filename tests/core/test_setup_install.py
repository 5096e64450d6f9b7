# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The set-up as a real process with a real pip: it ends with something that works, or with what worked before."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import MeshGPTError
from core.setup import store
from core.setup.machine import look
from core.setup.plan import make_plan
from tests.fake_index import Index, Server, network
from tests.fake_wheels import EXTRAS, NEEDED, make_wheel, make_wheels, real_packages

ROOT = Path(__file__).parents[2]
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from core.setup.install import main; main(sys.argv[2])"
PATIENCE = 300  # seconds; a busy machine needs tens of them

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="made for POSIX")


class SetUp:
    """One process; `events` are all it said."""

    def __init__(self, plan, boot=BOOT, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-u", "-c", boot, str(ROOT), json.dumps(plan.as_dict())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            start_new_session=True,
        )
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def end(self):
        """The last event, when the process has ended."""
        self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stdin.close()
        assert not group(self.process.pid), "processes were left behind"
        return self.events[-1]

    def text(self):
        return "\n".join(event["text"] for event in self.events if event["event"] == "log")


def group(leader):
    """The processes of a process group that still run (Linux)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == leader and state != "Z":
            found.append(stat.parent.name)
    return found


def plan_for(data, wheels, **changes):
    return dataclasses.replace(make_plan(look(), data, source="folder", wheels=wheels), **changes)


def run(data, wheels, **changes):
    setup = SetUp(plan_for(data, wheels, **changes))
    return setup, setup.end()


def imports(environment):
    """The torch that the environment's Python has."""
    boot = "import sys; sys.path[:0] = sys.argv[1:]; import torch; print(torch.__version__, torch.ones(2).sum().item())"
    command = [environment.python, "-I", "-c", boot, *([environment.packages] if environment.packages else [])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def left(data):
    """What lies in the folder of the set-up, but for its lock."""
    return sorted(path.name for path in store.root(data).iterdir() if path.name != "lock")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    return make_wheels(tmp_path_factory.mktemp("wheels") / "all", real_packages())


@pytest.fixture(scope="module")
def made(tmp_path_factory, wheels):
    data = tmp_path_factory.mktemp("made") / "data"
    setup, last = run(data, wheels)
    assert last["event"] == "result", (last, setup.text())
    return data


@pytest.fixture
def data(made, tmp_path):
    """A data folder with a working environment."""
    return Path(shutil.copytree(made, tmp_path / "data", symlinks=True))


def test_from_nothing_to_a_working_environment_and_away_again(tmp_path, wheels, index):
    import torch

    data = tmp_path / "data"
    with Server(index) as url:  # no network is used for a folder of wheels, whatever pip is set to
        pip = {"PIP_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": url, "PIP_FIND_LINKS": url, "PIP_NO_INDEX": "0"}
        setup = SetUp(plan_for(data, wheels), **pip)
        last = setup.end()
    assert last["event"] == "result", (last, setup.text())
    assert not index.visited.is_set()
    assert last["packages"]["torch"] == torch.__version__ and last["extras"] is True and last["warning"] == ""
    cpu = last["devices"][-1]
    assert cpu["id"] == "cpu" and cpu["failure"] == "" and "float32" in cpu["dtypes"]
    factors = [event["factor"] for event in setup.events if event["event"] == "progress"]
    assert factors == sorted(factors) and 0 <= factors[0] < factors[-1] <= 1

    used = store.current(data)
    assert imports(used) == [torch.__version__, "2.0"]
    assert left(data) == ["1", "current.json"]
    for path in (data, store.root(data), used.folder):
        assert path.stat().st_mode & 0o777 == 0o700

    # Again: the new one takes over, the old one goes when nobody needs it.
    _, last = run(data, wheels)
    assert last["event"] == "result" and store.current(data).folder.name == "2"
    store.sweep(data)
    assert left(data) == ["2", "current.json"] and imports(store.current(data))
    store.remove(data)
    assert left(data) == [] and store.current(data) is None


def test_what_does_not_work_never_comes_into_use(tmp_path, data):
    before = store.current(data)
    broken = {
        "raise OSError('libcudart.so.13: cannot open shared object file')": ("torch does not work", "libcudart"),
        "__version__ = '2.4.1'": ("torch does not work", "2.6 or newer"),
        "import os; os._exit(3)": ("without an answer", "exit code 3"),
    }
    for number, (code, words) in enumerate(broken.items()):
        folder = make_wheels(tmp_path / f"broken{number}", real_packages(), torch=code)
        setup, last = run(data, folder)
        assert last["event"] == "error" and all(word in last["message"] for word in words), (last, setup.text())
        assert "still in use" in last["hint"]
        assert store.current(data) == before and left(data) == ["1", "cache", "current.json"]
    assert imports(before)


def test_extras_that_fail_do_not_fail_the_rest(tmp_path):
    without = make_wheels(tmp_path / "without", real_packages(), extras=False)
    setup, last = run(tmp_path / "data", without)
    assert last["event"] == "result" and last["extras"] is False
    assert "no wheel of torch-geometric" in setup.text() and "Trying without" in setup.text()
    # there, but broken
    broken = make_wheels(tmp_path / "broken", real_packages(), torch_geometric="raise ImportError('torch_scatter')")
    _, last = run(tmp_path / "data", broken)
    assert last["event"] == "result" and last["extras"] is False


def test_a_missing_wheel_is_named(tmp_path):
    folder = make_wheels(tmp_path / "wheels", real_packages())
    next(folder.glob("safetensors-*")).unlink()
    _, last = run(tmp_path / "data", folder)
    assert last["event"] == "error" and "no wheel of safetensors" in last["message"] and "pip download" in last["hint"]
    assert left(tmp_path / "data") == ["cache"]


def test_a_python_that_cannot_make_environments(tmp_path, wheels):
    """Without venv, packages go to a folder, and the same Python runs them."""
    python = crippled(tmp_path, "-m venv")
    plan = plan_for(tmp_path / "data", wheels)
    setup = SetUp(plan, boot=BOOT.replace("from", f"sys.executable = {python!r}; from"))
    last = setup.end()
    assert last["event"] == "result", setup.text()
    used = store.current(tmp_path / "data")
    assert used.python == python and used.packages == str(used.folder / "packages")
    assert imports(used)[1] == "2.0" and (used.folder / "packages" / "einops").is_dir()

    nothing = BOOT.replace("from", "sys.executable = '/bin/false'; from")
    last = SetUp(plan, boot=nothing).end()
    assert last["event"] == "error" and store.current(tmp_path / "data") == used


def test_a_python_without_pip_gets_one_in_its_environment(tmp_path, wheels):
    python = crippled(tmp_path, "-m pip")
    setup = SetUp(plan_for(tmp_path / "data", wheels), boot=BOOT.replace("from", f"sys.executable = {python!r}; from"))
    assert setup.end()["event"] == "result", setup.text()
    used = store.current(tmp_path / "data")
    assert not used.packages and imports(used)[1] == "2.0"
    assert list(used.folder.glob("lib/*/site-packages/pip/__init__.py"))


def crippled(folder, lacks):
    """This Python, but for one of its modules."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *"{lacks}"*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_an_environment_whose_blender_is_gone_is_not_offered(tmp_path, data):
    used = store.current(data)
    pointer = store.root(data) / store.POINTER
    info = json.loads(pointer.read_text())
    pointer.write_text(json.dumps(info | {"base": str(tmp_path / "gone" / "python")}))
    assert store.current(data) is None
    for nonsense in ("", "[]", '{"folder": "../../etc"}', '{"folder": 1, "target": false, "base": 5}'):
        pointer.write_text(nonsense)
        assert store.current(data) is None
    pointer.write_text(json.dumps(info))
    assert store.current(data) == used
    store.check_private(data)
    pointer.chmod(0o666)
    with pytest.raises(MeshGPTError, match="Other users"):
        store.check_private(data)


# -- a network, on this machine ----------------------------------------------------------------------------------------


@pytest.fixture
def index(wheels):
    return type(
        "Here", (Index,), {"folder": wheels, "asked": [], "reached": threading.Event(), "visited": threading.Event()}
    )


def online(data, **changes):
    return dataclasses.replace(make_plan(look(), data, source="pip"), **changes)


def test_cancelled_half_way_then_resumed(data, index):
    before = store.current(data)
    with Server(index) as url:
        index.held = "safetensors"
        setup = SetUp(online(data), **network(url))
        assert index.reached.wait(PATIENCE), setup.text()
        setup.process.stdin.close()  # what Blender does to cancel, and what happens when Blender dies
        last = setup.end()
        assert (last["event"], last["kind"]) == ("error", "cancelled")
        assert store.current(data) == before and imports(before)
        assert left(data) == ["1", "cache", "current.json"]
        assert [name.split("-")[0] for name in index.asked] == ["torch", "numpy", "safetensors"]

        index.held = ""
        index.asked.clear()
        last = SetUp(online(data), **network(url)).end()
    assert last["event"] == "result" and store.current(data).folder.name == "2"
    fetched = [name.split("-")[0] for name in index.asked]
    assert "safetensors" in fetched and not {"torch", "numpy"} & set(fetched)  # those were kept
    store.sweep(data)
    assert left(data) == ["2", "current.json"]


def test_killed_half_way_the_next_one_cleans_up(tmp_path, wheels, index):
    data = tmp_path / "data"
    with Server(index) as url:
        index.held = "numpy"
        setup = SetUp(online(data), **network(url))
        assert index.reached.wait(PATIENCE), setup.text()
        os.killpg(setup.process.pid, 9)
        setup.end()
    assert store.current(data) is None and left(data) == ["1", "cache", "tmp"]
    assert run(data, wheels)[1]["event"] == "result"
    assert left(data) == ["1", "current.json"]


def test_one_set_up_at_a_time(tmp_path, wheels, index):
    data = tmp_path / "data"
    with Server(index) as url:
        index.held = "torch"
        first = SetUp(online(data), **network(url))
        assert index.reached.wait(PATIENCE), first.text()
        _, last = run(data, wheels)
        assert last["event"] == "error" and "Another Blender" in last["message"]
        with pytest.raises(MeshGPTError, match="Another Blender"):
            store.remove(data)
        first.process.stdin.close()
        assert first.end()["kind"] == "cancelled"
    with store.lock(data):
        assert left(data) == ["cache"]


def test_a_damaged_download_is_refused(tmp_path, index):
    with Server(index) as url:
        index.wrong = "einops"
        last = SetUp(online(tmp_path / "data"), **network(url)).end()
    assert last["event"] == "error" and "damaged" in last["message"]


def test_the_network_that_is_not_there(tmp_path):
    nobody = "http://127.0.0.1:9/simple"
    last = SetUp(online(tmp_path / "data"), **network(nobody, PIP_RETRIES="1")).end()
    assert last["message"] == "The network cannot be reached." and "folder of wheels" in last["hint"]
    through = network(
        "http://index.invalid/simple", PIP_PROXY="http://127.0.0.1:9", PIP_RETRIES="1", PIP_TRUSTED_HOST="index.invalid"
    )
    last = SetUp(online(tmp_path / "data"), **through).end()
    assert "proxy" in last["message"] and "HTTPS_PROXY" in last["hint"]
    assert not Path(tmp_path / "data" / "env" / "current.json").exists()


# -- the disk ----------------------------------------------------------------------------------------------------------


def test_too_little_space_is_refused_before_it_begins(tmp_path, wheels):
    _, last = run(tmp_path / "data", wheels, needed=10**15)
    assert last["event"] == "error" and "are free" in last["message"]
    assert not store.root(tmp_path / "data").exists()


def test_a_disk_that_becomes_full(tmp_path, wheels, made):
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip("this system lets nobody mount a disk")
    try:
        data = Path(shutil.copytree(made, disk / "data", symlinks=True))
        before = store.current(data)
        big = tmp_path / "big"
        shutil.copytree(wheels, big)
        make_wheel(big, "einops", "0.8.9", "", payload=30_000_000)
        _, last = run(data, big, needed=0)
        assert last["event"] == "error" and last["message"] == "The disk is full."
        assert store.current(data) == before and imports(before)
        assert shutil.disk_usage(disk).free > 10_000_000  # nothing of it stayed
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_data_folder_that_cannot_be_made(tmp_path, wheels):
    (tmp_path / "file").write_text("")
    _, last = run(tmp_path / "file" / "data", wheels)
    assert last["event"] == "error" and last["message"].endswith(".") and "Traceback" not in last["message"]


def test_the_wheels_stand_for_all_that_is_asked_for():
    asked = {name.split(">")[0].split("=")[0].replace("-", "_") for name in [*_plan_names()]}
    assert asked == set(NEEDED) | set(EXTRAS)


def _plan_names():
    plan = make_plan(look(), Path(), source="pip")
    return plan.requirements + plan.extras
