# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transformer that starts from the weights of a trained one, to learn a studio's own meshes or just to learn on.

Its parts are those of the old one, its vocabulary grows by the words of the new data. So the rows of words, letters
and categories are carried over by what they stand for, and everything else as it is: what the old model understood
means the same before the first step. Over another tokenizer, what reads and writes codes begins anew, and the rest,
which sees a mesh by its coordinates and by which vertices recur, is carried over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import Checkpoint, dataclass_from
from .errors import MeshGPTError
from .model_files import read_config
from .tokenizers import Tokenizer
from .transformer import MeshTransformer
from .transformer_config import TransformerConfig
from .vocabulary import Vocabulary

LEARNING_RATE = 0.3e-3  # a fifth of what is right from nothing, so that the old model is not forgotten at once
_FREE = ("dropout", "recompute", "max_faces")  # settings of a transformer that no weight depends on
# Parts that start as nothing: a model that gets one says what it said before.
_ADDABLE = ("neighbours", "completion", "point_attention", "point_neighbours", "closing")
_REMOVABLE = ("closing",)  # needs the lattice, so a model that had it can go on without, over another tokenizer
_OF_CODES = ("code_embeddings.", "head.codes.")  # weights that stand for the codes of one tokenizer


def title(folder: Path) -> str:
    """What a checkpoint is called beside others. All runs call theirs "model", so the name of the run goes before."""
    folder = Path(os.path.abspath(folder))
    return f"{folder.parent.name}/{folder.name}" if folder.name == "model" else folder.name


def start_config(folder: Path, changes: dict[str, Any]) -> TransformerConfig:
    """The config of a transformer that starts from a checkpoint, whose weights are not read; see `adapted`."""
    values = read_config(folder)
    _need_transformer(values["kind"] == "transformer", folder)
    return adapted(dataclass_from(TransformerConfig, values.get("transformer", {}), folder.name), changes)


def adapted(config: TransformerConfig, changes: dict[str, Any]) -> TransformerConfig:
    """A config with some fields changed; raises MeshGPTError for those that would ask for other weights."""
    free = (*_FREE, *(name for name in _ADDABLE if name in _REMOVABLE or not getattr(config, name)))
    held = [name for name, value in changes.items() if name not in free and value != getattr(config, name)]
    if held:
        names = " and ".join([", ".join(free[:-1]), free[-1]])
        raise MeshGPTError(
            f"A model that starts from another keeps its {', '.join(held)}.", f"Leave that out; {names} may be changed."
        )
    return replace(config, **changes)


def transformer_from(
    start: Checkpoint,
    words: Sequence[str],
    categories: Sequence[str],
    config: TransformerConfig,
    tokenizer: Tokenizer | None = None,
) -> MeshTransformer:
    """A transformer with a checkpoint's weights that also knows these words and categories.

    A new word begins as the word that it was read as until now; one that was read by its letters alone adds nothing to
    them yet. A new category begins as none. `tokenizer`: another than the checkpoint's, whose codes it has yet to
    learn. Raises MeshGPTError for what the checkpoint's weights do not fit.
    """
    _need_transformer(start.transformer is not None, start.path)
    old = start.transformer
    config = adapted(old.config, asdict(config))
    before = old.vocabulary
    after = before.extended(words, categories)
    if after.categories and not before.categories:  # their token would move all that follow it
        raise MeshGPTError(
            f'The model "{title(start.path)}" was trained without categories.', "Leave them out, or choose another."
        )
    model = MeshTransformer(tokenizer or start.tokenizer, after, config)
    fresh = model.state_dict()
    weights = {name: value for name, value in old.state_dict().items() if name in fresh}
    weights["prefix.pieces.weight"] = _piece_rows(weights["prefix.pieces.weight"], before, after)
    if before.categories:
        table = weights["prefix.category.weight"]
        new = len(after.categories) - len(before.categories)
        weights["prefix.category.weight"] = torch.cat([table, table[:1].expand(new, -1)])
    added = [name for name in _ADDABLE if getattr(config, name) and not getattr(old.config, name)]
    anew = {name for name in fresh if f"{name}.".startswith(_parts(added))}
    if tokenizer is not None and tokenizer is not start.tokenizer:
        anew |= {name for name in fresh if name.startswith(_OF_CODES) or fresh[name].shape != weights[name].shape}
    model.load_state_dict({**weights, **{name: fresh[name] for name in anew}})
    return model


def _parts(added: Sequence[str]) -> tuple[str, ...]:
    """What the names of weights begin with that these settings add to a transformer."""
    return tuple({"completion": "kept", "closing": "head.closing"}.get(name, name) + "." for name in added)


def _piece_rows(table: Tensor, before: Vocabulary, after: Vocabulary) -> Tensor:
    """The embeddings of a vocabulary's pieces, with rows for the words that it has got besides put between the words
    and the n-grams.
    """
    words, grams = table.split([1 + len(before.words), before.buckets])
    places = {word: place for place, word in enumerate(before.words, start=1)}
    meant = [before.meant(word) for word in after.words[len(before.words) :]]
    new = [torch.zeros_like(table[0]) if word is None else table[places[word]] for word in meant]
    return torch.cat([words, *(row[None] for row in new), grams])


def _need_transformer(has_one: bool, folder: Path) -> None:
    if not has_one:
        raise MeshGPTError(
            f'"{title(folder)}" is a tokenizer: it has no transformer to start from.',
            "Choose another model, or train one over it with --tokenizer.",
        )
