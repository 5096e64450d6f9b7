# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker can be asked for. Each operation sends its events as it goes and returns the fields of its result.

torch is imported only when an operation needs it, and the last checkpoint stays loaded.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocol
from .checks import check_type
from .environment import (
    AUTOENCODER,
    MissingPackageError,
    describe_device,
    import_check,
    installed,
    list_devices,
    need_packages,
    numpy_device,
    set_threads,
)
from .errors import Cancelled, MeshGPTError
from .mesh import TriangleMesh

if TYPE_CHECKING:
    from .worker import Connection

FACE_INTERVAL = 0.1  # seconds between two batches of faces
# What a request may say of the meshes that it wants; the rest of its arguments says what to begin with.
_WISH = ("prompt", "count", "faces", "seed", "temperature", "top_p", "guidance", "manifold", "close", "max_faces")


class Operations:
    """The operations by name, and the checkpoint that is loaded."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._loaded: tuple[tuple[Path, str | None], Any] | None = None
        self._known: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
            protocol.HELLO: self.hello,
            protocol.MODELS: self.models,
            protocol.GENERATE: self.generate,
            protocol.COMPLETE: self.complete,
            protocol.RETOPOLOGIZE: self.retopologize,
            protocol.RECONSTRUCT: self.reconstruct,
            protocol.SHUTDOWN: lambda job, args: {},
        }

    def run(self, job: Any, name: Any, args: Any) -> dict[str, Any]:
        """Run one operation for the request with id `job`; raises MeshGPTError when there is none of that name."""
        operation = self._known.get(name) if isinstance(name, str) else None
        if operation is None:
            known = ", ".join(sorted(self._known))
            raise MeshGPTError(f"The worker does not know the operation {name!r}.", f"It knows: {known}.")
        args = args or {}
        if not isinstance(args, dict):
            raise MeshGPTError(f"The arguments of {name} are not a JSON object.")
        return operation(job, args)

    def hello(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """Versions, devices and the packages that are missing; never fails because one of them does. Without PyTorch
        the device is NumPy's. `args["quick"]`: only what is known without importing PyTorch, which takes seconds.
        """
        if args.get("quick"):
            return {**identity(), "packages": installed(), "problem": None, "devices": [numpy_device().as_dict()]}
        self._progress(job, "Starting PyTorch")
        versions, problems = import_check()
        result = {**identity(), "packages": versions, "problem": None, "devices": [numpy_device().as_dict()]}
        if problems:
            error = MissingPackageError(problems)
            result["problem"] = {"message": error.message, "hint": error.hint}
        if "torch" in versions:
            set_threads()
            result["devices"] = [device.as_dict() for device in list_devices()]
        return result

    def models(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        from .model_list import list_checkpoints

        found = list_checkpoints()
        fields = ("name", "path", "kind", "parameters", "max_faces", "summary", "created")
        return {"models": [{field: getattr(info, field) for field in fields} for info in found]}

    def generate(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """Stream faces in batches and each mesh when it is finished; arrays go to `args["folder"]`.

        With `best_of` that many candidates are made for each mesh, and the best is sent: row `i * best_of + j` is
        candidate j of mesh i.
        """
        results = Results(self.connection, job, job_folder(args))
        wish, best_of = _given(args, _WISH), args.get("best_of") or 1
        check_type("best_of", best_of, int)
        count = wish.get("count", 1)
        check_type("count", count, int)
        checkpoint = self._generator(job, args, each=max(1, best_of))
        self._progress(job, "Generating")
        start = time.monotonic()
        events = checkpoint.stream(**wish | {"count": count * best_of}, cancelled=self._cancelled(job))
        candidates: dict[int, list[tuple[int, Any]]] = {}
        for event in _closing(events):
            if hasattr(event, "triangle"):
                results.add_face(event.row, event.triangle)
                continue
            candidates.setdefault(event.row // best_of, []).append((event.row, event.mesh))
            if len(candidates[event.row // best_of]) == best_of:
                self._send_best(results, checkpoint, candidates.pop(event.row // best_of), wish, best_of)
        for some in candidates.values():  # of which others came to nothing
            self._send_best(results, checkpoint, some, wish, best_of)
        return self._summary(job, results, checkpoint, start)

    @staticmethod
    def _send_best(
        results: Results, checkpoint: Any, candidates: list[tuple[int, Any]], wish: dict[str, Any], best_of: int
    ) -> None:
        row, mesh = candidates[0]
        if len(candidates) > 1:
            mesh = checkpoint.best([mesh for _, mesh in candidates], wish.get("faces"), close=wish.get("close"))
            row = next(row for row, other in candidates if other is mesh)
        about = {"job": "generate", **mesh.provenance(), "model": _name(checkpoint)}
        if best_of > 1:
            about["best_of"] = best_of
        results.add_mesh(row, mesh, about, mesh.ended)

    def complete(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """Add what is missing to the mesh in `args["path"]`, whose vertices and faces come first in each result; faces
        are streamed in the mesh's own units.

        The model is the first that was trained with completion when none is named. `above` and `box` as for
        `completion.complete`.
        """
        results = Results(self.connection, job, job_folder(args))
        source = read_mesh(args)
        checkpoint = self._generator(job, args, "completion")
        from .completion import PartialMesh

        part = PartialMesh.read(checkpoint, source, args.get("above"), args.get("box"))
        self._progress(job, "Completing")
        start = time.monotonic()
        events = checkpoint.stream(**_given(args, _WISH), kept=part.kept, cancelled=self._cancelled(job))
        known = {"job": "complete", "faces_in": len(source.faces), "faces_unseen": len(source.faces) - len(part.codes)}
        for event in _closing(events):
            if hasattr(event, "triangle"):
                results.add_face(event.row, part.place(event.triangle))
                continue
            found = part.joined(event.mesh)
            if found.added:
                report = found.mesh.report()
                sound = {"open_edges": report.boundary_edges, "nonmanifold_edges": report.nonmanifold_edges}
                made = {"faces_out": len(found.mesh.faces), "faces_added": found.added, **sound}
                about = {**known, **event.mesh.provenance(), **made, "model": _name(checkpoint)}
                results.add_mesh(event.row, found.mesh, about, event.mesh.ended)
        if not results.meshes:
            raise MeshGPTError("The model found nothing to add.", "Try another seed, or keep fewer faces.")
        return self._summary(job, results, checkpoint, start)

    def retopologize(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """Low-poly meshes that follow those in `args["path"]` (`vertices_0`, `faces_0`, `vertices_1`, ...), called
        `args["names"]`; faces are streamed and meshes sent in the units of their source.

        Of each mesh `best_of` candidates are made `count` times, and the nearest is sent. Rows count candidates: row
        `(i * count + k) * best_of + j` is candidate j of result k of mesh i. The model is the first that was trained
        with point clouds when none is named.
        """
        results = Results(self.connection, job, job_folder(args))
        sources = read_meshes(args)
        names = args.get("names") or [""] * len(sources)
        options = _given(args, (*_WISH, "best_of", "snap"))
        count, best_of = options.get("count", 1), options.setdefault("best_of", 4)
        checkpoint = self._generator(job, args, "point_latents", best_of if isinstance(best_of, int) else 1)
        from .retopology import retopologize

        start = time.monotonic()
        for number, (name, source) in enumerate(zip(names, sources, strict=True)):
            stage = f'"{name}" ({number + 1} of {len(sources)}): ' if len(sources) > 1 else ""
            self.connection.send(job, protocol.PROGRESS, text=f"{stage}Retopologizing", stage=stage)
            first = number * count * best_of

            def on_face(event: Any, first: int = first, source: TriangleMesh = source) -> None:
                results.add_face(first + event.row, source.frame.apply(event.triangle))

            try:
                found = retopologize(checkpoint, source, **options, on_face=on_face, cancelled=self._cancelled(job))
            except Cancelled:
                raise
            except MeshGPTError as error:
                raise MeshGPTError(f"{stage}{error.message}", error.hint) from error
            for one in found:
                candidate = (one.made.seed - options.get("seed", 0)) % 2**63
                measured = {name: value for name, value in one.as_dict().items() if name != "faces"}
                sizes = {"faces_in": len(source.faces), "faces_out": len(one.mesh.faces), "best_of": best_of}
                about = {"job": "retopologize", **one.made.provenance(), **measured, **sizes}
                results.add_mesh(first + candidate, one.mesh, about | {"model": _name(checkpoint)}, one.made.ended)
        return self._summary(job, results, checkpoint, start)

    def reconstruct(self, job: Any, args: dict[str, Any]) -> dict[str, Any]:
        """The tokenizer's round trip of the mesh in `args["path"]`, with its error."""
        results = Results(self.connection, job, job_folder(args))
        source = read_mesh(args)
        checkpoint = self._checkpoint(job, args | {"model": args.get("model") or self._autoencoder()})
        from .reconstruction import reconstruct

        self._progress(job, "Reconstructing")
        start = time.monotonic()
        found = reconstruct(checkpoint, source)
        results.add_mesh(0, found.mesh, {"job": "reconstruct", "model": checkpoint.name, **found.as_dict()})
        return self._summary(job, results, checkpoint, start)

    # -- what they share -----------------------------------------------------------------------------------------------

    def _cancelled(self, job: Any) -> Callable[[], bool]:
        return lambda: self.connection.is_cancelled(job)

    def _progress(self, job: Any, text: str) -> None:
        self.connection.send(job, protocol.PROGRESS, text=text)

    def _checkpoint(self, job: Any, args: dict[str, Any], meshes: int = 0) -> Any:
        """The checkpoint named by `args["model"]`, kept from the last request when it is the same one; `meshes`: how
        many it is to write, on the device that suits so many.
        """
        from .checkpoint import load_checkpoint
        from .light.checkpoint import writing_device
        from .model_list import find_checkpoint

        path = find_checkpoint(args.get("model"))
        device = writing_device(path, os.environ.get("MESHGPT_DEVICE") or args.get("device") or "auto", meshes)
        if device != "numpy":
            if "torch" not in sys.modules:
                self._progress(job, "Starting PyTorch")
            need_packages()
            set_threads()
        key = (path, device)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # first: two models may not fit beside each other
            self._progress(job, "Loading the model")
            self._loaded = (key, load_checkpoint(path, device=device))
        return self._loaded[1]

    def _generator(self, job: Any, args: dict[str, Any], ability: str = "", each: int = 1) -> Any:
        """The checkpoint that `args` name, to write `each` times the meshes that they ask for; without a name the
        first whose transformer has the ability. Raises MeshGPTError for one without a transformer.
        """
        from .model_list import able_checkpoint

        if ability and not args.get("model"):
            args = args | {"model": able_checkpoint(ability)}
        count = args.get("count") or 1
        checkpoint = self._checkpoint(job, args, each * count if isinstance(count, int) else 1)
        if checkpoint.transformer is None:
            raise MeshGPTError(
                f'The model "{checkpoint.name}" is a tokenizer: it can reconstruct meshes, but not generate them.',
                "Choose another model.",
            )
        return checkpoint

    @staticmethod
    def _autoencoder() -> Path | None:
        """The first autoencoder there is. Without one, or without the packages that only autoencoders need, the default
        model's own tokenizer makes the round trip; the result names the model either way.
        """
        from .model_list import list_checkpoints

        if not all(find_spec(package) for package in AUTOENCODER):
            return None
        return next((info.path for info in list_checkpoints() if info.kind == "tokenizer"), None)

    def _summary(self, job: Any, results: Results, checkpoint: Any, start: float) -> dict[str, Any]:
        """The fields of a result; raises Cancelled when nobody waits for it any more."""
        if self.connection.is_cancelled(job):
            raise Cancelled()
        results.flush()
        device = describe_device(str(checkpoint.device))
        return {"meshes": results.meshes, "seconds": time.monotonic() - start, "device": device}


class Results:
    """What a request finds, on its way to Blender: faces in batches a few times a second, the very first one at once,
    and meshes as they are finished.
    """

    def __init__(self, connection: Connection, job: Any, folder: Path) -> None:
        self._connection, self._job, self._folder = connection, job, folder
        self._rows: list[int] = []
        self._triangles: list[np.ndarray] = []
        self._files = 0
        self._last = 0.0
        self.meshes = 0

    def add_face(self, row: int, triangle: np.ndarray) -> None:
        self._rows.append(row)
        self._triangles.append(triangle)
        if time.monotonic() - self._last >= FACE_INTERVAL:
            self.flush()

    def add_mesh(self, row: int, mesh: TriangleMesh, provenance: dict[str, Any], ended: bool = True) -> None:
        self.flush()
        path = protocol.write_arrays(self._folder / f"mesh-{row}.npz", vertices=mesh.vertices, faces=mesh.faces)
        self._connection.send(self._job, protocol.MESH, row=row, path=path, ended=ended, provenance=provenance)
        self.meshes += 1

    def flush(self) -> None:
        """Send the faces that wait."""
        if not self._rows:
            return
        path = protocol.write_arrays(
            self._folder / f"faces-{self._files:06d}.npz",
            rows=np.asarray(self._rows, np.int32),
            triangles=np.asarray(self._triangles, np.float32),
        )
        self._connection.send(self._job, protocol.FACE, path=path, faces=len(self._rows))
        self._files += 1
        self._last = time.monotonic()
        self._rows, self._triangles = [], []


def read_mesh(args: dict[str, Any]) -> TriangleMesh:
    """The mesh that Blender sent along."""
    arrays = protocol.read_arrays(args.get("path") or "")
    return _mesh(arrays, "")


def read_meshes(args: dict[str, Any]) -> list[TriangleMesh]:
    """The meshes that Blender sent along, in order."""
    arrays = protocol.read_arrays(args.get("path") or "")
    return [_mesh(arrays, f"_{number}") for number in range(max(1, len(arrays) // 2))]


def _mesh(arrays: dict[str, np.ndarray], suffix: str) -> TriangleMesh:
    if missing := {f"vertices{suffix}", f"faces{suffix}"} - arrays.keys():
        raise MeshGPTError(f"The request has no {' and no '.join(sorted(missing))}.")
    return TriangleMesh(arrays[f"vertices{suffix}"], arrays[f"faces{suffix}"])


def _given(args: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: args[name] for name in names if args.get(name) is not None}


def _name(checkpoint: Any) -> str:
    """By name where the name finds it again, else by path."""
    from .model_list import list_checkpoints

    found = any(info.path == checkpoint.path for info in list_checkpoints())
    return checkpoint.name if found else str(checkpoint.path)


def _closing(events: Iterable[Any]) -> Iterator[Any]:
    """Iterate, and close a generator also when the consumer stops early, so that its buffers are freed."""
    try:
        yield from events
    finally:
        close = getattr(events, "close", None)
        if close:
            close()


def identity() -> dict[str, Any]:
    from . import __version__

    return {
        "protocol": protocol.PROTOCOL_VERSION,
        "version": __version__,
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "pid": os.getpid(),
    }


def job_folder(args: dict[str, Any]) -> Path:
    folder = Path(args.get("folder") or "")
    if not args.get("folder") or not folder.is_dir():
        raise MeshGPTError(f'The folder for the results "{args.get("folder") or ""}" does not exist.')
    return folder
