"""``pruneviz compare``: models pruned anywhere, side by side on the same images."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import UsageError, nearest
from pruneviz_apps.commands.output import print_json, print_table
from pruneviz_apps.commands.run import carry_out, code_of, dry_run, importable, say, summary_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pruneviz.api import Asked
    from pruneviz.study import Study

SHOWN_LAYERS = 12  # of each model; the table `given` has them all


def compare(arguments: argparse.Namespace) -> int:
    """Compare, and say what was found in each model and how they differ; 1 when one could not be measured."""
    importable(Path.cwd())
    asked = _asked(arguments)
    store = Path(arguments.store or f"runs/{asked.spec.name}")
    if arguments.dry_run:
        return dry_run(asked, store, {"executor": "inline"}, arguments.json)
    started = time.monotonic()
    result = carry_out(asked, store, executor="inline", device=arguments.device)
    summary = summary_of(result, store, time.monotonic() - started)
    study = result.study
    if arguments.json:
        given = _named(study, study.table("given").to_dict("records"))
        print_json({**summary, "given": given, "pairs": _named(study, _pairs(study)), "left_out": study.unfit()})
        return code_of(summary)
    _say_found(study)
    _say_pairs(study)
    say(summary)
    for name, reason in study.unfit().items():
        print(f"  without {name}: {reason}")
    return code_of(summary)


def _asked(given: argparse.Namespace) -> Asked:
    """The study that the arguments mean."""
    from pruneviz.api import Asked
    from pruneviz.comparing import source_of
    from pruneviz.core.spec import merge, parse_setting, study_from_plain

    models: dict[str, dict[str, Any]] = {}
    for text in given.models:
        name, sign, model = text.partition("=")
        if not sign or not name.strip() or not model.strip():
            raise UsageError(f"compare: got {text!r}; allowed: NAME=MODEL, such as wanda=w1.safetensors.")
        if name in models:
            raise UsageError(f"compare: got two models called {name!r}. Give each a name of its own.")
        models[name] = {"name": name, "replicates": given.replicates, **source_of(name, model, given.model)}
    for text in given.history:
        name, sign, file = text.partition("=")
        if not sign or name not in models:
            hint = nearest(name, models)
            raise UsageError(
                f"--history: got {text!r}; allowed: NAME=FILE with one of {', '.join(models)}. {hint}".strip()
            )
        models[name]["history"] = str(Path(file).expanduser().absolute())
    table: dict[str, Any] = {
        "name": given.name,
        "compare": {"reference": given.reference, "others": not given.only},
        "models": list(models.values()),
        "data": {"source": given.data},
        "analyses": {name: {} for name in given.analyses},
    }
    for text in given.settings:
        table = merge(table, parse_setting(text))
    return Asked(study_from_plain(table, "pruneviz compare"), origin="pruneviz compare")


def _say_found(study: Study) -> None:
    """What was found removed, layer by layer."""
    names = dict(zip(study.runs["run_id"], study.runs["name"], strict=True))
    table = study.table("given")
    warnings = study.warnings()
    for run_id, name in names.items():
        rows = table[table["run_id"] == run_id]
        if not len(rows):
            continue
        entries, removed = int(rows["entries"].sum()), int(rows["removed"].sum())
        print(f"{name}: {removed:,} of {entries:,} prunable weights are gone ({removed / entries:.1%}).")
        if removed:
            shown = rows[rows["removed"] > 0].head(SHOWN_LAYERS)
            cells = [
                [r["layer"], f"{r['removed'] / r['entries']:.1%}", r["pattern"], r["found"], _shape(r)]
                for r in shown.to_dict("records")
            ]
            print_table(["  layer", "removed", "pattern", "told from", "shape"], [[f"  {c[0]}", *c[1:]] for c in cells])
            left = int((rows["removed"] > 0).sum()) - len(shown)
            if left:
                print(f"  ... and {left} more layers: pruneviz export {study.store.root} given -o given.csv")
        elif rows["reference_shape"].isna().all():
            print("  Another architecture: its layers have no counterpart in the reference.")
        for warning in warnings.get(run_id, ()):
            print(f"  note: {warning}")


def _shape(row: dict[str, Any]) -> str:
    whole = row["reference_shape"]
    return str(row["shape"]) if whole == row["shape"] or not isinstance(whole, str) else f"{row['shape']} of {whole}"


def _pairs(study: Study) -> list[dict[str, Any]]:
    """Each model against the reference on the same images, where that has been measured."""
    from pruneviz.views.paired import TABLE, paired

    return paired(study.table(TABLE)) if TABLE in study.table_names() else []


def _named(study: Study, records: Iterable[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Each record with the name of its model, as it was given."""
    names = dict(zip(study.runs["run_id"], study.runs["name"], strict=True))
    return [{"name": names[r["run_id"]], **r} for r in records]


def _say_pairs(study: Study) -> None:
    """Accuracies, and their differences from the reference with the paired interval."""
    from pruneviz.views.text import percent, points

    runs = study.runs[study.runs["status"] == "done"]
    pairs = {p["run_id"]: p for p in _pairs(study)}
    rows = []
    for r in runs.to_dict("records"):
        p = pairs.get(r["run_id"])
        difference = ["", "", ""]
        if p is not None:
            low, high = points(p["accuracy_difference_low"]), points(p["accuracy_difference_high"])
            difference = [
                f"{points(p['accuracy_difference'])} ({low} … {high})",
                f"{p['p_holm']:.2g}",
                percent(p["churn"]),
            ]
        rows.append([r["name"], percent(r["accuracy"]), f"{r['parameters_nonzero']:,}", f"{r['macs']:,}", *difference])
    columns = ["model", "accuracy", "parameters", "multiply-adds", "points against the reference", "p", "changed"]
    print_table(columns, rows)
    if pairs:
        count = next(iter(pairs.values()))["samples"]
        print(f"Paired on the same {count:,} images, these models fixed: 95 % intervals, exact McNemar p after Holm.")
