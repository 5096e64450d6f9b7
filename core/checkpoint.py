# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: a folder with config.json, model*.safetensors, labels.json and card.md. Never a pickle.

Listing checkpoints reads JSON only; torch is imported when one is loaded or saved.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .card import model_card
from .checks import check_type
from .environment import has_torch
from .errors import MeshGPTError
from .model_files import COPY_AGAIN, FORMAT, HINT, VOCABULARY, of_model, read_config, read_labels
from .model_list import find_checkpoint
from .sampling_config import SamplingConfig, shipped_sampling
from .shards import Weights, building_at_most, write_shards

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from .completion import CompletedMesh, Kept
    from .events import FaceEvent, GeneratedMesh, MeshEvent
    from .mesh import TriangleMesh
    from .tokenizers import Tokenizer
    from .transformer import MeshTransformer

MOST_MESHES = 100_000  # of one request
MOST_LETTERS = 1_000_000  # of a prompt
ROWS = 32  # meshes generated side by side: 1 GB of cache for the bundled model with guidance


def dataclass_from(cls: type, values: dict[str, Any], owner: str) -> Any:
    """A config dataclass from JSON values; refuses fields that it does not have."""
    unknown = sorted(set(values) - {field.name for field in fields(cls)})
    if unknown:
        raise MeshGPTError(
            f'The model "{owner}" has settings that this version does not know: {", ".join(unknown)}.', HINT
        )
    return cls(**values)


def sampling_of(config: dict[str, Any], owner: str, prompted: bool = True, **wished: Any) -> SamplingConfig:
    """How a model with this config.json draws: as wished, else as it ships."""
    return dataclass_from(SamplingConfig, {**shipped_sampling(config, prompted), **wished}, owner)


def save_checkpoint(
    folder: str | Path, *, config: dict[str, Any], tensors: dict[str, Tensor], labels: dict[str, Any], card: str
) -> Path:
    """Write a checkpoint folder: beside its place first, then renamed, so that no half of one is ever seen."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        write_shards(temporary, tensors)
        created = datetime.now(UTC).date().isoformat()
        config = {"format": FORMAT, "created": created, **config}
        (temporary / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        (temporary / "labels.json").write_text(json.dumps(labels) + "\n", encoding="utf-8")
        (temporary / "card.md").write_text(card, encoding="utf-8")
        old = folder.with_name(f".{folder.name}-old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(temporary, folder)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def save_transformer(folder: str | Path, model: MeshTransformer, details: dict[str, Any]) -> Path:
    """Save a transformer with half-precision weights, and the tokenizer under it.

    `details`: what the card says (see `card.model_card`); its `summary`, `sampling` and
    `sampling_without_prompt` (defaults for generation) and `split` (how validation meshes were told from training
    meshes) go into the config, its `word_counts` (how often training used each word) into the labels.
    """
    import torch

    config = {
        "kind": "transformer",
        "tokenizer": model.tokenizer.config(),
        "transformer": asdict(model.config),
        "parameters": model.parameter_count(),
        "max_faces": model.config.max_faces,
        "summary": details.get("summary", ""),
        "sampling": details.get("sampling", {}),
        "sampling_without_prompt": details.get("sampling_without_prompt", {}),
        "split": details.get("split", {}),
    }
    tensors = {f"transformer.{name}": value.to(torch.float16) for name, value in model.state_dict().items()}
    if isinstance(model.tokenizer, torch.nn.Module):
        tensors |= {f"tokenizer.{name}": value for name, value in model.tokenizer.state_dict().items()}
    vocabulary = model.vocabulary
    labels = {
        "words": list(vocabulary.words),
        "buckets": vocabulary.buckets,
        "max_words": vocabulary.max_words,
        "max_pieces": vocabulary.max_pieces,
        "categories": list(vocabulary.categories),
        "counts": details.get("word_counts", {}),
    }
    card = model_card(details.get("name") or Path(folder).name, details)
    return save_checkpoint(folder, config=config, tensors=tensors, labels=labels, card=card)


class Checkpoint:
    """A loaded model: a tokenizer, and a transformer over its codes unless the checkpoint is a tokenizer alone."""

    def __init__(
        self,
        path: Path,
        config: dict[str, Any],
        tokenizer: Tokenizer,
        transformer: MeshTransformer | None,
        labels: dict[str, Any],
    ) -> None:
        self.path, self.name, self.config = path, path.name, config
        self.tokenizer, self.transformer, self.labels = tokenizer, transformer, labels

    @property
    def device(self) -> Any:
        import torch

        owner = self.transformer or self.tokenizer
        return next(owner.parameters()).device if isinstance(owner, torch.nn.Module) else torch.device("cpu")

    def stream(
        self,
        prompt: str | Sequence[str] = "",
        count: int = 1,
        faces: int | None = None,
        seed: int = 0,
        max_faces: int | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        category: str = "",
        points: Any = None,
        kept: Kept | None = None,
        draft: Checkpoint | None = None,
        **sampling: Any,
    ) -> Iterator[FaceEvent | MeshEvent]:
        """Generate `count` meshes a prompt, 32 side by side, as events face by face; mesh i has the seed `seed + i`.

        `faces`: about how many faces are asked for (None: the model decides); `max_faces`: the cap; `category`: one
        that training knew; `points`: float [M, 6], places in [-1, 1] and unit normals that the surface should follow;
        `kept`: faces to begin with (`completion.py`); `draft`: a smaller model that guesses ahead (`speculation.py`),
        one mesh at a time. `sampling`: fields of SamplingConfig (temperature, top_p, guidance...). Raises Cancelled
        when `cancelled()` is true.
        """
        from .events import MeshEvent
        from .surface import as_cloud

        model = self._generator()
        limit = model.config.max_faces
        points = None if points is None else as_cloud(points)
        prompts = _wishes(prompt, count)
        for name, value, kind in (
            ("faces", faces, int | None),
            ("max_faces", max_faces, int | None),
            ("seed", seed, int),
        ):
            check_type(name, value, kind)
        if faces is not None and faces < 0 or max_faces is not None and max_faces < 1:
            raise MeshGPTError("Nothing was asked for.", "Give a count, a face count and a cap of at least 1.")
        prompted = any(map(str.strip, prompts)) or bool(category) or points is not None or kept is not None
        settings = sampling_of(self.config, self.name, prompted, **sampling)
        seeds = [(int(seed) + i) % 2**63 for i in range(len(prompts))]
        asked = {"faces": min(faces, limit) if faces else 0, "category": category, "points": points}
        used = {"model": self.name, "faces": faces or 0, "device": str(self.device), **asdict(settings)}
        more = {"category": category, "draft": draft and draft.name, "max_faces": max_faces}
        more |= {"kept": kept and len(kept.codes), "points": None if points is None else len(points)}
        used |= {name: value for name, value in more.items() if value}
        cap, rows = min(max_faces or limit, limit), 1 if draft else ROWS
        for first in range(0, len(prompts), rows):
            part = slice(first, first + rows)
            sampler = self._sampler(prompts[part], asked, seeds[part], settings, cap, draft)
            if kept is not None:
                sampler.keep(kept.codes, kept.above)
            for event in sampler.stream(cancelled or (lambda: False)):
                if isinstance(event, MeshEvent):
                    event.mesh.settings = used | sampler.statistics()
                    if (understood := model.vocabulary.understood(event.mesh.prompt)) != event.mesh.prompt:
                        event.mesh.settings["understood"] = understood
                yield replace(event, row=first + event.row)

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        count: int = 1,
        faces: int | None = None,
        seed: int = 0,
        on_face: Callable[[FaceEvent], None] | None = None,
        best_of: int = 1,
        **settings: Any,
    ) -> list[GeneratedMesh]:
        """The meshes of `stream`, in order; `on_face` is called with every face as it comes.

        With `best_of` that many are made for each, with seeds one after another, and the best is kept
        (`ranking.best`).
        """
        from .events import MeshEvent

        for name, value in (("count", count), ("best_of", best_of)):
            check_type(name, value, int)
        if best_of < 1:
            raise MeshGPTError("The best of none was asked for.", "Give at least 1 to choose from.")
        meshes = {}
        for event in self.stream(prompt, count * best_of, faces, seed, **settings):
            if isinstance(event, MeshEvent):
                meshes[event.row] = event.mesh
            elif on_face:
                on_face(event)
        if best_of == 1:
            return [meshes[row] for row in sorted(meshes)]
        asked = {name: settings[name] for name in ("category", "points", "kept", "close") if name in settings}
        groups: dict[int, list[GeneratedMesh]] = {}
        for row in sorted(meshes):
            groups.setdefault(row // best_of, []).append(meshes[row])
        return [self.best(group, faces, **asked) for group in groups.values()]

    def best(
        self, meshes: Sequence[GeneratedMesh], faces: int | None = None, *, close: bool | None = None, **asked: Any
    ) -> GeneratedMesh:
        """The best of several meshes that were generated with these wishes (`ranking.best`). close: as for `stream`;
        where holes may be, they count for nothing.
        """
        from .ranking import best

        within = min(faces or 0, self._generator().config.max_faces)
        return best(meshes, self._log_p(meshes, faces=within, **asked), within, close is not False)

    def _sampler(
        self,
        prompts: Sequence[str],
        asked: dict[str, Any],
        seeds: Sequence[int],
        settings: SamplingConfig,
        cap: int,
        draft: Checkpoint | None,
    ) -> Any:
        """What draws these meshes; a draft guesses ahead for one."""
        from .cuda.engine import sampler_for
        from .speculation import SpeculativeSampler

        model = self._generator()
        conditions = model.conditions(prompts, **asked)
        if draft is None:
            return sampler_for(model, conditions, seeds, settings, cap, prompts)
        other = draft._generator()
        guess = other.conditions(prompts, **_known_to(other, asked))
        return SpeculativeSampler(model, conditions, other, guess, seeds[0], settings, cap, prompts[0])

    def complete(self, mesh: TriangleMesh, prompt: str = "", count: int = 1, **settings: Any) -> list[CompletedMesh]:
        """`count` completions of a partial mesh, whose own faces stay bit for bit; see `completion.complete`."""
        from .completion import complete

        return complete(self, mesh, prompt, count, **settings)

    def _log_p(self, meshes: Sequence[GeneratedMesh], **asked: Any) -> list[float]:
        """How likely what was asked for makes each mesh (`ranking.log_likelihoods`)."""
        from .ranking import log_likelihoods

        return log_likelihoods(self, meshes, **asked)

    def _generator(self) -> MeshTransformer:
        if self.transformer is None:
            raise MeshGPTError(
                f'"{self.name}" is a tokenizer: it can reconstruct, not generate.', "Choose another model."
            )
        return self.transformer


def _wishes(prompt: str | Sequence[str], count: int) -> list[str]:
    """Each prompt as often as it is wanted; raises MeshGPTError for what is none, and for more than memory may hold."""
    check_type("count", count, int)
    prompts = list(prompt) if isinstance(prompt, list | tuple) else [prompt]
    for one in prompts:
        check_type("prompt", one, str)
    if count < 1 or not prompts:
        raise MeshGPTError("Nothing was asked for.", "Give a count, a face count and a cap of at least 1.")
    if count * len(prompts) > MOST_MESHES or max(map(len, prompts)) > MOST_LETTERS:
        raise MeshGPTError(
            "That is too much for one request.",
            f"Ask for at most {MOST_MESHES:,} meshes, with prompts of at most {MOST_LETTERS:,} letters.",
        )
    return [one for one in prompts for _ in range(count)]


def _known_to(model: MeshTransformer, asked: dict[str, Any]) -> dict[str, Any]:
    """Of what is asked for, what a draft was trained with."""
    known = {"faces": asked["faces"]}
    if model.config.point_latents:
        known["points"] = asked["points"]
    if asked["category"] in model.vocabulary.categories:
        known["category"] = asked["category"]
    return known


def load_checkpoint(path_or_name: str | Path | None = None, device: str | None = None) -> Checkpoint:
    """Load a checkpoint by path or name (None: the default model) onto a device (None: MESHGPT_DEVICE, else the
    best). The device "numpy" writes without PyTorch (`light`); it is the best where that or its packages are missing.
    """
    device = device or os.environ.get("MESHGPT_DEVICE")
    if device == "numpy" or device in (None, "", "auto", "cpu") and not has_torch():
        from .light.checkpoint import load_light

        return load_light(find_checkpoint(path_or_name))
    import torch

    from .devices import choose_device
    from .tokenizers import tokenizer_from_config
    from .transformer import MeshTransformer
    from .transformer_config import TransformerConfig
    from .vocabulary import Vocabulary

    path = find_checkpoint(path_or_name)
    config = read_config(path)
    labels, weights = read_labels(path, config["kind"]), Weights(path)
    target = choose_device(device)
    transformer = None
    # Nothing larger than the weights is built, and no weights are read that do not fit what was built.
    with of_model(path.name), building_at_most(weights.values):
        tokenizer = tokenizer_from_config(config.get("tokenizer", {}))
        for prompted in (True, False):
            sampling_of(config, path.name, prompted)
        parts = {"tokenizer.": tokenizer} if isinstance(tokenizer, torch.nn.Module) else {}
        if config["kind"] == "transformer":
            vocabulary = Vocabulary(**{name: labels[name] for name in VOCABULARY})
            sizes = dataclass_from(TransformerConfig, config.get("transformer", {}), path.name)
            parts["transformer."] = transformer = MeshTransformer(tokenizer, vocabulary, sizes)
    _load_weights(parts, weights)
    for part in parts.values():
        part.to(target).eval()
    return Checkpoint(path, config, tokenizer, transformer, labels)


def _load_weights(parts: dict[str, Module], weights: Weights) -> None:
    """Fill modules, by the prefix of their names in the weights, which hold nothing else."""
    wanted = {
        prefix + name: tuple(value.shape) for prefix, part in parts.items() for name, value in part.state_dict().items()
    }
    if wanted != weights.shapes:
        raise MeshGPTError(f'The weights of the model "{weights.name}" do not fit its config.json.', COPY_AGAIN)
    tensors = weights.read()
    sums = []
    for prefix, part in parts.items():
        part.load_state_dict({name: tensors[prefix + name] for name in part.state_dict()})
        sums += [float(value.sum()) for value in part.state_dict().values() if value.is_floating_point()]
    if not all(math.isfinite(value) for value in sums):
        raise MeshGPTError(f'The weights of the model "{weights.name}" are not finite numbers.', COPY_AGAIN)
