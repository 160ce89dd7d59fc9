"""What was run: data, models, methods with their sources, seeds, versions, hardware, and how to run it again.

Nothing that the study names is imported or run: methods and recoveries are looked up in this package's catalogues.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.spec import Choice as Asked
from pruneviz.report.content import Block, Cell, Code, Column, Facts, Note, Row, Table
from pruneviz.report.places import without_folders
from pruneviz.report.study_file import study_toml
from pruneviz.views import runs as on
from pruneviz.views.metrics import METRICS
from pruneviz.views.text import listed, number, plain, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.pruning import Recipe

_OWN = "This installation's catalogue does not hold it."
_GIVEN = "A model as it was given; what was found removed stands layer by layer under Layers."
_VERSIONED = ("pruneviz", "torch")  # pinned first in the command; the others follow


def environment_blocks(tables: Tables) -> Iterator[Block]:
    """Versions and hardware; a mixture is said first."""
    known = tables.environment
    every: Sequence[Mapping[str, Any]] = known.get("all") or [known]
    if len(every) > 1:
        differing = [k for k in _flat(every[0]) if len({str(_flat(e).get(k)) for e in every}) > 1]
        yield Note(
            f"Mixed environments: finished runs come from {len(every)} environments, which differ in "
            f"{listed(differing) or 'some fields'}. Small differences between runs may come from that.",
            urgent=True,
        )
    for i, environment in enumerate(every):
        heading = "Versions and hardware" + (f", environment {i + 1} of {len(every)}" if len(every) > 1 else "")
        yield Facts(tuple((k, plain(v)) for k, v in _flat(environment).items()), heading)


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in environment.items():
        if isinstance(value, Mapping):
            found |= {str(k): str(v) for k, v in value.items()}
        elif key not in ("all", "mixed"):
            found[str(key)] = str(value)
    return found


def data_facts(tables: Tables, data: Mapping[str, Any]) -> Facts:
    """The data set: source, content, sizes, split, normalisation."""
    asked: Mapping[str, Any] = without_folders(tables.spec)[0].get("data", {})
    pairs = [("source", plain(asked.get("source") or data.get("name") or "not recorded"))]
    if digest := data.get("digest"):
        pairs.append(("content digest", plain(digest)))
    if counts := data.get("counts"):
        words = {"train": "to train", "val": "to choose (validation)", "test": "to report (test)"}
        pairs.append(("images", ", ".join(f"{counts[k]:,} {w}" for k, w in words.items() if counts.get(k))))
    if size := data.get("size"):
        pairs.append(("size", "×".join(str(s) for s in size)))
    if tables.classes:
        pairs.append((several(len(tables.classes), "class", "classes"), ", ".join(plain(c) for c in tables.classes)))
    if "val_fraction" in asked:
        held = number(asked["val_fraction"])
        pairs.append(("validation", f"fraction {held} of the training images, seed {asked.get('split_seed', 0)}"))
    if data.get("mean"):
        used_as_given = not any(data["mean"]) and all(s == 1 for s in data.get("std", ()))  # floating-point images
        how = "as given" if asked.get("mean") or used_as_given else "measured on the training images"
        means, stds = (", ".join(number(v, 4) for v in data.get(k, ())) for k in ("mean", "std"))
        pairs.append(("normalised by", f"mean {means}; standard deviation {stds} ({how})"))
    limits = [f"{k.replace('_', ' ')} {asked[k]}" for k in ("size", "train_limit", "test_limit") if asked.get(k)]
    return Facts((*pairs, *((("limits", "; ".join(limits)),) if limits else ())), "Data")


def model_facts(tables: Tables) -> Facts:
    """The models: source, size, how many dense ones, how they were trained."""
    (spec, _), runs = without_folders(tables.spec), tables.runs
    pairs = []
    for model in on.unique(runs["model"]):
        own = runs[(runs["model"] == model).fillna(False).astype(bool)]
        dense = own[on.is_original(own)]
        told = [several(len(dense), "dense model")]
        if len(known := own["parameters"].dropna()):
            told.append(f"{METRICS['parameters_nonzero'].text(float(known.max()))} parameters")
        if len(known := own["macs_dense"].dropna()):
            told.append(f"{METRICS['macs'].text(float(known.max()))} multiply-adds for one image")
        if len(known := dense["train_steps_total"].dropna()):
            told.append(f"{int(known.max()):,} training steps each")
        pairs.append((plain(model), ", ".join(told)))
    for m in spec.get("models", ()):
        options = f" with {_options(m['options'])}" if m.get("options") else ""
        checkpoint = f", weights {plain(m['checkpoint'])}" if m.get("checkpoint") else ""
        pairs.append(("source", f"{plain(m['source'])}{options}{checkpoint}"))
    for train in () if spec.get("compare") is not None else spec.get("trains", ())[:1]:
        pairs.append(("[train]", f"{_options(train)} (dense models without weights, and where recoveries start from)"))
    if spec.get("swept"):
        pairs.append(("swept", listed(spec["swept"])))
    return Facts(tuple(pairs), "Models")


def seed_facts(tables: Tables) -> Facts:
    """What was repeated, and with which seeds."""
    spec, runs = tables.spec, tables.runs
    prune = spec.get("prune", {})
    original = runs[on.is_original(runs)]
    replicates = listed(f"#{r}" for r in dict.fromkeys(original["replicate"].dropna()))
    pairs = [("dense models", f"{replicates or 'none'}: the unit of replication, trained from different seeds")]
    if spec.get("compare") is not None:
        return Facts(tuple(pairs), "Seeds")
    crossed = [c for c in (prune, *spec.get("also", ())) if "seeds" in c]
    if crossed:
        numbers = {c.get("first_seed", 0) + i for c in crossed for i in range(c["seeds"])}
        seeds = listed(map(str, sorted(numbers)))
        pairs.append(("scoring and retraining", f"{seeds}, nested in each dense model; part of each run's name"))
    if "calibration_samples" in prune:
        pairs.append(("calibration", f"{prune['calibration_samples']:,} training images for scores that need data"))
    return Facts(tuple(pairs), "Seeds")


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {plain(v)}" for k, v in options.items() if v not in (None, [], ()))


def method_table(tables: Tables) -> Table:
    """The pruning methods and what followed them, each with its source."""
    spec, runs = tables.spec, tables.runs
    recipes = recipes_of(spec)
    controls, given = on.controls(runs), spec.get("compare") is not None
    rows = []
    for name in on.unique(runs.loc[~on.is_dense(runs), "method"]):
        recipe = recipes.get(name)
        what = recipe.summary if recipe else _GIVEN if given else _OWN
        parts = [p.name for p in recipe.parts.values()] if recipe else []
        source = recipe.reference.label if recipe and recipe.reference else "control" if name in controls else ""
        rows.append(Row(tuple(Cell(t) for t in (plain(name), _sentence(what), " · ".join(parts), source))))
    for recovery in on.unique(runs["recovery"]):
        summary, source = _recovery(recovery)
        rows.append(Row(tuple(Cell(t) for t in (plain(recovery), _sentence(summary), "recovery", source))))
    columns = (
        Column("Method or recovery", number=False),
        Column("What it does", number=False),
        Column("Parts", "unit · score · allocation · schedule", number=False),
        Column("Source", number=False),
    )
    return Table("methods", columns, tuple(rows))


def recipes_of(spec: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipes that the study's methods mean, and their controls, by the names that runs have."""
    from pruneviz.pruning import control_of, label, resolve

    found: dict[str, Recipe] = {}
    for method in (m for crossed in (spec.get("prune", {}), *spec.get("also", ())) for m in crossed.get("methods", ())):
        name, options = (method["name"], method["options"]) if isinstance(method, Mapping) else (method, {})
        try:
            recipe = resolve(Asked(name, options), "study")
        except PrunevizError:  # another version's, or another package's that is not installed here: said in the table
            continue
        for each in (recipe, control_of(recipe)):
            found.setdefault(label(each), each)
    return found


def _recovery(label: str) -> tuple[str, str]:
    from pruneviz.training.recoveries import RECOVERIES

    cls = RECOVERIES.get(label.partition("(")[0])
    return (cls.summary, cls.reference) if cls is not None else (_OWN, "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def reproduction(tables: Tables, named: Sequence[str], ending: str, layout: str = "") -> Iterator[Block]:
    """The commands and the study file that make the same runs and the same report again.

    Args:
        tables: the study.
        named: the runs that the report was asked to compare; empty where they were chosen by rule.
        ending: of the report's file.
        layout: the name of its layout's file; empty where there is none.
    """
    spec, shortened = without_folders(tables.spec)
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in tables.name) or "study"
    file, store = f"{safe}.toml", f"runs/{safe}"
    more = f" --models {' '.join(shlex.quote(n) for n in named)}" if named else ""
    more += f" --layout {shlex.quote(layout)}" if layout else ""
    commands = [
        _install(tables.environment),
        f"pruneviz run {shlex.quote(file)} --store {shlex.quote(store)}",
        f"pruneviz report {shlex.quote(store)} -o {shlex.quote(f'{safe}{ending}')}{more}",
    ]
    yield Code("\n".join(c for c in commands if c), "Commands to reproduce it")
    sources = [str(m.get("source", "")) for m in spec.get("models", ())] + [str(spec.get("data", {}).get("source", ""))]
    if memory := [plain(s) for s in sources if s.startswith("memory:")]:
        again = "compare" if spec.get("compare") is not None else "new_study"
        yield Note(
            f"{listed(memory)} existed in the memory of the Python session that ran this, and must be given again "
            f"through pruneviz.{again}.",
            urgent=True,
        )
    yield Code(study_toml(spec), f"The study file, {plain(file)}")
    if shortened:
        yield Note("Files and folders are named without where they lay; they are looked for beside the study file.")
    yield Note(
        "A run_id is a digest of everything that decides the run's result: model, weights, data, settings, seeds and "
        "the version of the algorithm. Equal ids mean equal results on the same machine."
    )


def _install(environment: Mapping[str, Any]) -> str:
    """The command that installs the same versions; local builds (``+cpu``) are installed from their own index."""
    versions = {k: str(v).partition("+")[0] for k, v in dict(environment.get("versions", {})).items()}
    known = {k: v for k, v in versions.items() if v[:1].isdigit()}
    names = [*(n for n in _VERSIONED if n in known), *(n for n in known if n not in _VERSIONED)]
    return f"python -m pip install {' '.join(shlex.quote(f'{n}=={known[n]}') for n in names)}" if names else ""
