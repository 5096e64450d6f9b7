# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: times, and ratios of two ways measured side by side in one run, which hold on other machines too."""
