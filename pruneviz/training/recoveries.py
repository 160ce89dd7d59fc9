"""The catalogue of recoveries. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from pruneviz.core.errors import ModelError, SpecError, Unsupported, nearest, unknown
from pruneviz.core.options import build
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.models import imports
from pruneviz.training.kinds import (
    BatchNorm,
    Custom,
    Distill,
    FineTune,
    LrRewind,
    NoRecovery,
    Perp,
    Recovery,
    Scratch,
    WeightRewind,
)

__all__ = [
    "RECOVERIES",
    "Recovery",
    "check",
    "label",
    "no_batch_norm",
    "recovery_from",
    "require_function",
    "require_steps",
]

RECOVERIES: dict[str, type[Recovery]] = {
    r.name: r for r in (NoRecovery, FineTune, LrRewind, WeightRewind, Scratch, Perp, Distill, BatchNorm, Custom)
}


def recovery_from(choice: Choice, where: str, live: Mapping[str, Any] | None = None) -> Recovery:
    """Make a recovery out of its name and options.

    Args:
        choice: as asked.
        where: the place it was asked in, for messages.
        live: functions given in Python by name, for ``{name = "custom", function = "memory:NAME"}``.

    Raises:
        SpecError: an unknown name or option, or a value that is not allowed.
        ModelError: the module of a custom function cannot be found.
    """
    if choice.name not in RECOVERIES:
        raise unknown(where, choice.name, RECOVERIES)
    options = dict(choice.options)
    named = options.get("function")
    if choice.name == Custom.name and isinstance(named, str) and named.startswith("memory:"):
        name = named.removeprefix("memory:")
        if name not in (live or {}):
            given = ", ".join(f"memory:{n}" for n in sorted(live or {})) or "nothing"
            raise SpecError(f"{where} function", named, f"what was given in Python: {given}", nearest(name, live or {}))
        options["function"] = (live or {})[name]
    return build(RECOVERIES[choice.name], options, f"{where} {choice.name}")


def label(recovery: Recovery) -> str:
    """The recovery's name with the options that differ from their defaults, such as ``finetune(lr=0.01)``."""
    shown = []
    for f in fields(recovery):
        value = getattr(recovery, f.name)
        if isinstance(recovery, Custom) and f.name == "function":
            shown.append(recovery.title)
        elif value != f.default:
            shown.append(f"{f.name}={value:g}" if isinstance(value, float) else f"{f.name}={value}")
    return f"{recovery.name}({', '.join(shown)})" if shown else recovery.name


def check(
    recovery: Recovery,
    base: TrainSpec,
    *,
    trained_here: bool,
    kept_steps: Collection[int] = (),
    batch_norm: bool | None = None,
) -> None:
    """Complain before anything is trained about a recovery that the dense model cannot support.

    Args:
        recovery: the recovery.
        base: the dense training's settings.
        trained_here: whether the dense model is trained by ``[train]``, rather than given with its weights.
        kept_steps: steps of the dense training whose weights there will be.
        batch_norm: whether the model has batch norm; ``None`` where that is not known yet.

    Raises:
        Unsupported: the model lacks what the recovery needs.
        SpecError: its options do not go with the dense training.
    """
    recovery.check(base)
    require_steps(f"Recovery {recovery.name}", recovery.needs_steps, trained_here, kept_steps)
    if isinstance(recovery, (LrRewind, WeightRewind, Scratch)) and base.epochs == 0:
        raise SpecError("[train] epochs", 0, f"at least 1, since {recovery.name} repeats the dense training")
    if isinstance(recovery, BatchNorm) and batch_norm is False:
        raise no_batch_norm()


def require_function(recovery: Recovery) -> None:
    """Import the function that a custom recovery names, so that a slip is told before anything is trained.

    Raises:
        ModelError: it is not there.
    """
    if isinstance(recovery, Custom) and isinstance(recovery.function, str):
        where = "recovery custom function"
        imports.refresh(recovery.function, where)
        if not callable(imports.load(recovery.function, where)):
            raise ModelError(f"{where}: {recovery.function} cannot be called; allowed: a function of (net, keeper, …).")


def no_batch_norm() -> Unsupported:
    """The error for recalibrating a model without batch norm."""
    return Unsupported(
        "Recovery bn: this model has no batch norm with running statistics, so there is nothing to measure again. "
        'Use recovery "none", which would be the same.'
    )


def require_steps(who: str, steps: Collection[int], trained_here: bool, kept: Collection[int]) -> None:
    """Complain about steps of the dense training whose weights will not be there.

    Raises:
        Unsupported: so it is; ``who`` begins the sentence.
    """
    for step in steps:
        if step not in kept:
            raise Unsupported(_missing_step(who, step, trained_here, kept))


def _missing_step(who: str, step: int, trained_here: bool, kept: Collection[int]) -> str:
    what = "the initial weights" if step == 0 else f"the weights of step {step}"
    has = f"steps {', '.join(map(str, sorted(kept)))}" if kept else "no step"
    needs = f"{who} needs {what} of the dense model, of which {has} will be there."
    if trained_here:
        steps = sorted({*kept, step})
        return f"{needs} Write keep_steps = {steps} under [train]."
    return (
        f"{needs} The model comes trained, and such weights cannot be had from its final ones. Let [train] train it "
        f"(a factory without checkpoint) with keep_steps = [{step}]; some sample models bring step 0."
    )
