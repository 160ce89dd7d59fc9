"""Where models come from: what is known of a source without importing torch, and the models themselves."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError, SpecError, nearest
from pruneviz.core.keys import digest, file_digest
from pruneviz.core.spec import ModelSpec
from pruneviz.models import factory, samples

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    kind, _ = _split(spec)
    pretrained = kind == "timm" and bool(spec.options.get("pretrained"))
    return kind in ("sample", "memory") or spec.checkpoint is not None or pretrained


def kept_steps(spec: ModelSpec, replicate: int) -> tuple[int, ...]:
    """Steps whose weights the source itself brings for rewinding (0: initialisation); see :func:`kept_weights`."""
    kind, name = _split(spec)
    if kind != "sample" or spec.checkpoint is not None:
        return ()
    return tuple(sorted(samples.replicate(name, replicate).kept))


def kept_weights(spec: ModelSpec, replicate: int, step: int) -> dict[str, Tensor]:
    """Weights that a sample model had after ``step`` training steps.

    Raises:
        SpecError: ``step`` is not among :func:`kept_steps`.
    """
    from pruneviz.models import checkpoint

    kind, name = _split(spec)
    if kind != "sample":
        raise SpecError("step", step, f"nothing: {spec.source} brings no earlier weights")
    return checkpoint.read(samples.weights(name, replicate, step))


def identity(spec: ModelSpec, replicate: int, live: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What makes this dense model differ from others, as plain data for a step's key.

    Returns:
        ``source``, ``options``, ``source_digest`` and ``weights_digest`` (``None`` where there are no weights yet).

    Raises:
        ModelError: the source cannot be found.
        SpecError: the source makes no sense.
    """
    kind, name = _split(spec)
    weights: str | None = None
    if kind == "sample":
        c = samples.card(name)
        source, weights = c.source_digest, samples.replicate(name, replicate).weights_digest
    elif kind == "timm":
        source = digest({"timm": _timm().__version__, "name": name, "options": spec.options})
        weights = source if spec.options.get("pretrained") else None
    elif kind == "memory":
        source, weights = _memory_digests(_live_module(name, replicate, live or {}))
    else:
        source = factory.source_digest(spec.source, spec.options)
    if spec.checkpoint is not None:
        weights = file_digest(_checkpoint(spec, replicate))
    return {"source": spec.source, "options": dict(spec.options), "source_digest": source, "weights_digest": weights}


def build(spec: ModelSpec, replicate: int, live: Mapping[str, Any] | None = None) -> nn.Module:
    """The model on the CPU in evaluation mode, with its weights where it has any.

    Args:
        spec: the source.
        replicate: which of the dense models.
        live: modules given in Python by name, for ``memory:NAME``; they are copied.

    Raises:
        ModelError: the model cannot be made, naming what failed.
        CheckpointError: its weights cannot be read or do not fit.
        SpecError: the source makes no sense.
    """
    from pruneviz.models import checkpoint

    kind, name = _split(spec)
    net = _make(spec, replicate, 0, live or {})
    if spec.checkpoint is not None:
        file = _checkpoint(spec, replicate)
    elif kind == "sample":
        file = str(samples.weights(name, replicate))
    else:
        return net.cpu().eval()
    checkpoint.load_into(net, checkpoint.read(file), file)
    return net.cpu().eval()


def build_fresh(spec: ModelSpec, seed: int, live: Mapping[str, Any] | None = None) -> nn.Module:
    """The architecture newly initialised from a seed, on the CPU in evaluation mode.

    A module given in memory is copied and every layer's ``reset_parameters()`` called.

    Raises:
        ModelError: the model cannot be made, or one given in memory cannot be initialised anew.
    """
    import torch

    kind, _ = _split(spec)
    net = _make(spec, 0, seed, live or {})
    if kind == "memory":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _reset(net, spec.source)
    return net.cpu().eval()


def _split(spec: ModelSpec) -> tuple[str, str]:
    """The kind of source (``factory`` for an import path) and the rest."""
    kind, _, name = spec.source.partition(":")
    if kind in ("sample", "timm", "memory"):
        return kind, name
    factory.split(spec.source)
    return "factory", spec.source


def _checkpoint(spec: ModelSpec, replicate: int) -> str:
    from pruneviz.models import checkpoint

    path = str(spec.checkpoint)
    if "{replicate}" not in path and spec.replicates > 1:
        remedy = 'Write {replicate} where the file names differ, such as "weights-{replicate}.pt", or replicates = 1.'
        raise SpecError("[model] replicates", spec.replicates, "1, since one checkpoint is one dense model", remedy)
    path = path.replace("{replicate}", str(replicate))
    checkpoint.require_file(path)
    return path


def _make(spec: ModelSpec, replicate: int, seed: int, live: Mapping[str, Any]) -> nn.Module:
    import torch

    kind, name = _split(spec)
    if kind in ("sample", "memory") and spec.options:
        raise SpecError("[model] options", dict(spec.options), f"none: {spec.source} is made already")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "memory":
            return copy.deepcopy(_live_module(name, replicate, live))
        if kind == "sample":
            c = samples.card(name)
            return factory.call(f"{samples.PACKAGE}.nets:{c.factory}", c.options)
        if kind == "timm":
            return _timm_model(name, spec.options)
        return factory.call(spec.source, spec.options)


def _live_module(name: str, replicate: int, live: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    if name not in live:
        raise ModelError(
            f"[model] source: memory:{name} was not given; given are: {', '.join(sorted(live)) or 'none'}. "
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
        raise ModelError(f"[model] source: memory:{name} is {type(given).__name__}, allowed: a torch.nn.Module.")
    return given


def _memory_digests(net: nn.Module) -> tuple[str, str]:
    """Digests of a module's structure and of its weights.

    The structure is what the module prints, and the code of its classes where Python can find it.
    """
    import inspect

    from pruneviz.models.checkpoint import state_digest

    sources = {}
    for cls in {type(m) for m in net.modules()}:
        if not cls.__module__.startswith("torch."):
            try:
                sources[f"{cls.__module__}.{cls.__qualname__}"] = inspect.getsource(cls)
            except (OSError, TypeError):  # typed at a prompt: its code cannot be seen
                sources[f"{cls.__module__}.{cls.__qualname__}"] = ""
    return digest({"printed": repr(net), "classes": sources}), state_digest(net.state_dict())


def _reset(net: nn.Module, source: str) -> None:
    """Call every layer's ``reset_parameters()``; refuse where that would leave a parameter as it is."""
    covered = set()
    for module in net.modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
            covered |= {id(p) for p in module.parameters(recurse=False)}
    left = [name for name, p in net.named_parameters() if id(p) not in covered]
    if left:
        raise ModelError(
            f"{source}: cannot be initialised anew: no reset_parameters() covers {', '.join(left[:5])}"
            f"{' and more' if len(left) > 5 else ''}. Add that method to the module that owns it, or give a factory."
        )


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise ModelError("[model] source: timm:NAME needs the timm package: pip install 'pruneviz[timm]'.") from None
    return timm


def _timm_model(name: str, options: Mapping[str, Any]) -> nn.Module:
    timm = _timm()
    try:
        return timm.create_model(name, **options)  # type: ignore[no-any-return]
    except Exception as e:
        near = nearest(name, timm.list_models())
        raise ModelError(f"[model] source: timm:{name} failed: {type(e).__name__}: {e}. {near}".rstrip()) from e
