"""The runs of a comparison: models that are given as they are, each against the reference of its replicate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pruneviz.core.comparing import AS_GIVEN, DENSE
from pruneviz.core.errors import SpecError, located
from pruneviz.core.options import to_plain
from pruneviz.core.spec import ModelSpec
from pruneviz.study.expand import RUN_ID_LENGTH
from pruneviz.study.plan import Plan, PlannedRun, State
from pruneviz.study.steps import Step


def expand_given(made: Plan, live: Mapping[str, Any], where_data: Mapping[str, Any]) -> None:
    """Add to the plan a run for each model that is compared, the reference's first.

    Raises:
        SpecError: two names mean the same model, or one has no weights.
        ModelError: a source cannot be found.
    """
    compare = made.spec.compare
    assert compare is not None
    reference = next(m for m in made.spec.models if m.label == compare.reference)
    shared = _kind(reference)
    dense: dict[int, tuple[str, str]] = {}  # the reference's step and run, by replicate
    for model in (reference, *(m for m in made.spec.models if m is not reference)):
        for replicate in range(model.first, model.first + model.replicates):
            step = _given(made, model, replicate, live, where_data, dense.get(replicate))
            title = f"{model.label} #{replicate}" if reference.replicates > 1 else model.label
            row = {
                "target": None if model is reference else AS_GIVEN,
                "name": title,
                "model": shared,
                "replicate": replicate,
                "method": DENSE if model is reference else model.label,
                "recovery": "none",
                "level": 0 if model is reference else 1,
            }
            run_id = _run(made, step, row, dense.get(replicate))
            if model is reference:
                dense[replicate] = (step.key, run_id)


def _kind(reference: ModelSpec) -> str:
    """What the models compared are called together: the reference's source, or its name for one in memory."""
    kind, _, name = reference.source.partition(":")
    return reference.label if kind == "memory" else name


def _given(
    made: Plan,
    model: ModelSpec,
    replicate: int,
    live: Mapping[str, Any],
    where_data: Mapping[str, Any],
    reference: tuple[str, str] | None,
) -> Step:
    from pruneviz import models
    from pruneviz.core.keys import file_digest
    from pruneviz.models.checkpoint import require_file
    from pruneviz.study.given import history_file

    if not models.has_weights(model):
        remedy = "Give its checkpoint: a safetensors or state-dict file."
        raise SpecError(f"[[models]] {model.label!r}", model.source, "a model with its weights", remedy)
    with located(f"model {model.label!r}"):
        identity = models.identity(model, replicate, live)
        if model.history is not None:
            require_file(history_file(model, replicate))
    params: dict[str, Any] = {"model": to_plain(identity), "data": made.data_digest}
    if model.history is not None:
        params["history"] = file_digest(history_file(model, replicate))
    inputs = {"reference": reference[0]} if reference is not None else {}
    context = {"model": model, "replicate": replicate, "identity": identity, **where_data}
    step = Step("given", params, inputs, context, f"read {model.label}")
    if step.key in made.steps:
        first = made.steps[step.key].context["model"].label
        raise SpecError("[[models]]", [first, model.label], "models that differ in more than their name")
    made.add(step)
    return step


def _run(made: Plan, step: Step, row: dict[str, Any], reference: tuple[str, str] | None) -> str:
    measure, state = made.spec.measure, State(step.key, step.key, step.key)
    params: dict[str, Any] = {"data": made.data_digest, "batch_size": measure.batch_size}
    key = made.add(Step("measure", params, state.inputs, step.context, f"measure {row['name']}"))
    latency = None
    if measure.latency:
        params = {"batch": measure.latency_batch, "seconds": measure.latency_seconds}
        latency = made.add(Step("latency", params, state.inputs, step.context, f"time {row['name']}", alone=True))
    run_id = key[:RUN_ID_LENGTH]
    dense = reference[1] if reference is not None else run_id
    parent = reference[1] if reference is not None else None
    row = {"run_id": run_id, "dense_run_id": dense, "parent_run_id": parent, "control_run_id": None, **row}
    made.runs[run_id] = PlannedRun(run_id, row, state, key, latency, (step.key,), (step.key,))
    return run_id
