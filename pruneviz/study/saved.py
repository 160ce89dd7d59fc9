"""One pruned model as a file of its own, and back: safetensors that any library reads, and a head for the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.errors import CheckpointError, ModelError, UsageError
from pruneviz.core.masks import BoolArray
from pruneviz.core.options import build, to_plain
from pruneviz.core.spec import ModelSpec, StudySpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.study.store import Store

HEAD = "pruneviz"  # the key in the file's metadata
FORMAT = 1
ENDING = ".safetensors"


@dataclass(frozen=True)
class Saved:
    """What was written.

    Attributes:
        path: the file.
        bytes: its size.
        cut: whether channels were removed for real, rather than weights set to zero.
        head: what the file says of itself.
    """

    path: Path
    bytes: int
    cut: bool
    head: Mapping[str, Any]


def save_run(
    spec: StudySpec,
    store: Store,
    run_id: str,
    path: Path,
    *,
    live: Mapping[str, Any] | None = None,
    masked: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Saved:
    """Write a finished run's model.

    Args:
        spec: the study.
        store: where its steps are.
        run_id: which of its runs.
        path: the file; replaced whole where it is there.
        live: objects given in Python, by name.
        masked: keep the shapes where channels could be cut.
        about: plain facts to write into the head besides.

    Raises:
        StoreError: the run is not finished.
        ModelError: the model cannot be made again.
    """
    from pruneviz import __version__, pruning
    from pruneviz.study.execute import Bench, load_state
    from pruneviz.study.plan import plan

    made = plan(spec, live or {})
    step = made.steps[made.runs[run_id].measure]
    at = load_state(step, Bench(store, "cpu", live or {}))
    net = at.net
    units: Mapping[str, BoolArray] = {}
    shapes: dict[str, list[int]] = {}
    if at.mask is not None and at.mask.units and not masked:
        net, units = pruning.cut(at.net, at.mask, at.example), at.mask.units
        after = net.state_dict()
        shapes = {n: list(t.shape) for n, t in at.net.state_dict().items() if t.shape != after[n].shape}
    model: ModelSpec = step.context["model"]
    head = {
        "format": FORMAT,
        "version": __version__,
        "source": model.source,
        "options": to_plain(model.options),
        "input": list(at.example.shape[1:]),
        "classes": list(at.data.classes),
        "pixels": at.data.pixels,
        "mean": list(at.data.mean),
        "std": list(at.data.std),
        "units": {n: _packed(kept) for n, kept in units.items()},
        "shapes": shapes,
        **(about or {}),
    }
    write_model(net.state_dict(), head, path)
    return Saved(path, path.stat().st_size, bool(units), head)


def write_model(state: Mapping[str, Tensor], head: Mapping[str, Any], path: Path) -> None:
    """Write tensors and a head under a temporary name, then move them into place.

    Raises:
        UsageError: the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {n: t.detach().cpu().contiguous().clone() for n, t in state.items()}
    text = json.dumps(head, ensure_ascii=False, sort_keys=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(save(tensors, {HEAD: text}))  # one entry: several come in any order
        temporary.replace(path)
    except OSError as e:
        raise UsageError(f"{path}: cannot be written ({e.strerror or e}). Name another file.") from e
    finally:
        temporary.unlink(missing_ok=True)


def has_head(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of :func:`save_run`."""
    from pruneviz.models import checkpoint

    return HEAD in checkpoint.metadata(path)


def read_head(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file of :func:`save_run` says of itself; nothing of it is imported or run.

    Raises:
        CheckpointError: it is absent, no safetensors file, or none that pruneviz wrote.
    """
    from pruneviz.models import checkpoint

    checkpoint.require_file(path)
    found = checkpoint.metadata(path).get(HEAD)
    if found is None:
        raise CheckpointError(
            f"{path}: is no model that `pruneviz prune` wrote; allowed: a {ENDING} file with pruneviz's head. "
            "Load other files with net.load_state_dict(safetensors.torch.load_file(path))."
        )
    return _head(found, str(path))


def _head(text: str, path: str) -> dict[str, Any]:
    try:
        head = json.loads(text)
        fits = head["format"] == FORMAT and isinstance(head["source"], str) and isinstance(head["options"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise CheckpointError(
            f"{path}: its head is damaged, or of a newer pruneviz. Write it anew, or update pruneviz."
        )
    found: dict[str, Any] = head
    return found


def units_of(text: str, path: str) -> dict[str, BoolArray]:
    """The channels that a file's head says were kept, by group.

    Raises:
        CheckpointError: the head is damaged.
    """
    try:
        return {str(n): _unpacked(u) for n, u in _head(text, path).get("units", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CheckpointError(f"{path}: what its head says of removed channels is damaged. Write it again.") from None


def _packed(kept: BoolArray) -> dict[str, Any]:
    return {"size": int(kept.size), "kept": np.packbits(kept).tobytes().hex()}


def _unpacked(plain: Mapping[str, Any]) -> BoolArray:
    bits, size = np.frombuffer(bytes.fromhex(plain["kept"]), np.uint8), int(plain["size"])
    if not 8 * (bits.size - 1) < size <= 8 * bits.size:
        raise ValueError(size)
    return np.unpackbits(bits, count=size).astype(np.bool_)


def load(path: str | os.PathLike[str], model: str | nn.Module | Callable[..., nn.Module] | None = None) -> nn.Module:
    """The model of a file that ``pruneviz prune`` wrote, in evaluation mode on the CPU.

    Args:
        path: the file.
        model: the architecture before it was pruned: ``"package.module:factory"``, a function or class, or a module
            (which is copied). Needed where the file names code of yours: what a file names is never imported by itself.

    Raises:
        CheckpointError: the file cannot be read, or belongs to another architecture.
        ModelError: the model cannot be made.
    """
    from pruneviz.models import checkpoint
    from pruneviz.pruning.channels import reshape

    head = read_head(path)
    net = _architecture(head, model, str(path))
    state = checkpoint.read(path)
    reshape(net, {n: state[n] for n in _shapes(head, net, state, str(path))})
    checkpoint.load_into(net, state, str(path))
    net = net.cpu().eval()
    if head.get("shapes"):
        _require_one_piece(net, head, str(path))
    return net


def _require_one_piece(net: nn.Module, head: Mapping[str, Any], path: str) -> None:
    """Run a cut network once: that its layers fit each other, no shape by itself says."""
    import torch

    try:
        with torch.no_grad():
            net(torch.zeros(1, *head["input"]))
    except Exception as e:  # whatever the model raises at sizes that it does not expect
        first = (str(e) or type(e).__name__).splitlines()[0][:200]
        raise CheckpointError(f"{path}: what was cut does not fit together ({first}). Write the file again.") from e


def _architecture(head: Mapping[str, Any], model: Any, path: str) -> nn.Module:
    from torch import nn

    from pruneviz import models

    options = dict(head["options"])
    if model is None:
        if not head["source"].startswith("sample:"):
            given = head["source"] if not head["source"].startswith("memory:") else "package.module:factory"
            raise ModelError(
                f"{path}: is a model of {head['source']!r}, which is code of yours, and what a file names is never "
                f"imported by itself. Say so: pv.load({path!r}, {given!r}), or give the function or a module."
            )
        model = head["source"]
    if isinstance(model, str):
        own = {} if model.startswith(("sample:", "memory:")) else options
        return models.architecture(build(ModelSpec, {"source": model, "options": own}, "pv.load: model"), 0)
    if isinstance(model, nn.Module):
        return models.architecture(ModelSpec("memory:model"), 0, {"model": model})
    if callable(model):
        try:
            made = model(**options)
        except Exception as e:  # a user's function may fail in any way
            raise ModelError(f"pv.load: {model!r} with {options} raised {type(e).__name__}: {e}.") from e
        if isinstance(made, nn.Module):
            return made
        raise ModelError(f"pv.load: the function returned {type(made).__name__}, allowed: a torch.nn.Module.")
    allowed = "'package.module:factory', a function, or a torch.nn.Module"
    raise UsageError(f"pv.load: model: got {type(model).__name__}; allowed: {allowed}.")


def _shapes(head: Mapping[str, Any], net: nn.Module, state: Mapping[str, Tensor], path: str) -> list[str]:
    """The tensors that were cut; the architecture must be the one that they were cut from."""
    own = {n: list(t.shape) for n, t in net.state_dict().items()}
    shapes = head.get("shapes", {})
    for name, shape in shapes.items():
        if own.get(name) != shape or name not in state:
            has = own.get(name, "no such tensor")
            raise CheckpointError(
                f"{path}: was cut from a model whose {name!r} has shape {shape}; this one has {has}. Give the "
                "architecture and options that it was pruned from."
            )
    return list(shapes)
