# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a new environment before it comes into use: everything is imported, and every device has to compute.

Prints one line of JSON. Whatever anything else prints goes to standard error.
"""

import json
import os
import sys
from typing import Any

from ..environment import broken_extras, import_check, list_devices, set_threads


def prove() -> dict[str, Any]:
    """Versions, problems by package, what is missing of the extras, and the devices with what they can do."""
    versions, problems = import_check()
    extras = broken_extras()
    devices: list[dict[str, Any]] = []
    if not problems:
        from ..devices import failure, usable_dtypes

        set_threads()
        for found in list_devices():
            reason = failure(found.id)
            able = [] if reason else usable_dtypes(found.id)
            devices.append({**found.as_dict(), "failure": reason, "dtypes": able})
    return {"packages": versions, "problems": problems, "extras": extras, "devices": devices}


def main() -> None:
    sink = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    print(json.dumps(prove()), file=sink, flush=True)


if __name__ == "__main__":
    main()
