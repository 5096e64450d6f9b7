# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m core`: the command line."""

import sys

from .cli import main

sys.exit(main())
