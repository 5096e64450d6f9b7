# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings on the command line: every field of the configs is an option, and what is refused is one sentence."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Literal

import pytest

from core.cli import main, parser
from core.commands.settings import add_settings, chosen
from core.data.augment import AugmentConfig
from core.tasks.autoencoder import AutoencoderTaskConfig
from core.tasks.transformer import TransformerTaskConfig
from core.tokenizers.autoencoder import AutoencoderConfig
from core.training import TrainingConfig
from core.transformer_config import TransformerConfig


@dataclasses.dataclass(frozen=True)
class Config:
    """A config with `width`. Raises MeshGPTError for nothing."""

    width: int = 3  # beside the field
    # above
    # the field
    kind: Literal["plain", "fancy"] = "plain"
    share: float = 0.5  # half, that is 50%
    bare: str = ""
    range: tuple[float, float] = (0.0, 1.0)
    on: bool = True  # or off
    nested: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)


@pytest.fixture
def options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser()
    add_settings(options, "group", Config)
    return options


def test_fields_become_options_of_their_type(options: argparse.ArgumentParser) -> None:
    arguments = "--width 5 --kind fancy --share 0.25 --bare x --range 1 2 --no-on"
    given = {"width": 5, "kind": "fancy", "share": 0.25, "bare": "x", "range": (1.0, 2.0), "on": False}
    assert chosen(options.parse_args(arguments.split()), Config) == given
    assert chosen(options.parse_args([]), Config) == {}  # the config knows its defaults


def test_comments_are_the_help(options: argparse.ArgumentParser) -> None:
    said = " ".join(options.format_help().split())
    for text in ("A config with --width.", "beside the field (default: 3)", "above the field (default: plain)"):
        assert text in said
    for text in ("half, that is 50% (default: 0.5)", "--range X X (default: 0.0 1.0)", "or off (default: yes)"):
        assert text in said
    assert "--nested" not in said and "MeshGPTError" not in said


@pytest.mark.parametrize(
    ("command", "configs"),
    [
        ("transformer", (TransformerConfig, TransformerTaskConfig, AugmentConfig, TrainingConfig)),
        ("tokenizer", (AutoencoderConfig, AutoencoderTaskConfig, AugmentConfig, TrainingConfig)),
    ],
)
def test_every_setting_of_a_training_is_an_option_with_an_explanation(
    command: str, configs: tuple[type, ...], capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["train", command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for config in configs:
        for field in dataclasses.fields(config):
            if field.name in ("model", "augment"):
                continue
            flag = f"--{field.name.replace('_', '-')}"
            assert f" {flag} " in said or f" {flag}, " in said, flag
            assert f"{flag} N (default" not in said and f"{flag} X (default" not in said, f"{flag} says nothing"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--steps 0", "steps is 0. Give at least 1."),
        ("--learning-rate nan", "learning_rate"),
        ("--ema 2", "between 0 and 1"),
        ("--dim 7", "width 7"),
        ("--heads some", "'some'"),
        ("--head none", "'copy', 'mlp', 'attention'"),
        ("--drop-prompt -1", "between 0 and 1"),
        ("--scale 2 1", "the smaller first"),
        ("--mixed-precision fp16", "Choose bf16 or none"),
        ("--tracker paper", "tensorboard"),
        ("--shard", "accelerate launch"),
        ("--ste 3", "--ste"),
    ],
)
def test_values_that_are_refused(arguments: str, says: str, tmp_path, capsys: pytest.CaptureFixture) -> None:
    command = ["train", "transformer", "--data", "procedural:4", "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main(command + arguments.split()) == 2
    said = capsys.readouterr().err
    assert says in said and said.startswith("Error: ") and said.count("\n") == 1
    assert not (tmp_path / "run").exists()
