"""``pruneviz run``: carry out a study, or say what that would take."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz_apps.commands.output import print_json

if TYPE_CHECKING:
    import argparse

    import pandas as pd

    from pruneviz.api import Asked
    from pruneviz.study import PlanSummary, Result

SHOWN_FAILURES = 10
SHOWN_FINDINGS = 3


def run(arguments: argparse.Namespace) -> int:
    """Run the study; 1 when any of its runs failed."""
    from pruneviz.api import read_study
    from pruneviz.shipped import find_study

    path = find_study(arguments.study)
    importable(path.resolve().parent, Path.cwd())
    asked = read_study(path, settings=arguments.settings, quick=arguments.quick)
    store = Path(arguments.store or f"runs/{asked.spec.name}")
    ways = {"workers": arguments.workers, "executor": arguments.executor}
    if arguments.dry_run:
        return dry_run(asked, store, ways, arguments.json)
    started = time.monotonic()
    result = carry_out(asked, store, device=arguments.device, **ways)
    summary = summary_of(result, store, time.monotonic() - started)
    if arguments.json:
        print_json(summary)
    else:
        say(summary)
    return code_of(summary)


def importable(*folders: Path) -> None:
    """Let the study's own modules be imported, as ``python -m`` does for the current folder; the last comes first."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def carry_out(asked: Asked, store: Path, **ways: Any) -> Result:
    """Run a study with its progress on stderr."""
    from pruneviz.progress import shown

    with shown(asked.spec.name) as listener:
        return asked.result(store, listener=listener, **ways)


def summary_of(result: Result, store: Path, seconds: float) -> dict[str, Any]:
    """What came out, as plain data."""
    study = result.study
    runs = study.runs
    names = dict(zip(runs["run_id"], runs["name"], strict=True))
    return {
        "study": study.name,
        "store": str(store),
        "seconds": round(seconds, 3),
        "steps_made": result.made,
        "steps_reused": result.reused,
        "runs": len(runs),
        "done": int((runs["status"] == "done").sum()),
        "dense": _dense(runs),
        "warnings": sum(map(len, study.warnings().values())),
        "failed": [{"run_id": r, "name": names[r], "reason": reason} for r, reason in study.failed.items()],
        "failed_steps": dict(result.failed),
        "findings": {name: list(sentences) for name, sentences in study.findings().items()},
    }


def _dense(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """How accurate the dense models are, model by model: who brings a model knows what it should be."""
    own = runs[(runs["run_id"] == runs["dense_run_id"]) & runs["accuracy"].notna()]
    return [
        {"model": model, "models": len(a), "accuracy": float(a.mean()), "least": float(a.min()), "most": float(a.max())}
        for model, a in own.groupby("model", sort=False)["accuracy"]
    ]


def code_of(summary: dict[str, Any]) -> int:
    """The exit code: 1 when anything failed or is still to be done."""
    return 1 if summary["failed_steps"] or summary["done"] < summary["runs"] else 0


def say(summary: dict[str, Any]) -> None:
    """Print what came out, for a person."""
    from pruneviz.progress import duration

    failed, store = summary["failed"], summary["store"]
    print(
        f"{summary['study']}: {summary['done']} of {summary['runs']} runs are done, in {duration(summary['seconds'])} "
        f"({summary['steps_made']} steps; {summary['steps_reused']} were done before)."
    )
    for row in summary["dense"]:
        several = (
            f" in the mean of {row['models']} ({row['least']:.1%} … {row['most']:.1%})" if row["models"] > 1 else ""
        )
        print(f"  {row['model']}, dense: {row['accuracy']:.1%} of the test images right{several}.")
    for name, sentences in summary["findings"].items():
        for sentence in sentences[:SHOWN_FINDINGS]:
            print(f"  {name}: {sentence}")
        if len(sentences) > SHOWN_FINDINGS:
            print(f"  ... and {len(sentences) - SHOWN_FINDINGS} more findings in the explorer and the report")
    for run in failed[:SHOWN_FAILURES]:
        print(f"  failed: {run['name']}: {run['reason']}")
    if len(failed) > SHOWN_FAILURES:
        print(f"  ... and {len(failed) - SHOWN_FAILURES} more: pruneviz status {store}")
    told = {run["reason"] for run in failed}
    for title, reason in summary["failed_steps"].items():
        if reason not in told:  # what no run shows: an analysis, a latency
            print(f"  failed: {title}: {reason}")
    if count := summary["warnings"]:
        print(f"{count} warning{'s' if count > 1 else ''}: pruneviz status {store}")
    if failed:
        print(f"{len(failed)} runs failed. The same command tries just those again.")
    print(f"Look at it: pruneviz app {store}")


def dry_run(asked: Asked, store: Path, ways: dict[str, Any], as_json: bool) -> int:
    """Print what a study would take."""
    plan = asked.dry_run(store, **ways)
    if as_json:
        print_json({"study": asked.spec.name, "store": str(store), "plan": plan})
    else:
        _say_plan(plan, asked.spec.name, store)
    return 0


def _say_plan(plan: PlanSummary, name: str, store: Path) -> None:
    from pruneviz.progress import duration, size

    print(f"{name}: {plan.runs} runs in {plan.steps} steps, of which {plan.done} are done in {store}.")
    for note in plan.notes:
        print(f"{note}.")
    if plan.done == plan.steps:
        print(
            f"No model is left to be made; tables and findings are, of {', '.join(plan.unmeasured)}."
            if plan.unmeasured
            else "Nothing is left to do."
        )
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in plan.kinds.items())
    workers = f"{plan.workers} worker{'s' if plan.workers > 1 else ''}"
    print(f"To do: {kinds}.")
    print(f"That takes about {duration(plan.seconds)} with {workers}, and {size(plan.bytes)} of disk.")
