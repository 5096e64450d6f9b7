# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PyTorch without pain: what fits this machine, an environment for it in the data folder, and the proof that it works.

machine.py looks, plan.py decides, install.py does it in a process of its own, prove.py runs in the new Python, store.py
knows which environment is in use. Nothing but prove.py imports torch; Blender's own Python runs all the rest.
"""
