"""Making the models that a spec names."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError, SpecError, nearest
from pruneviz.core.spec import ModelSpec
from pruneviz.models import imports, samples
from pruneviz.models.plain import computed_tensors
from pruneviz.models.sources import WHERE, checkpoint_file, has_weights, live_module, split, timm_package

if TYPE_CHECKING:
    from torch import Tensor, nn


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

    kind, name = split(spec)
    net = _make(spec, replicate, 0, live or {})
    if spec.checkpoint is not None:
        file = checkpoint_file(spec, replicate)
    elif kind == "sample":
        file = str(samples.weights(name, replicate))
    else:
        return _ready(net, spec)
    checkpoint.load_into(net, checkpoint.read(file), file)
    return _ready(net, spec)


def refresh(spec: ModelSpec) -> None:
    """Let a factory's file that has changed since this process imported it count; to be called as a study begins.

    Raises:
        ModelError: it cannot be imported.
    """
    kind, source = split(spec)
    if kind == "factory":
        imports.refresh(source, WHERE)


def architecture(spec: ModelSpec, replicate: int, live: Mapping[str, Any] | None = None) -> nn.Module:
    """The model made as for :func:`build` or :func:`build_fresh`, for a state dict to be loaded into it.

    No checkpoint is read, so one that has gone meanwhile does no harm.

    Raises:
        ModelError: the model cannot be made.
        SpecError: the source makes no sense.
    """
    return _ready(_make(spec, replicate, 0 if has_weights(spec) else replicate, live or {}), spec)


def build_fresh(spec: ModelSpec, seed: int, live: Mapping[str, Any] | None = None) -> nn.Module:
    """The architecture newly initialised from a seed, on the CPU in evaluation mode.

    A module given in memory is copied and every layer's ``reset_parameters()`` called.

    Raises:
        ModelError: the model cannot be made, or one given in memory cannot be initialised anew.
    """
    import torch

    kind, _ = split(spec)
    net = _make(spec, 0, seed, live or {})
    if kind == "memory":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _reset(net, spec.source)
    return _ready(net, spec)


def _ready(net: nn.Module, spec: ModelSpec) -> nn.Module:
    try:
        return net.cpu().eval()
    except Exception as e:  # parameters without data (the device "meta"), a device of another machine
        raise ModelError(f"{WHERE}: {spec.source} cannot be brought to the CPU: {imports.said(e)}.") from e


def kept_weights(spec: ModelSpec, replicate: int, step: int) -> dict[str, Tensor]:
    """Weights that a sample model had after ``step`` training steps.

    Raises:
        SpecError: ``step`` is not among :func:`kept_steps`.
    """
    from pruneviz.models import checkpoint

    kind, name = split(spec)
    if kind != "sample":
        raise SpecError("step", step, f"nothing: {spec.source} brings no earlier weights")
    return checkpoint.read(samples.weights(name, replicate, step))


def _make(spec: ModelSpec, replicate: int, seed: int, live: Mapping[str, Any]) -> nn.Module:
    import torch

    kind, name = split(spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "memory":
            return _copied(live_module(name, replicate, live), spec)
        if kind == "sample":
            c = samples.card(name)
            return _call(f"{samples.PACKAGE}.nets:{c.factory}", c.options)
        if kind == "timm":
            return _timm_model(name, spec.options)
        return _call(spec.source, spec.options)


def _copied(net: nn.Module, spec: ModelSpec) -> nn.Module:
    try:
        return copy.deepcopy(net, dict(computed_tensors(net)))
    except Exception as e:
        raise ModelError(
            f"{WHERE}: {spec.source} cannot be copied: {imports.said(e)}. Keep no tensors that carry gradients, and no "
            "open files or locks, as attributes of the module; or give a factory."
        ) from e


def _call(source: str, options: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    factory = imports.load(source, WHERE)
    if isinstance(factory, nn.Module) or not callable(factory):
        kind = type(factory).__name__
        raise ModelError(f"{WHERE}: {source} is {kind}, allowed: a function or class that makes a torch.nn.Module.")
    try:
        net = factory(**options)
    except (Exception, SystemExit) as e:
        given = ", ".join(f"{k}={v!r}" for k, v in options.items())
        raise ModelError(f"{WHERE}: {source}({given}) raised {imports.said(e)}.") from e
    if not isinstance(net, nn.Module):
        raise ModelError(f"{WHERE}: {source} returned {type(net).__name__}, allowed: a torch.nn.Module.")
    return net


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


def _timm_model(name: str, options: Mapping[str, Any]) -> nn.Module:
    timm = timm_package()
    try:
        return timm.create_model(name, **options)  # type: ignore[no-any-return]
    except Exception as e:
        near = nearest(name, timm.list_models())
        raise ModelError(f"{WHERE}: timm:{name} failed: {type(e).__name__}: {e}. {near}".rstrip()) from e
