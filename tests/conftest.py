# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of all tests."""

from hypothesis import settings

# Time limits on single examples fail on busy machines without telling anything.
settings.register_profile("meshgpt", deadline=None, max_examples=60)
settings.load_profile("meshgpt")
