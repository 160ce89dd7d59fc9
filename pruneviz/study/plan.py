"""From what is asked to what is to be done: a spec becomes a graph of steps and a list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import SpecError
from pruneviz.core.options import to_plain
from pruneviz.core.spec import AlsoSpec, Choice, ModelSpec, PruneSpec, StudySpec, TrainSpec
from pruneviz.study.steps import Step

if TYPE_CHECKING:
    from pruneviz.pruning.recipes import Recipe
    from pruneviz.training.recoveries import Recovery


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
        measure, latency: keys of the steps that measure it; latency may be None.
        own_steps: keys of the steps of its own pruning and training, in order.
        lineage: keys of the dense model's step and of every step up to this run.
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
    """The steps by key, in an order in which inputs come first, and the runs.

    Attributes:
        pictures: key of the step that keeps the test images for showing.
        observations: keys of the steps in which an analysis looks at models, by its name.
        unfit: why analyses are left out of a comparison, by name.
        fitted: options of analyses that were fitted to a time, beside those asked, by the analysis's name.
    """

    spec: StudySpec
    data_digest: str
    steps: dict[str, Step] = field(default_factory=dict)
    runs: dict[str, PlannedRun] = field(default_factory=dict)
    pictures: str = ""
    observations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fitted: dict[str, Any] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)

    def add(self, step: Step) -> str:
        """Add a step unless an equal one is there; returns its key."""
        self.steps.setdefault(step.key, step)
        return step.key


@dataclass(frozen=True)
class Crossing:
    """Methods × targets × seeds × recoveries.

    Attributes:
        recipes: the methods, their random controls added.
        also: of which ``[[also]]`` it is; None for the study's own ``[prune]``, which is of all dense models.
    """

    prune: PruneSpec
    recipes: tuple[Recipe, ...]
    recoveries: tuple[Recovery, ...]
    also: AlsoSpec | None = None

    def covers(self, label: str, replicate: int | None = None) -> bool:
        """Whether it is of a dense model, or of any of that name."""
        if self.also is None:
            return True
        numbered = replicate is None or not self.also.replicates or replicate in self.also.replicates
        return numbered and (not self.also.models or label in self.also.models)


def crossings(spec: StudySpec, live: Mapping[str, Any]) -> tuple[Crossing, ...]:
    """What a study crosses: ``[prune]`` with ``[recover]``, then each of ``[[also]]``.

    Raises:
        SpecError: a name or option is not allowed.
    """
    return tuple(Crossing(c.prune, *_resolved(c.prune, c.recoveries, live, c.where), c.also) for c in spec.crossed)


def _resolved(
    prune: PruneSpec, recovered: Sequence[Choice], live: Mapping[str, Any], where: tuple[str, str]
) -> tuple[tuple[Recipe, ...], tuple[Recovery, ...]]:
    from pruneviz.pruning import recipes
    from pruneviz.training.recoveries import recovery_from

    methods = [recipes.resolve(c, f"{where[0]} methods[{i}]") for i, c in enumerate(prune.methods)]
    if prune.controls:
        for recipe in tuple(methods):
            control = recipes.control_of(recipe)
            if control not in methods:
                methods.append(control)
    recoveries = tuple(recovery_from(c, f"{where[1]} recoveries[{i}]", live) for i, c in enumerate(recovered))
    for recipe in methods:
        if recipe.recovery is None:
            for recovery in recoveries:
                recipes.require_training(recipe, recovery.name, f"method {recipes.label(recipe)} with {where[1]}")
    return tuple(dict.fromkeys(methods)), recoveries


def recovery_of(recipe: Recipe) -> Recovery:
    """The recovery that a method brings with it.

    Raises:
        SpecError: its name or an option is not allowed.
    """
    from pruneviz.training.recoveries import recovery_from

    assert recipe.recovery is not None
    return recovery_from(recipe.recovery, f"method {recipe.name}: recovery")


def plan(spec: StudySpec, live: Mapping[str, Any] | None = None) -> Plan:
    """The graph of steps that a study means.

    Args:
        spec: what is asked.
        live: objects given in Python, by the name that ``memory:NAME`` sources use.

    Raises:
        SpecError, DataError, ModelError: a source, method, recovery or checkpoint cannot be used.
    """
    from pruneviz import data, models
    from pruneviz.study.expand import Dense, expand

    live = live or {}
    crossed = crossings(spec, live)
    made = Plan(spec, data.identity(spec.data, live))
    where_data = {"data": spec.data, "data_digest": made.data_digest}
    made.pictures = made.add(Step("pictures", {"data": made.data_digest}, {}, where_data, "test images"))
    if spec.compare is not None:
        from pruneviz.study.expand_given import expand_given

        expand_given(made, live, where_data)
        return made
    owners: dict[str, str] = {}
    for model in spec.models:
        trained_here = not models.has_weights(model)
        for train in spec.trains:
            label = spec.dense_label(model, train)
            for replicate in range(model.first, model.first + model.replicates):
                identity = models.identity(model, replicate, live)
                context = {"model": model, "replicate": replicate, "identity": identity, **where_data}
                dense = _dense(made, model, replicate, identity, train if trained_here else None, label, context)
                _require_another(owners, dense.dense, model)
                for crossing in crossed:
                    if crossing.covers(label, replicate):
                        expand(made, Dense(label, replicate, dense, train, context), crossing)
    return made


def _require_another(owners: dict[str, str], dense: str, model: ModelSpec) -> None:
    """Refuse models that are the same under two names: equal runs are one, so one of them would have none."""
    first = owners.setdefault(dense, model.label)
    if first != model.label:
        remedy = "For more models of one kind, which differ in their training seed, write replicates = 2."
        raise SpecError("[[models]]", [first, model.label], "models that differ in more than their name", remedy)


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
