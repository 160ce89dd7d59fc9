"""The catalogue of named methods, and how a study's choice becomes one of them.

A method is a module in :mod:`pruneviz.pruning.methods` that lists its ``PARTS`` and ``RECIPES``; nothing else has to be
told of it. Other packages' methods come by :mod:`pruneviz.pruning.extending`. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, cast

from pruneviz.core.errors import PrunevizError, SpecError, unknown
from pruneviz.core.options import build, to_plain
from pruneviz.core.options import describe as describe_options
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import ALLOCATIONS, Global, Pattern
from pruneviz.pruning.baselines import BASELINES
from pruneviz.pruning.methods import found as found_methods
from pruneviz.pruning.needs import read_need
from pruneviz.pruning.parts import Allocation, Part, Schedule, Score, Space, Update
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import SCHEDULES
from pruneviz.pruning.scores import SCORES
from pruneviz.pruning.spaces import SPACES
from pruneviz.pruning.updates import UPDATES
from pruneviz.signatures import told

__all__ = ["RECIPES", "Recipe", "Reference", "add", "add_part", "control_of", "describe", "label", "resolve"]

_REGISTRIES: dict[str, MutableMapping[str, Any]] = {
    "unit": SPACES,
    "score": SCORES,
    "allocation": ALLOCATIONS,
    "schedule": SCHEDULES,
    "update": UPDATES,
}
_KINDS: dict[str, type[Part]] = {
    "unit": Space,
    "score": Score,
    "allocation": Allocation,
    "schedule": Schedule,
    "update": Update,
}
_CONTROLS = {"weight": "random", "channel": "random-channel", "nm": "random-nm", "block": "random-block"}
_TRAINING = ("finetune", "lr-rewind", "weight-rewind", "scratch", "distill")  # recoveries in which a schedule can prune


class Catalogue(Mapping[str, Recipe]):
    """The named methods: ours, then those that other installed packages announce, found when first looked through.

    Attributes:
        faults: why methods of other packages cannot be used, by name.
    """

    def __init__(self) -> None:
        self._recipes: dict[str, Recipe] = {}
        self._faults: Mapping[str, str] | None = None

    def put(self, recipe: Recipe) -> None:
        """Add a recipe of this process.

        Raises:
            SpecError: its name is taken.
        """
        if recipe.name in self._recipes:
            taken = ", ".join(sorted(self._recipes))
            raise SpecError("recipe name", recipe.name, "a name that is not taken", f"Taken: {taken}.")
        self._recipes[recipe.name] = recipe

    @property
    def faults(self) -> Mapping[str, str]:
        """See the class."""
        return self._looked_through()[1]

    def _looked_through(self) -> tuple[Mapping[str, Recipe], Mapping[str, str]]:
        if self._faults is None:
            from pruneviz.pruning.extending import load_announced

            self._faults = {}  # set first: a package's module may look here while it is being imported
            self._faults = load_announced()
        return self._recipes, self._faults

    def __getitem__(self, name: str) -> Recipe:
        return self._recipes[name] if name in self._recipes else self._looked_through()[0][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._looked_through()[0])

    def __len__(self) -> int:
        return len(self._looked_through()[0])


RECIPES = Catalogue()


def add(recipe: Recipe) -> Recipe:
    """Put a recipe into the catalogue; parts that are new are added to the choice of parts.

    Raises:
        SpecError: its name, or a new part's, is taken, or its parts do not fit each other.
    """
    fitting = _fitting(recipe, f"recipe {recipe.name}")
    for part in recipe.parts.values():
        add_part(type(part))
    RECIPES.put(fitting)
    return recipe


def add_part(part: type[Part]) -> None:
    """Let studies choose a part by its name.

    Raises:
        SpecError: another part of its kind has the name.
    """
    registry = next(_REGISTRIES[key] for key, kind in _KINDS.items() if issubclass(part, kind))
    if registry.setdefault(part.name, part) is not part:
        allowed = "a name that no other part of its kind has"
        raise SpecError("part name", part.name, allowed, f"Taken: {', '.join(sorted(registry))}.")


def resolve(choice: Choice, where: str) -> Recipe:
    """The recipe that a study's choice means.

    Beside ``name``, a choice may replace a part by the name of another or by a table with that part's options
    (``unit``, ``score``, ``allocation``, ``schedule``, ``update``), fix a ``recovery``, say ``at`` which step of the
    dense training it prunes (0: the initialisation), and set any option of the recipe's parts directly, as in
    ``{name = "taylor", allocation = "uniform", reduce = "abs-of-mean"}``.

    Args:
        choice: the name and the overrides.
        where: the place it stands, for messages.

    Raises:
        SpecError: an unknown name or option, a value that is not allowed, or parts that do not fit each other.
        PrunevizError: it is another package's method and cannot be used.
    """
    if choice.name not in RECIPES:
        if choice.name in RECIPES.faults:
            raise PrunevizError(f"{where}: {RECIPES.faults[choice.name]}")
        raise unknown(f"{where}: method", choice.name, RECIPES)
    recipe = RECIPES[choice.name]
    options = dict(choice.options)
    for key in _REGISTRIES:
        if key in options:
            recipe = _with_part(recipe, key, _part(key, recipe.parts[key], options.pop(key), where))
    if "unit" in choice.options and "allocation" not in choice.options and recipe.unit not in recipe.allocation.units:
        recipe = replace(recipe, allocation=Pattern() if recipe.unit == "nm" else Global())  # the unit's plain one
    if "recovery" in options:
        recipe = replace(recipe, recovery=Choice.parse(options.pop("recovery"), f"{where} recovery"))
    if "at" in options:
        recipe = replace(recipe, at=_step(options.pop("at"), f"{where} at"))
    return _fitting(_with_options(recipe, options, where), f"{where} {choice.name}")


def _with_options(recipe: Recipe, options: Mapping[str, Any], where: str) -> Recipe:
    """The recipe with options of its parts set; those of one part together, since they may depend on each other."""
    owned = {o.name: key for key, part in recipe.parts.items() for o in describe_options(type(part))}
    for name in options:
        if name not in owned:
            raise unknown(f"{where}: option of {recipe.name}", name, [*owned, *_REGISTRIES, "recovery", "at"])
    for key in dict.fromkeys(owned[name] for name in options):
        part = recipe.parts[key]
        changed = {name: value for name, value in options.items() if owned[name] == key}
        plain = {k: v for k, v in part.to_plain().items() if k != "name"}
        recipe = _with_part(recipe, key, build(type(part), {**plain, **changed}, f"{where} {recipe.name}:"))
    return recipe


def label(recipe: Recipe) -> str:
    """A short name that says what differs from the recipe of that name: ``magnitude(allocation=uniform)``."""
    base = RECIPES[recipe.name]
    if recipe.like is not None:  # a control, in everything else as that method is
        return f"{recipe.name}(like={label(recipe.like)})"
    said = []
    for key, part in recipe.parts.items():
        if part == base.parts[key]:
            continue
        same = type(part) is type(base.parts[key])
        options = _differing(part, base.parts[key] if same else type(part)())
        if same:
            said += options
        else:
            said.append(f"{key}={part.name}" + (f"({', '.join(options)})" if options else ""))
    if recipe.recovery != base.recovery and recipe.recovery is not None:
        options = [f"{k}={_text(v)}" for k, v in recipe.recovery.options.items()]
        said.append(f"recovery={recipe.recovery.name}" + (f"({', '.join(options)})" if options else ""))
    if recipe.at != base.at:
        said.append(f"at={recipe.at}")
    return f"{recipe.name}({', '.join(said)})" if said else recipe.name


def control_of(recipe: Recipe) -> Recipe:
    """Random pruning of the same units, allocated, scheduled, updated and recovered alike; a control is its own.

    Of a method that finds out by itself how much it removes, the control removes as many of each layer.
    """
    base = RECIPES[_CONTROLS[recipe.unit]]
    if recipe.name == base.name and recipe.like is not None:
        return recipe
    return replace(
        base,
        space=recipe.space,
        allocation=recipe.allocation,
        schedule=recipe.schedule.control(),
        recovery=recipe.recovery,
        update=recipe.update,
        at=recipe.at,
        like=recipe if recipe.allocation.sized and recipe.score != base.score else None,
    )


def require_training(recipe: Recipe, recovery: str, where: str) -> None:
    """Refuse a recovery that does not train as a schedule needs that prunes meanwhile.

    Raises:
        SpecError: so it does.
    """
    if recipe.schedule.kind == "training" and recovery not in _TRAINING:
        remedy = f"The schedule {recipe.schedule.name!r} prunes while the network is trained."
        raise SpecError(f"{where}: recovery", recovery, f"one that trains: {', '.join(_TRAINING)}", remedy)


def describe(recipe: Recipe) -> dict[str, Any]:
    """All that the catalogue says of a recipe, as plain data."""
    options = {}
    for key, part in recipe.parts.items():
        for o in describe_options(type(part)):
            value = to_plain(getattr(part, o.name))
            options[o.name] = {**dataclasses.asdict(o), "default": value, "part": key, "choices": to_plain(o.choices)}
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "formula": recipe.formula,
        "reference": recipe.reference.label if recipe.reference else "",
        **{key: part.name for key, part in recipe.parts.items()},
        "recovery": to_plain(recipe.recovery),
        "at": recipe.at,
        "target": recipe.target,
        "when": recipe.when,
        "recovered": recipe.recovered,
        "needs": sorted(read_need(need)[0] for need in recipe.needs),
        "cost": recipe.cost,
        "speedup": recipe.space.speedup,
        "differs": recipe.differs,
        "lasts": recipe.space.lasts,
        "control": label(control_of(recipe)),
        "signature": dict(told(recipe.name)),
        "options": options,
        "replaceable": {k: sorted(n for n, p in reg.items() if _fits(recipe, k, p)) for k, reg in _REGISTRIES.items()},
    }


def _part(key: str, current: Part, value: Any, where: str) -> Part:
    """The part that an override means; a table without a name changes options of the current part."""
    if isinstance(value, _KINDS[key]):
        return value
    if isinstance(value, Mapping) and "name" not in value:
        value = {"name": current.name, **current.to_plain(), **value}
    chosen = Choice.parse(value, f"{where} {key}")
    if chosen.name not in _REGISTRIES[key]:
        raise unknown(f"{where} {key}", chosen.name, _REGISTRIES[key])
    cls: type[Part] = _REGISTRIES[key][chosen.name]
    return build(cls, chosen.options, f"{where} {key} {chosen.name}:")


def _with_part(recipe: Recipe, key: str, part: Part) -> Recipe:
    if key == "unit":
        return replace(recipe, space=cast(Space, part))
    if key == "score":
        return replace(recipe, score=cast(Score, part))
    if key == "allocation":
        return replace(recipe, allocation=cast(Allocation, part))
    if key == "update":
        return replace(recipe, update=cast(Update, part))
    return replace(recipe, schedule=cast(Schedule, part))


def _fits(recipe: Recipe, key: str, part: type[Part]) -> bool:
    return key == "unit" or recipe.unit in part.units  # type: ignore[attr-defined]


def _fitting(recipe: Recipe, where: str) -> Recipe:
    for key, part in recipe.parts.items():
        if not _fits(recipe, key, type(part)):
            allowed = sorted(n for n, p in _REGISTRIES[key].items() if _fits(recipe, key, p))
            raise SpecError(f"{where}: {key}", part.name, f"for unit {recipe.unit!r}: {', '.join(allowed)}")
    if recipe.schedule.rescores and recipe.needs:
        fixed = ", ".join(sorted(n for n, s in SCHEDULES.items() if not s.rescores))
        remedy = 'Data is gathered once per level: use schedule = "iterative" with recoveries = ["none"].'
        raise SpecError(f"{where}: schedule", recipe.schedule.name, f"for what needs data: {fixed}", remedy)
    if recipe.schedule.kind == "training":
        if recipe.update.changes:
            raise SpecError(f"{where}: update", recipe.update.name, "with a schedule that prunes during training: none")
        if recipe.recovery is not None:
            require_training(recipe, recipe.recovery.name, where)
    if recipe.schedule.numbered != recipe.allocation.sized:
        key = "schedule" if recipe.allocation.sized else "allocation"
        registry = _REGISTRIES[key]
        other = "allocation" if key == "schedule" else "schedule"
        flag = "numbered" if key == "schedule" else "sized"
        able = ", ".join(sorted(n for n, p in registry.items() if getattr(p, flag)))
        text = f"with the {other} {recipe.parts[other].name!r}, which removes its own amounts: {able}"
        raise SpecError(f"{where}: {key}", recipe.parts[key].name, text)
    return recipe


def _step(value: Any, where: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise SpecError(where, value, "a step of the dense training, 0 being its initialisation")


def _differing(part: Part, base: Part) -> list[str]:
    before = base.to_plain()
    return [f"{k}={_text(v)}" for k, v in part.to_plain().items() if v != before[k]]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


for _recipe in BASELINES:
    add(_recipe)
for _module in found_methods():
    for _part_class in _module.PARTS:
        add_part(_part_class)
    for _recipe in _module.RECIPES:
        add(_recipe)
