# Everything here works from a clean clone with make and Python 3.11 (Blender 5.0 as a module) or 3.13 (Blender 5.2).

PYTHON ?= $(shell for p in python3.11 python3.13 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 13)))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TORCH ?= torch==2.13.0
# An installed Blender for `demo`, `extension` and `test-desktop`; without it the bpy module in $(VENV) is used.
BLENDER ?=
export BLENDER

# Threads that spin while they wait take the processor from Blender, and from each other on small machines.
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MESHGPT_PYTHON ?= $(abspath $(PY))

# The Blenders of `test-blenders`: those whose bpy module exists for this Python. bpy 4.2 does not say that it needs NumPy 1.
ifeq ($(shell $(PYTHON) -c 'import sys; print(sys.version_info[1])'),11)
BPY_VERSIONS ?= 4.2 4.5 5.0
BPY_NUMPY := "numpy<2"
else
BPY_VERSIONS ?= 5.1 5.2
endif

.DEFAULT_GOAL := help
.PHONY: help venv models demo test test-peer test-blenders test-desktop extension bench lint format clean

help:
	@echo "make venv           the Python environment the other targets use"
	@echo "make models         train the models again (DATA=/path/to/archives), resumable; see docs/DEVELOPMENT.md"
	@echo "make demo           build, install and run the extension: out/demo.blend, out/demo.png"
	@echo "make test           all tests that need neither GPU nor display"
	@echo "make test-peer      compare with meshgpt-pytorch, in an environment of its own"
	@echo "make test-blenders  the extension in the bpy modules of several Blender versions"
	@echo "make test-desktop   the extension in a real Blender window (BLENDER=/path/to/blender)"
	@echo "make extension      dist/meshgpt-<version>.zip"
	@echo "make bench          measure, print a table, write out/bench.json"
	@echo "make lint           ruff, check and format"

venv: $(READY)

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.13 is needed and was not found. Name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(READY): requirements.txt | $(PY)
	$(PY) -m pip install --quiet "$(TORCH)"
	$(PY) -m pip install --quiet "$(TORCH)" -r requirements.txt
	@touch $@

demo: venv
	$(PY) tools/demo.py --out out

# Where the archives of meshes lie, where the runs go (hours of work: keep it), and on which device.
DATA ?=
WORK ?= .data
DEVICE ?= auto
models: venv
	@test -n "$(DATA)" || { echo "Name the folder with the archives of meshes: make models DATA=/path/to/folder"; exit 1; }
	$(PY) tools/make_models.py --data "$(DATA)" --work "$(WORK)" --device "$(DEVICE)"

extension: venv
	$(PY) tools/build_extension.py --out dist

test: venv
	$(PY) -m pytest -q -m "not gpu"

PEER := .venv-peer/bin/python
# These two, and nothing that they ask for beyond requirements.txt: open_clip brings a torch of its own.
PEER_PACKAGES := meshgpt-pytorch==1.8.1 classifier-free-guidance-pytorch==0.7.1

.venv-peer/.ready: tests/peer/requirements.txt
	$(PYTHON) -m venv .venv-peer
	$(PEER) -m pip install --quiet "$(TORCH)"
	$(PEER) -m pip install --quiet "$(TORCH)" -r tests/peer/requirements.txt
	$(PEER) -m pip install --quiet --no-deps $(PEER_PACKAGES)
	@touch $@

test-peer: .venv-peer/.ready
	$(PEER) -m pytest -q -rs -W ignore tests/peer

# One environment per Blender, with the bpy module and nothing else: the worker runs in $(VENV).
.venv-%/.ready: | $(PY)
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet "bpy==$*.*" $(BPY_NUMPY)
	@touch $@

test-blenders: venv $(BPY_VERSIONS:%=.venv-%/.ready)
	BPY_PYTHONS="$(BPY_VERSIONS:%=$(CURDIR)/.venv-%/bin/python)" $(PY) -m pytest -q tests/extension

test-desktop: venv
	@test -n "$(BLENDER)" || { echo "Name the Blender to test: make test-desktop BLENDER=/path/to/blender"; exit 1; }
	BLENDER="$(BLENDER)" bash tests/desktop/run.sh

bench: venv
	$(PY) -m benchmarks --out out/bench.json

lint: venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: venv
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf out dist .pytest_cache .ruff_cache .hypothesis
