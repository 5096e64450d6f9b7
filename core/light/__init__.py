# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generating with NumPy alone: a model works before PyTorch is set up, and one mesh at a time is faster this way.

A small model writes a face with some hundred small products, and what a processor spends on each is mostly the call.
NumPy's calls cost a fraction of PyTorch's, and rules for one mesh are plain sets. Training, GPUs, many meshes side by
side and learned tokenizers are PyTorch's. The same seed gives the same mesh, up to rounding; the tests compare.
"""
