# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m benchmarks.compare`: each quantiser and option of the autoencoder, each head and step of the transformer,
trained on the same data and seed for the same processor time on one thread, then validated: a table and a JSON file.

An entry that is finished is not trained again, so the command can be stopped and repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

TOKENIZERS: dict[str, dict[str, Any]] = {
    "rvq": {},
    "rvq-shared": {"shared_codebook": True},
    "rlfq": {"quantizer": "rlfq"},
    "rfsq": {"quantizer": "rfsq"},
    "rvq-attention": {"encoder_attention": 1, "decoder_attention": 1},
    "rvq-vertices": {"vertex_depth": 2},
    "rvq-noise": {"noise": 0.2},
    "rvq-fourier": {"coordinate_embedding": "fourier"},
}
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "copy-vertex": {},
    "copy-face": {"step": "face"},
    "mlp-vertex": {"head": "mlp"},
    "mlp-face": {"head": "mlp", "step": "face"},
    "attention-vertex": {"head": "attention"},
    "attention-face": {"head": "attention", "step": "face"},
    "flat": {"step": "code"},
    "copy-vertex-neighbours": {"neighbours": True},
}
MAX_FACES = 200
TRANSFORMER_SIZE = {"dim": 192, "depth": 4, "head_width": 128, "head_depth": 2, "max_faces": MAX_FACES}
FACES_PER_BATCH = {"tokenizer": 2048, "transformer": 1024}
TOKENIZER_COLUMNS = {
    "parameters": "{:,}",
    "faces_seen": "{:,}",
    "reconstruction": "{:.4f}",
    "triangle_accuracy": "{:.2%}",
    "use": "{}",
    "perplexity": "{}",
}
TRANSFORMER_COLUMNS = {"parameters": "{:,}", "steps": "{:,}", "faces_seen": "{:,}", "bits_per_face": "{:.2f}"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--data", default="procedural", help="a folder, an .npz archive, or procedural[:COUNT]")
    parser.add_argument("--cpu-minutes", type=float, default=8.0, help="for each (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="how many train side by side (default: %(default)s)")
    parser.add_argument("--only", default="", help=f"of {', '.join(TOKENIZERS | TRANSFORMERS)}; separated by commas")
    parser.add_argument("--out", type=Path, default=Path("out/compare"), help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--entry", help=argparse.SUPPRESS)  # what this process itself trains
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if name] or [*TOKENIZERS, *TRANSFORMERS]
    unknown = sorted(set(names) - set(TOKENIZERS | TRANSFORMERS))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.entry:
        _train_entry(options.entry, options)
        return
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        done = list(pool.map(lambda name: _run_entry(name, options), names))
    report = _table(options)
    (options.out / "compare.md").write_text(report)
    print(report, end="", flush=True)
    if not all(done):
        sys.exit(1)


def _settings(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """What an entry's result depends on, the code apart."""
    model = TOKENIZERS[name] if name in TOKENIZERS else TRANSFORMER_SIZE | TRANSFORMERS[name]
    return {"data": options.data, "cpu_minutes": options.cpu_minutes, "seed": options.seed, "model": model}


def _result(name: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """The finished entry with these settings."""
    path = options.out / f"{name}.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    return found if found.get("settings") == _settings(name, options) else None


def _run_entry(name: str, options: argparse.Namespace) -> bool:
    """Train an entry in a process of its own, unless it is finished; tells whether it is now."""
    if _result(name, options) is None:
        print(f"{name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.compare", "--entry", name]
        for option in ("data", "cpu_minutes", "out", "seed"):
            command += [f"--{option.replace('_', '-')}", str(getattr(options, option))]
        with open(options.out / f"{name}.log", "w", encoding="utf-8") as log:
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
            subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)
    if _result(name, options) is None:
        print(f"{name} failed, see {options.out / f'{name}.log'}", file=sys.stderr, flush=True)
        return False
    return True


def _train_entry(name: str, options: argparse.Namespace) -> None:
    """Train, validate and write NAME.json."""
    from core.data.dataset import load_dataset
    from core.errors import Cancelled
    from core.training import Trainer, TrainingConfig

    class TimedTrainer(Trainer):
        """Learning rates follow processor time; `steps` is never reached."""

        def __init__(self, *arguments: Any) -> None:
            self.start = time.process_time()
            super().__init__(*arguments)  # the start of the codebooks counts too

        def used(self) -> float:
            return (time.process_time() - self.start) / (60 * options.cpu_minutes)

        def rate_factor(self, step: int) -> float:
            rising = (step + 1) / self.config.warmup
            return min(1.0, rising, max(0.02, (1 - self.used()) / self.config.cooldown))

    build = _tokenizer_task if name in TOKENIZERS else _transformer_task
    task = build(name, load_dataset(options.data, options.seed), options.seed)
    rarely = {"steps": 10**9, "validate_every": 10**9, "checkpoint_minutes": 1e9, "warmup": 20}
    folder = options.out / f"{name}.run"
    shutil.rmtree(folder, ignore_errors=True)  # of an entry that did not finish
    trainer = TimedTrainer(task, TrainingConfig(str(folder), device="cpu", threads=1, seed=options.seed, **rarely))
    try:
        trainer.run(cancelled=lambda: trainer.used() >= 1, progress=False)
    except Cancelled:  # when the time is up, or by a person
        if trainer.used() < 1:
            raise
    result = {
        "settings": _settings(name, options),
        "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        "steps": trainer.step,
        "faces_seen": trainer.faces_seen,
        "precision": trainer.accelerator.mixed_precision,
        **trainer.validate(),
    }
    if name in TOKENIZERS:
        with trainer.average.in_place():
            meshes = [mesh for index in range(len(task.batch_sizes(None))) for mesh in task.meshes(None, index)]
            levels = task.model.eval().codebook_usage(meshes)
        result |= {key: [level[key] for level in levels] for key in ("use", "perplexity")}
    temporary = options.out / f"{name}.json.tmp"
    temporary.write_text(json.dumps(result | {"config": asdict(task.config)}, indent=1))
    os.replace(temporary, options.out / f"{name}.json")
    shutil.rmtree(folder)


def _tokenizer_task(name: str, dataset: Any, seed: int) -> Any:
    from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
    from core.tokenizers.autoencoder import AutoencoderConfig

    model, faces = AutoencoderConfig(**TOKENIZERS[name]), FACES_PER_BATCH["tokenizer"]
    return AutoencoderTask(dataset, AutoencoderTaskConfig(model, max_faces=MAX_FACES, faces_per_batch=faces, seed=seed))


def _transformer_task(name: str, dataset: Any, seed: int) -> Any:
    from core.tasks.transformer import TransformerTask, TransformerTaskConfig
    from core.tokenizers.lattice import LatticeTokenizer
    from core.transformer_config import TransformerConfig

    model = TransformerConfig(**TRANSFORMER_SIZE | TRANSFORMERS[name])
    config = TransformerTaskConfig(model, faces_per_batch=FACES_PER_BATCH["transformer"], seed=seed)
    return TransformerTask(dataset, LatticeTokenizer(), config)


def _table(options: argparse.Namespace) -> str:
    """Markdown of all finished entries with these settings; also writes compare.json."""
    results = {name: _result(name, options) for name in TOKENIZERS | TRANSFORMERS}
    results = {name: result for name, result in results.items() if result}
    (options.out / "compare.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = [f"{options.cpu_minutes:g} processor minutes each on one thread, seed {options.seed}, {options.data}."]
    for title, variants, columns in (
        ("tokenizer", TOKENIZERS, TOKENIZER_COLUMNS),
        ("transformer", TRANSFORMERS, TRANSFORMER_COLUMNS),
    ):
        rows = [(name, results[name]) for name in variants if name in results]
        if rows:
            lines += ["", f"| {title} | {' | '.join(column.replace('_', ' ') for column in columns)} |"]
            lines += ["|---" * (1 + len(columns)) + "|"]
        for name, result in rows:
            cells = [form.format(_shown(key, result[key])) for key, form in columns.items()]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(key: str, value: Any) -> Any:
    """Codebook use in percent and perplexity, level by level; other values as they are."""
    if key not in ("use", "perplexity"):
        return value
    return ", ".join(f"{100 * level:.0f}%" if key == "use" else f"{level:.0f}" for level in value)


if __name__ == "__main__":
    main()
