# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pip's words become one sentence and what to do. test_setup_install.py brings a real pip to some of them."""

import pytest

from core.setup.pip_errors import explain, known_cause, without_extras_may_work

# Shortened from what pip prints.
CASES = [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full", False),
    ("OSError: [WinError 112] There is not enough space on the disk", "disk is full", False),
    (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError('<HTTPSConnection object>"
        ": Failed to establish a new connection: [Errno -2] Name or service not known')'\n"
        "ERROR: Could not find a version that satisfies the requirement torch==2.13.0\n"
        "ERROR: No matching distribution found for torch==2.13.0",
        "network cannot be reached",
        False,
    ),
    (
        "after connection broken by 'ProxyError('Cannot connect to proxy.', NewConnectionError('refused'))'",
        "proxy",
        False,
    ),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self signed')", "certificate", False),
    ("ReadTimeoutError: HTTPSConnectionPool(host='index', port=443): Read timed out.", "broke off", False),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "damaged", True),
    ("ERROR: Could not install packages: [WinError 5] Access is denied: 'C:\\\\x'", "cannot be written", False),
    ("/usr/bin/python3: No module named pip", "has no pip", True),
    ("ERROR: No matching distribution found for einops<1,>=0.8 (from x)", "No package einops<1,>=0.8 was found", True),
    ("ERROR: ResolutionImpossible: for help visit", "do not fit each other", True),
    ("ERROR: Something else.\nWARNING: more", "could not install the packages: Something else.", True),
    ("", "exit code 7", True),
]


@pytest.mark.parametrize(("output", "words", "extras"), CASES, ids=[case[1] for case in CASES])
def test_one_sentence_and_a_way_out(output, words, extras):
    error = explain(output, 7)
    assert words in error.message and error.message.count(". ") == 0 and error.message.endswith(".") and error.hint
    assert without_extras_may_work(error) is extras


def test_a_folder_is_named():
    error = explain("ERROR: No matching distribution found for einops<1,>=0.8", 1, wheels="/media/stick")
    assert '"/media/stick" has no wheel of einops' in error.message and "pip download" in error.hint


def test_what_is_no_known_cause_is_not_guessed():
    assert known_cause("[Errno 20] Not a directory") is None
    assert known_cause("[Errno 13] Permission denied: '/data'") is not None
