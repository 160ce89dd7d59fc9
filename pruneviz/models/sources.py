"""Where models come from, and what is known of a source without importing torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError, SpecError, nearest
from pruneviz.core.keys import digest, file_digest
from pruneviz.core.spec import DataSpec, ModelSpec
from pruneviz.models import imports, samples

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class SourceInfo:
    """One entry of the catalogue of models.

    Attributes:
        form: how it is written as ``[model] source``.
        details: facts of a sample model: parameters, test accuracy and the like; empty for a kind of source.
    """

    name: str
    form: str
    summary: str
    options: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


WHERE = "[model] source"
KINDS = ("sample", "timm", "memory")  # beside a factory's import path
_CHECKPOINT = "a safetensors or state-dict file; {replicate} in its name stands for the replicate's number"
_KINDS = (
    SourceInfo("sample", "sample:NAME", "a trained model that ships with pruneviz"),
    SourceInfo(
        "factory",
        "package.module:factory",
        "your own: a function or class that returns a torch.nn.Module",
        {"options": "keyword arguments of the factory", "checkpoint": _CHECKPOINT},
    ),
    SourceInfo(
        "timm",
        "timm:NAME",
        "a model of the timm package (needs the extra: pip install 'pruneviz[timm]')",
        {"options": "keyword arguments of timm.create_model, such as num_classes", "checkpoint": _CHECKPOINT},
        "https://github.com/huggingface/pytorch-image-models",
    ),
    SourceInfo(
        "memory",
        "memory:NAME",
        "a torch.nn.Module given in Python, or a list of them, one for each replicate",
        {"checkpoint": _CHECKPOINT},
    ),
)


def catalogue() -> tuple[SourceInfo, ...]:
    """The kinds of sources, then each sample model."""
    entries = []
    for c in map(samples.card, samples.names()):
        accuracies = [r.test_accuracy for r in c.replicates]
        details = {
            "parameters": c.parameters,
            "macs": c.macs,
            "replicates": len(accuracies),
            "test_accuracy": accuracies,
            "data": c.data["source"],
            "licence": c.licence,
        }
        entries.append(SourceInfo(c.name, f"sample:{c.name}", c.summary, {}, c.reference, details))
    return (*_KINDS, *entries)


def has_weights(spec: ModelSpec) -> bool:
    """Whether the dense model comes with weights; otherwise ``[train]`` must make them."""
    kind, _ = split(spec)
    pretrained = kind == "timm" and bool(spec.options.get("pretrained"))
    return kind in ("sample", "memory") or spec.checkpoint is not None or pretrained


def kept_steps(spec: ModelSpec, replicate: int) -> tuple[int, ...]:
    """Steps whose weights the source itself brings for rewinding (0: initialisation); see :func:`kept_weights`."""
    kind, name = split(spec)
    if kind != "sample" or spec.checkpoint is not None:
        return ()
    return tuple(sorted(samples.replicate(name, replicate).kept))


def trained_on(spec: ModelSpec) -> DataSpec | None:
    """The data that a sample model was trained on, as its card says; None for other models."""
    kind, name = split(spec)
    if kind != "sample" or spec.checkpoint is not None:
        return None
    own = samples.card(name).data
    known = {f.name for f in fields(DataSpec)} & own.keys() - {"mean", "std"}
    return DataSpec(**{name: own[name] for name in known})


def known_steps(spec: ModelSpec) -> int | None:
    """Optimiser steps with which the dense model was trained before it came here; ``None`` where nobody knows."""
    kind, name = split(spec)
    return samples.card(name).steps if kind == "sample" and spec.checkpoint is None else None


def identity(spec: ModelSpec, replicate: int, live: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What makes this dense model differ from others, as plain data for a step's key.

    Returns:
        ``source``, ``options``, ``source_digest`` and ``weights_digest`` (``None`` where there are no weights yet).

    Raises:
        ModelError: the source cannot be found.
        SpecError: the source makes no sense.
    """
    kind, name = split(spec)
    weights: str | None = None
    if kind == "sample":
        c = samples.card(name)
        source, weights = c.source_digest, samples.replicate(name, replicate).weights_digest
    elif kind == "timm":
        source = digest({"timm": timm_package().__version__, "name": name, "options": spec.options})
        weights = source if spec.options.get("pretrained") else None
    elif kind == "memory":
        source, weights = _memory_digests(live_module(name, replicate, live or {}))
    else:
        source = imports.source_digest(spec.source, spec.options, WHERE, KINDS)
    if spec.checkpoint is not None:
        weights = file_digest(checkpoint_file(spec, replicate))
    return {"source": spec.source, "options": dict(spec.options), "source_digest": source, "weights_digest": weights}


def split(spec: ModelSpec) -> tuple[str, str]:
    """The kind of source (``factory`` for an import path) and the rest.

    Raises:
        SpecError: it is none of the known forms.
    """
    kind, _, name = spec.source.partition(":")
    if kind in ("sample", "memory") and spec.options:
        raise SpecError("[model] options", dict(spec.options), f"none: {spec.source} is made already")
    if kind in KINDS:
        return kind, name
    imports.split(spec.source, WHERE, KINDS)
    return "factory", spec.source


def checkpoint_file(spec: ModelSpec, replicate: int) -> str:
    """The path of a replicate's checkpoint.

    Raises:
        CheckpointError: it is absent or empty.
        SpecError: several replicates would share it.
    """
    from pruneviz.models import checkpoint

    path = str(spec.checkpoint)
    if "{replicate}" not in path and spec.replicates > 1:
        remedy = 'Write {replicate} where the file names differ, such as "weights-{replicate}.pt", or replicates = 1.'
        raise SpecError("[model] replicates", spec.replicates, "1, since one checkpoint is one dense model", remedy)
    path = path.replace("{replicate}", str(replicate))
    checkpoint.require_file(path)
    return path


def live_module(name: str, replicate: int, live: Mapping[str, Any]) -> nn.Module:
    """The module that was given in Python under a name.

    Raises:
        ModelError: none was given, or it is no module.
        SpecError: there are fewer replicates.
    """
    from torch import nn

    if name not in live:
        raise ModelError(
            f"{WHERE}: memory:{name} was not given; given are: {', '.join(sorted(live)) or 'none'}. "
            f"{nearest(name, live)} A model that lives only in memory must be given again to go on with its study."
        )
    given = live[name]
    if isinstance(given, Sequence):
        if not 0 <= replicate < len(given):
            raise SpecError(
                "[model] replicates", replicate, f"0 to {len(given) - 1}: memory:{name} has {len(given)} modules"
            )
        given = given[replicate]
    elif replicate > 0:
        raise SpecError(
            "[model] replicates", replicate, f"0, since memory:{name} is one module", "Give a list of modules."
        )
    if not isinstance(given, nn.Module):
        raise ModelError(f"{WHERE}: memory:{name} is {type(given).__name__}, allowed: a torch.nn.Module.")
    return given


def _memory_digests(net: nn.Module) -> tuple[str, str]:
    """Digests of a module's structure and of its weights.

    The structure is what the module prints, and the code of its classes where Python can find it.
    """
    import inspect

    from pruneviz.models.checkpoint import state_digest
    from pruneviz.models.inspect import require_parameters

    require_parameters(net)
    sources = {}
    for cls in {type(m) for m in net.modules()}:
        if not cls.__module__.startswith("torch."):
            try:
                sources[f"{cls.__module__}.{cls.__qualname__}"] = inspect.getsource(cls)
            except (OSError, TypeError):  # typed at a prompt: its code cannot be seen
                sources[f"{cls.__module__}.{cls.__qualname__}"] = ""
    return digest({"printed": repr(net), "classes": sources}), state_digest(net.state_dict())


def timm_package() -> Any:
    """The timm package.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import timm
    except ImportError:
        raise ModelError(f"{WHERE}: timm:NAME needs the timm package: pip install 'pruneviz[timm]'.") from None
    return timm
