"""What is asked of a study: frozen dataclasses, from TOML or Python, with one canonical form.

Names that live in catalogues (methods, recoveries, analyses) stand here as a :class:`Choice`; the package that
owns the catalogue turns a choice into its dataclass and complains about what it does not know.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_origin

from pruneviz.core.comparing import CompareSpec, compare_from, refuse_history
from pruneviz.core.errors import SpecError, UsageError, unknown
from pruneviz.core.options import _hints, build, option
from pruneviz.core.quantities import Target, parse_target


@dataclass(frozen=True)
class Choice:
    """A name out of a catalogue, with the options that were given for it."""

    name: str
    options: Mapping[str, Any]

    @classmethod
    def parse(cls, value: Any, where: str) -> Choice:
        """Read ``"magnitude"`` or ``{name = "magnitude", allocation = "uniform"}``."""
        if isinstance(value, Choice):
            return value
        if isinstance(value, str) and value:
            return cls(value, {})
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            return cls(value["name"], {k: v for k, v in value.items() if k != "name"})
        raise SpecError(where, value, 'a name such as "magnitude", or a table {name = "…", option = …}')


def _choices(value: Any, where: str) -> tuple[Choice, ...]:
    return tuple(Choice.parse(v, f"{where}[{i}]") for i, v in enumerate(_listed(value, where)))


def _targets(value: Any, where: str) -> tuple[Target, ...]:
    return tuple(parse_target(v, f"{where}[{i}]") for i, v in enumerate(_listed(value, where)))


def _listed(value: Any, where: str) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    raise SpecError(where, value, "a list", f"Write [{value!r}].")


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise SpecError(where, value, "a table of options")


@dataclass(frozen=True)
class ModelSpec:
    """Where a model comes from."""

    source: str = option(
        doc='"sample:NAME", "timm:NAME", "package.module:factory", or "memory:NAME" for a module given in Python'
    )
    name: str = option("", "how the model is called; the source's last part when absent")
    checkpoint: str | None = option(None, "a safetensors or state-dict file; absent: trained by [train]")
    options: Mapping[str, Any] = option({}, "keyword arguments of the factory", parse=_table)
    replicates: int = option(1, "dense models from different seeds, the unit of replication", unit="models", ge=1)
    first: int = option(0, "the first replicate's number", ge=0)
    history: str | None = option(None, "torch-pruning's pruning_history() as .json or .pt, of a checkpoint that it cut")

    @property
    def label(self) -> str:
        """The name shown to people."""
        return self.name or self.source.split("/")[-1].split(":")[-1]


@dataclass(frozen=True)
class DataSpec:
    """Where images and labels come from, and how they are split."""

    source: str = option(
        doc='"sample:fashion", "cifar:DIR", "folder:DIR", "npz:FILE", "idx:DIR", "hf:NAME", "pkg.mod:f"'
    )
    mean: tuple[float, ...] | None = option(None, "per channel, of images scaled to [0, 1]; measured when absent")
    std: tuple[float, ...] | None = option(None, "per channel, of images scaled to [0, 1]; measured when absent", gt=0)
    val_fraction: float = option(0.1, "fraction of the training images held out for choosing", ge=0, lt=1)
    split_seed: int = option(0, "seed of that split", ge=0)
    size: tuple[int, ...] | None = option(
        None, "height and width to resize to; absent: as they are", unit="pixels", ge=1
    )
    train_limit: int | None = option(
        None, "use at most so many training images, balanced by class", unit="images", ge=1
    )
    test_limit: int | None = option(None, "use at most so many test images, balanced by class", unit="images", ge=1)


@dataclass(frozen=True)
class TrainSpec:
    """How a model is trained; recoveries start from these values."""

    epochs: int = option(10, "passes over the training images", unit="epochs", ge=0)
    steps: int | None = option(None, "optimiser steps, instead of epochs: the same for any batch_size", ge=1)
    stop_epochs: int | None = option(
        None,
        "stop after so many epochs of the schedule, which stays as it is: a checkpoint of the whole training",
        unit="epochs",
        ge=0,
    )
    batch_size: int = option(128, "images a step", unit="images", ge=1)
    optimizer: str = option("sgd", "update rule", choices=("sgd", "adam", "adamw"))
    lr: float = option(0.05, "peak learning rate", gt=0)
    momentum: float = option(0.9, "momentum of sgd", ge=0, lt=1)
    nesterov: bool = option(False, "Nesterov momentum of sgd")
    weight_decay: float = option(5e-4, "L2 penalty (decoupled for adamw), on all parameters", ge=0)
    schedule: str = option("cosine", "learning rate over steps", choices=("constant", "cosine", "linear", "step"))
    milestones: tuple[float, ...] = option((0.5, 0.75), "where `step` drops, as fractions of training", ge=0, le=1)
    gamma: float = option(0.1, "factor of each drop of `step`", gt=0, le=1)
    warmup_epochs: float = option(0.0, "linear rise of the learning rate at the start", unit="epochs", ge=0)
    label_smoothing: float = option(0.0, "of the cross-entropy", ge=0, lt=1)
    augment: str = option("none", "random flips and 4-pixel-padded crops", choices=("none", "flip", "crop-flip"))
    sam_rho: float = option(
        0.0, "sharpness-aware minimisation: steps follow the gradient this far uphill in weight space; 0 is off", ge=0
    )
    keep_steps: tuple[int, ...] = option((), "weights kept after so many steps, for rewinding", unit="steps", ge=0)


@dataclass(frozen=True)
class PruneSpec:
    """Which methods, how much, how often."""

    methods: tuple[Choice, ...] = option((), "names out of `pruneviz methods`", parse=_choices)
    sparsities: tuple[Target, ...] = option((), 'such as 0.9, "90%", "20x", {macs = 0.5}', parse=_targets)
    seeds: int = option(1, "repeats that differ in scoring and retraining seeds, nested in each dense model", ge=1)
    first_seed: int = option(0, "the first of these seeds", ge=0)
    calibration_samples: int = option(1000, "training images for scores that need data", unit="images", ge=1)
    controls: bool = option(True, "add the random control of each method's unit and allocation where it is absent")
    retrained: bool = option(True, "retrain the dense model with each recovery: what training alone changes")
    exclude: tuple[str, ...] = option((), "layers never pruned, as shell patterns of their names")


@dataclass(frozen=True)
class RecoverSpec:
    """What happens after pruning."""

    recoveries: tuple[Choice, ...] = option((Choice("none", {}),), "names out of the recoveries", parse=_choices)


@dataclass(frozen=True)
class AlsoSpec:
    """Further runs beside the crossing of ``[prune]`` and ``[recover]``: a crossing of its own, of some models."""

    methods: tuple[Choice, ...] = option(doc="names out of `pruneviz methods`", parse=_choices)
    sparsities: tuple[Target, ...] = option(doc='such as 0.9, "90%", "20x", {macs = 0.5}', parse=_targets)
    recoveries: tuple[Choice, ...] = option((Choice("none", {}),), "names out of the recoveries", parse=_choices)
    seeds: int = option(1, "repeats that differ in scoring and retraining seeds, nested in each dense model", ge=1)
    first_seed: int = option(0, "the first of these seeds", ge=0)
    controls: bool = option(True, "add the random control of each method's unit and allocation where it is absent")
    models: tuple[str, ...] = option((), "dense models by the names that the table of runs has; all when absent")
    replicates: tuple[int, ...] = option((), "their numbers; all when absent", ge=0)

    def within(self, prune: PruneSpec) -> PruneSpec:
        """As a ``[prune]`` table; what it does not say is as the study's own table says."""
        own = {name: getattr(self, name) for name in ("methods", "sparsities", "seeds", "first_seed", "controls")}
        return replace(prune, **own)


@dataclass(frozen=True)
class Crossed:
    """Methods, targets, seeds and recoveries that a study crosses.

    Attributes:
        prune: as under ``[prune]``.
        recoveries: as under ``[recover]``.
        where: the places of both in the study, for messages.
        also: of which ``[[also]]`` it is; None for the study's own tables, which are of all dense models.
    """

    prune: PruneSpec
    recoveries: tuple[Choice, ...]
    where: tuple[str, str] = ("[prune]", "[recover]")
    also: AlsoSpec | None = None


@dataclass(frozen=True)
class MeasureSpec:
    """How results are measured."""

    batch_size: int = option(500, "images a batch when evaluating", unit="images", ge=1)
    latency: bool = option(True, "measure latency, alone, after everything else")
    latency_batch: int = option(1, "images a batch when measuring latency", unit="images", ge=1)
    latency_seconds: float = option(0.1, "time spent on each latency figure", unit="s", gt=0)


@dataclass(frozen=True)
class StudySpec:
    """Everything that a study asks for.

    Attributes:
        trains: one per combination of the swept values under ``[train]``; the names swept are in ``swept``.
        analyses: options by analysis name, as given.
        compare: set where the models are given and compared as they are; then nothing is pruned.
        also: further crossings of methods, targets and recoveries.
    """

    name: str
    models: tuple[ModelSpec, ...]
    data: DataSpec
    trains: tuple[TrainSpec, ...] = (TrainSpec(),)
    swept: tuple[str, ...] = ()
    prune: PruneSpec = PruneSpec()
    recover: RecoverSpec = RecoverSpec()
    measure: MeasureSpec = MeasureSpec()
    analyses: tuple[Choice, ...] = ()
    task: str = "image-classification"
    compare: CompareSpec | None = None
    also: tuple[AlsoSpec, ...] = ()

    @property
    def compares(self) -> bool:
        """Whether it has models beside the dense ones: pruned here, or given for comparison."""
        return bool(self.prune.methods or self.also) or self.compare is not None

    @property
    def crossed(self) -> tuple[Crossed, ...]:
        """What it crosses: ``[prune]`` with ``[recover]``, then each of ``[[also]]``."""
        further = (
            Crossed(also.within(self.prune), also.recoveries, (f"[[also]] {i}:",) * 2, also)
            for i, also in enumerate(self.also, start=1)
        )
        return (Crossed(self.prune, self.recover.recoveries), *further)

    @property
    def methods(self) -> tuple[Choice, ...]:
        """The methods of all crossings, each once."""
        found: list[Choice] = []
        for choice in (c for crossed in self.crossed for c in crossed.prune.methods):
            found += [choice] if choice not in found else []
        return tuple(found)

    def dense_label(self, model: ModelSpec, train: TrainSpec) -> str:
        """How dense models of one kind, trained with one combination of the swept values, are called."""
        swept = ", ".join(f"{name}={getattr(train, name)}" for name in self.swept)
        return f"{model.label} ({swept})" if swept else model.label


NAME = "a printable text of 1 to 100 characters (200 bytes) without / \\ : that starts with no dot or space"


def _may_name_a_file(name: str) -> bool:
    """Whether every file system takes it, with a bit put before and after it."""
    fits = 0 < len(name) <= 100 and len(name.encode("utf-8", "replace")) <= 200
    return fits and name.isprintable() and not set(name) & set("/\\:") and name[0] not in ". " and name[-1] != " "


TABLES = (
    *("name", "task", "model", "models", "compare", "data", "train", "prune", "recover", "measure", "analyses"),
    *("also", "quick"),
)


def study_from_plain(table: Mapping[str, Any], where: str) -> StudySpec:
    """Build a study from plain data, as read from TOML.

    Args:
        table: the study's tables.
        where: the file (or ``"study"``), for messages.

    Raises:
        SpecError: anything that is not allowed, with its place.
    """
    for key in table:
        if key not in TABLES:
            raise unknown(f"{where}: key", key, TABLES)
    name = table.get("name", "study")
    if not isinstance(name, str) or not _may_name_a_file(name):
        raise SpecError(f"{where}: name", name, NAME)
    task = table.get("task", "image-classification")
    if task != "image-classification":
        raise SpecError(f"{where}: task", task, "image-classification")
    if ("model" in table) == ("models" in table):
        raise SpecError(
            f"{where}: [model]", sorted(set(table) & {"model", "models"}), "one [model] table, or several [[models]]"
        )
    models = tuple(
        build(ModelSpec, m, f"{where}: [model]" if "model" in table else f"{where}: [[models]] {i + 1}:")
        for i, m in enumerate(_listed(table.get("models", [table.get("model")]), f"{where}: [[models]]"))
    )
    if not models:
        raise SpecError(f"{where}: [[models]]", [], "at least one model")
    labels = [m.label for m in models]
    for label in labels:
        if not label.strip() or len(label) > 100 or not label.isprintable():
            raise SpecError(f"{where}: model name", label, "a printable text of 1 to 100 characters")
    if len(set(labels)) < len(labels):
        raise SpecError(f"{where}: [[models]] name", labels, "a different name for each model", "Give each a name.")
    compare = compare_from(table, models, where) if "compare" in table else None
    if compare is None:
        refuse_history(models, where)
    if "data" not in table:
        raise SpecError(
            f"{where}: [data]", None, "a table", 'Write [data] with source = "sample:fashion", for instance.'
        )
    trains, swept = _sweep(_table(table.get("train", {}), f"{where}: [train]"), f"{where}: [train]")
    data = build(DataSpec, table["data"], f"{where}: [data]")
    if data.size is not None and len(data.size) != 2:
        raise SpecError(f"{where}: [data] size", list(data.size), "two whole numbers, height and width")
    if (data.mean is None) != (data.std is None):
        raise SpecError(
            f"{where}: [data] mean, std", [data.mean, data.std], "both, or neither (then they are measured)"
        )
    prune = build(PruneSpec, table.get("prune", {}), f"{where}: [prune]")
    if prune.methods and not prune.sparsities:
        raise SpecError(f"{where}: [prune] sparsities", [], "at least one sparsity, since methods are given")
    recover = build(RecoverSpec, table.get("recover", {}), f"{where}: [recover]")
    if prune.methods and not recover.recoveries:
        raise SpecError(f"{where}: [recover] recoveries", [], "at least one recovery", 'Write ["none"] for none.')
    analyses = table.get("analyses", {})
    if not isinstance(analyses, Mapping):
        remedy = "Write [analyses] and below it a line for each, such as prediction_changes = {}."
        raise SpecError(f"{where}: [analyses]", analyses, "a table of options by name", remedy)
    found = StudySpec(
        name=name,
        models=models,
        data=data,
        trains=trains,
        swept=swept,
        prune=prune,
        recover=recover,
        measure=build(MeasureSpec, table.get("measure", {}), f"{where}: [measure]"),
        analyses=tuple(Choice(k, _table(v, f"{where}: [analyses] {k}")) for k, v in analyses.items()),
        task=task,
        compare=compare,
    )
    return replace(found, also=_also(table["also"], found, where)) if "also" in table else found


def _also(value: Any, study: StudySpec, where: str) -> tuple[AlsoSpec, ...]:
    """The further crossings of a study."""
    if study.compare is not None:
        remedy = "Leave [compare] out to have the models pruned here."
        raise SpecError(f"{where}: [[also]]", value, "no such table beside [compare]", remedy)
    dense = {
        study.dense_label(m, t): range(m.first, m.first + m.replicates) for m in study.models for t in study.trains
    }
    found = []
    for i, table in enumerate(_listed(value, f"{where}: [[also]]"), start=1):
        place = f"{where}: [[also]] {i}:"
        made = build(AlsoSpec, table, place)
        for name in ("methods", "sparsities", "recoveries"):
            if not getattr(made, name):
                raise SpecError(f"{place} {name}", [], "at least one")
        for label in made.models:
            if label not in dense:
                raise unknown(f"{place} models", label, dense)
        numbers = {n for label, own in dense.items() if not made.models or label in made.models for n in own}
        if lacking := sorted(set(made.replicates) - numbers):
            raise SpecError(f"{place} replicates", lacking[0], f"one of {', '.join(map(str, sorted(numbers)))}")
        found.append(made)
    return tuple(found)


def _sweep(table: Mapping[str, Any], where: str) -> tuple[tuple[TrainSpec, ...], tuple[str, ...]]:
    """Every combination of the listed values; a field that is itself a list is swept by a list of lists."""
    hints = _hints(TrainSpec)
    swept = []
    for f in fields(TrainSpec):
        value = table.get(f.name)
        is_list = isinstance(value, (list, tuple))
        if is_list and (get_origin(hints[f.name]) is not tuple or (value and isinstance(value[0], (list, tuple)))):
            if not value:
                raise SpecError(f"{where} {f.name}", value, "at least one value")
            swept.append(f.name)
    fixed = {k: v for k, v in table.items() if k not in swept}
    trains = tuple(
        build(TrainSpec, {**fixed, **dict(zip(swept, values, strict=True))}, where)
        for values in itertools.product(*(table[k] for k in swept))
    )
    return trains, tuple(swept)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a study file.

    Raises:
        UsageError: it does not exist, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))  # some editors begin a file with a byte-order mark
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such study file.") from None
    except UnicodeDecodeError as e:
        raise UsageError(f"{path}: cannot be read as text in UTF-8 ({e}). Save it in that encoding.") from None
    except OSError as e:
        raise UsageError(f"{path}: cannot be read ({e.strerror or e}).") from None
    except tomllib.TOMLDecodeError as e:
        raise UsageError(f"{path}: is not valid TOML: {e}.") from None


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``over`` laid over it, table by table."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out


def parse_setting(text: str) -> dict[str, Any]:
    """Turn ``train.epochs=3`` into ``{"train": {"epochs": 3}}``; the value is TOML, else text.

    Raises:
        SpecError: there is no ``=``, or no key.
    """
    path, sign, raw = text.partition("=")
    keys = path.strip().split(".")
    if not sign or not all(keys):
        raise SpecError("--set", text, "key=value, such as train.epochs=3")
    try:
        value: Any = tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        value = raw
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def load_study(path: Path, settings: Sequence[str] = (), quick: bool = False, folder: Path | None = None) -> StudySpec:
    """Read a study file, with its ``[quick]`` variant and then ``--set`` settings laid over it.

    Relative paths of data and checkpoints are relative to ``folder``, that of the file where none is given; in
    settings, to the current folder.

    Raises:
        UsageError: the file cannot be read, or says something that is not allowed, with its place.
    """
    table, where = read_toml(path), place_of(path, settings, quick)
    small = _table(table.pop("quick", {}), f"{path}: [quick]")
    if quick:
        if not small:
            raise UsageError(f"{path}: has no [quick] table, so there is no small variant to run.")
        table = merge(table, small)
    table = anchored(table, folder or path.resolve().parent, where)
    for text in settings:
        table = merge(table, anchored(parse_setting(text), Path.cwd(), where))
    return study_from_plain(table, where)


def place_of(path: Path, settings: Sequence[str] = (), quick: bool = False) -> str:
    """What messages call a study that was read so: the file, and what was laid over it."""
    return " ".join([str(path), *(["with its [quick]"] if quick else []), *(f"with --set {text}" for text in settings)])


PATH_SOURCES = ("cifar", "folder", "npz", "idx")


def anchored(table: Mapping[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """The same table with its relative paths made absolute; what is no path, or wrong, is left as it is."""
    found = dict(table)
    data, model, models = (found.get(key) for key in ("data", "model", "models"))
    if isinstance(data, Mapping) and isinstance(data.get("source"), str):
        kind, _, rest = data["source"].partition(":")
        if kind in PATH_SOURCES and rest.strip():
            found["data"] = {**data, "source": f"{kind}:{_absolute(rest, folder, f'{where}: [data] source')}"}
    if isinstance(model, Mapping):
        found["model"] = _with_files(model, folder, f"{where}: [model]")
    if isinstance(models, list):
        found["models"] = [
            _with_files(m, folder, f"{where}: [[models]] {i + 1}:") if isinstance(m, Mapping) else m
            for i, m in enumerate(models)
        ]
    return found


def _with_files(model: Mapping[str, Any], folder: Path, where: str) -> Mapping[str, Any]:
    files = {k: model[k] for k in ("checkpoint", "history") if isinstance(model.get(k), str) and model[k]}
    return {**model, **{k: _absolute(path, folder, f"{where} {k}") for k, path in files.items()}}


def _absolute(path: str, folder: Path, where: str) -> str:
    try:
        return str((folder / Path(path).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError) as e:  # a link that leads to itself, ~nobody, a null character
        raise SpecError(where, path, "a path of this machine", f"It leads nowhere: {e}.") from None
