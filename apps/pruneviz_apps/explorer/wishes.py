"""What somebody chooses to prune or measure, as a study file has it, and what that says of itself, in sentences."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from pruneviz.core.errors import SpecError
from pruneviz.core.options import describe
from pruneviz.core.spec import Choice
from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.progress import duration, size
from pruneviz.pruning import RECIPES, resolve
from pruneviz.pruning import describe as told_of
from pruneviz.training.recoveries import RECOVERIES
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.text import count, listed, plain, several
from pruneviz_analyses import find
from pruneviz_apps.jobs import Job

PARTS = ("unit", "score", "allocation", "schedule", "update")
OFFERED = tuple(name for name in RECOVERIES if name != "custom")  # which needs a function of one's own
NO_STORE = "These runs are not in a store, so nothing can be added to them."
RUNS = "runs"  # the option of analyses that need not look at all runs
_MEANING = {
    "unit": "what is removed",
    "score": "by what it is judged",
    "allocation": "how the amount is divided over layers",
    "schedule": "when it is removed",
    "update": "what becomes of the weights that stay",
}


def methods() -> list[str]:
    """The names of the methods that can be used here."""
    return list(RECIPES)


def parts_of(name: str) -> dict[str, dict[str, Any]]:
    """The parts of a method that can be replaced, as options."""
    told = told_of(RECIPES[name])
    choices = {key: told["replaceable"][key] for key in PARTS}
    return {
        key: {"default": told[key], "doc": _MEANING[key], "allowed": "one of " + ", ".join(names), "choices": names}
        for key, names in choices.items()
        if len(names) > 1
    }


def recipe_told(name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """What the catalogue says of a method with some parts replaced.

    Raises:
        PrunevizError: parts that do not fit each other.
    """
    return told_of(resolve(Choice(name, dict(parts)), "method"))


def recovery_options(name: str) -> dict[str, dict[str, Any]]:
    """The options of a recovery, by name."""
    return {o.name: dataclasses.asdict(o) for o in describe(RECOVERIES[name])}


def analysis_options(name: str) -> dict[str, dict[str, Any]]:
    """The options of an analysis, by name; which runs it looks at is chosen apart."""
    cls: type = find(name, "analyses")
    return {
        o.name: {**dataclasses.asdict(o), "default": _as_written(o.default)} for o in describe(cls) if o.name != RUNS
    }


def _as_written(value: Any) -> Any:
    """An option's value as a study file has it."""
    if isinstance(value, Choice):
        return {"name": value.name, **value.options} if value.options else value.name
    return [_as_written(v) for v in value] if isinstance(value, tuple) else value


def named_runs(tables: Tables, state: ViewState) -> tuple[str, ...]:
    """The names of the runs in sight: the reference, and what is compared with it."""
    done = measured(tables)
    ids = [r for r in (on.reference(done, state), *on.compared(done, state)) if r]
    names = dict(zip(done["run_id"], done["name"], strict=True))
    return tuple(str(names[r]) for r in dict.fromkeys(ids))


def targets(text: str) -> list[Any]:
    """What is written as ``0.8, 90%, 20x, macs=0.5``, as a study file has it.

    Raises:
        SpecError: there is nothing.
    """
    found: list[Any] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        kind, sign, value = (part.strip() for part in item.partition("="))
        number = _number(value if sign else item)
        found.append({kind: number} if sign else number)
    if not found:
        raise SpecError("how much to remove", text, "such as 0.8, or several: 0.5, 90%, 20x, macs=0.5")
    return found


def _number(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def about(told: Mapping[str, Any]) -> Iterator[str]:
    """What a method does, needs and fixes, in sentences."""
    yield f"{str(told['summary'])[:1].upper()}{str(told['summary'])[1:]}: {told['formula']}."
    yield f"Each pruning costs {told['cost']}; {told['when']}. Speed: {told['speedup']}."
    if told["target"] != "exact":
        yield (
            "How much is removed it decides itself: what is asked for below is for its random control alone."
            if told["target"] == "natural"
            else "It removes in levels of its own; what is asked for below does not matter."
        )
    if told["recovery"] is not None:
        yield f"Its own recovery belongs to it: {told['recovered']}."
    if told["differs"]:
        yield f"Differs from the paper: {told['differs']}"
    if told["reference"]:
        yield str(told["reference"])


def takes(plan: Mapping[str, Any], known: set[str]) -> list[tuple[str, str, str]]:
    """An estimate as tiles: value, what it counts, details."""
    new = [n for n in plan["run_names"] if n not in known]
    kinds = listed(f"{n} {kind}" for kind, n in plan["kinds"].items())
    left = plan["steps"] - plan["done"]
    more = "new run" if len(new) == 1 else "new runs"
    return [
        *([(count(len(new)), more, listed([plain(n) for n in new[:2]]))] if new else []),
        (count(left), "step to do" if left == 1 else "steps to do", kinds),
        (f"about {duration(plan['seconds'])}", "time", f"with {several(plan['workers'], 'worker')}"),
        (size(plan["bytes"]), "disk", ""),
    ]


def told(job: Job) -> str:
    """How a job stands, in a sentence."""
    of = plain(job.what)
    steps = f"{job.done} of {several(job.total, 'step')}" if job.total else ""
    if job.state == "starting" or (job.state == "running" and not job.total):
        return f"{of}: reading models and data …"
    if job.state == "running":
        left = "" if job.seconds_left is None else f", about {duration(job.seconds_left)} left"
        return f"{of}: {steps}{left}. Now: {plain(job.title)}"
    if job.state == "done":
        failed = f" {several(len(job.failures), 'step')} failed." if job.failures else ""
        return f"Done: {of}, {several(job.made, 'step')} in {duration(job.ended - job.began)}.{failed}"
    if job.state == "cancelled":
        kept = f" {steps} were made and are kept." if steps else ""
        return f"Cancelled: {of}.{kept} Asked for again, it goes on from there."
    if job.state == "lost":
        return f"{of}: its process has ended without a word. What was finished is kept; asked for again, it goes on."
    return f"{of} could not be run: {job.reason}"
