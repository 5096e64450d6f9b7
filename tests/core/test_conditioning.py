# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions: words known and unknown, face counts, and leaving them out."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from core.conditioning import Conditions, PrefixConditions
from core.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["box", "chair", "glass", "table", "wooden"], buckets=512)


def prefix() -> PrefixConditions:
    torch.manual_seed(0)
    return PrefixConditions(16, VOCABULARY)


def words(prompts: list[str]) -> torch.Tensor:
    return torch.from_numpy(VOCABULARY.encode(prompts))


@given(st.text(max_size=60))
def test_any_text_is_a_prompt(text: str) -> None:
    ids = VOCABULARY.encode([text])
    assert ids.shape == (1, VOCABULARY.max_words, VOCABULARY.max_pieces)
    assert 0 <= int(ids.min()) and int(ids.max()) < VOCABULARY.size


def test_what_carries_no_meaning_changes_nothing() -> None:
    a, b = VOCABULARY.encode(["A wooden   TABLE!", "wooden table"])
    assert (a == b).all()


def test_plurals_are_their_singulars() -> None:
    for prompt, word in [("chairs", "chair"), ("boxes", "box"), ("glasses", "glass"), ("glass", "glass")]:
        assert VOCABULARY.meant(prompt) == word
    assert VOCABULARY.pieces("tables")[0] == VOCABULARY.pieces("table")[0]


def test_unseen_words_are_read_as_the_nearest_known_one() -> None:
    for word, meant in [
        ("armchair", "chair"),
        ("crate", "box"),
        ("desk", "table"),
        ("chiar", "chair"),
        ("tabel", "table"),
    ]:
        assert VOCABULARY.meant(word) == meant
        assert VOCABULARY.pieces(word) == VOCABULARY.pieces(meant)
        assert VOCABULARY.pieces(word, known=False) != VOCABULARY.pieces(word)
    assert VOCABULARY.understood("an old wooden desk") == "old wooden table"


def test_words_near_nothing_are_read_by_their_letters() -> None:
    assert VOCABULARY.meant("democracy") is None and Vocabulary().meant("couch") is None
    quirk, quirks, other = (set(VOCABULARY.pieces(word)) for word in ("zorblax", "zorblaxes", "mivvent"))
    assert len(quirk & quirks) > len(quirk & other)
    assert VOCABULARY.understood("democracy") == "democracy"


def test_the_head_noun_survives_a_long_prompt() -> None:
    long = VOCABULARY.encode(["one two three four five six seven eight chair"])
    assert (long == VOCABULARY.pieces("chair")[0]).any()


def test_word_order_and_every_word_matter() -> None:
    module = prefix()
    prompts = ["wooden table", "table wooden", "table", "chair", ""]
    tokens = module(Conditions(words(prompts), torch.zeros(5)))
    assert tokens.shape == (5, module.length, 16)
    for i in range(5):
        for j in range(i):
            assert not torch.allclose(tokens[i], tokens[j], atol=1e-4)


def test_face_counts_are_told_apart_smoothly() -> None:
    module = prefix()
    counts = torch.tensor([0.0, 4.0, 100.0, 104.0, 400.0])
    tokens = module(Conditions(words([""] * 5), counts))[:, -2]
    near, far = (tokens[2] - tokens[3]).norm(), (tokens[2] - tokens[4]).norm()
    assert 0 < near < far and (tokens[0] - tokens[2]).norm() > 0


def test_dropping_a_condition_equals_never_having_had_it() -> None:
    module = prefix()
    asked = Conditions(words(["table", "chair"]), torch.tensor([10.0, 20.0]))
    expected = Conditions(words(["", ""]), torch.tensor([10.0, 20.0]))
    assert torch.equal(module(asked.only(["faces"])), module(expected))
    nothing = Conditions(words(["", ""]), torch.zeros(2))
    assert torch.equal(module(asked.without()), module(nothing))
