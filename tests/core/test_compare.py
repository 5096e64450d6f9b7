# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of quantisers and heads: it trains, it tells, and what is finished it does not train again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import compare


def test_an_entry_is_trained_once_and_tabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    arguments = ["--cpu-minutes", "0.01", "--only", "rfsq", "--data", "procedural:24", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    compare.main()
    table = capsys.readouterr().out
    assert "| rfsq | 1," in table and table == (tmp_path / "compare.md").read_text()
    found = json.loads((tmp_path / "compare.json").read_text())["rfsq"]
    assert 0 <= found["triangle_accuracy"] <= 1 and found["faces_seen"] > 0 and len(found["perplexity"]) == 3
    assert not (tmp_path / "rfsq.run").exists()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("trained again"))
    compare.main()
    assert capsys.readouterr().out == table
