# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole faces by one kernel: each mesh is a block of threads on a GPU, which goes through all of a face by itself.

A face takes some 1,500 kernels when PyTorch launches them one after another, and waiting for them is what it costs.
Here it takes none of its own: the threads of a block wait for each other, some 160 times a face, and a launch writes
several faces of all meshes. The source is compiled where it runs, for the sizes of the model (`compiler`), and has
another life on a processor, where the tests compare it with `generation.Sampler`.
"""
