# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All readers on a hundred inputs each that are nearly sound: a value, or one sentence. `tools/fuzz.py` runs the same
targets for as long as one likes, led by the code that inputs reach.
"""

import random

import pytest

from core import MeshGPTError
from tools.fuzz import TARGETS, mutated, seeds

RUNS = 100


@pytest.mark.parametrize("target", TARGETS)
def test_nearly_sound_input_gives_a_value_or_a_sentence(target: str) -> None:
    rng, read = random.Random(target), 0
    sound = seeds(target)
    for number in range(RUNS):
        content = sound[number] if number < len(sound) else mutated(rng.choice(sound), rng)
        try:
            TARGETS[target](content)
            read += 1
        except MeshGPTError as error:
            assert number >= len(sound), f"a sound input was refused: {error}"
            assert error.message.endswith(".") and str(error).isprintable() and len(error.message) <= 400
    assert len(sound) <= read < RUNS or target == "line"
