"""From what is asked to what is to be done: a spec becomes a graph of steps and a list of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pruneviz.core.options import to_plain
from pruneviz.core.quantities import Target
from pruneviz.core.spec import ModelSpec, StudySpec, TrainSpec
from pruneviz.study.steps import Step, derived_seed

if TYPE_CHECKING:
    from pruneviz.pruning.recipes import Recipe
    from pruneviz.training.recoveries import Recovery

RUN_ID_LENGTH = 12


@dataclass(frozen=True)
class State:
    """A model's weights at one point: which steps hold them and their mask."""

    dense: str
    weights: str
    mask: str | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """As inputs of a step."""
        found = {"dense": self.dense, "weights": self.weights}
        return {**found, "mask": self.mask} if self.mask else found


@dataclass(frozen=True)
class PlannedRun:
    """A run that the study shows, with what is known of it before it is done.

    Attributes:
        row: the columns of the runs table that the plan decides.
        measure, latency: keys of the steps that measure it.
        own_steps: keys of the steps of its own pruning and training, in order.
        train_steps: keys of every training step up to it.
    """

    run_id: str
    row: Mapping[str, Any]
    state: State
    measure: str
    latency: str | None
    own_steps: tuple[str, ...]
    lineage: tuple[str, ...]


@dataclass
class Plan:
    """The steps by key, in an order in which inputs come first, and the runs."""

    spec: StudySpec
    data_digest: str
    steps: dict[str, Step] = field(default_factory=dict)
    runs: dict[str, PlannedRun] = field(default_factory=dict)
    pictures: str = ""

    def add(self, step: Step) -> str:
        """Add a step unless an equal one is there; returns its key."""
        self.steps.setdefault(step.key, step)
        return step.key


@dataclass(frozen=True)
class _Dense:
    """A dense model within the plan."""

    label: str
    replicate: int
    state: State
    train: TrainSpec
    context: Mapping[str, Any]
    run_id: str


def resolved(spec: StudySpec) -> tuple[tuple[Recipe, ...], tuple[Recovery, ...]]:
    """The study's recipes, its random controls added, and its recoveries.

    Raises:
        SpecError: a name or option is not allowed.
    """
    from pruneviz.pruning import recipes
    from pruneviz.training.recoveries import recovery_from

    methods = [recipes.resolve(c, f"[prune] methods[{i}]") for i, c in enumerate(spec.prune.methods)]
    if spec.prune.controls:
        for recipe in tuple(methods):
            control = recipes.control_of(recipe)
            if control not in methods:
                methods.append(control)
    recoveries = tuple(recovery_from(c, f"[recover] recoveries[{i}]") for i, c in enumerate(spec.recover.recoveries))
    return tuple(dict.fromkeys(methods)), recoveries


def plan(spec: StudySpec, live: Mapping[str, Any] | None = None) -> Plan:
    """The graph of steps that a study means.

    Args:
        spec: what is asked.
        live: objects given in Python, by the name that ``memory:NAME`` sources use.

    Raises:
        SpecError, DataError, ModelError: a source, method, recovery or checkpoint cannot be used.
    """
    from pruneviz import data, models

    live = live or {}
    recipes, recoveries = resolved(spec)
    made = Plan(spec, data.identity(spec.data, live))
    where_data = {"data": spec.data}
    made.pictures = made.add(Step("pictures", {"data": made.data_digest}, {}, where_data, "test images"))
    for model in spec.models:
        trained_here = not models.has_weights(model)
        for train in spec.trains:
            swept = ", ".join(f"{k}={getattr(train, k)}" for k in spec.swept)
            label = f"{model.label} ({swept})" if swept else model.label
            for replicate in range(model.first, model.first + model.replicates):
                identity = models.identity(model, replicate, live)
                context = {"model": model, "replicate": replicate, **where_data}
                dense = _dense(made, model, replicate, identity, train if trained_here else None, label, context)
                for_recovery = _Dense(label, replicate, dense, train, context, "")
                _expand(made, for_recovery, recipes, recoveries)
    return made


def _dense(
    made: Plan,
    model: ModelSpec,
    replicate: int,
    identity: Mapping[str, Any],
    train: TrainSpec | None,
    label: str,
    context: Mapping[str, Any],
) -> State:
    params: dict[str, Any] = {"model": to_plain(identity)}
    if train is not None:
        params |= {"train": to_plain(train), "seed": replicate, "data": made.data_digest}
    verb = "train" if train is not None else "load"
    step = Step("dense", params, {}, {**context, "train": train}, f"{verb} {label} #{replicate}")
    key = made.add(step)
    return State(key, key)


def _expand(made: Plan, dense: _Dense, recipes: tuple[Recipe, ...], recoveries: tuple[Recovery, ...]) -> None:
    """Every run that descends from one dense model."""
    from pruneviz.pruning import recipes as pruning
    from pruneviz.training.recoveries import label as recovery_label
    from pruneviz.training.recoveries import recovery_from

    prune = made.spec.prune
    seeds = range(prune.first_seed, prune.first_seed + prune.seeds)
    shown = _Names(dense)
    dense_run = _add_run(made, dense, dense.state, (), (), shown.row("dense", "", "none", 0, None, None), None)
    dense = replace(dense, run_id=dense_run)
    churn = [r for r in recoveries if r.trains and r.name != "scratch"]
    for recovery in churn:  # what retraining alone changes: the baseline of every comparison
        for seed in seeds:
            state, key = _train(made, dense, dense.state, recovery, None, None, seed)
            row = shown.row("dense", "", recovery_label(recovery), 0, seed, None)
            _add_run(made, dense, state, (key,), (key,), row, dense_run)
    by_cell: dict[tuple[Any, ...], str] = {}
    for recipe in recipes:
        fixed = recipe.recovery
        own = (recovery_from(fixed, f"method {recipe.name}: recovery"),) if fixed is not None else recoveries
        for target in prune.sparsities:
            for seed in seeds:
                parents: dict[str, str] = {}
                for recovery in sorted(own, key=lambda r: r.name != "none"):
                    state, steps = _pruned(made, dense, recipe, target, recovery, seed)
                    used = seed if (recipe.uses_seed or recovery.trains) else None
                    row = shown.row(
                        pruning.label(recipe),
                        recipe.unit,
                        recovery_label(recovery),
                        len(recipe.schedule.levels(target)),
                        used,
                        target,
                    )
                    row["parent_run_id"] = parents.get("none", dense_run)
                    cell = (recipe, target, recovery, seed)
                    control = (pruning.control_of(recipe), target, recovery, seed)
                    row["control_of"] = control if control != cell else None
                    run_id = _add_run(made, dense, state, steps, steps, row, row["parent_run_id"])
                    parents[recovery.name] = run_id
                    by_cell[cell] = run_id
    for run_id, run in list(made.runs.items()):  # controls are known only once every run is
        if "control_of" in run.row:
            row = {k: v for k, v in run.row.items() if k != "control_of"}
            wanted = run.row["control_of"]
            row["control_run_id"] = by_cell.get(wanted) if wanted is not None else None
            made.runs[run_id] = replace(run, row=row)


@dataclass(frozen=True)
class _Names:
    """Readable names and the identifying columns of a dense model's runs."""

    dense: _Dense

    def row(
        self, method: str, unit: str, recovery: str, level: int, seed: int | None, target: Target | None
    ) -> dict[str, Any]:
        d = self.dense
        parts = [f"{d.label} #{d.replicate}", method]
        parts += [target.label] if target is not None else []
        parts += [recovery] if recovery != "none" else []
        parts += [f"seed {seed}"] if seed is not None else []
        return {
            "name": " · ".join(parts),
            "model": d.label,
            "replicate": d.replicate,
            "method": method,
            "unit": unit or None,
            "recovery": recovery,
            "level": level,
            "seed": seed,
            "target": target.label if target is not None else None,
            "sparsity_target": target.value if target is not None and target.kind == "sparsity" else None,
        }


def _add_run(
    made: Plan,
    dense: _Dense,
    state: State,
    own: tuple[str, ...],
    lineage: tuple[str, ...],
    row: dict[str, Any],
    parent: str | None,
) -> str:
    measure = made.spec.measure
    params = {"data": made.data_digest, "batch_size": measure.batch_size}
    key = made.add(Step("measure", params, state.inputs, dense.context, f"measure {row['name']}"))
    latency = None
    if measure.latency:
        timed = {"batch": measure.latency_batch, "seconds": measure.latency_seconds}
        step = Step("latency", timed, state.inputs, dense.context, f"time {row['name']}", alone=True)
        latency = made.add(step)
    run_id = key[:RUN_ID_LENGTH]
    row = {**row, "run_id": run_id, "parent_run_id": parent, "dense_run_id": dense.run_id or run_id}
    made.runs.setdefault(run_id, PlannedRun(run_id, row, state, key, latency, own, (dense.state.dense, *lineage)))
    return run_id


def _pruned(
    made: Plan, dense: _Dense, recipe: Recipe, target: Target, recovery: Recovery, seed: int
) -> tuple[State, tuple[str, ...]]:
    """The steps of one method at one target: its levels, each pruned and then recovered."""
    state, steps = dense.state, []
    if recipe.schedule.kind == "gradual":
        state, key = _train(made, dense, state, recovery, recipe, target, seed)
        return state, (key,)
    for level in recipe.schedule.levels(target):
        params: dict[str, Any] = {
            "recipe": _selecting(recipe),
            "target": to_plain(level),
            "exclude": list(made.spec.prune.exclude),
        }
        if recipe.uses_seed:
            params["seed"] = derived_seed("score", seed, dense.state.dense)
        inputs = dict(state.inputs)
        for need in sorted(recipe.needs - {"weights"}):
            inputs[f"statistics:{need}"] = _statistics(made, dense, state, need, seed)
        title = f"prune {dense.label} #{dense.replicate}: {recipe.name} {level.label}"
        context = {**dense.context, "recipe": recipe, "target": level, "exclude": made.spec.prune.exclude}
        key = made.add(Step("prune", params, inputs, context, title))
        steps.append(key)
        state = State(dense.state.dense, state.weights, key)
        if recovery.name != "none":
            state, key = _train(made, dense, state, recovery, None, None, seed)
            steps.append(key)
    return state, tuple(steps)


def _selecting(recipe: Recipe) -> dict[str, Any]:
    """The parts of a recipe that decide which units go; its name, texts and recovery do not."""
    return {part: to_plain_part(getattr(recipe, part)) for part in ("unit", "score", "allocation")}


def to_plain_part(part: Any) -> Any:
    """A part of a recipe as plain data, with its class's name, so that equal options of two parts differ."""
    if isinstance(part, str):
        return part
    return {"part": type(part).__name__, **to_plain(part)}


def _statistics(made: Plan, dense: _Dense, state: State, need: str, seed: int) -> str:
    params = {
        "need": need,
        "data": made.data_digest,
        "samples": made.spec.prune.calibration_samples,
        "seed": derived_seed("calibration", seed, dense.state.dense),
    }
    title = f"gather {need} of {dense.label} #{dense.replicate}"
    return made.add(Step("statistics", params, state.inputs, dense.context, title))


def _train(
    made: Plan,
    dense: _Dense,
    state: State,
    recovery: Recovery,
    recipe: Recipe | None,
    target: Target | None,
    seed: int,
) -> tuple[State, str]:
    params: dict[str, Any] = {
        "recovery": to_plain_part(recovery),
        "base": to_plain(dense.train),
        "data": made.data_digest,
    }
    if recovery.trains:
        params["seed"] = derived_seed("order", seed, dense.state.dense)
    title = f"{recovery.name} {dense.label} #{dense.replicate}"
    if recipe is not None and target is not None:
        params["gradual"] = {
            **_selecting(recipe),
            "schedule": to_plain_part(recipe.schedule),
            "target": to_plain(target),
            "exclude": list(made.spec.prune.exclude),
        }
        title = f"{recipe.name} {target.label} {title}"
    context = {**dense.context, "recovery": recovery, "base": dense.train, "recipe": recipe, "target": target}
    context["exclude"] = made.spec.prune.exclude
    key = made.add(Step("train", params, state.inputs, context, title))
    mask = key if recipe is not None else state.mask
    return State(dense.state.dense, key, mask), key
