"""Every run that descends from one dense model: methods × targets × seeds × recoveries, with their controls."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pruneviz.core.keys import file_digest
from pruneviz.core.options import to_plain
from pruneviz.core.quantities import Target
from pruneviz.core.spec import TrainSpec
from pruneviz.pruning.needs import step_of
from pruneviz.pruning.recipes import control_of, label
from pruneviz.study.plan import Crossing, Plan, PlannedRun, State, recovery_of
from pruneviz.study.steps import Step, derived_seed, part
from pruneviz.training.recoveries import label as recovery_label

if TYPE_CHECKING:
    from pruneviz.pruning.parts import Part
    from pruneviz.pruning.recipes import Recipe
    from pruneviz.training.recoveries import Recovery

RUN_ID_LENGTH = 12


@dataclass(frozen=True)
class Dense:
    """A dense model within the plan.

    Attributes:
        label: the model's name, with the swept training values where there are any.
        replicate: its number, the unit of replication.
        state: its weights.
        train: the settings it was trained with, from which recoveries start.
        context: where its source and data are.
    """

    label: str
    replicate: int
    state: State
    train: TrainSpec
    context: Mapping[str, Any]

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.label} #{self.replicate}"


@dataclass(frozen=True)
class Level:
    """What was reached at one level of a schedule.

    Attributes:
        number: from 1.
        target: what was asked for.
        state: the model then.
        steps: keys of the steps so far.
        begun: key of the step that gave the weights it began with, where these are not the dense model's.
    """

    number: int
    target: Target
    state: State
    steps: tuple[str, ...]
    begun: tuple[str, ...] = ()


Cell = tuple[Any, Target, Any, int]


def expand(made: Plan, dense: Dense, crossing: Crossing) -> None:
    """Add to the plan the runs of a crossing that descend from a dense model, and the steps that they take."""
    _Expansion(made, dense, crossing).add_all()


@dataclass
class _Expansion:
    made: Plan
    dense: Dense
    crossing: Crossing
    by_cell: dict[Cell, str] = field(default_factory=dict)
    dense_run: str = ""

    def add_all(self) -> None:
        self.dense_run = self._run(self.dense.state, (), self._row("dense"))
        retrained = self.crossing.recoveries if self.crossing.prune.retrained else ()
        for recovery in (r for r in retrained if r.trains and r.name != "scratch"):
            for seed in self._seeds():  # what retraining alone changes: the baseline of every comparison
                state, key = self._trained(self.dense.state, recovery, seed, "dense")
                row = self._row("dense", recovery=recovery, seed=seed)
                self._run(state, (key,), {**row, "parent_run_id": self.dense_run})
        for recipe in self.crossing.recipes:
            for target in recipe.targets(self.crossing.prune.sparsities):
                for seed in self._seeds():
                    self._add_method(recipe, target, seed)
        self._name_controls()

    def _seeds(self) -> range:
        prune = self.crossing.prune
        return range(prune.first_seed, prune.first_seed + prune.seeds)

    def _add_method(self, recipe: Recipe, target: Target, seed: int) -> None:
        """One method at one target and seed, with each recovery; the unrecovered run is the others' parent."""
        own = self.crossing.recoveries if recipe.recovery is None else (recovery_of(recipe),)
        unrecovered: dict[Target, str] = {}
        for recovery in sorted(own, key=lambda r: r.name != "none"):
            levels = list(self._levels(recipe, target, recovery, seed))
            for level in levels if recipe.schedule.own else levels[-1:]:
                used = seed if recipe.uses_seed or recovery.trains else None
                row = self._row(recipe, recovery=recovery, seed=used, target=level.target, level=level.number)
                row["parent_run_id"] = unrecovered.get(level.target, self.dense_run)
                row["cell"] = cell = (recipe, level.target, recovery, seed)
                run_id = self._run(level.state, level.steps, row, level.begun)
                self.by_cell[cell] = run_id
                if recovery.name == "none":
                    unrecovered[level.target] = run_id

    def _name_controls(self) -> None:
        """Point each run to its random control; only now is every run known."""
        for run_id, run in list(self.made.runs.items()):
            if "cell" in run.row:
                row = dict(run.row)
                recipe, *rest = row.pop("cell")
                control = control_of(recipe)
                row["control_run_id"] = self.by_cell.get((control, *rest)) if control != recipe else None
                self.made.runs[run_id] = replace(run, row=row)

    def _row(
        self,
        method: Recipe | str,
        *,
        recovery: Recovery | None = None,
        seed: int | None = None,
        target: Target | None = None,
        level: int = 0,
    ) -> dict[str, Any]:
        """The identifying columns of a run."""
        recovered = recovery_label(recovery) if recovery is not None else "none"
        shown = method if isinstance(method, str) else label(method)
        parts = [self.dense.title, shown, target.label if target is not None else ""]
        parts += [recovered if recovered != "none" else "", f"seed {seed}" if seed is not None else ""]
        return {
            "name": " · ".join(p for p in parts if p),
            "model": self.dense.label,
            "replicate": self.dense.replicate,
            "method": shown,
            "unit": None if isinstance(method, str) else method.unit,
            "recovery": recovered,
            "level": level,
            "seed": seed,
            "target": target.label if target is not None else None,
            "sparsity_target": target.value if target is not None and target.kind == "sparsity" else None,
        }

    def _run(self, state: State, steps: tuple[str, ...], row: dict[str, Any], begun: tuple[str, ...] = ()) -> str:
        """Add a run and the steps that measure it; equal runs are one."""
        measure, context = self.made.spec.measure, self.dense.context
        params: dict[str, Any] = {"data": self.made.data_digest, "batch_size": measure.batch_size}
        key = self.made.add(Step("measure", params, state.inputs, context, f"measure {row['name']}"))
        latency = None
        if measure.latency:
            params = {"batch": measure.latency_batch, "seconds": measure.latency_seconds}
            step = Step("latency", params, state.inputs, context, f"time {row['name']}", alone=True)
            latency = self.made.add(step)
        run_id = key[:RUN_ID_LENGTH]
        row = {"parent_run_id": None, **row, "run_id": run_id, "dense_run_id": self.dense_run or run_id}
        lineage = (self.dense.state.dense, *begun, *steps)
        self.made.runs.setdefault(run_id, PlannedRun(run_id, row, state, key, latency, steps, lineage))
        return run_id

    def _levels(self, recipe: Recipe, target: Target, recovery: Recovery, seed: int) -> Iterator[Level]:
        """The levels of a method's schedule, each pruned and then recovered."""
        steps: tuple[str, ...] = ()
        state, begun = self._start(recipe)
        if recipe.schedule.kind == "training":
            state, key = self._trained(state, recovery, seed, label(recipe), recipe, target)
            yield Level(1, target, state, (key,), begun)
            return
        levels = recipe.schedule.levels(target)
        like: list[str | None] = [None] * len(levels)
        if recipe.like is not None:
            like = [level.state.mask for level in self._levels(recipe.like, target, recovery, seed)]
        for number, at in enumerate(levels, start=1):
            key = self._prune_step(state, recipe, at, seed, like[number - 1])
            weights = key if recipe.update.changes else state.weights
            state, steps = State(self.dense.state.dense, weights, key), (*steps, key)
            if recovery.name != "none":
                state, key = self._trained(state, recovery, seed, f"{label(recipe)} {at.label}")
                steps = (*steps, key)
            yield Level(number, at, state, steps, begun)

    def _start(self, recipe: Recipe) -> tuple[State, tuple[str, ...]]:
        """The weights that the recipe prunes: the dense model's, or those of an earlier step of its training."""
        state = self.dense.state
        if recipe.at is None:
            return state, ()
        title = f"step {recipe.at} of {self.dense.title}"
        key = self.made.add(Step("start", {"step": recipe.at}, {"dense": state.dense}, self.dense.context, title))
        return State(state.dense, key), (key,)

    def _prune_step(self, state: State, recipe: Recipe, target: Target, seed: int, like: str | None = None) -> str:
        exclude = self.made.spec.prune.exclude
        params: dict[str, Any] = {"recipe": _selecting(recipe), "target": to_plain(target), "exclude": list(exclude)}
        if target.kind == "macs" or recipe.score.uses_example:
            params["data"] = self.made.data_digest  # the images' size decides what a multiply-add costs where
        if recipe.uses_seed:
            params["seed"] = derived_seed("score", seed, self.dense.state.dense)
        inputs = dict(state.inputs)
        if like is not None:
            inputs["like"] = like  # whose mask says how many go of each layer
        for need in sorted(recipe.needs - {"weights"}):
            inputs[f"statistics:{need}"] = self._statistics_step(state, recipe, need, seed)
        context = {**self.dense.context, "recipe": recipe, "target": target, "exclude": exclude}
        title = f"prune {self.dense.title}: {label(recipe)} {target.label} seed {seed}"
        return self.made.add(Step("prune", params, inputs, context, title))

    def _statistics_step(self, state: State, recipe: Recipe, need: str, seed: int) -> str:
        """What a score needs to know; one step, however many scores and targets ask for it."""
        if (at := step_of(need)) is not None:
            params: dict[str, Any] = {"need": need}
            title = f"step {at} of {self.dense.title}"
            return self.made.add(Step("statistics", params, {"dense": state.dense}, self.dense.context, title))
        params = {
            "need": need,
            "data": self.made.data_digest,
            "samples": recipe.samples or self.made.spec.prune.calibration_samples,
            "seed": derived_seed("calibration", seed, self.dense.state.dense),
        }
        title = f"gather {need} of {self.dense.title}"
        return self.made.add(Step("statistics", params, state.inputs, self.dense.context, title))

    def _trained(
        self,
        state: State,
        recovery: Recovery,
        seed: int,
        what: str,
        during: Recipe | None = None,
        target: Target | None = None,
    ) -> tuple[State, str]:
        """The step that recovers a state; with a recipe it prunes while it trains."""
        base, exclude = self.dense.train, self.made.spec.prune.exclude
        samples = self.made.spec.prune.calibration_samples
        params: dict[str, Any] = {"recovery": part(recovery), "base": to_plain(base), "data": self.made.data_digest}
        if recovery.trains:
            params["seed"] = derived_seed("order", seed, self.dense.state.dense)
        title = f"{recovery_label(recovery)} {self.dense.title}: {what} seed {seed}"
        if during is not None and target is not None:
            params["during"] = {
                **_selecting(during),
                "schedule": part(during.schedule) | _code(during.schedule),
                "target": to_plain(target),
                "exclude": list(exclude),
                "samples": samples,
            }
            title += f" {target.label}"
        context = {**self.dense.context, "recovery": recovery, "base": base}
        context |= {"recipe": during, "target": target, "exclude": exclude, "samples": samples}
        key = self.made.add(Step("train", params, state.inputs, context, title))
        mask = key if during is not None else state.mask
        return State(self.dense.state.dense, key, mask), key


def _selecting(recipe: Recipe) -> dict[str, Any]:
    """The parts of a recipe that decide what goes and what becomes of the rest; its name, texts and recovery do not.

    A schedule does where it scores more than once within one pruning; else its levels are steps of their own.
    """
    of = recipe.parts
    parts = {"space": of["unit"], **{key: of[key] for key in ("score", "allocation", "update")}}
    if recipe.schedule.rescores or recipe.schedule.needs:
        parts["schedule"] = recipe.schedule
    return {key: part(p) | _code(p) for key, p in parts.items()}


def _code(of: Part) -> dict[str, str]:
    """A digest of the code, of parts that are not ours: nobody raises a version number for them."""
    cls = type(of)
    if cls.__module__.startswith("pruneviz."):
        return {}
    try:
        return {"source_digest": file_digest(inspect.getfile(cls))}
    except (OSError, TypeError):  # typed at a prompt
        from pruneviz.training.codes import code_digest

        return {"source_digest": code_digest(cls)}
