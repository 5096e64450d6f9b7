# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words the model never saw: synonyms, plurals, misspellings, compounds, nonsense.

`prompt_words.txt` holds the words of a model's training prompts; `synonyms.txt` has an unseen word a line, and after
the colon all of those words that answer it well.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.words import LEAST, TABLE, WordTable, _edit_distance

HERE = Path(__file__).parent
KNOWN = tuple((HERE / "prompt_words.txt").read_text().split())
SYNONYMS = {
    word: set(answers.split())
    for word, answers in (line.split(":") for line in (HERE / "synonyms.txt").read_text().splitlines())
}
# Real words that no mesh shows, and strings that are no words.
ABSTRACT = """
justice tuesday because philosophy obama microsoft democracy happiness theorem inflation although yesterday grammar
belief parliament thirteen percent jealous forgive politics algebra semantics paragraph doctrine lyrics psychology
marriage ambition hypothesis sincerely election wikipedia david susan arabic linguistics tax insurance economy
apology wisdom therefore whom moreover nineteen infinite probability rumor jazz soprano verb adjective salary treaty
senator honesty gratitude boredom february decade regret suffrage ideology capitalism
""".split()
NONSENSE = "xq zzzz qwertyuiop asdfghjkl bzzrt xkcdxkcd aaaaaaaa hjkl wvwvwvwvwv ghtyrbnm".split()
MISSPELLED = {
    "chiar": "chair",
    "tabel": "table",
    "mushrom": "mushroom",
    "muhsroom": "mushroom",
    "lampp": "lamp",
    "bulding": "building",
    "buidling": "building",
    "fense": "fence",
    "flowr": "flower",
    "windwo": "window",
    "umbrela": "umbrella",
    "skeletn": "skeleton",
    "watrefall": "waterfall",
    "strawbery": "strawberry",
    "brocolli": "broccoli",
    "barel": "barrel",
    "castel": "castle",
    "rokcet": "rocket",
    "chairrs": "chair",
    "helicoptr": "aircraft",
    "bycicle": "wheel",
}


@pytest.fixture(scope="module")
def table() -> WordTable:
    return WordTable.load()


def nearest(table: WordTable, word: str) -> str | None:
    found = table.nearest(word, KNOWN)
    return found[0] if found else None


def test_synonyms_are_found(table: WordTable) -> None:
    assert len(SYNONYMS) >= 150 and not set(SYNONYMS) & set(KNOWN)
    assert all(answers <= set(KNOWN) for answers in SYNONYMS.values())
    hits = [nearest(table, word) in answers for word, answers in SYNONYMS.items()]
    assert np.mean(hits) >= 0.8


@pytest.mark.parametrize(
    ("word", "expected"),
    [("couch", "sofa"), ("automobile", "car"), ("spaceship", "spaceship"), ("cottage", "house"), ("huge", "big")],
)
def test_what_people_ask_for_first(table: WordTable, word: str, expected: str) -> None:
    assert nearest(table, word) == expected


@pytest.mark.parametrize(("word", "expected"), MISSPELLED.items())
def test_slips_of_the_keyboard(table: WordTable, word: str, expected: str) -> None:
    assert nearest(table, word) == expected


def test_a_misspelled_synonym_takes_both_steps(table: WordTable) -> None:
    assert nearest(table, "automobil") == "car" and nearest(table, "refridgerator") == "fridge"


@pytest.mark.parametrize(("word", "expected"), [("couches", "sofa"), ("tables", "table"), ("wardrobes", "closet")])
def test_plurals(table: WordTable, word: str, expected: str) -> None:
    assert nearest(table, word) == expected


def test_a_compound_is_its_last_part(table: WordTable) -> None:
    assert nearest(table, "gardenbench") == "bench" and nearest(table, "mooncastle") == "castle"


def test_what_no_mesh_shows_has_no_neighbour(table: WordTable) -> None:
    wrong = {word: found for word in ABSTRACT if (found := nearest(table, word))}
    assert len(wrong) <= 0.1 * len(ABSTRACT), wrong
    assert [nearest(table, word) for word in NONSENSE] == [None] * len(NONSENSE)


def test_short_words_are_taken_as_they_are(table: WordTable) -> None:
    # Each is one letter from a word that the model knows, and means something else or nothing.
    assert [table.nearest(word, ["car", "bed", "axe", "cup"]) for word in ("cqr", "bxd", "axq", "czp")] == [None] * 4


def test_every_known_word_is_its_own_neighbour(table: WordTable) -> None:
    for word in KNOWN:
        assert table.nearest(word, KNOWN) == (word, 1.0)
        assert table.nearest(word.upper(), KNOWN) == (word, 1.0)


def test_the_threshold_is_the_callers(table: WordTable) -> None:
    word, similarity = table.nearest("couch", KNOWN)
    assert LEAST <= similarity < 1
    assert table.nearest("couch", KNOWN, least=similarity + 0.01) is None
    assert table.nearest("justice", KNOWN, least=-1) is not None
    assert table.nearest("couch", []) is None


def test_vectors_tell_meanings_apart(table: WordTable) -> None:
    sofa, couch, tree = (table.vector(word) for word in ("sofa", "couch", "tree"))
    assert sofa.dtype == np.float32 and sofa.shape == couch.shape
    assert sofa @ couch > 0.5 > 0.3 > sofa @ tree
    assert table.vector("qwertyuiop") is None and table.vector("") is None
    assert np.array_equal(table.vector("Trees"), table.vector("trees"))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.text("abcdefghijklmnopqrstuvwxyz", max_size=60))
def test_any_text_is_a_word(table: WordTable, word: str) -> None:
    found = table.nearest(word, KNOWN)
    assert found is None or found[0] in KNOWN and found[1] >= min(LEAST, 0.5)
    vector = table.vector(word)
    assert vector is None or np.isfinite(vector).all()


@pytest.mark.parametrize("word", ["chair" * 20_000, "\0" * 100_000, "é" * 100_000, "椅子", "стул", "🪑", "a\nb", "-"])
def test_odd_text_means_nothing_and_costs_nothing(table: WordTable, word: str) -> None:
    start = time.perf_counter()
    assert table.nearest(word, KNOWN) is None
    assert time.perf_counter() - start < 0.1


def test_accents_do_not_matter(table: WordTable) -> None:
    assert nearest(table, "Châir") == "chair"


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_slips_are_counted_alike_both_ways(a: str, b: str) -> None:
    distance = _edit_distance(a, b)
    assert distance == _edit_distance(b, a) <= max(len(a), len(b))
    assert (distance == 0) == (a == b) and distance >= abs(len(a) - len(b))


def test_it_is_quick_and_small(table: WordTable) -> None:
    def seconds(words: list[str]) -> float:
        def once() -> float:
            start = time.perf_counter()
            for word in words:
                table.nearest(word, KNOWN)
            return (time.perf_counter() - start) / len(words)

        return min(once() for _ in range(3))

    words = [*SYNONYMS, *MISSPELLED, *NONSENSE]
    assert seconds(words) < 0.01  # 1 ms where it was measured
    assert TABLE.stat().st_size < 2.2e6


def test_it_needs_numpy_only() -> None:
    code = (
        "import sys, core.words; core.words.WordTable.load(); print(*{'torch', 'scipy', 'trimesh'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], text=True, capture_output=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_a_table_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(-7, 8, size=(3, 8)).astype(np.int8)
    step = np.linspace(0.1, 0.8, 8, dtype=np.float32)
    WordTable(["box", "sphere", "ball", "because"], codes, step).save(tmp_path / "words.npz")
    back = WordTable.read(tmp_path / "words.npz")
    assert back.words == ("box", "sphere", "ball", "because")
    for row, word in enumerate(("box", "sphere", "ball")):
        assert np.array_equal(back.vector(word), codes[row] * step)
    assert back.vector("because") is None and "because" in back
