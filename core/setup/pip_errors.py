# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong in pip, in one sentence: its own output runs to pages, and the reason stands in the middle."""

import re

from ..errors import MeshGPTError

LOG = "Copy Log has pip's own words."
AGAIN = "What was loaded completely is kept: Set Up PyTorch again goes on from there."

# The first that is found counts, so causes stand before their consequences ("no matching distribution").
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"No space left on device|Errno 28|WinError 112|not enough space on the disk|Disk quota exceeded",
        "The disk is full.",
        f"Free some space, or choose another data folder in the preferences of MeshGPT. {AGAIN}",
    ),
    (
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed|407 Proxy",
        "The proxy between this computer and the network refused the connection.",
        'Set the proxy for pip (HTTPS_PROXY, or "proxy" in pip\'s settings), then try again.',
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed",
        "The certificate of the server could not be checked.",
        "Check the clock of this computer. Where a company's proxy reads the traffic, name its certificate in pip's "
        'settings ("cert").',
    ),
    (
        r"NewConnectionError|Failed to establish a new connection|getaddrinfo failed|Name or service not known"
        r"|Temporary failure in name resolution|Network is unreachable|NameResolutionError|Connection refused",
        "The network cannot be reached.",
        f"Connect this computer, or set up from a folder of wheels. {AGAIN}",
    ),
    (
        r"Read timed out|ReadTimeout|ConnectTimeout|Connection broken|IncompleteRead|Connection reset"
        r"|RemoteDisconnected",
        "The connection broke off.",
        f"Try again. {AGAIN}",
    ),
    (
        r"DO NOT MATCH THE HASHES|BadZipFile|is an invalid wheel|has an invalid wheel|bad magic number",
        "A downloaded file is damaged.",
        "Try again; if it happens again, use Remove first, which also deletes what pip has kept.",
    ),
    (
        r"Permission denied|Errno 13|WinError 5\b|Access is denied",
        "The data folder cannot be written.",
        "Choose another one in the preferences of MeshGPT. On Windows, a virus scanner may hold the files.",
    ),
    (
        r"No module named pip",
        "This Python has no pip, which installs packages.",
        "Install it there (on Debian and Ubuntu: python3-venv), or choose an Existing Python in the preferences.",
    ),
)
_NETWORK = (
    "The disk is full.",
    "The proxy between",
    "The certificate of",
    "The network cannot",
    "The connection broke",
    "The data folder",
)


def explain(output: str, code: int, wheels: str = "") -> MeshGPTError:
    """The error that pip's output means; `wheels` is the folder that packages were to come from, if any."""
    cause = known_cause(output)
    if cause is not None:
        return cause
    missing = re.search(r"No matching distribution found for ([^\s(]+)", output)
    if missing and wheels:
        return MeshGPTError(
            f'The folder "{wheels}" has no wheel of {missing[1]} for this Python and system.',
            "Fill it with pip download on a computer with the same system, for the same version of Python.",
        )
    if missing:
        return MeshGPTError(
            f"No package {missing[1]} was found for this Python and system.", f"Try another build or source. {LOG}"
        )
    if re.search(r"ResolutionImpossible|conflicting dependencies", output):
        return MeshGPTError("The packages that were found do not fit each other.", LOG)
    errors = [line.strip() for line in output.splitlines() if re.match(r"\s*ERROR: ", line)]
    reason = errors[-1].removeprefix("ERROR: ") if errors else f"exit code {code}"
    return MeshGPTError(f"pip could not install the packages: {reason[:200].rstrip('.')}.", LOG)


def known_cause(text: str) -> MeshGPTError | None:
    """The error that a text names, when it is one of disk, network, rights or a damaged file."""
    found = (MeshGPTError(message, hint) for pattern, message, hint in _CAUSES if re.search(pattern, text))
    return next(found, None)


def without_extras_may_work(error: MeshGPTError) -> bool:
    """Whether the cause may be one of the optional packages, rather than disk or network."""
    return not error.message.startswith(_NETWORK)
